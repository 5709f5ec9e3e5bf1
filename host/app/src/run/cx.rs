//! What all calls of one run share: its claim, and each model as the run first read it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sedge_api::problem::{Argument, Help, UseCase};
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::Diagnostic;
use sedge_model::digest::Digest;
use sedge_model::limits::ModelLimits;
use sedge_model::lineage::Lineage;
use sedge_model::names::{RunId, TypeName};
use sedge_model::permission::effective::Permissions;
use sedge_model::permission::grants::Grants;
use sedge_runtime::{CoreDump, Plugin};
use sedge_store::Claim;
use serde_json::Value;

use crate::error::{AppError, PluginUseError, RepositoryError, near_or, schema_help};
use crate::events::{Event, Events};
use crate::locks::Locks;
use crate::repository::snapshot::RepositorySnapshot;
use crate::secret::vault::Vault;

/// The context of one run, for its calls.
pub(crate) struct RunCx {
    /// The repository with the configuration and the pins that the run began with.
    pub(crate) repository: RepositorySnapshot,
    pub(crate) claim: Claim,
    pub(crate) locks: Arc<Locks>,
    pub(crate) vault: Vault,
    events: Arc<dyn Events>,
    models: Mutex<HashMap<String, Arc<ReadyModel>>>,
    n_calls: AtomicU32,
    /// The core dump of the first guest that trapped, if the user requested core dumps.
    core_dump: Mutex<Option<(Lineage, CoreDump)>>,
}

/// A model that can be called: its definition is valid, and its plugin is loaded.
pub(crate) struct ReadyModel {
    pub(crate) definition: Definition,
    /// The digest of the definition's file.
    pub(crate) digest: Digest,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) limits: ModelLimits,
    pub(crate) permissions: Arc<Permissions>,
}

impl RunCx {
    pub(crate) fn new(
        repository: RepositorySnapshot,
        claim: Claim,
        events: Arc<dyn Events>,
        locks: Arc<Locks>,
        vault: Vault,
    ) -> Arc<Self> {
        Arc::new(Self {
            repository,
            claim,
            locks,
            events,
            vault,
            models: Mutex::default(),
            n_calls: AtomicU32::new(0),
            core_dump: Mutex::default(),
        })
    }

    pub(crate) fn run(&self) -> &RunId {
        &self.claim.run
    }

    pub(crate) fn event(&self, event: Event) {
        self.events.event(event);
    }

    /// Counts one more call of this process for the run. Returns false if that exceeds `most`.
    pub(crate) fn call_counted(&self, most: u32) -> bool {
        let count = |n_calls: u32| (n_calls < most).then_some(n_calls + 1);
        let counted = self
            .n_calls
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        counted.is_ok()
    }

    /// Keeps the core dump of a guest that trapped.
    ///
    /// Only the first dump is kept: a callee traps before its caller.
    pub(crate) fn core_dump(&self, call: &Lineage, dump: CoreDump) {
        let mut first = self
            .core_dump
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| (call.clone(), dump));
    }

    /// Takes the core dump of the first guest that trapped.
    pub(crate) fn core_dump_take(&self) -> Option<(Lineage, CoreDump)> {
        self.core_dump
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Returns a model, which a run reads and loads only once.
    ///
    /// If its file changes during the run, only later runs see the change.
    pub(crate) async fn model(&self, name: &str) -> Result<Arc<ReadyModel>, AppError> {
        let known = self
            .models
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        if let Some(model) = known {
            return Ok(model);
        }
        let model = Arc::new(ReadyModel::load(&self.repository, name).await?);
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(models.entry(name.to_owned()).or_insert(model)))
    }

    /// Adds a model that was loaded before the run was created.
    pub(crate) fn model_known(&self, model: Arc<ReadyModel>) {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.insert(model.definition.name.to_string(), model);
    }
}

impl ReadyModel {
    pub(crate) async fn load(
        repository: &RepositorySnapshot,
        name: &str,
    ) -> Result<Self, AppError> {
        let definition = repository.definition(name)?;
        let type_name = &definition.type_name;
        let plugin = match repository.plugin(type_name.value.as_str()).await {
            Err(AppError::Plugin(PluginUseError::TypeMissing { name, near })) => {
                let fault = Diagnostic::new(
                    &definition.file,
                    type_name.span.clone(),
                    format!("no plugin provides the type `{name}`"),
                );
                let add = Help::command("add the plugin that provides it", UseCase::PluginAdd)
                    .with("file", Argument::open());
                let help = near_or(near.as_ref(), add);
                return Err(RepositoryError::bad_file(fault, help).into());
            }
            other => other?,
        };
        let arguments = Value::Object(definition.global_arguments.value.clone());
        if let Some(violation) = plugin
            .global_arguments_schema()
            .violations(&arguments)
            .first()
        {
            let at = &definition.global_arguments.span;
            let span = if at.is_empty() {
                type_name.span.clone()
            } else {
                at.clone()
            };
            let message = format!(
                "the global arguments do not fit the schema of `{}`",
                type_name.value
            );
            let fault = Diagnostic::new(&definition.file, span, message);
            let fault = fault.with_label(violation.to_string());
            let help = vec![schema_help(&type_name.value)];
            return Err(RepositoryError::bad_file(fault, help).into());
        }
        let permissions = permissions_of(repository, &definition, &plugin);
        let limits = definition.limits.or(&repository.config().limits).values();
        Ok(Self {
            digest: Digest::of(definition.file.text.as_bytes()),
            definition,
            plugin,
            limits,
            permissions: Arc::new(permissions),
        })
    }
}

/// Joins the permissions that a model's plugin requests with those that are granted: to all models
/// of its type, by `plugin add` and in `sedge.yaml`, and to the model in its definition.
fn permissions_of(
    repository: &RepositorySnapshot,
    definition: &Definition,
    plugin: &Plugin,
) -> Permissions {
    let type_name = &definition.type_name.value;
    Permissions::new(
        definition.name.clone(),
        type_name.clone(),
        plugin.type_info().permissions.clone(),
        &type_grants(repository, type_name),
        definition.grants.clone(),
    )
}

/// Returns what is granted to all models of a type, by `plugin add` and in `sedge.yaml`.
pub(crate) fn type_grants(repository: &RepositorySnapshot, type_name: &TypeName) -> Grants {
    let mut of_type = Grants::default();
    if let Some(pinned) = repository.plugin_lock().plugins.get(type_name) {
        of_type.extend(&pinned.grants);
    }
    if let Some(config) = repository.config().plugins.get(type_name) {
        of_type.extend(&config.grants);
    }
    of_type
}
