//! Errors of data and of queries.

use sedge_api::problem::{
    Argument, ErrorCode, Explain, Help, Place, PlacedFault, UseCase, sources,
};
use sedge_lang::query::QueryError;
use sedge_model::names::{DataName, ModelName, TypeName};

use crate::error::{diagnostic_place, near_or, placed_faults};

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
    /// The data has no such version to restore.
    #[error("`{name}` of the model `{model}` has no version {version}")]
    NotThere {
        /// The model.
        model: ModelName,
        /// The name.
        name: DataName,
        /// The requested version.
        version: u64,
        /// The versions that exist, oldest first.
        versions: Vec<u64>,
    },
    /// The data belongs to another type than that of the model.
    #[error(
        "`{name}` of the model `{model}` was written by models of the type `{owner}`, and the model has the type `{type_name}`"
    )]
    OtherType {
        /// The model.
        model: ModelName,
        /// The name.
        name: DataName,
        /// The type that wrote it.
        owner: TypeName,
        /// The type of the model.
        type_name: TypeName,
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
            Self::VersionMissing { .. } | Self::NotThere { .. } | Self::NoVersionBefore { .. } => {
                ErrorCode::VersionMissing
            }
            Self::OtherType { .. } => ErrorCode::NameTaken,
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

    fn faults(&self) -> Vec<PlacedFault> {
        let Self::Query(QueryError::Source(fault)) = self else {
            return Vec::new();
        };
        placed_faults(std::slice::from_ref(fault))
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
            Self::NotThere {
                model,
                name,
                versions,
                ..
            } => vec![
                Help::advice(format!("its versions are {}", ranges(versions))),
                Help::command("see its versions", UseCase::DataVersions)
                    .with("model", model.as_str())
                    .with("name", name.as_str()),
            ],
            Self::OtherType { model, name, .. } => vec![
                Help::advice("give the model the type that wrote the data"),
                Help::command("or save the version to a file", UseCase::DataGet)
                    .with("model", model.as_str())
                    .with("name", name.as_str())
                    .with("version", Argument::open())
                    .with("output", Argument::open()),
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

/// The number of ranges of versions that a message shows. The newest are shown.
const RANGES_SHOWN: usize = 8;

/// Returns numbers in ascending order as text: `1, 3 to 5, 9`.
fn ranges(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            Some(_) | None => ranges.push((*number, *number)),
        }
    }
    let n_cut = ranges.len().saturating_sub(RANGES_SHOWN);
    let cut = (n_cut > 0).then(|| "…".to_owned());
    let shown = ranges[n_cut..]
        .iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first} to {last}"),
        });
    cut.into_iter().chain(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shown_as_ranges() {
        let check = |numbers: &[u64], expect: &str| assert_eq!(ranges(numbers), expect);
        check(&[4], "4");
        check(&[1, 2], "1, 2");
        check(&[1, 3, 4, 5, 9, 10], "1, 3 to 5, 9, 10");
        let odd: Vec<u64> = (0..10).map(|n| 2 * n + 1).collect();
        check(&odd, "…, 5, 7, 9, 11, 13, 15, 17, 19");
    }
}
