//! What all calls of one run share: its claim, and each model as the run first read it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::Diagnostic;
use sedge_lang::repository::CONFIG_FILE;
use sedge_lang::workflow::Workflow;
use sedge_model::digest::Digest;
use sedge_model::limits::ModelLimits;
use sedge_model::lineage::Lineage;
use sedge_model::names::{RunId, TypeName};
use sedge_model::permission::effective::Permissions;
use sedge_model::permission::grants::Grants;
use sedge_model::run::{CheckSkips, RunOptions};
use sedge_runtime::{CoreDump, Plugin, Staging};
use sedge_store::{Claim, LockOwner};
use sedge_sys::clock::{Clock, Moment, Timestamp};
use serde_json::{Map, Value};

use crate::call::frame::CallFrame;
use crate::cx::Cx;
use crate::error::{AppError, PluginUseError, RepositoryError, type_missing_help};
use crate::events::{DefinitionUpgrade, Event};
use crate::expression::{EvaluatorSource, run_value};
use crate::locks::Locks;
use crate::model::upgrade::definition_upgraded;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::unsaved::is_unsaved;
use crate::run::names_known::names_known;
use crate::run::stop::RunStop;
use crate::run::stored::{KnownGlobals, global_arguments};
use crate::secret::vault::Vault;
use crate::workflow::inputs::RunInputs;

/// The context of one run, for its calls.
pub(crate) struct RunCx {
    /// The context of the use case that works on the run.
    base: Cx,
    /// The repository with the configuration and the pins that the run began with.
    pub(crate) repository: RepositorySnapshot,
    pub(crate) claim: Claim,
    /// The number of the claim on the outermost run, to which the locks of this run's calls belong.
    lock_claim: u64,
    pub(crate) locks: Arc<Locks>,
    pub(crate) vault: Vault,
    /// The time that expressions of this run have as `now`.
    now: Timestamp,
    /// The inputs of a workflow's run: for expressions, an object, and with the sensitive values.
    inputs: OnceLock<(Arc<Value>, RunInputs)>,
    models: Mutex<HashMap<String, Arc<ReadyModel>>>,
    /// The calls of this run and of all child runs below it.
    n_calls: Arc<AtomicU32>,
    /// Whether this process has run a command for a call of this run, of a child run below it, or of a
    /// run above it.
    has_run_commands: Arc<AtomicBool>,
    /// The call that this run is below: it or a run above it was started by the call. `None` if no call
    /// has started any of them.
    call_above: Option<CallAbove>,
    /// What the run was asked to do besides its workflow and inputs.
    pub(crate) options: RunOptions,
    /// When the run was created.
    started_at: Timestamp,
    /// The core dump of the first guest that trapped, if the user requested core dumps.
    core_dump: Mutex<Option<(Lineage, CoreDump)>>,
    /// Stops the calls and steps of the run that are in progress.
    pub(crate) stop: RunStop,
}

/// What a run has in common with the runs that are part of it.
struct SharedByRuns {
    n_calls: Arc<AtomicU32>,
    has_run_commands: Arc<AtomicBool>,
    lock_claim: u64,
}

/// What a run works with.
pub(crate) struct RunParts {
    /// The context of the use case.
    pub(crate) base: Cx,
    /// The repository with the configuration and the pins that the run begins with.
    pub(crate) repository: RepositorySnapshot,
    pub(crate) locks: Arc<Locks>,
    pub(crate) vault: Vault,
    /// The call that the run is below, if any.
    pub(crate) call_above: Option<CallAbove>,
}

/// What a call that has started a run means for the calls of that run, as long as both work.
#[derive(Debug, Clone)]
pub(crate) struct CallAbove {
    /// The data that the call has staged. Calls below it do not see it, and cannot stage the same
    /// names.
    pub(crate) staging: Arc<Staging>,
    /// When the call has to end. It is no deadline of the run, which may wait at a gate and outlive
    /// the call.
    pub(crate) deadline: Moment,
}

/// A model that can be called: its definition is valid, and its plugin is loaded.
pub(crate) struct ReadyModel {
    pub(crate) definition: Arc<Definition>,
    /// The digest of the definition's file.
    pub(crate) digest: Digest,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) limits: ModelLimits,
    pub(crate) permissions: Arc<Permissions>,
    /// The upgrade of the definition in memory, if it was written for an earlier version.
    pub(crate) upgraded: Option<DefinitionUpgrade>,
    /// The global arguments, if they are the same for every call of a run.
    pub(crate) global_arguments: Option<Arc<KnownGlobals>>,
}

impl RunCx {
    /// Returns the context of a run that was created with these options at this time.
    pub(crate) fn new(
        parts: RunParts,
        claim: Claim,
        options: RunOptions,
        started_at: Timestamp,
    ) -> Arc<Self> {
        let shared = SharedByRuns {
            n_calls: Arc::default(),
            has_run_commands: Arc::default(),
            lock_claim: claim.number,
        };
        Self::sharing(parts, claim, options, started_at, shared)
    }

    /// Returns the context of a child run of `parent`. Its calls count for the limits of the parent,
    /// too.
    pub(crate) fn below(
        parent: &Self,
        parts: RunParts,
        claim: Claim,
        options: RunOptions,
        started_at: Timestamp,
    ) -> Arc<Self> {
        let shared = SharedByRuns {
            n_calls: Arc::clone(&parent.n_calls),
            has_run_commands: Arc::clone(&parent.has_run_commands),
            lock_claim: parent.lock_claim,
        };
        Self::sharing(parts, claim, options, started_at, shared)
    }

    fn sharing(
        parts: RunParts,
        claim: Claim,
        options: RunOptions,
        started_at: Timestamp,
        shared: SharedByRuns,
    ) -> Arc<Self> {
        let SharedByRuns {
            n_calls,
            has_run_commands,
            lock_claim,
        } = shared;
        let RunParts {
            base,
            repository,
            locks,
            vault,
            call_above,
        } = parts;
        Arc::new(Self {
            stop: RunStop::new(base.cancel.clone()),
            base,
            repository,
            claim,
            lock_claim,
            locks,
            vault,
            now: started_at,
            inputs: OnceLock::new(),
            models: Mutex::default(),
            n_calls,
            has_run_commands,
            call_above,
            options,
            started_at,
            core_dump: Mutex::default(),
        })
    }

    pub(crate) fn run(&self) -> &RunId {
        &self.claim.run
    }

    /// Returns the clock that decides about deadlines.
    pub(crate) fn clock(&self) -> &Clock {
        &self.base.clock
    }

    /// Returns the number of the claim on the run to which the locks of this run's calls belong.
    pub(crate) fn lock_claim(&self) -> u64 {
        self.lock_claim
    }

    /// Returns the owner of a call's locks for the record of its writes; `None` if it is the call
    /// itself.
    pub(crate) fn lock_owner(&self, frame: &CallFrame) -> Option<LockOwner> {
        frame.lock_owner(self.lock_claim, self.locks.under())
    }

    pub(crate) fn event(&self, event: Event) {
        self.base.event(event);
    }

    /// Returns the checks that the user skips for all calls of the run.
    pub(crate) fn check_skips(&self) -> &CheckSkips {
        &self.options.check_skips
    }

    /// Returns the value of `run` in the expressions of this run's workflow.
    pub(crate) fn run_value(&self, workflow: &Workflow) -> Value {
        run_value(
            self.run(),
            (workflow.name.as_str(), workflow.id.as_ref()),
            self.started_at,
            &self.options.tags,
        )
    }

    /// Returns the source of answers for expressions in the arguments of this run's calls.
    pub(crate) fn evaluator_source(&self) -> EvaluatorSource {
        EvaluatorSource {
            now: self.now,
            ..EvaluatorSource::of_arguments(&self.repository)
        }
    }

    /// Returns the context of the use case that works on the run.
    pub(crate) fn base(&self) -> &Cx {
        &self.base
    }

    /// Sets the inputs of a workflow's run, with the defaults. Only the first ones count. Sensitive
    /// values are redacted from then on.
    pub(crate) fn inputs_set(&self, inputs: RunInputs) {
        self.vault.sealed_add(inputs.redacted());
        self.inputs.get_or_init(|| {
            // ignored: no error is dropped, because this is an `Option`.
            let values = inputs.values.clone().unwrap_or_default();
            (Arc::new(Value::Object(values)), inputs)
        });
    }

    /// Returns the inputs of a workflow's run: an object with marks in place of sensitive values,
    /// which is empty for a method's run.
    pub(crate) fn inputs(&self) -> Arc<Value> {
        let none = || Arc::new(Value::Object(Map::new()));
        let known = self.inputs.get();
        known.map_or_else(none, |(values, _)| Arc::clone(values))
    }

    /// Returns the value of a sensitive input. If a user has edited the workflow since its mark was
    /// made, the input may be an ordinary one.
    pub(crate) fn input_value(&self, pointer: &str) -> Option<Value> {
        let (values, inputs) = self.inputs.get()?;
        let sensitive = inputs.sensitive(pointer);
        sensitive.or_else(|| values.pointer(pointer)).cloned()
    }

    /// Counts one more call of this process for the run and those that it is part of. Returns false if that exceeds `most`.
    pub(crate) fn call_counted(&self, most: u32) -> bool {
        let count = |n_calls: u32| (n_calls < most).then_some(n_calls + 1);
        let counted = self
            .n_calls
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        counted.is_ok()
    }

    /// Counts calls no more that will be made again.
    pub(crate) fn calls_uncounted(&self, n_calls: u32) {
        self.n_calls.fetch_sub(n_calls, Ordering::Relaxed);
    }

    /// Notes that a command of a call runs, which may start runs.
    pub(crate) fn command_runs(&self) {
        self.has_run_commands.store(true, Ordering::Relaxed);
    }

    /// Returns whether this process has run a command of a call, which may have started runs. Those
    /// that former processes left were ended when the run was resumed.
    pub(crate) fn has_run_commands(&self) -> bool {
        self.has_run_commands.load(Ordering::Relaxed)
    }

    /// Returns the call that this run is below, if any.
    pub(crate) fn call_above(&self) -> Option<&CallAbove> {
        self.call_above.as_ref()
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
        self.upgraded_report(&model);
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(models.entry(name.to_owned()).or_insert(model)))
    }

    /// Adds a model that was loaded before the run was created.
    pub(crate) fn model_known(&self, model: Arc<ReadyModel>) {
        self.upgraded_report(&model);
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.insert(model.definition.name.to_string(), model);
    }

    /// Reports that a model is used with upgraded arguments.
    fn upgraded_report(&self, model: &ReadyModel) {
        if let Some(upgraded) = &model.upgraded {
            self.event(Event::DefinitionUpgraded(upgraded.clone()));
        }
    }
}

impl ReadyModel {
    pub(crate) async fn load(
        repository: &RepositorySnapshot,
        name: &str,
    ) -> Result<Self, AppError> {
        Self::of(repository, repository.definition(name)?).await
    }

    /// Loads the plugin of a definition, and checks the definition against its type.
    pub(crate) async fn of(
        repository: &RepositorySnapshot,
        definition: Definition,
    ) -> Result<Self, AppError> {
        let definition = Arc::new(definition);
        let type_name = &definition.type_name;
        let plugin = match repository.plugin(type_name.value.as_str()).await {
            Err(AppError::Plugin(PluginUseError::TypeMissing { name, near })) => {
                let fault = Diagnostic::new(
                    &definition.file,
                    type_name.span.clone(),
                    format!("no plugin provides the type `{name}`"),
                );
                let help = type_missing_help(&name, near.as_ref());
                return Err(RepositoryError::bad_file(fault, help).into());
            }
            other => other?,
        };
        let (definition, upgraded) = definition_upgraded(repository, definition, &plugin).await?;
        names_known(&definition, plugin.type_info())?;
        let source = EvaluatorSource::of_arguments(repository);
        let global_arguments = global_arguments(&definition, &plugin, source).await?;
        let permissions = permissions_of(repository, &definition, &plugin);
        let limits = definition.limits.or(&repository.config().limits).values();
        Ok(Self {
            digest: Digest::of(definition.file.text.as_bytes()),
            definition,
            plugin,
            limits,
            permissions: Arc::new(permissions),
            upgraded,
            global_arguments: global_arguments.map(Arc::new),
        })
    }
}

/// Joins the permissions that a model's plugin requests with those that are granted: to all models
/// of its type, by `plugin add` and in `sedge.yaml`, and to the model in its definition. An unsaved
/// model has only those of its type: its definition may come from a datastore of another user.
fn permissions_of(
    repository: &RepositorySnapshot,
    definition: &Definition,
    plugin: &Plugin,
) -> Permissions {
    let type_name = &definition.type_name.value;
    let own = match is_unsaved(&definition.file) {
        true => Grants::default(),
        false => definition.grants.clone(),
    };
    let permissions = Permissions::new(
        definition.name.clone(),
        type_name.clone(),
        plugin.type_info().permissions.clone(),
        &type_grants(repository, type_name),
        own,
    );
    if !is_unsaved(&definition.file) {
        return permissions.in_file(&definition.file.name);
    }
    match repository.config().plugins.get(type_name) {
        Some(config) => permissions.in_config(CONFIG_FILE, &config.grants),
        None => permissions.in_config(CONFIG_FILE, &Grants::default()),
    }
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
