//! Errors of data and of queries.

use sedge_api::problem::{Argument, ErrorCode, Explain, Help, Place, UseCase, sources};
use sedge_lang::query::QueryError;
use sedge_model::names::{DataName, ModelName};

use crate::error::{diagnostic_place, near_or};

/// Data is missing, or the request for it is invalid.
#[derive(Debug, thiserror::Error)]
pub enum DataUseError {
    /// The model has no data of that name.
    #[error("the model `{model}` has no data named `{name}`")]
    Missing {
        /// The model.
        model: ModelName,
        /// The name.
        name: String,
        /// The nearest existing name, if any.
        near: Option<String>,
    },
    /// The data was renamed.
    #[error("`{name}` of the model `{model}` was renamed to `{to}`")]
    Renamed {
        /// The model.
        model: ModelName,
        /// The requested name.
        name: DataName,
        /// The current name.
        to: DataName,
    },
    /// The data has no such version.
    #[error("`{name}` of the model `{model}` has no version {version}")]
    VersionMissing {
        /// The model.
        model: ModelName,
        /// The name.
        name: String,
        /// The requested version.
        version: u64,
        /// The latest version.
        latest: u64,
    },
    /// The data has no version before this one.
    #[error("`{name}` of the model `{model}` has no version before {version}")]
    NoVersionBefore {
        /// The model.
        model: ModelName,
        /// The name.
        name: DataName,
        /// The version.
        version: u64,
    },
    /// The prefix of the names to delete is empty.
    #[error("the prefix is empty, so it matches every name")]
    PrefixEmpty,
    /// A query is invalid.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Explain for DataUseError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } => ErrorCode::DataMissing,
            Self::Renamed { .. } => ErrorCode::DataRenamed,
            Self::VersionMissing { .. } | Self::NoVersionBefore { .. } => ErrorCode::VersionMissing,
            Self::PrefixEmpty => ErrorCode::PrefixEmpty,
            Self::Query(_) => ErrorCode::BadQuery,
        }
    }

    fn message(&self) -> String {
        if let Self::Query(QueryError::Source(fault)) = self {
            return fault.message.clone();
        }
        self.to_string()
    }

    fn causes(&self) -> Vec<String> {
        if let Self::Query(QueryError::Source(fault)) = self {
            return fault.label.iter().cloned().collect();
        }
        sources(std::error::Error::source(self))
    }

    fn place(&self) -> Option<Place> {
        let Self::Query(QueryError::Source(fault)) = self else {
            return None;
        };
        Some(diagnostic_place(fault))
    }

    fn help(&self) -> Vec<Help> {
        let list = |purpose: &str, model: &ModelName| {
            Help::command(purpose, UseCase::DataList).with("model", model.as_str())
        };
        match self {
            Self::Missing { model, near, .. } => {
                near_or(near.as_ref(), list("see the data of the model", model))
            }
            Self::Renamed { model, to, .. } => vec![
                Help::advice(format!("use its current name, `{to}`")),
                list("see all names", model),
            ],
            Self::VersionMissing {
                model,
                name,
                latest,
                ..
            } => vec![
                Help::advice(format!("its latest version is {latest}")),
                Help::command("see its versions", UseCase::DataVersions)
                    .with("model", model.as_str())
                    .with("name", name.as_str()),
            ],
            Self::NoVersionBefore { model, name, .. } => vec![
                Help::command("see its versions", UseCase::DataVersions)
                    .with("model", model.as_str())
                    .with("name", name.as_str()),
            ],
            Self::PrefixEmpty => vec![
                Help::advice("give the beginning of the names"),
                Help::again("or delete all data of the model").with("all", Argument::on()),
            ],
            Self::Query(error) => {
                let hint = if let QueryError::Source(fault) = error {
                    fault.hint.as_ref()
                } else {
                    None
                };
                hint.into_iter().map(Help::advice).collect()
            }
        }
    }
}
