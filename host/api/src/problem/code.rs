//! The one list of error codes, and the class of each.
//!
//! `docs/error-codes.md` is made from this list; `tests/tidy` compares the two.

use schemars::JsonSchema;
use serde::Serialize;

/// The class of an error. The exit code of the program follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ErrorClass {
    /// The method or workflow ran and failed, or a check found problems.
    Failed,
    /// The request, or a file that a user wrote, is invalid.
    Usage,
    /// The thing does not exist, is in the wrong state, or must not be used.
    State,
    /// Another call or process holds a lock, or a resource is exhausted. Trying again may help.
    Temporary,
    /// The user interrupted the program.
    Interrupted,
    /// Sedge has a bug.
    Bug,
}

impl ErrorClass {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Failed,
        Self::Usage,
        Self::State,
        Self::Temporary,
        Self::Interrupted,
        Self::Bug,
    ];

    /// Returns the exit code of a process that ends with such an error. Scripts depend on
    /// these numbers: 70 and 75 are `EX_SOFTWARE` and `EX_TEMPFAIL` of sysexits.h, 130 is
    /// 128 and the number of SIGINT.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::State => 3,
            Self::Temporary => 75,
            Self::Interrupted => 130,
            Self::Bug => 70,
        }
    }

    /// Returns the class as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::State => "state",
            Self::Temporary => "temporary",
            Self::Interrupted => "interrupted",
            Self::Bug => "bug",
        }
    }

    /// Returns what it means, as a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "The method or workflow ran and failed, or a check found problems.",
            Self::Usage => "The request, or a file that a user wrote, is invalid.",
            Self::State => "The thing does not exist, is in the wrong state, or must not be used.",
            Self::Temporary => {
                "Another call or process holds a lock, or a resource is exhausted. Try again."
            }
            Self::Interrupted => "The user interrupted the program.",
            Self::Bug => "Sedge has a bug. Please report it.",
        }
    }
}

/// Makes [`ErrorCode`] of lines of variant, code, class and meaning.
macro_rules! codes {
    ($($variant:ident = $code:literal, $class:ident, $meaning:literal;)*) => {
        /// A stable word for programs. It never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
        pub enum ErrorCode {
            $(
                #[doc = $meaning]
                #[serde(rename = $code)]
                $variant,
            )*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the code as JSON has it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// Returns what kind of problem it is.
            #[must_use]
            pub fn class(self) -> ErrorClass {
                match self {
                    $(Self::$variant => ErrorClass::$class,)*
                }
            }

            /// Returns what it means, as a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

// In the order of their codes.
codes! {
    AuditMissing = "audit_missing", State, "An action was done, but the audit has no entry about it.";
    BadBackup = "bad_backup", Usage, "The file is not a backup that can be restored.";
    BadFile = "bad_file", Usage, "A file that a user wrote is invalid; `place` says where.";
    BadInput = "bad_input", Usage, "An argument that was given as text cannot be used.";
    BadName = "bad_name", Usage, "A text is not a valid name.";
    BadQuery = "bad_query", Usage, "A query cannot be understood.";
    BadSafeDirectories = "bad_safe_directories", Usage, "The setting of safe directories is not a list of absolute paths.";
    BadSecret = "bad_secret", Usage, "A value cannot be stored as a secret.";
    BuildFailed = "build_failed", Usage, "The source of a plugin cannot be built; what the compiler says is on stderr.";
    CallFailed = "call_failed", Failed, "A method failed; `details` has its error and where the failure began.";
    CheckMissing = "check_missing", State, "No type that would run has a check, or a label of checks, of that name.";
    DataMissing = "data_missing", State, "The model has no data of that name.";
    DataRenamed = "data_renamed", State, "The data was renamed.";
    Deadlock = "deadlock", Temporary, "Two calls would have waited for each other, and the failed one could not be rolled back.";
    DiskFull = "disk_full", Temporary, "The disk is full, or the user's quota is used up.";
    DownloadFailed = "download_failed", Temporary, "A component could not be downloaded, because the network or the server failed.";
    DownloadRefused = "download_refused", State, "Sedge may not download from this URL, or the component is missing there or too large.";
    Engine = "engine", State, "The WebAssembly engine does not run on this machine.";
    Fenced = "fenced", State, "Another process has taken the run over, or the lock of the call was released by force.";
    FileBusy = "file_busy", Temporary, "Another process holds the lock on a file.";
    FileExists = "file_exists", State, "A file of that name exists.";
    FileKind = "file_kind", State, "A file is needed where a folder is, or the other way round, or links lead in a circle.";
    FileMissing = "file_missing", State, "A file or folder does not exist.";
    FileModes = "file_modes", State, "Files of Sedge have other modes than it sets.";
    FileTooLarge = "file_too_large", Usage, "A file is larger than the maximum that Sedge reads.";
    FileUnreadable = "file_unreadable", Usage, "A file is not text, or its content is invalid.";
    FileUnsupported = "file_unsupported", State, "The file system does not support the operation.";
    GateAmbiguous = "gate_ambiguous", State, "Several steps of the workflow have the name that was given for a gate.";
    GateChanged = "gate_changed", State, "What the gate asks for is not what the user was shown.";
    GateDecided = "gate_decided", State, "A user has decided the gate already; `details` says who and how.";
    GateExpired = "gate_expired", State, "The deadline of the gate has decided it; `details` says how.";
    GateMissing = "gate_missing", State, "The run has no open gate of that name.";
    GatesUndecided = "gates_undecided", State, "The run waits for decisions.";
    GrantMissing = "grant_missing", State, "The definition of the model does not grant what was to be revoked.";
    GrantUnknown = "grant_unknown", Usage, "The plugin does not request what was to be granted.";
    GrantsNotEditable = "grants_not_editable", State, "The grants of a definition are written in a form that Sedge does not edit; `help` has the lines to write.";
    Installation = "installation", State, "A part of Sedge is missing, or is of another version.";
    Internal = "internal", Bug, "Sedge has a bug.";
    Interrupted = "interrupted", Interrupted, "The user interrupted the program.";
    InvalidInput = "invalid_input", Usage, "A value does not satisfy the schema; `details` has the places.";
    Io = "io", Temporary, "The machine failed to read or write.";
    Leftovers = "leftovers", State, "Files that nothing uses any more take up space.";
    LockLost = "lock_lost", Temporary, "The lock table was removed while a call waited.";
    LockTimeout = "lock_timeout", Temporary, "Other calls held a lock until the deadline.";
    LockUnreadable = "lock_unreadable", State, "The lock table is damaged.";
    LockVersion = "lock_version", Temporary, "Another version of Sedge uses the lock table.";
    MethodMissing = "method_missing", State, "The model's type has no method of that name.";
    ModelEdited = "model_edited", State, "A definition was changed while it was edited.";
    ModelExists = "model_exists", State, "A model of that name exists.";
    ModelMissing = "model_missing", State, "No model of that name exists.";
    ModelNotGone = "model_not_gone", State, "The model exists, so its data was not pruned.";
    ModelTypeDiffers = "model_type_differs", State, "The model has another type than the one that was named.";
    ModelUnsaved = "model_unsaved", State, "The model has no file, because its definition is in the datastore.";
    ModelsFolderMissing = "models_folder_missing", State, "The folder of definitions is missing.";
    NameTaken = "name_taken", State, "The model has data of that name.";
    NetworkFileSystem = "network_file_system", State, "The datastore is on a network file system, where it cannot be shared safely.";
    NoFileName = "no_file_name", Usage, "A path names no file.";
    OutOfResources = "out_of_resources", Temporary, "The process or the machine has no descriptors, memory, threads or locks left.";
    OutputLost = "output_lost", State, "A command has done its work, but its output cannot be written.";
    PathOutside = "path_outside", State, "A path leads out of its folder.";
    PermissionDenied = "permission_denied", State, "The operating system denies the access.";
    PermissionsUndecided = "permissions_undecided", Usage, "A plugin requests permissions that are not decided yet; `details` lists them.";
    PluginBroken = "plugin_broken", Usage, "A pinned plugin cannot be used.";
    PluginChanged = "plugin_changed", State, "The component to add has the pinned version, but other content.";
    PluginGone = "plugin_gone", State, "The component of a pinned plugin is not on this machine.";
    PluginInUse = "plugin_in_use", State, "Models still have the type of the plugin to remove.";
    PluginNotPinned = "plugin_not_pinned", State, "No plugin is pinned with the digest of the component to restore.";
    PluginOlder = "plugin_older", State, "The component to add is older than the pinned one.";
    PluginRefused = "plugin_refused", Usage, "A file is not a plugin that can be added.";
    PrefixEmpty = "prefix_empty", Usage, "A prefix is empty, so it would match every name.";
    ProjectMissing = "project_missing", State, "The folder is not the project of a plugin, or not an extension or a repository of swamp.";
    PruneDoubtful = "prune_doubtful", State, "Models that seem to be deleted may still exist, so their data was not deleted.";
    Quit = "quit", State, "The user quit at a question, and nothing was changed.";
    ReadOnly = "read_only", Temporary, "The file system is mounted read-only.";
    RepositoryExists = "repository_exists", State, "The folder is a repository.";
    RepositoryMissing = "repository_missing", State, "There is no repository in the folder or above it.";
    RepositoryUntrusted = "repository_untrusted", State, "Other users own the repository or may change it, and it is not declared safe.";
    RunAmbiguous = "run_ambiguous", State, "The ids of several runs begin with the text.";
    RunCancelled = "run_cancelled", Failed, "A user cancelled the run of the workflow.";
    RunChild = "run_child", State, "The run is part of another run, which has to be named instead.";
    RunLog = "run_log", State, "The log of a run contradicts itself.";
    RunMissing = "run_missing", State, "No run has that id.";
    RunNone = "run_none", State, "The workflow has no run in the wanted state.";
    RunSeveral = "run_several", State, "The workflow has several runs in the wanted state.";
    RunState = "run_state", State, "The run is in the wrong state.";
    RunsNone = "runs_none", State, "The repository has no runs yet.";
    SecretMissing = "secret_missing", State, "No secret of that name exists.";
    SecretsClosed = "secrets_closed", State, "Secrets cannot be opened, so no run begins.";
    SecretsDamaged = "secrets_damaged", State, "A sealed secret is damaged.";
    SecretsKey = "secrets_key", State, "The key of the secrets is missing, damaged, not the right one, or open to other users.";
    SecretsVersion = "secrets_version", State, "A file of the secrets is of a newer version of Sedge.";
    StepMissing = "step_missing", State, "The run has no step of that name.";
    StoreBusy = "store_busy", Temporary, "Another program has the datastore locked.";
    StoreDamaged = "store_damaged", Failed, "A check found damage in the datastore.";
    StoreForeign = "store_foreign", State, "The file is a database of another program.";
    StoreMissing = "store_missing", State, "There is no datastore.";
    StoreNotEmpty = "store_not_empty", State, "The datastore is not empty.";
    StoreUnreadable = "store_unreadable", State, "Something in the datastore is missing or damaged.";
    StoreUntrusted = "store_untrusted", State, "The datastore differs from what Sedge writes, so nothing in it is used.";
    StoreVersion = "store_version", State, "The datastore is of another version of Sedge.";
    TestsFailed = "tests_failed", Failed, "Tests of a plugin have failed; what they say is on stderr.";
    TokenVoid = "token_void", State, "The process belongs to a command whose call has ended.";
    ToolMissing = "tool_missing", State, "A tool that builds plugins is missing, or has another version than is needed; `help` says how to get it.";
    TypeMissing = "type_missing", State, "No plugin provides that type.";
    UpgradeNotEditable = "upgrade_not_editable", State, "The text of a definition has a form in which its arguments cannot be changed alone.";
    Usage = "usage", Usage, "The command line is invalid.";
    VersionMissing = "version_missing", State, "The data has no such version.";
    WeakSecret = "weak_secret", Usage, "A value is too weak for a secret, and the option to accept it was not given.";
    WithinCall = "within_call", State, "A command of a call requests an operation that is not possible within a call.";
    WithinState = "within_state", Usage, "The output file would be in `.sedge`, where Sedge keeps its own files.";
    WorkflowFailed = "workflow_failed", Failed, "A workflow failed; `details` has the steps and where the failure began.";
    WorkflowMissing = "workflow_missing", State, "No workflow of that name exists.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
    }
}
