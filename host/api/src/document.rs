//! The use cases, and the documents that leave for machines: how they are framed, and which one each
//! use case has.
//!
//! A document says by `ok` whether the use case was carried out. It is one of three:
//!
//! - of a use case that returns one thing: `{"ok": true, "data": …}`;
//! - of a list: `{"data": […], "ok": true, "count": …, "isCut": …}`. The items come first, so that
//!   a face can write each of them as soon as it is found; only the end of the list tells whether
//!   all of them were found;
//! - of a failure: `{"ok": false, "error": …}`. A list that failed half way has its first items in
//!   front of that: `{"data": […], "ok": false, "count": …, "error": …}`.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::problem::Problem;
use crate::view::audit::AuditEntryView;
use crate::view::data::{
    DataCollection, DataContentView, DataDeletion, DataDiff, DataPruned, DataQueryItem,
    DataQueryReport, DataRenamed, DataRestored, DataVersionView,
};
use crate::view::datastore::{
    BackupMade, BackupRestored, DatastoreChecked, DatastoreCompacted, DatastoreStatusView,
    LockView, LocksReleased,
};
use crate::view::doctor::DoctorReport;
use crate::view::event::RunEventLine;
use crate::view::expression::{EvaluatedFile, Evaluation};
use crate::view::graph::WorkflowGraph;
use crate::view::model::{
    MethodRunView, ModelCreated, ModelDeleted, ModelEdited, ModelGranted, ModelListed,
    ModelPermissions, ModelRevoked, ModelView, ModelsUpgraded,
};
use crate::view::plan::WorkflowPlanned;
use crate::view::plugin::{PluginListed, PluginRemoved, PluginView, PluginsAdded, PluginsRestored};
use crate::view::plugin_project::{PluginBuilt, PluginDevRound, PluginProjectMade, PluginTested};
use crate::view::program::{CommandHelp, ProgramVersion};
use crate::view::repository::RepositoryMade;
use crate::view::run::{
    LogLineView, LogOf, RunCancelled, RunItemView, RunItemsCounts, RunReport, RunView, RunWatched,
    RunsRemoved,
};
use crate::view::schema::FileSchema;
use crate::view::secret::{SecretDeleted, SecretView, SecretsRotated};
use crate::view::status::StatusReport;
use crate::view::swamp::{SwampExtensionBuilt, SwampImported};
use crate::view::validate::ValidationReport;
use crate::view::workflow::{
    GateDecisionView, GateView, WorkflowEnd, WorkflowListed, WorkflowView,
};

/// The result of a use case that returns one thing.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Success<T> {
    /// Always `true`: the use case was carried out.
    pub ok: Yes,
    /// The returned value.
    pub data: T,
}

/// The result of `workflow_run`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WorkflowRunDocument {
    /// With `dryRun`: what a run would do. Nothing was run.
    Planned(Success<WorkflowPlanned>),
    /// How the runs ended.
    Ended(OneOrEach<WorkflowEnd>),
}

/// A list. Its items come first, because they are written as they are found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct List<T, M> {
    /// The items that were found.
    pub data: Vec<T>,
    /// The fields after the items.
    #[serde(flatten)]
    pub end: ListEnd<M>,
}

/// The result of a use case that runs something once, or once for each item of stdin.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrEach<T> {
    /// It ran once.
    One(Success<T>),
    /// It ran for each item. If a run failed, the list ends with an error.
    Each(List<RunItemView<T>, RunItemsCounts>),
}

/// The fields that follow the items of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListEnd<M> {
    /// Always `true`: all requested items were found.
    pub ok: Yes,
    /// How many items `data` has.
    pub count: u64,
    /// Whether there are more, which `data` does not have because of a limit on their number.
    pub is_cut: bool,
    /// Further facts about the list.
    #[serde(flatten)]
    pub more: M,
}

/// No further facts about a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoMore {}

/// A use case was not carried out, or not to its end.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failure {
    /// If a list failed half way: the items that were found before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Vec<Value>>,
    /// Always `false`: the use case was not carried out.
    pub ok: No,
    /// If a list failed half way: how many items `data` has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Why.
    pub error: Problem,
}

/// `true`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Yes;

/// `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct No;

impl Serialize for Yes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl Serialize for No {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(false)
    }
}

impl JsonSchema for Yes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Yes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"const": true})
    }
}

impl JsonSchema for No {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "No".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"const": false})
    }
}

/// Defines [`UseCase`], and [`schema`] of the type of each use case's document. The command, the
/// function and the test of a use case share its stem.
macro_rules! use_cases {
    ($($variant:ident = $stem:literal => $document:ty,)*) => {
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

        /// Returns the JSON Schema of the document that a use case has if it is carried out.
        #[must_use]
        pub fn schema(use_case: UseCase) -> Schema {
            match use_case {
                $(UseCase::$variant => schema_of::<$document>(use_case.as_str()),)*
            }
        }
    };
}

use_cases! {
    AuditList = "audit_list" => List<AuditEntryView, NoMore>,
    DataDelete = "data_delete" => Success<DataDeletion>,
    DataDiff = "data_diff" => Success<DataDiff>,
    DataGc = "data_gc" => Success<DataCollection>,
    DataGet = "data_get" => Success<DataContentView>,
    DataList = "data_list" => List<DataVersionView, NoMore>,
    DataPrune = "data_prune" => Success<DataPruned>,
    DataQuery = "data_query" => List<DataQueryItem, DataQueryReport>,
    DataRename = "data_rename" => Success<DataRenamed>,
    DataRestore = "data_restore" => Success<DataRestored>,
    DataSearch = "data_search" => List<DataVersionView, NoMore>,
    DataVersions = "data_versions" => List<DataVersionView, NoMore>,
    DatastoreBackup = "datastore_backup" => Success<BackupMade>,
    DatastoreCheck = "datastore_check" => Success<DatastoreChecked>,
    DatastoreCompact = "datastore_compact" => Success<DatastoreCompacted>,
    DatastoreLockRelease = "datastore_lock_release" => Success<LocksReleased>,
    DatastoreLockStatus = "datastore_lock_status" => List<LockView, NoMore>,
    DatastoreRestore = "datastore_restore" => Success<BackupRestored>,
    DatastoreStatus = "datastore_status" => Success<DatastoreStatusView>,
    Doctor = "doctor" => Success<DoctorReport>,
    Eval = "eval" => Success<Evaluation>,
    Help = "help" => Success<CommandHelp>,
    ImportSwamp = "import_swamp" => Success<SwampImported>,
    Init = "init" => Success<RepositoryMade>,
    ModelCreate = "model_create" => Success<ModelCreated>,
    ModelDelete = "model_delete" => Success<ModelDeleted>,
    ModelEdit = "model_edit" => Success<ModelEdited>,
    ModelEvaluate = "model_evaluate" => Success<EvaluatedFile>,
    ModelGet = "model_get" => Success<ModelView>,
    ModelGrant = "model_grant" => Success<ModelGranted>,
    ModelList = "model_list" => List<ModelListed, NoMore>,
    ModelMethodDirect = "model_method_direct" => OneOrEach<MethodRunView>,
    ModelMethodRun = "model_method_run" => OneOrEach<MethodRunView>,
    ModelPermissions = "model_permissions" => Success<ModelPermissions>,
    ModelRevoke = "model_revoke" => Success<ModelRevoked>,
    ModelUpgrade = "model_upgrade" => Success<ModelsUpgraded>,
    ModelValidate = "model_validate" => Success<ValidationReport>,
    PluginAdd = "plugin_add" => Success<PluginsAdded>,
    PluginBuild = "plugin_build" => Success<PluginBuilt>,
    PluginDescribe = "plugin_describe" => Success<PluginView>,
    PluginDev = "plugin_dev" => Success<PluginDevRound>,
    PluginImportSwamp = "plugin_import_swamp" => Success<SwampExtensionBuilt>,
    PluginList = "plugin_list" => List<PluginListed, NoMore>,
    PluginNew = "plugin_new" => Success<PluginProjectMade>,
    PluginRemove = "plugin_remove" => Success<PluginRemoved>,
    PluginRestore = "plugin_restore" => Success<PluginsRestored>,
    PluginTest = "plugin_test" => Success<PluginTested>,
    RunCancel = "run_cancel" => Success<RunCancelled>,
    RunGc = "run_gc" => Success<RunsRemoved>,
    RunList = "run_list" => List<RunView, NoMore>,
    RunLogs = "run_logs" => List<LogLineView, LogOf>,
    RunShow = "run_show" => Success<RunReport>,
    RunWatch = "run_watch" => Success<RunWatched>,
    Schema = "schema" => Success<FileSchema>,
    SecretDelete = "secret_delete" => Success<SecretDeleted>,
    SecretList = "secret_list" => List<SecretView, NoMore>,
    SecretPut = "secret_put" => Success<SecretView>,
    SecretRotate = "secret_rotate" => Success<SecretsRotated>,
    Status = "status" => Success<StatusReport>,
    Validate = "validate" => Success<ValidationReport>,
    Version = "version" => Success<ProgramVersion>,
    WorkflowApprovals = "workflow_approvals" => List<GateView, NoMore>,
    WorkflowApprove = "workflow_approve" => Success<GateDecisionView>,
    WorkflowEvaluate = "workflow_evaluate" => Success<EvaluatedFile>,
    WorkflowGet = "workflow_get" => Success<WorkflowView>,
    WorkflowGraph = "workflow_graph" => Success<WorkflowGraph>,
    WorkflowList = "workflow_list" => List<WorkflowListed, NoMore>,
    WorkflowReject = "workflow_reject" => Success<GateDecisionView>,
    WorkflowResume = "workflow_resume" => Success<WorkflowEnd>,
    WorkflowRun = "workflow_run" => WorkflowRunDocument,
    WorkflowValidate = "workflow_validate" => Success<ValidationReport>,
}

/// Returns the JSON Schema of the document of a failure, which is the same for all use cases.
#[must_use]
pub fn failure_schema() -> Schema {
    schema_of::<Failure>("failure")
}

/// Returns the JSON Schema of the documents that `--json-lines` writes while a workflow runs, one in
/// each line. The last line is the document of the use case.
#[must_use]
pub fn run_event_schema() -> Schema {
    schema_of::<RunEventLine>("run_event")
}

fn schema_of<T: JsonSchema>(title: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    // Instead of the name of the type, which says nothing to its readers.
    schema.insert("title".to_owned(), title.into());
    schema
}
