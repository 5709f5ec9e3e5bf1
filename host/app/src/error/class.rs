//! What an error is called, and what kind of trouble it is.
//!
//! Where the machine refused something, its error number decides (`sedge_sys::fault`): a full disk or
//! too few descriptors are temporary, a missing right is for the user to see to.

use std::error::Error;
use std::io;

use sedge_api::problem;
use sedge_locks::error::LockError;
use sedge_model::call::CallError;
use sedge_secrets::SecretsError;
use sedge_store::StoreError;
use sedge_sys::fault::Refusal;
use sedge_sys::file_lock::QueueError;

use super::{AppError, ErrorClass, StepFault};

impl AppError {
    /// Returns a short word for programs. It never changes for a variant.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::RepositoryMissing(_) => "repository_missing",
            Self::Trust(error) => error.code(),
            Self::Queue(_) => "file_busy",
            Self::RepositoryExists(_) => "repository_exists",
            Self::Diagnostic(_) => "bad_file",
            Self::Name(_) => "bad_name",
            Self::ModelMissing { .. } => "model_missing",
            Self::ModelExists(_) => "model_exists",
            Self::Gone(error) => error.code(),
            Self::MethodMissing { .. } => "method_missing",
            Self::WorkflowMissing { .. } => "workflow_missing",
            Self::TypeMissing { .. } => "type_missing",
            Self::PluginRefused { .. } => "plugin_refused",
            Self::PluginGone { .. } => "plugin_gone",
            Self::PluginBroken { .. } => "plugin_broken",
            Self::Violations { .. } => "invalid_input",
            Self::BadInput(..) => "bad_input",
            Self::CallFailed { source, .. } => contention(source).unwrap_or("call_failed"),
            Self::WorkflowFailed { faults, .. } => {
                contention_of_all(faults).unwrap_or("workflow_failed")
            }
            Self::RunMissing(_) => "run_missing",
            Self::RunsNone => "runs_none",
            Self::RunAmbiguous(_) => "run_ambiguous",
            Self::RunNone { .. } => "run_none",
            Self::RunSeveral { .. } => "run_several",
            Self::RunState { .. } => "run_state",
            Self::GatesUndecided { .. } => "gates_undecided",
            Self::GateMissing { .. } => "gate_missing",
            Self::GateAmbiguous { .. } => "gate_ambiguous",
            Self::DataMissing { .. } => "data_missing",
            Self::DataRenamed { .. } => "data_renamed",
            Self::PrefixEmpty => "prefix_empty",
            Self::WithinState { .. } => "within_state",
            Self::SecretMissing { .. } => "secret_missing",
            Self::SecretValue(_) => "bad_secret",
            Self::SecretWeak(..) => "weak_secret",
            Self::SecretsClosed { .. } => "secrets_closed",
            Self::Query(_) => "bad_query",
            Self::FileExists(_) | Self::CoreDumpExists(_) => "file_exists",
            Self::NoFileName(_) => "no_file_name",
            Self::StoreNotEmpty => "store_not_empty",
            Self::StoreDamaged { .. } => "store_damaged",
            Self::VersionMissing { .. } => "version_missing",
            Self::RunLog { .. } => "run_log",
            Self::PermissionsUndecided { .. } => "permissions_undecided",
            Self::GrantUnknown { .. } => "grant_unknown",
            Self::WithinCall { .. } => "within_call",
            Self::TokenVoid(_) => "token_void",
            Self::ReaperUnusable { .. } => "installation",
            Self::File(_) => "file",
            Self::Secrets(error) => code_of_secrets(error),
            Self::Store(error) => code_of_store(error),
            Self::Lock(error) => code_of_lock(error),
            Self::Engine(_) => "engine",
            Self::Host(_) => "host",
        }
    }

    /// Returns whether only others that were in the way kept a call or a workflow from succeeding.
    fn is_busy(&self) -> bool {
        matches!(self, Self::CallFailed { source, .. } if contention(source).is_some())
            || matches!(self, Self::WorkflowFailed { faults, .. } if contention_of_all(faults).is_some())
    }

    /// Returns what kind of trouble this is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        if self.is_busy() {
            return ErrorClass::Busy;
        }
        match self {
            Self::Lock(error) => class_of_lock(error),
            Self::Store(error) => class_of_store(error),
            Self::Trust(error) => error.class(),
            Self::Queue(QueueError::Busy { .. }) => ErrorClass::Busy,
            Self::CallFailed { .. } | Self::WorkflowFailed { .. } | Self::StoreDamaged { .. } => {
                ErrorClass::Failed
            }
            Self::Diagnostic(_)
            | Self::Query(_)
            | Self::SecretValue(_)
            | Self::SecretWeak(..)
            | Self::NoFileName(_)
            | Self::PrefixEmpty
            | Self::WithinState { .. }
            | Self::Name(_)
            | Self::PluginRefused { .. }
            | Self::PluginBroken { .. }
            | Self::PermissionsUndecided { .. }
            | Self::GrantUnknown { .. }
            | Self::BadInput(..)
            | Self::Violations { .. } => ErrorClass::Usage,
            Self::RepositoryMissing(_)
            | Self::RepositoryExists(_)
            | Self::ModelMissing { .. }
            | Self::ModelExists(_)
            | Self::Gone(_)
            | Self::MethodMissing { .. }
            | Self::WorkflowMissing { .. }
            | Self::TypeMissing { .. }
            | Self::PluginGone { .. }
            | Self::RunMissing(_)
            | Self::RunsNone
            | Self::RunAmbiguous(_)
            | Self::RunNone { .. }
            | Self::RunSeveral { .. }
            | Self::RunState { .. }
            | Self::GatesUndecided { .. }
            | Self::GateMissing { .. }
            | Self::GateAmbiguous { .. }
            | Self::DataMissing { .. }
            | Self::DataRenamed { .. }
            | Self::SecretMissing { .. }
            | Self::Secrets(_)
            | Self::SecretsClosed { .. }
            | Self::FileExists(_)
            | Self::CoreDumpExists(_)
            | Self::StoreNotEmpty
            | Self::WithinCall { .. }
            | Self::TokenVoid(_)
            | Self::ReaperUnusable { .. }
            | Self::VersionMissing { .. } => ErrorClass::State,
            Self::RunLog { .. } => ErrorClass::Internal,
            Self::File(error) | Self::Queue(QueueError::File(error)) => class_of_machine(error),
            Self::Engine(error) => class_of_machine(error),
            Self::Host(error) => class_of_machine(error),
        }
    }
}

/// Returns what kind of trouble it is that the machine refused something; an error without an
/// error number in it is the program's own.
#[must_use]
pub fn class_of_machine(error: &(dyn Error + 'static)) -> ErrorClass {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(refused) = error.downcast_ref::<io::Error>() {
            return class_of_refusal(Refusal::of(refused));
        }
        at = error.source();
    }
    ErrorClass::Internal
}

fn class_of_refusal(refusal: Refusal) -> ErrorClass {
    match refusal.code().class() {
        problem::ErrorClass::Failed => ErrorClass::Failed,
        problem::ErrorClass::Usage => ErrorClass::Usage,
        problem::ErrorClass::State => ErrorClass::State,
        problem::ErrorClass::Temporary => ErrorClass::Busy,
        problem::ErrorClass::Interrupted | problem::ErrorClass::Bug => ErrorClass::Internal,
    }
}

fn class_of_lock(error: &LockError) -> ErrorClass {
    match error {
        LockError::Timeout { .. }
        | LockError::TableBusy { .. }
        | LockError::Deadlock { .. }
        | LockError::Lost { .. }
        | LockError::Version { .. } => ErrorClass::Busy,
        LockError::Unreadable { .. } => ErrorClass::Internal,
        LockError::File(_) | LockError::Thread(_) => class_of_machine(error),
    }
}

fn class_of_store(error: &StoreError) -> ErrorClass {
    if let StoreError::Busy { .. } | StoreError::DiskFull { .. } | StoreError::QueueBusy { .. } =
        error
    {
        return ErrorClass::Busy;
    }
    if let StoreError::BadBackup { .. } = error {
        return ErrorClass::Usage;
    }
    if let StoreError::Damaged(_) = error {
        return ErrorClass::Failed;
    }
    if let StoreError::Missing(_)
    | StoreError::Foreign(_)
    | StoreError::Untrusted { .. }
    | StoreError::Fenced(_)
    | StoreError::LockLost(_)
    | StoreError::NameTaken { .. }
    | StoreError::Schema { .. } = error
    {
        return ErrorClass::State;
    }
    match error.refusal() {
        Some(refusal) => class_of_refusal(refusal),
        None => class_of_machine(error),
    }
}

fn code_of_secrets(error: &SecretsError) -> &'static str {
    if let SecretsError::KeyMissing(_)
    | SecretsError::KeyOpen(_)
    | SecretsError::KeyForeign { .. }
    | SecretsError::KeyDamaged(_)
    | SecretsError::KeyOther { .. } = error
    {
        return "secrets_key";
    }
    "secrets_damaged"
}

fn code_of_store(error: &StoreError) -> &'static str {
    if let StoreError::Fenced(_) | StoreError::LockLost(_) = error {
        return "fenced";
    }
    if let StoreError::Busy { .. } | StoreError::QueueBusy { .. } = error {
        return "store_busy";
    }
    if let StoreError::DiskFull { .. } = error {
        return "disk_full";
    }
    if let StoreError::NameTaken { .. } = error {
        return "name_taken";
    }
    if let StoreError::BadBackup { .. } = error {
        return "bad_backup";
    }
    if let StoreError::Untrusted { .. } = error {
        return "store_untrusted";
    }
    if let StoreError::Damaged(_) = error {
        return "store_damaged";
    }
    "store"
}

fn code_of_lock(error: &LockError) -> &'static str {
    match error {
        LockError::Timeout { .. } | LockError::TableBusy { .. } => "lock_timeout",
        LockError::Deadlock { .. } => "deadlock",
        LockError::Lost { .. } => "lock_lost",
        LockError::Version { .. } => "lock_version",
        LockError::Unreadable { .. } | LockError::File(_) | LockError::Thread(_) => "lock",
    }
}

/// Returns the code of an error that says that others were in the way, if it does: of a call
/// itself, or passed on by callers with its code, as SDKs do.
fn contention(error: &CallError) -> Option<&'static str> {
    match error.code() {
        "lock-timeout" => Some("lock_timeout"),
        "deadlock" => Some("deadlock"),
        _ => None,
    }
}

/// Returns the code if nothing but others in the way kept a workflow from succeeding.
fn contention_of_all(faults: &[StepFault]) -> Option<&'static str> {
    let codes = faults
        .iter()
        .map(|fault| fault.error.as_ref().and_then(contention));
    let codes: Option<Vec<_>> = codes.collect();
    codes?.first().copied()
}
