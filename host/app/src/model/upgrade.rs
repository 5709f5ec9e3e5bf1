//! Upgrades definitions that were written for an earlier version of their type: in memory for a
//! run, and in their files on request.

use std::sync::Arc;

use sedge_api::problem::Help;
use sedge_api::view::model::{ModelUpgraded, ModelsUpgraded};
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::Diagnostic;
use sedge_lang::type_info::UpgradeSpec;
use sedge_lang::upgrade::{UpgradeEditError, opaque_check, upgraded_text, with_arguments};
use sedge_model::audit::AuditWord;
use sedge_model::names::{ModelName, TypeVersion};
use sedge_runtime::{Plugin, UpgradeError};
use serde_json::{Map, Value};
use similar::TextDiff;

use crate::audit::audit_note;
use crate::cx::Cx;
use crate::error::{AppError, ModelError, RepositoryError};
use crate::events::DefinitionUpgrade;
use crate::model::grant::definitions_queue;
use crate::plugin::view::upgrade_view;
use crate::repository::Repository;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::unsaved::saved_check;
use crate::structure::{locked, one, whole};

/// The number of equal lines that are shown around a change of a file.
const LINES_AROUND: usize = 3;

/// The maximum number of characters of a plugin's message that are shown beside a definition.
const MESSAGE_CHARS_MAX: usize = 500;

/// The definitions to upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpgradedModels {
    /// One model.
    Named(String),
    /// All models.
    All,
}

/// A request to upgrade definitions in their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUpgradeRequest {
    /// The definitions.
    pub models: UpgradedModels,
    /// Whether the files stay as they are.
    pub is_dry_run: bool,
}

/// Returns a definition as the version of its type that `plugin` provides takes it. Its file stays
/// as it is.
///
/// # Errors
/// Returns an error if the definition is for a newer version, or if the plugin cannot upgrade it.
pub(crate) async fn definition_upgraded(
    repository: &Repository,
    definition: Arc<Definition>,
    plugin: &Arc<Plugin>,
) -> Result<(Arc<Definition>, Option<DefinitionUpgrade>), AppError> {
    let Some(upgrade) = Upgrade::find(repository, &definition, plugin).await? else {
        return Ok((definition, None));
    };
    if !upgrade.changes_arguments {
        return Ok((definition, None));
    }
    let upgraded = with_arguments(&definition, &upgrade.arguments)?;
    let done = DefinitionUpgrade {
        model: definition.name.clone(),
        type_name: definition.type_name.value.clone(),
        from: definition.type_version.clone(),
        to: upgrade.to,
    };
    Ok((Arc::new(upgraded), Some(done)))
}

/// Upgrades definitions in their files, and returns what changed. The other lines of a file, and
/// the comments there, stay as they are.
///
/// With [`UpgradedModels::All`], the whole datastore is locked meanwhile, and no file is written if
/// one of the definitions cannot be upgraded.
///
/// # Errors
/// Returns an error if there is no such model, if a file or a plugin is invalid, if a definition is
/// for a newer version of its type, if the plugin cannot upgrade it, or if its text has a form that
/// is not edited.
pub async fn model_upgrade(
    cx: &Cx,
    request: &ModelUpgradeRequest,
) -> Result<ModelsUpgraded, AppError> {
    let snapshot = cx.repository.snapshot()?;
    let names = match &request.models {
        UpgradedModels::Named(name) => {
            let definition = snapshot.definition(name)?;
            saved_check(&definition)?;
            vec![definition.name]
        }
        UpgradedModels::All => {
            snapshot.names_check()?;
            snapshot.saved_model_names()?
        }
    };
    let held = match (&request.models, names.as_slice()) {
        _ if request.is_dry_run => None,
        (UpgradedModels::Named(_), [name]) => {
            let what = format!("model upgrade {name}");
            Some(locked(cx, &what, &one(name)).await?)
        }
        (UpgradedModels::Named(_) | UpgradedModels::All, _) => {
            Some(locked(cx, "model upgrade --all", &whole()).await?)
        }
    };
    let queue = definitions_queue(&snapshot)?;
    let _lock = queue.enter()?;
    let mut changes = Vec::new();
    for name in &names {
        changes.extend(FileChange::find(&snapshot, name).await?);
    }
    if held.is_some() {
        for change in &changes {
            let text = change.text.as_bytes();
            let file = &change.view.file;
            cx.repository.folder().write_through(file, text)?;
            let (on, detail) = (&change.view.name, Some(upgraded_note(&change.view)));
            audit_note(cx, AuditWord::ModelUpgraded, on, detail)?;
        }
    }
    Ok(ModelsUpgraded {
        n_current: (names.len() - changes.len()) as u64,
        models: changes.into_iter().map(|change| change.view).collect(),
        is_dry_run: request.is_dry_run,
    })
}

/// Returns what changed in a definition, for the audit.
fn upgraded_note(view: &ModelUpgraded) -> String {
    match &view.from {
        Some(from) => format!("version {from} to {}", view.to),
        None => format!("to version {}", view.to),
    }
}

/// A file of a definition after an upgrade.
struct FileChange {
    text: String,
    view: ModelUpgraded,
}

impl FileChange {
    /// Returns the change of a model's file. Returns `None` if the definition is up to date.
    async fn find(
        repository: &RepositorySnapshot,
        name: &ModelName,
    ) -> Result<Option<Self>, AppError> {
        let definition = repository.definition(name.as_str())?;
        let plugin = repository
            .plugin(definition.type_name.value.as_str())
            .await?;
        let Some(upgrade) = Upgrade::find(repository, &definition, &plugin).await? else {
            return Ok(None);
        };
        // A definition that names no version and needs no change stays as its author wants it.
        if !upgrade.changes_arguments && definition.type_version.is_none() {
            return Ok(None);
        }
        let text = upgraded_text(&definition, &upgrade.arguments, &upgrade.to);
        let text = text.map_err(|source: UpgradeEditError| {
            AppError::from(ModelError::UpgradeNotEditable {
                file: definition.file.name.clone(),
                source,
            })
        })?;
        let view = ModelUpgraded {
            name: definition.name.to_string(),
            file: definition.file.name.clone(),
            from: definition.type_version.as_ref().map(ToString::to_string),
            to: upgrade.to.to_string(),
            steps: upgrade.steps.iter().map(upgrade_view).collect(),
            diff: unified(&definition.file.text, &text),
        };
        Ok(Some(Self { text, view }))
    }
}

fn unified(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut unified = diff.unified_diff();
    unified.context_radius(LINES_AROUND).to_string()
}

/// The upgrade of one definition.
struct Upgrade {
    to: TypeVersion,
    steps: Vec<UpgradeSpec>,
    arguments: Map<String, Value>,
    changes_arguments: bool,
}

impl Upgrade {
    /// Lets the plugin make all steps that a definition needs. Returns `None` if it needs none.
    async fn find(
        repository: &Repository,
        definition: &Definition,
        plugin: &Arc<Plugin>,
    ) -> Result<Option<Self>, AppError> {
        let info = plugin.type_info();
        let written_for = definition.type_version.as_ref();
        if let Some(newer) = written_for.filter(|it| info.version.is_older_than(it)) {
            return Err(too_new(definition, newer, &info.version).into());
        }
        let steps = info.upgrades_after(written_for);
        if steps.is_empty() {
            return Ok(None);
        }
        let before = match definition.global_arguments.source().value() {
            Value::Object(arguments) => arguments,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        let mut arguments = before.clone();
        for step in steps {
            let upgraded = repository
                .runtime()?
                .upgrade(plugin, &step.to_version, &arguments);
            arguments = match upgraded.await {
                Ok(arguments) => arguments,
                Err(UpgradeError::Host(error)) => return Err(error.into()),
                Err(
                    error @ (UpgradeError::Refused(_)
                    | UpgradeError::Returned(_)
                    | UpgradeError::Failed(_)),
                ) => return Err(not_upgraded(definition, step, &words(&error)).into()),
            };
            opaque_check(&before, &arguments)
                .map_err(|error| not_upgraded(definition, step, &error.to_string()))?;
        }
        Ok(Some(Self {
            to: info.version.clone(),
            steps: steps.to_vec(),
            changes_arguments: arguments != before,
            arguments,
        }))
    }
}

/// Returns an error with its causes.
fn words(error: &UpgradeError) -> String {
    match error {
        UpgradeError::Failed(source) => format!("{error}: {source}"),
        UpgradeError::Refused(_) | UpgradeError::Returned(_) | UpgradeError::Host(_) => {
            error.to_string()
        }
    }
}

/// Returns the fault of a definition that was written for a newer version of its type.
fn too_new(definition: &Definition, newer: &TypeVersion, version: &TypeVersion) -> RepositoryError {
    let type_name = &definition.type_name.value;
    let message = format!(
        "the definition is written for version {newer} of `{type_name}`, and the plugin has {version}"
    );
    let fault = Diagnostic::new(&definition.file, definition.place("/typeVersion"), message);
    let help = Help::advice(format!(
        "add the plugin `{type_name}` in version {newer} or newer"
    ));
    RepositoryError::bad_file(fault, vec![help])
}

/// Returns the fault of a definition that its plugin cannot upgrade.
fn not_upgraded(definition: &Definition, step: &UpgradeSpec, reason: &str) -> RepositoryError {
    let version = &step.to_version;
    let message = format!("the global arguments cannot be upgraded to version {version}");
    let place = definition.place("/globalArguments");
    let fault = Diagnostic::new(&definition.file, place, message);
    // The plugin chooses most of this text.
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = reason.chars().take(MESSAGE_CHARS_MAX).collect();
    let help = Help::advice(format!(
        "write the arguments as version {version} of `{}` takes them, and set `typeVersion: {version}`",
        definition.type_name.value
    ));
    RepositoryError::bad_file(fault.with_label(shown), vec![help])
}
