//! Deletes the data of models that are gone.
//!
//! A model is gone if its definition does not exist. An error never counts as that: if the folder
//! of definitions or one of its files cannot be read, nothing is deleted, because any file can
//! define any model. If the folder is missing, or has lost most of
//! its definitions, that is more likely a mistake (a checkout in progress, a volume that is not
//! mounted) than a wish to delete everything, so the user has to confirm it.

use std::collections::BTreeSet;
use std::fmt;

use sedge_api::problem::{Argument, ErrorCode, Explain, Help, UseCase};
use sedge_api::view::data::DataPruned;
use sedge_lang::yaml;
use sedge_model::audit::AuditWord;
use sedge_model::names::ModelName;
use sedge_store::{DataChosen, DataDelete, ModelData};
use serde_json::Value;

use crate::audit::audit_note;
use crate::cx::Cx;
use crate::data::view::model_data_view;
use crate::error::{AppError, count};
use crate::repository::files::FileKind;
use crate::repository::unsaved::is_unsaved;
use crate::repository::{MODELS_FOLDER, Repository};
use crate::structure::{locked, whole};

/// The data to delete.
#[derive(Debug, Clone, Default)]
pub struct DataPruneRequest {
    /// The models whose data is deleted; if empty, every model that is gone.
    pub models: Vec<String>,
    /// Whether the user confirms that all these models are gone for good.
    pub is_confirmed: bool,
    /// Whether to report only what would be deleted.
    pub dry_run: bool,
}

/// The data that is to be deleted.
struct Plan {
    /// The models that are gone, with the amount of their data.
    gone: Vec<ModelData>,
    /// Why the deletion needs the user's confirmation. Only the plan of a dry run has a doubt.
    doubt: Option<PruneDoubt>,
}

/// Why data of models that seem to be gone was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum GoneError {
    /// The models may seem to be gone by mistake.
    #[error("the data of models that may not be gone was not deleted: {doubt}")]
    Doubtful {
        /// The reason for the doubt.
        doubt: PruneDoubt,
        /// The models that seem to be gone.
        models: Vec<ModelName>,
    },
    /// The user named a model that is not gone.
    #[error("the model `{model}` is not gone: its file `{file}` exists")]
    NotGone {
        /// The model.
        model: ModelName,
        /// The file of its definition.
        file: String,
    },
    /// The user named a model that is unsaved, and not gone.
    #[error(
        "the model `{model}` is not gone: it is unsaved, and its definition is in the datastore"
    )]
    Unsaved {
        /// The model.
        model: ModelName,
    },
    /// A file of a definition does not say which model it defines.
    #[error("{file} may define a model whose data would be deleted: {cause}")]
    Unclear {
        /// The file.
        file: String,
        /// Why the name of its model is not known.
        cause: String,
    },
    /// The folder of definitions is missing, although there is data.
    #[error(
        "the folder `{MODELS_FOLDER}` is missing, so Sedge does not know how long data is retained"
    )]
    FolderMissing,
}

impl Explain for GoneError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Doubtful { .. } | Self::Unclear { .. } => ErrorCode::PruneDoubtful,
            Self::NotGone { .. } | Self::Unsaved { .. } => ErrorCode::ModelNotGone,
            Self::FolderMissing => ErrorCode::ModelsFolderMissing,
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Doubtful { models, .. } => {
                let models = models.iter().map(ToString::to_string).collect();
                vec![
                    Help::command("if all of them were deleted on purpose", UseCase::DataPrune)
                        .with("yes", Argument::on()),
                    Help::command("or if only some of them were", UseCase::DataPrune)
                        .with("model", Argument::Texts(models)),
                ]
            }
            Self::NotGone { model, .. } | Self::Unsaved { model } => vec![
                Help::command("delete it first", UseCase::ModelDelete).with("name", model.as_str()),
            ],
            Self::Unclear { file, .. } => vec![
                Help::advice(format!("correct {file}, or delete it")),
                Help::command("see what is wrong with the files", UseCase::Validate),
            ],
            Self::FolderMissing => vec![Help::advice(format!(
                "restore the folder, or create an empty one if no model is left: `mkdir {MODELS_FOLDER}`"
            ))],
        }
    }
}

/// Why models that seem to be gone may still exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneDoubt {
    /// The folder of definitions is missing.
    FolderMissing,
    /// The folder of definitions has no definition.
    NoDefinition,
    /// More than half of the models that have data are gone.
    Most {
        /// How many models are gone.
        n_gone: usize,
        /// How many models have data.
        n_with_data: usize,
    },
}

impl fmt::Display for PruneDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FolderMissing => write!(f, "the folder `{MODELS_FOLDER}` is missing"),
            Self::NoDefinition => write!(f, "the folder `{MODELS_FOLDER}` contains no definition"),
            Self::Most {
                n_gone,
                n_with_data,
            } => write!(
                f,
                "{n_gone} of {n_with_data} models that have data are gone"
            ),
        }
    }
}

/// Deletes all data of models that have no definition any more.
///
/// # Errors
/// Returns [`GoneError::Doubtful`] if that may be a mistake and is not confirmed. Also returns an
/// error if a file of a definition does not say which model it defines, or if calls did not end before the deadline. Nothing
/// was deleted then.
pub async fn data_prune(cx: &Cx, request: &DataPruneRequest) -> Result<DataPruned, AppError> {
    let plan = prune_plan(&cx.repository, request)?;
    if request.dry_run || plan.gone.is_empty() {
        return Ok(pruned(request, &plan));
    }
    let held = locked(cx, "data prune", &whole()).await?;
    // Definitions may have been added or removed since.
    let plan = prune_plan(&cx.repository, request)?;
    for data in &plan.gone {
        let delete = DataDelete {
            model: data.model.clone(),
            what: DataChosen::All,
        };
        cx.repository.store()?.data_delete(&held.permit, &delete)?;
        let (names, versions) = (
            count(data.n_names, "name"),
            count(data.n_versions, "version"),
        );
        let (on, detail) = (data.model.as_str(), format!("{names}, {versions}"));
        audit_note(cx, AuditWord::DataPruned, on, Some(detail))?;
    }
    Ok(pruned(request, &plan))
}

fn pruned(request: &DataPruneRequest, plan: &Plan) -> DataPruned {
    DataPruned {
        dry_run: request.dry_run,
        models: plan.gone.iter().map(model_data_view).collect(),
        doubt: plan.doubt.map(|doubt| doubt.to_string()),
    }
}

/// Returns the plan. Fails if the plan is doubtful and this is not a dry run.
fn prune_plan(repository: &Repository, request: &DataPruneRequest) -> Result<Plan, AppError> {
    let with_data = repository.store()?.data_models()?;
    let n_with_data = with_data.len();
    let saved = names_certain(repository)?;
    if !request.models.is_empty() {
        let gone = named(repository, &request.models, &with_data)?;
        return Ok(Plan { gone, doubt: None });
    }
    let mut gone = Vec::new();
    let has_definition = !saved.is_empty();
    let unsaved = repository.unsaved_all()?.into_iter();
    let present: BTreeSet<ModelName> = unsaved.map(|it| it.name).chain(saved).collect();
    for data in with_data {
        if !present.contains(&data.model) {
            gone.push(data);
        }
    }
    let doubt = if request.is_confirmed {
        None
    } else {
        doubt(repository, gone.len(), n_with_data, has_definition)?
    };
    match doubt {
        Some(doubt) if !request.dry_run => Err(GoneError::Doubtful {
            doubt,
            models: gone.into_iter().map(|data| data.model).collect(),
        }
        .into()),
        doubt => Ok(Plan { gone, doubt }),
    }
}

/// Returns the names of all models that have a file.
///
/// # Errors
/// A file cannot be read, is not YAML, or gives no valid name. It may be the file of any model.
fn names_certain(repository: &Repository) -> Result<BTreeSet<ModelName>, AppError> {
    let mut names = BTreeSet::new();
    for path in repository.paths(FileKind::Model)? {
        let unclear = |cause: String| GoneError::Unclear {
            file: path.clone(),
            cause,
        };
        let file = repository.source_file(&path);
        let file = file.map_err(|error| unclear(with_causes(&error)))?;
        let Some(file) = file else {
            // Another process has removed the file, or it is a link that leads nowhere.
            let link = repository.folder().link_check(&path);
            link.map_err(|error| unclear(with_causes(&AppError::from(error))))?;
            continue;
        };
        let tree = yaml::parse_tree(&file).map_err(|faults| unclear(faults.to_string()))?;
        let name = tree.get("name").map(|it| match it.value() {
            // A name of digits can be written without quotes.
            Value::Number(number) => number.to_string(),
            Value::String(text) => text,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        });
        // ignored: the message says that the name is not valid.
        let name = name.and_then(|it| it.parse().ok());
        names.insert(name.ok_or_else(|| unclear("it gives no valid `name`".to_owned()))?);
    }
    Ok(names)
}

/// Returns the message of an error with its causes.
fn with_causes(error: &AppError) -> String {
    let mut parts = vec![error.message()];
    parts.extend(error.causes());
    parts.join(": ")
}

/// Returns the data of the models that the user named. Each must be gone.
fn named(
    repository: &Repository,
    names: &[String],
    with_data: &[ModelData],
) -> Result<Vec<ModelData>, AppError> {
    let mut gone: Vec<ModelData> = Vec::new();
    for name in names {
        let model: ModelName = name.parse()?;
        if let Some(found) = repository.model_file(name)? {
            if is_unsaved(&found.file) {
                return Err(GoneError::Unsaved { model }.into());
            }
            let file = found.file.name.clone();
            return Err(GoneError::NotGone { model, file }.into());
        }
        let Some(data) = with_data.iter().find(|data| data.model == model) else {
            return Err(repository.model_missing(name));
        };
        if !gone.contains(data) {
            gone.push(data.clone());
        }
    }
    Ok(gone)
}

fn doubt(
    repository: &Repository,
    n_gone: usize,
    n_with_data: usize,
    has_definition: bool,
) -> Result<Option<PruneDoubt>, AppError> {
    if n_gone == 0 {
        return Ok(None);
    }
    if !repository.folder().has(MODELS_FOLDER)? {
        return Ok(Some(PruneDoubt::FolderMissing));
    }
    Ok(if !has_definition {
        Some(PruneDoubt::NoDefinition)
    } else if 2 * n_gone > n_with_data {
        Some(PruneDoubt::Most {
            n_gone,
            n_with_data,
        })
    } else {
        None
    })
}
