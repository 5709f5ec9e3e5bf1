//! All errors of the use cases: one enum per area, and an enum that joins them.
//!
//! The text of a variant says what failed and on what; its sources say why. Help is data
//! ([`sedge_api::problem::Help`]), which each front end formats.

mod failed;
mod interrupted;
mod limit;
mod lock;
mod path;
mod process;

use sedge_api::problem::{
    Argument, Details, ErrorCode, Explain, Help, Place, PlacedFault, UseCase,
};
use sedge_lang::diagnostic::Diagnostic;
use sedge_lang::input::GivenInputError;
use sedge_lang::query::QueryError;
use sedge_lang::yaml::Faults;
use sedge_locks::error::LockError;
use sedge_model::names::{NameError, TypeName};
use sedge_runtime::{EngineError, HostError};
use sedge_secrets::{SecretsError, ValueError};
use sedge_store::StoreError;
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;

use crate::data::prune::GoneError;
use crate::repository::trust::TrustError;

pub use crate::data::error::DataUseError;
pub use crate::datastore::error::DatastoreError;
pub use crate::doctor::error::UpkeepError;
pub use crate::model::error::ModelError;
pub use crate::plugin::author::error::AuthorError;
pub use crate::plugin::error::PluginUseError;
pub use crate::repository::error::RepositoryError;
pub use crate::run::error::{ChildVerb, RunUseError};
pub use crate::secret::error::SecretError;
pub use failed::{CallFailed, RunFailed, StepFault, WorkflowFailed, WorkflowFailedEnd};
pub use interrupted::RunInterrupted;
pub use lock::{LockUseError, WithinCallReason};
pub use path::PathError;
pub use process::ProcessError;

/// A use case failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// An error of the repository, or of a file that the user writes in it.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// An error of files and folders.
    #[error(transparent)]
    Path(#[from] PathError),
    /// An error of models, or of the arguments for their methods.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An error of plugins.
    #[error(transparent)]
    Plugin(#[from] PluginUseError),
    /// An error of the project of a plugin author, or of the tools that build it.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// A method or a workflow ran and failed.
    #[error(transparent)]
    Failed(#[from] RunFailed),
    /// An error of runs, workflows and gates.
    #[error(transparent)]
    Run(#[from] RunUseError),
    /// An error of data and queries.
    #[error(transparent)]
    Data(#[from] DataUseError),
    /// An error of the datastore.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
    /// An error of secrets.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// An error of locks.
    #[error(transparent)]
    Lock(#[from] LockUseError),
    /// A finding of `doctor` that no other command reports.
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    /// An error of this process, or of what it needs from the machine.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl AppError {
    fn area(&self) -> &dyn Explain {
        match self {
            Self::Repository(error) => error,
            Self::Path(error) => error,
            Self::Model(error) => error,
            Self::Plugin(error) => error,
            Self::Author(error) => error,
            Self::Failed(error) => error.explained(),
            Self::Run(error) => error,
            Self::Data(error) => error,
            Self::Datastore(error) => error,
            Self::Secret(error) => error,
            Self::Lock(error) => error,
            Self::Upkeep(error) => error,
            Self::Process(error) => error,
        }
    }

    /// Returns the faults in a text that the user wrote, with their lines. There are none if the
    /// error is of another kind.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        if let Self::Repository(RepositoryError::BadFile { faults, .. }) = self {
            return faults.as_slice();
        }
        if let Self::Model(ModelError::EditRefused { refusal, .. }) = self {
            return refusal.diagnostics();
        }
        if let Self::Data(DataUseError::Query(QueryError::Source(fault))) = self {
            return std::slice::from_ref(fault);
        }
        if let Self::Failed(RunFailed::Interrupted(interrupted)) = self {
            return interrupted.source.diagnostics();
        }
        &[]
    }
}

impl Explain for AppError {
    fn code(&self) -> ErrorCode {
        self.area().code()
    }

    fn message(&self) -> String {
        self.area().message()
    }

    fn help(&self) -> Vec<Help> {
        self.area().help()
    }

    fn causes(&self) -> Vec<String> {
        self.area().causes()
    }

    fn notes(&self) -> Vec<String> {
        self.area().notes()
    }

    fn place(&self) -> Option<Place> {
        self.area().place()
    }

    fn faults(&self) -> Vec<PlacedFault> {
        self.area().faults()
    }

    fn details(&self) -> Option<Details> {
        self.area().details()
    }
}

/// Implements the conversions from errors of lower crates to the areas that they belong to.
macro_rules! areas {
    ($($source:ty => $area:ty,)*) => {
        $(
            impl From<$source> for AppError {
                fn from(error: $source) -> Self {
                    <$area>::from(error).into()
                }
            }
        )*
    };
}

areas! {
    Diagnostic => RepositoryError,
    EngineError => ProcessError,
    Faults => RepositoryError,
    FileError => PathError,
    GivenInputError => ModelError,
    GoneError => ModelError,
    HostError => ProcessError,
    LockError => LockUseError,
    NameError => RepositoryError,
    QueryError => DataUseError,
    QueueError => PathError,
    StoreError => DatastoreError,
    TrustError => RepositoryError,
    ValueError => SecretError,
}

impl From<SecretsError> for AppError {
    fn from(error: SecretsError) -> Self {
        // A fault of a file is reported the same way everywhere.
        if let SecretsError::File(error) = error {
            return error.into();
        }
        if let SecretsError::Queue(error) = error {
            return error.into();
        }
        SecretError::Unusable(error).into()
    }
}

/// Returns the place of a fault, as data.
pub(crate) fn diagnostic_place(fault: &Diagnostic) -> Place {
    let (line, column) = fault.line_column();
    let (end_line, end_column) = fault.end_line_column();
    Place {
        file: fault.file.name.clone(),
        line: line as u64,
        column: column as u64,
        end_line: end_line as u64,
        end_column: end_column as u64,
    }
}

/// Returns the faults of a file, as data.
pub(crate) fn placed_faults(faults: &[Diagnostic]) -> Vec<PlacedFault> {
    let faults = faults.iter().map(|fault| PlacedFault {
        place: diagnostic_place(fault),
        code: fault.code.to_string(),
        message: match &fault.label {
            Some(label) => format!("{}: {label}", fault.message),
            None => fault.message.clone(),
        },
        help: fault.hint.clone(),
    });
    faults.collect()
}

/// Returns the help for a name that was not found: the nearest name, or else `otherwise`.
pub(crate) fn near_or(near: Option<&String>, otherwise: Help) -> Vec<Help> {
    match near {
        Some(near) => vec![Help::advice(format!("did you mean `{near}`?"))],
        None => vec![otherwise],
    }
}

/// The beginning of the names of the plugins that come with Sedge.
const FIRST_PARTY: &str = "@sedge/";

/// Returns the help for a type that no plugin provides: the nearest type, or the command that adds
/// a plugin.
pub(crate) fn type_missing_help(name: &str, near: Option<&String>) -> Vec<Help> {
    near_or(
        near,
        plugin_add_help("add the plugin that provides it", name),
    )
}

/// Returns the help that adds the plugin of a type. One that comes with Sedge is added by its name.
pub(crate) fn plugin_add_help(purpose: &str, type_name: &str) -> Help {
    let file = match type_name.starts_with(FIRST_PARTY) {
        true => Argument::from(type_name),
        false => Argument::open(),
    };
    Help::command(purpose, UseCase::PluginAdd).with("file", file)
}

/// Returns the help for a model that does not exist: the nearest model, or the command that makes
/// one.
pub(crate) fn model_missing_help(name: &str, near: Option<&String>) -> Vec<Help> {
    let make = Help::command("make it", UseCase::ModelCreate)
        .with("type", Argument::open())
        .with("name", name);
    near_or(near, make)
}

/// Returns the help that shows the schemas of a type.
pub(crate) fn schema_help(type_name: &TypeName) -> Help {
    Help::command("see the schema", UseCase::PluginDescribe).with("type", type_name.as_str())
}

/// Returns names in backticks, separated by commas.
pub(crate) fn quoted<T: ToString>(names: &[T]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.to_string()))
        .collect();
    names.join(", ")
}

/// Returns a count with its noun: `1 call`, `2 calls`.
pub(crate) fn count(n: u64, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{plural}")
}
