//! Everything that can go wrong with a use case, as one space.
//!
//! The text of a variant says what failed and on what; its sources say why. Faces add
//! what to type next.

mod class;

pub use class::class_of_machine;

use std::path::PathBuf;

use sedge_locks::error::LockError;
use sedge_model::call::CallError;
use sedge_model::diagnostic::Diagnostic;
use sedge_model::names::{
    DataName, MethodName, ModelName, NameError, RunId, SecretName, TypeName, WorkflowName,
};
use sedge_model::permission::PermissionRequest;
use sedge_model::permission::choice::ChoiceError;
use sedge_model::query::QueryError;
use sedge_model::run::{RunStatus, StepPath};
use sedge_model::schema::Violation;
use sedge_runtime::{EngineError, HostError, PluginError};
use sedge_secrets::{SecretsError, ValueError, Weakness};
use sedge_store::StoreError;
use sedge_sys::command::ReaperFault;
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;
use sedge_workflow::IllegalEvent;

use crate::core_dump::CoreDumpEnd;
use crate::data_prune::GoneError;
use crate::failure::FailureReport;
use crate::trust::TrustError;

/// What kind of trouble an error is: faces choose their exit codes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The method or workflow ran and failed.
    Failed,
    /// The request or a file is at fault.
    Usage,
    /// There is no such thing, or it is in the wrong state.
    State,
    /// Somebody else was in the way; trying again may help.
    Busy,
    /// The machine or Sedge itself is at fault.
    Internal,
}

/// A step that kept its workflow from succeeding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFault {
    /// Which step.
    pub step: StepPath,
    /// What went wrong; none where a person rejected the gate.
    pub error: Option<CallError>,
}

/// A use case was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// There is no `sedge.yaml` here or above.
    #[error("no repository in `{}` or above it", .0.display())]
    RepositoryMissing(PathBuf),
    /// The repository may not be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Another process keeps the turn at a file.
    #[error(transparent)]
    Queue(QueueError),
    /// There is one already.
    #[error("`{}` is a repository already", .0.display())]
    RepositoryExists(PathBuf),
    /// A file of the repository is at fault.
    #[error("{0}")]
    Diagnostic(Box<Diagnostic>),
    /// A text is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No model of that name.
    #[error("no model named `{name}`")]
    ModelMissing {
        /// The name that was asked for.
        name: String,
        /// The nearest one that exists.
        near: Option<String>,
    },
    /// A model of that name exists.
    #[error("a model named `{0}` exists already")]
    ModelExists(ModelName),
    /// Data of models that look gone was not deleted.
    #[error(transparent)]
    Gone(#[from] GoneError),
    /// The model's type has no such method.
    #[error("the type `{type_name}` of the model `{model}` has no method named `{method}`")]
    MethodMissing {
        /// The model.
        model: ModelName,
        /// Its type.
        type_name: TypeName,
        /// The name that was asked for.
        method: String,
        /// The methods that there are.
        methods: Vec<String>,
    },
    /// No workflow of that name.
    #[error("no workflow named `{name}`")]
    WorkflowMissing {
        /// The name that was asked for.
        name: String,
        /// The nearest one that exists.
        near: Option<String>,
    },
    /// No plugin provides that type.
    #[error("no plugin provides the type `{name}`")]
    TypeMissing {
        /// The name that was asked for.
        name: String,
        /// The nearest one that is provided.
        near: Option<String>,
    },
    /// A file is not a plugin.
    #[error("`{}` cannot be added as a plugin", path.display())]
    PluginRefused {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: PluginError,
    },
    /// A pinned component is not on this machine.
    #[error("the component of the plugin `{type_name}` is not here")]
    PluginGone {
        /// The type that it provides.
        type_name: TypeName,
        /// Where it was added from.
        from: String,
    },
    /// A pinned component cannot be used.
    #[error("the plugin `{type_name}` cannot be used")]
    PluginBroken {
        /// The type that it provides.
        type_name: TypeName,
        /// Why not.
        source: PluginError,
    },
    /// What was given for a model or method does not fit its schema.
    #[error("{what} do not fit the schema")]
    Violations {
        /// What was given: `the arguments of `run` of `sink``.
        what: String,
        /// Where, and what is wrong there.
        violations: Vec<Violation>,
        /// The type whose description tells more.
        type_name: TypeName,
    },
    /// An argument that was given as text cannot be used: which one, and why not.
    #[error("the input `{0}` cannot be used: {1}")]
    BadInput(String, String),
    /// A method's call has no outcome.
    #[error("`{method}` of `{model}` failed")]
    CallFailed {
        /// The run.
        run: RunId,
        /// The model.
        model: ModelName,
        /// The method.
        method: MethodName,
        /// What went wrong.
        source: CallError,
        /// Where it began, and what was undone.
        report: Box<FailureReport>,
        /// What became of the core dump that was asked for.
        core_dump: CoreDumpEnd,
    },
    /// A workflow's run failed.
    #[error("the workflow `{workflow}` failed")]
    WorkflowFailed {
        /// The workflow.
        workflow: WorkflowName,
        /// The run.
        run: RunId,
        /// What kept it from succeeding.
        faults: Vec<StepFault>,
        /// Where it began, and what was undone.
        report: Box<FailureReport>,
    },
    /// No run has that id.
    #[error("no run with the id `{0}`")]
    RunMissing(String),
    /// Nothing ever ran in this repository.
    #[error("there are no runs yet")]
    RunsNone,
    /// Several runs' ids begin so.
    #[error("several runs have an id that begins with `{0}`")]
    RunAmbiguous(String),
    /// The workflow has no run in the wanted state.
    #[error("the workflow `{workflow}` has no run that {wanted}")]
    RunNone {
        /// The workflow.
        workflow: WorkflowName,
        /// What was looked for: `could be resumed`.
        wanted: &'static str,
        /// Its newest run, if it has any.
        latest: Option<(RunId, RunStatus)>,
    },
    /// The workflow has several runs in the wanted state.
    #[error("the workflow `{workflow}` has several runs that {wanted}")]
    RunSeveral {
        /// The workflow.
        workflow: WorkflowName,
        /// What was looked for: `could be resumed`.
        wanted: &'static str,
        /// The runs, newest first.
        runs: Vec<RunId>,
    },
    /// The run is in the wrong state.
    #[error("the run `{run}` {is}")]
    RunState {
        /// The run.
        run: RunId,
        /// Where it stands: `is running`.
        is: String,
    },
    /// The run waits for decisions.
    #[error("the run `{run}` of `{workflow}` waits for a decision")]
    GatesUndecided {
        /// The workflow.
        workflow: WorkflowName,
        /// The run.
        run: RunId,
        /// The gates.
        gates: Vec<StepPath>,
    },
    /// The run has no such gate.
    #[error("the run `{run}` of `{workflow}` has no open gate named `{gate}`")]
    GateMissing {
        /// The workflow.
        workflow: WorkflowName,
        /// The run.
        run: RunId,
        /// The name that was given.
        gate: String,
        /// The gates that are open.
        open: Vec<StepPath>,
    },
    /// Several steps of the workflow have the name that was given for a gate.
    #[error("the workflow `{workflow}` has {} steps named `{gate}`", steps.len())]
    GateAmbiguous {
        /// The workflow.
        workflow: WorkflowName,
        /// The name that was given.
        gate: String,
        /// The steps of that name.
        steps: Vec<StepPath>,
    },
    /// There is no such data.
    #[error("the model `{model}` has no data named `{name}`")]
    DataMissing {
        /// The model.
        model: ModelName,
        /// The name.
        name: String,
        /// The nearest name that there is.
        near: Option<String>,
    },
    /// The data has another name now.
    #[error("`{name}` of the model `{model}` was renamed to `{to}`")]
    DataRenamed {
        /// The model.
        model: ModelName,
        /// The name that was asked for.
        name: DataName,
        /// The name that it has.
        to: DataName,
    },
    /// Data is to be deleted whose names begin with nothing.
    #[error("the prefix is empty, and every name begins with that")]
    PrefixEmpty,
    /// A file is to be written where Sedge keeps its own.
    #[error("`{}` is inside `{}`, where Sedge keeps what only Sedge may change", path.display(), state.display())]
    WithinState {
        /// The file.
        path: PathBuf,
        /// The folder of run-time state.
        state: PathBuf,
    },
    /// No secret of that name.
    #[error("no secret named `{name}`")]
    SecretMissing {
        /// The name that was asked for.
        name: String,
        /// The nearest one that exists.
        near: Option<String>,
    },
    /// A value cannot be kept as a secret.
    #[error(transparent)]
    SecretValue(#[from] ValueError),
    /// A value stands in other texts by chance, or is guessed at once.
    #[error("the value of `{0}` is weak: {1}")]
    SecretWeak(SecretName, Weakness),
    /// Secrets cannot be opened, so that their values could not be kept out of texts.
    #[error(
        "{} cannot be opened, so its value could not be kept out of data and logs",
        secrets_text(names)
    )]
    SecretsClosed {
        /// The secrets; none if not even their names are known.
        names: Vec<SecretName>,
        /// Why the first of them cannot.
        source: SecretsError,
    },
    /// A query cannot be understood.
    #[error(transparent)]
    Query(QueryError),
    /// There is a file of that name.
    #[error("`{}` exists already", .0.display())]
    FileExists(PathBuf),
    /// There is a file where a core dump is to go.
    #[error("`{}` exists already", .0.display())]
    CoreDumpExists(PathBuf),
    /// A path names no file.
    #[error("`{}` is no name of a file", .0.display())]
    NoFileName(PathBuf),
    /// Something in the datastore is missing or damaged.
    #[error("the datastore is damaged")]
    StoreDamaged {
        /// What is wrong, and where.
        faults: Vec<String>,
    },
    /// The datastore has data or runs.
    #[error("the datastore is not empty")]
    StoreNotEmpty,
    /// There is no such version.
    #[error("`{name}` of the model `{model}` has no version {version}")]
    VersionMissing {
        /// The model.
        model: ModelName,
        /// The name.
        name: String,
        /// The version that was asked for.
        version: u64,
        /// The latest version.
        latest: u64,
    },
    /// A plugin asks for something that nobody has decided on.
    #[error("`{type_name}` asks for more than was decided on")]
    PermissionsUndecided {
        /// The plugin's type.
        type_name: TypeName,
        /// What it asks for.
        undecided: Vec<PermissionRequest>,
    },
    /// Something was granted that a plugin does not ask for.
    #[error("`{type_name}` cannot be granted that")]
    GrantUnknown {
        /// The plugin's type.
        type_name: TypeName,
        /// What is wrong with it.
        source: ChoiceError,
    },
    /// A run's log contradicts itself.
    #[error("the log of the run `{run}` cannot be read")]
    RunLog {
        /// The run.
        run: RunId,
        /// How.
        source: IllegalEvent,
    },
    /// A command of a call does what cannot be done within one.
    #[error("`{what}` cannot be done by a command of the call {caller}: {reason}")]
    WithinCall {
        /// What was to be done.
        what: String,
        /// The call.
        caller: String,
        /// Why.
        reason: WithinCallReason,
    },
    /// This process is part of a command that has ended, or was killed with its call.
    #[error("`{0}` has a token of a command that has ended: nothing is run for it any more")]
    TokenVoid(&'static str),
    /// The program that starts commands cannot be used.
    #[error("cannot run commands without `{}`", reaper.display())]
    ReaperUnusable {
        /// Where it was expected.
        reaper: PathBuf,
        /// Why it cannot be used.
        source: ReaperFault,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The secrets cannot be used.
    #[error(transparent)]
    Secrets(SecretsError),
    /// The datastore cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The host failed in the middle of a call.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<QueueError> for AppError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::File(error) => Self::File(error),
            busy @ QueueError::Busy { .. } => Self::Queue(busy),
        }
    }
}

impl From<SecretsError> for AppError {
    fn from(error: SecretsError) -> Self {
        // What is wrong with a file is the same everywhere.
        if let SecretsError::File(error) = error {
            return Self::File(error);
        }
        if let SecretsError::Queue(error) = error {
            return error.into();
        }
        Self::Secrets(error)
    }
}

/// Why something cannot be done by a command of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WithinCallReason {
    /// Nobody may be at work meanwhile.
    #[error("it needs the whole datastore, and the call is at work there")]
    Whole,
    /// The method, or one of its callers, is of kind `read`.
    #[error("the call only reads, and so must all that is done for it")]
    OnlyReads,
}

/// Returns secrets as the subject of a sentence in the singular.
fn secrets_text(names: &[SecretName]) -> String {
    match names {
        [] => "the folder of secrets".to_owned(),
        [name] => format!("the secret `{name}`"),
        [name, rest @ ..] => format!("the secret `{name}` (and {} more)", rest.len()),
    }
}

impl From<QueryError> for AppError {
    fn from(error: QueryError) -> Self {
        if let QueryError::Source(fault) = error {
            return fault.into();
        }
        Self::Query(error)
    }
}

impl From<Diagnostic> for AppError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostic(Box::new(diagnostic))
    }
}
