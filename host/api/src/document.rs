//! The documents that leave for machines: how they are framed, and which one each use case has.
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

use crate::problem::{Problem, UseCase};
use crate::view::data::{
    DataCollection, DataContentView, DataDeletion, DataDiff, DataPruned, DataQueryItem,
    DataQueryReport, DataRenamed, DataRestored, DataVersionView,
};
use crate::view::datastore::{
    BackupMade, BackupRestored, DatastoreChecked, DatastoreCompacted, DatastoreStatusView,
    LockView, LocksReleased,
};
use crate::view::doctor::DoctorReport;
use crate::view::model::{
    MethodRunView, ModelCreated, ModelDeleted, ModelGranted, ModelListed, ModelPermissions,
    ModelRevoked, ModelView,
};
use crate::view::plugin::{PluginListed, PluginRemoved, PluginView, PluginsAdded, PluginsRestored};
use crate::view::program::{CommandHelp, ProgramVersion};
use crate::view::repository::RepositoryMade;
use crate::view::run::{LogLineView, LogOf, RunReport, RunView, RunsRemoved};
use crate::view::secret::{SecretDeleted, SecretView, SecretsRotated};
use crate::view::status::StatusReport;
use crate::view::workflow::{
    GateDecisionView, GateView, WorkflowEnd, WorkflowListed, WorkflowView,
};

/// What a use case that returns one thing was carried out with.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Success<T> {
    /// That it was carried out.
    pub ok: Yes,
    /// What it returned.
    pub data: T,
}

/// A list. Its items come first, because they are written as they are found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct List<T, M> {
    /// The items that were found.
    pub data: Vec<T>,
    /// What stands behind them.
    #[serde(flatten)]
    pub end: ListEnd<M>,
}

/// What stands behind the items of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListEnd<M> {
    /// That all items were found that were wanted.
    pub ok: Yes,
    /// How many items `data` has.
    pub count: u64,
    /// Whether there are more, which `data` does not have because of a limit on their number.
    pub is_cut: bool,
    /// What else is known of the list.
    #[serde(flatten)]
    pub more: M,
}

/// That nothing else is known of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoMore {}

/// A use case was not carried out, or not to its end.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failure {
    /// Of a list that failed half way: the items that were found before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Vec<Value>>,
    /// That it was not carried out.
    pub ok: No,
    /// Of a list that failed half way: how many items `data` has.
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

/// Makes [`schema`] of the type of each use case's document.
macro_rules! documents {
    ($($use_case:ident => $document:ty,)*) => {
        /// Returns the JSON Schema of the document that a use case has if it is carried out.
        #[must_use]
        pub fn schema(use_case: UseCase) -> Schema {
            match use_case {
                $(UseCase::$use_case => schema_of::<$document>(use_case.as_str()),)*
            }
        }
    };
}

documents! {
    DataDelete => Success<DataDeletion>,
    DataDiff => Success<DataDiff>,
    DataGc => Success<DataCollection>,
    DataGet => Success<DataContentView>,
    DataList => List<DataVersionView, NoMore>,
    DataPrune => Success<DataPruned>,
    DataQuery => List<DataQueryItem, DataQueryReport>,
    DataRename => Success<DataRenamed>,
    DataRestore => Success<DataRestored>,
    DataSearch => List<DataVersionView, NoMore>,
    DataVersions => List<DataVersionView, NoMore>,
    DatastoreBackup => Success<BackupMade>,
    DatastoreCheck => Success<DatastoreChecked>,
    DatastoreCompact => Success<DatastoreCompacted>,
    DatastoreLockRelease => Success<LocksReleased>,
    DatastoreLockStatus => List<LockView, NoMore>,
    DatastoreRestore => Success<BackupRestored>,
    DatastoreStatus => Success<DatastoreStatusView>,
    Doctor => Success<DoctorReport>,
    Help => Success<CommandHelp>,
    Init => Success<RepositoryMade>,
    ModelCreate => Success<ModelCreated>,
    ModelDelete => Success<ModelDeleted>,
    ModelGet => Success<ModelView>,
    ModelGrant => Success<ModelGranted>,
    ModelList => List<ModelListed, NoMore>,
    ModelMethodRun => Success<MethodRunView>,
    ModelPermissions => Success<ModelPermissions>,
    ModelRevoke => Success<ModelRevoked>,
    PluginAdd => Success<PluginsAdded>,
    PluginDescribe => Success<PluginView>,
    PluginList => List<PluginListed, NoMore>,
    PluginRemove => Success<PluginRemoved>,
    PluginRestore => Success<PluginsRestored>,
    RunGc => Success<RunsRemoved>,
    RunList => List<RunView, NoMore>,
    RunLogs => List<LogLineView, LogOf>,
    RunShow => Success<RunReport>,
    SecretDelete => Success<SecretDeleted>,
    SecretList => List<SecretView, NoMore>,
    SecretPut => Success<SecretView>,
    SecretRotate => Success<SecretsRotated>,
    Status => Success<StatusReport>,
    Version => Success<ProgramVersion>,
    WorkflowApprovals => List<GateView, NoMore>,
    WorkflowApprove => Success<GateDecisionView>,
    WorkflowGet => Success<WorkflowView>,
    WorkflowList => List<WorkflowListed, NoMore>,
    WorkflowReject => Success<GateDecisionView>,
    WorkflowResume => Success<WorkflowEnd>,
    WorkflowRun => Success<WorkflowEnd>,
    WorkflowValidate => Success<WorkflowView>,
}

/// Returns the JSON Schema of the document of a failure, which is the same for all use cases.
#[must_use]
pub fn failure_schema() -> Schema {
    schema_of::<Failure>("failure")
}

fn schema_of<T: JsonSchema>(title: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    // Instead of the name of the type, which says nothing to its readers.
    schema.insert("title".to_owned(), title.into());
    schema
}
