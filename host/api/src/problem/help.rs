//! What the user can do next, as data. Each face shows it in its own form.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// A next step for the user, as data. A face shows it in its own form, such as a command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Help {
    /// Carry out a use case.
    #[serde(rename_all = "camelCase")]
    Command {
        /// What that is for: ``see the runs``.
        purpose: String,
        /// Which one.
        use_case: UseCase,
        /// Its arguments. Those that the user has to choose are absent.
        arguments: BTreeMap<String, Argument>,
    },
    /// Do the same once more, with arguments added.
    #[serde(rename_all = "camelCase")]
    Again {
        /// What that is for: ``replace the existing data and runs by the backup``.
        purpose: String,
        /// What to add.
        arguments: BTreeMap<String, Argument>,
    },
    /// Change a file of the repository.
    #[serde(rename_all = "camelCase")]
    Edit {
        /// What that is for: ``raise the limit``.
        purpose: String,
        /// Which file.
        file: String,
        /// The lines that belong there.
        yaml: String,
    },
    /// Do something outside of Sedge, or consider a fact.
    #[serde(rename_all = "camelCase")]
    Advice {
        /// The whole sentence, without a period.
        text: String,
    },
}

/// The value of one argument.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Argument {
    /// A switch that is on, such as `replace`.
    On(bool),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// The user has to choose it.
    Open(Option<()>),
}

impl Argument {
    /// Returns an argument that the user has to choose.
    #[must_use]
    pub fn open() -> Self {
        Self::Open(None)
    }

    /// Returns a switch that is on.
    #[must_use]
    pub fn on() -> Self {
        Self::On(true)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Help {
    /// Returns a use case without arguments.
    #[must_use]
    pub fn command(purpose: impl Into<String>, use_case: UseCase) -> Self {
        Self::Command {
            purpose: purpose.into(),
            use_case,
            arguments: BTreeMap::new(),
        }
    }

    /// Returns the advice to do the same once more.
    #[must_use]
    pub fn again(purpose: impl Into<String>) -> Self {
        Self::Again {
            purpose: purpose.into(),
            arguments: BTreeMap::new(),
        }
    }

    /// Adds an argument. Help that takes no arguments stays the same.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Argument>) -> Self {
        match &mut self {
            Self::Command { arguments, .. } | Self::Again { arguments, .. } => {
                arguments.insert(name.to_owned(), value.into());
            }
            Self::Edit { .. } | Self::Advice { .. } => {}
        }
        self
    }

    /// Returns a change of a file.
    #[must_use]
    pub fn edit(
        purpose: impl Into<String>,
        file: impl Into<String>,
        yaml: impl Into<String>,
    ) -> Self {
        Self::Edit {
            purpose: purpose.into(),
            file: file.into(),
            yaml: yaml.into(),
        }
    }

    /// Returns a sentence.
    #[must_use]
    pub fn advice(text: impl Into<String>) -> Self {
        Self::Advice { text: text.into() }
    }
}

/// Defines [`UseCase`]. The command, the function and the test of a use case share its stem.
macro_rules! use_cases {
    ($($variant:ident = $stem:literal,)*) => {
        /// A use case, by the name that all faces share.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
        pub enum UseCase {
            $(
                #[doc = concat!("`", $stem, "`")]
                #[serde(rename = $stem)]
                $variant,
            )*
        }

        impl UseCase {
            /// All use cases.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns its stem.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $stem,)*
                }
            }
        }
    };
}

use_cases! {
    DataDelete = "data_delete",
    DataDiff = "data_diff",
    DataGc = "data_gc",
    DataGet = "data_get",
    DataList = "data_list",
    DataPrune = "data_prune",
    DataQuery = "data_query",
    DataRename = "data_rename",
    DataRestore = "data_restore",
    DataSearch = "data_search",
    DataVersions = "data_versions",
    DatastoreBackup = "datastore_backup",
    DatastoreCheck = "datastore_check",
    DatastoreCompact = "datastore_compact",
    DatastoreLockRelease = "datastore_lock_release",
    DatastoreLockStatus = "datastore_lock_status",
    DatastoreRestore = "datastore_restore",
    DatastoreStatus = "datastore_status",
    Doctor = "doctor",
    Help = "help",
    Init = "init",
    ModelCreate = "model_create",
    ModelDelete = "model_delete",
    ModelGet = "model_get",
    ModelGrant = "model_grant",
    ModelList = "model_list",
    ModelMethodRun = "model_method_run",
    ModelPermissions = "model_permissions",
    ModelRevoke = "model_revoke",
    PluginAdd = "plugin_add",
    PluginDescribe = "plugin_describe",
    PluginList = "plugin_list",
    PluginRemove = "plugin_remove",
    PluginRestore = "plugin_restore",
    RunGc = "run_gc",
    RunList = "run_list",
    RunLogs = "run_logs",
    RunShow = "run_show",
    SecretDelete = "secret_delete",
    SecretList = "secret_list",
    SecretPut = "secret_put",
    SecretRotate = "secret_rotate",
    Status = "status",
    Version = "version",
    WorkflowApprovals = "workflow_approvals",
    WorkflowApprove = "workflow_approve",
    WorkflowGet = "workflow_get",
    WorkflowList = "workflow_list",
    WorkflowReject = "workflow_reject",
    WorkflowResume = "workflow_resume",
    WorkflowRun = "workflow_run",
    WorkflowValidate = "workflow_validate",
}
