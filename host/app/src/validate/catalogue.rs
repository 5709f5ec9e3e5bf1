//! The models, workflows and types of a repository, each looked up once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use sedge_api::problem::Explain;
use sedge_lang::definition::Definition;
use sedge_lang::input::InputsSchema;
use sedge_lang::schema::Schema;
use sedge_lang::type_info::TypeInfo;
use sedge_lang::workflow::{ModelTarget, Task, Workflow};
use sedge_lang::written::WrittenValue;
use sedge_model::names::{MethodName, SecretName, TypeName};
use serde_json::{Map, Value};

use super::FileRead;
use super::cycles::NameCycles;
use crate::error::AppError;
use crate::repository::snapshot::RepositorySnapshot;

/// The known properties of all models, workflows and types.
pub(super) struct Catalogue<'r> {
    repository: &'r RepositorySnapshot,
    models: BTreeMap<String, CatalogueEntry<KnownModel>>,
    model_ids: HashMap<String, String>,
    workflows: BTreeMap<String, CatalogueEntry<KnownWorkflow>>,
    workflow_ids: HashMap<String, String>,
    /// The names of the models without definitions that steps of workflows run.
    made: BTreeSet<String>,
    /// Whether the name of such a model is computed.
    has_computed_names: bool,
    types: HashMap<TypeName, Option<Arc<DescribedType>>>,
    /// The types whose plugins cannot be used, with the reason.
    unusable: Vec<(TypeName, AppError)>,
    /// Which models need each other's definitions, from the first check on: then all files are
    /// read.
    model_cycles: OnceLock<NameCycles>,
    /// The models whose definitions need that of each model, from the first look-up on.
    model_users: OnceLock<HashMap<String, Vec<String>>>,
    /// Which workflows run each other.
    workflow_cycles: OnceLock<NameCycles>,
    /// The names of the secrets; `None` if they cannot be read.
    secrets: OnceLock<Option<Vec<SecretName>>>,
}

/// A name that a file gives.
#[derive(Debug)]
pub(super) struct CatalogueEntry<T> {
    path: String,
    /// The model or the workflow that the file defines; `None` if the file has faults.
    pub(super) known: Option<T>,
}

/// Another file with the same name or id.
#[derive(Debug)]
pub(super) struct CatalogueTwin {
    /// The name or the id that both files have.
    pub(super) shared: String,
    /// The path of the other file.
    pub(super) path: String,
}

/// The properties of a model that other files refer to.
#[derive(Debug)]
pub(super) struct KnownModel {
    pub(super) type_name: TypeName,
    /// The stored arguments of its methods.
    pub(super) arguments: BTreeMap<MethodName, WrittenValue>,
    /// The names of the models whose definitions its own needs to be evaluated, as far as they are
    /// written out.
    pub(super) uses: Vec<String>,
}

/// The properties of a workflow that other files refer to.
#[derive(Debug)]
pub(super) struct KnownWorkflow {
    pub(super) inputs: InputsSchema,
    /// The names of the workflows that its steps run, as far as they are written out.
    pub(super) runs: Vec<String>,
}

/// A type, with its schemas. Each is compiled at its first use.
#[derive(Debug)]
pub(super) struct DescribedType {
    pub(super) info: TypeInfo,
    global_arguments: OnceLock<Schema>,
    arguments: BTreeMap<MethodName, OnceLock<Schema>>,
}

impl KnownModel {
    pub(super) fn of(definition: &Definition) -> Self {
        Self {
            type_name: definition.type_name.value.clone(),
            arguments: definition.method_arguments.clone(),
            uses: models_used(definition),
        }
    }
}

/// Returns the names of the models that the global arguments of a definition name. If other
/// definitions do not evaluate the arguments, because inputs are missing, there are none.
fn models_used(definition: &Definition) -> Vec<String> {
    let globals = &definition.global_arguments;
    let uses_inputs = globals.exprs().any(|it| it.uses("inputs"));
    if uses_inputs && definition.inputs.resolve(Map::new()).is_err() {
        return Vec::new();
    }
    let references = globals.exprs().flat_map(|it| it.references("model"));
    references.map(|it| it.name).collect()
}

impl KnownWorkflow {
    fn of(workflow: &Workflow) -> Self {
        let runs = workflow.steps().filter_map(|step| match &step.task {
            Task::Workflow { workflow, .. } => workflow.literal().map(str::to_owned),
            Task::ModelMethod { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => None,
        });
        Self {
            inputs: workflow.inputs.clone(),
            runs: runs.collect(),
        }
    }
}

impl DescribedType {
    fn new(info: TypeInfo) -> Self {
        let slots = info
            .methods
            .iter()
            .map(|it| (it.name.clone(), OnceLock::new()));
        Self {
            global_arguments: OnceLock::new(),
            arguments: slots.collect(),
            info,
        }
    }

    pub(super) fn global_arguments(&self) -> &Schema {
        compiled(&self.global_arguments, &self.info.global_arguments)
    }

    /// Returns the schema of a method's arguments, and the same as JSON. Returns `None` if the type
    /// has no such method.
    pub(super) fn arguments(&self, method: &MethodName) -> Option<(&Schema, &Value)> {
        let json = &self.info.method(method.as_str())?.arguments;
        Some((compiled(self.arguments.get(method)?, json), json))
    }

    pub(super) fn method_names(&self) -> Vec<&str> {
        let methods = self.info.methods.iter();
        methods.map(|it| it.name.as_str()).collect()
    }
}

fn compiled<'a>(slot: &'a OnceLock<Schema>, json: &Value) -> &'a Schema {
    slot.get_or_init(|| {
        Schema::compile_known(json).expect("it was compiled when the plugin was described")
    })
}

impl<'r> Catalogue<'r> {
    pub(super) fn new(repository: &'r RepositorySnapshot) -> Self {
        Self {
            repository,
            models: BTreeMap::new(),
            model_ids: HashMap::new(),
            workflows: BTreeMap::new(),
            workflow_ids: HashMap::new(),
            made: BTreeSet::new(),
            has_computed_names: false,
            types: HashMap::new(),
            unusable: Vec::new(),
            model_cycles: OnceLock::new(),
            model_users: OnceLock::new(),
            workflow_cycles: OnceLock::new(),
            secrets: OnceLock::new(),
        }
    }

    pub(super) fn repository(&self) -> &'r RepositorySnapshot {
        self.repository
    }

    /// Records a model. Returns another file with the same name or id, if there is one.
    pub(super) fn model_add(
        &mut self,
        read: &FileRead,
        known: Option<KnownModel>,
    ) -> Option<CatalogueTwin> {
        let id_twin = id_add(&mut self.model_ids, &self.models, read);
        entry_add(&mut self.models, read, known).or(id_twin)
    }

    /// Records a workflow as [`Catalogue::model_add`] does a model.
    pub(super) fn workflow_add(
        &mut self,
        read: &FileRead,
        workflow: Option<&Workflow>,
    ) -> Option<CatalogueTwin> {
        for step in workflow.into_iter().flat_map(Workflow::steps) {
            if let Task::ModelMethod { model, .. } = &step.task
                && let ModelTarget::Typed { name, .. } = model
            {
                match name.literal() {
                    Some(name) => {
                        self.made.insert(name.to_owned());
                    }
                    None => self.has_computed_names = true,
                }
            }
        }
        let id_twin = id_add(&mut self.workflow_ids, &self.workflows, read);
        entry_add(&mut self.workflows, read, workflow.map(KnownWorkflow::of)).or(id_twin)
    }

    /// Returns the model with a name or an id.
    pub(super) fn model(&self, name: &str) -> Option<&CatalogueEntry<KnownModel>> {
        let by_id = || {
            self.models
                .get(self.model_ids.get(&name.to_ascii_lowercase())?)
        };
        self.models.get(name).or_else(by_id)
    }

    /// Returns the name of the model with a name or an id.
    pub(super) fn model_name<'c>(&'c self, name: &'c str) -> &'c str {
        match self.model_ids.get(&name.to_ascii_lowercase()) {
            Some(named) if !self.models.contains_key(name) => named,
            Some(_) | None => name,
        }
    }

    /// Returns the name of the workflow with a name or an id.
    pub(super) fn workflow_name<'c>(&'c self, name: &'c str) -> &'c str {
        match self.workflow_ids.get(&name.to_ascii_lowercase()) {
            Some(named) if !self.workflows.contains_key(name) => named,
            Some(_) | None => name,
        }
    }

    /// Returns which models need each other's definitions.
    pub(super) fn model_cycles(&self) -> &NameCycles {
        self.model_cycles.get_or_init(|| {
            NameCycles::of(self.models.iter().map(|(name, entry)| {
                let known = entry.known.iter().flat_map(|it| &it.uses);
                (name.as_str(), known.map(|it| self.model_name(it)))
            }))
        })
    }

    /// Returns the name of a model as the catalogue has it. Returns `None` if no file has it.
    pub(super) fn known_name(&self, name: &str) -> Option<&str> {
        let found = self.models.get_key_value(self.model_name(name));
        found.map(|(known, _)| known.as_str())
    }

    /// Returns the names of the models whose definitions need that of a model.
    pub(super) fn model_users(&self, name: &str) -> impl Iterator<Item = &str> {
        let users = self.model_users.get_or_init(|| {
            let mut users: HashMap<String, Vec<String>> = HashMap::new();
            for (user, entry) in &self.models {
                for used in entry.known.iter().flat_map(|it| &it.uses) {
                    let used = self.model_name(used).to_owned();
                    users.entry(used).or_default().push(user.clone());
                }
            }
            users
        });
        users.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Returns which workflows run each other.
    pub(super) fn workflow_cycles(&self) -> &NameCycles {
        self.workflow_cycles.get_or_init(|| {
            NameCycles::of(self.workflows.iter().map(|(name, entry)| {
                let known = entry.known.iter().flat_map(|it| &it.runs);
                (name.as_str(), known.map(|it| self.workflow_name(it)))
            }))
        })
    }

    /// Returns whether a step may run a model with this name that has no definition.
    pub(super) fn may_be_made(&self, name: &str) -> bool {
        self.has_computed_names || self.made.contains(name)
    }

    /// Returns the workflow with a name or an id.
    pub(super) fn workflow(&self, name: &str) -> Option<&CatalogueEntry<KnownWorkflow>> {
        let by_id = || {
            self.workflows
                .get(self.workflow_ids.get(&name.to_ascii_lowercase())?)
        };
        self.workflows.get(name).or_else(by_id)
    }

    pub(super) fn model_names(&self) -> impl Iterator<Item = &String> {
        self.models.keys()
    }

    pub(super) fn workflow_names(&self) -> impl Iterator<Item = &String> {
        self.workflows.keys()
    }

    /// Returns the names of the secrets on this machine. Returns `None` if they cannot be read, for
    /// instance because another user owns them.
    pub(super) fn secret_names(&self) -> Option<&[SecretName]> {
        let names = self.secrets.get_or_init(|| {
            // ignored: `sedge status` and `sedge doctor` say what is wrong with the secrets.
            secret_names(self.repository).ok()
        });
        names.as_deref()
    }

    /// Returns whether `sedge.lock` pins a plugin that provides a type.
    pub(super) fn has_type(&self, type_name: &TypeName) -> bool {
        self.repository
            .plugin_lock()
            .plugins
            .contains_key(type_name)
    }

    /// Returns a type as its plugin describes it. Returns `None` if there is no such plugin, or if
    /// it cannot be used.
    pub(super) async fn described(&mut self, type_name: &TypeName) -> Option<Arc<DescribedType>> {
        if let Some(known) = self.types.get(type_name) {
            return known.clone();
        }
        let info = if self.has_type(type_name) {
            match self.type_info(type_name).await {
                Ok(info) => Some(info),
                Err(error) => {
                    self.unusable.push((type_name.clone(), error));
                    None
                }
            }
        } else {
            None
        };
        let described = info.map(|info| Arc::new(DescribedType::new(info)));
        self.types.insert(type_name.clone(), described.clone());
        described
    }

    /// Returns the description of a type: from the cache of compiled code, or else by compiling its
    /// plugin.
    async fn type_info(&self, type_name: &TypeName) -> Result<TypeInfo, AppError> {
        let (_, pinned) = self.repository.plugin_pinned(type_name.as_str())?;
        if let Some(described) = self.repository.plugin_description(&pinned.sha256)? {
            return Ok(described.type_info);
        }
        let plugin = self.repository.plugin(type_name.as_str()).await?;
        Ok(plugin.type_info().clone())
    }

    /// Returns the types whose plugins cannot be used, with the reason.
    pub(super) fn unusable(&self) -> impl Iterator<Item = (&TypeName, String)> {
        self.unusable.iter().map(|(type_name, error)| {
            let mut message = vec![error.message()];
            message.extend(error.causes());
            (type_name, message.join(": "))
        })
    }
}

fn secret_names(repository: &RepositorySnapshot) -> Result<Vec<SecretName>, AppError> {
    // A user who only reads may not be allowed to create the folder.
    if !repository.has_state_folder("secrets")? {
        return Ok(Vec::new());
    }
    Ok(repository.secrets()?.names()?)
}

/// Records the id of a file. Returns another file that has this id, as its id or as its name, or
/// whose id is the name of this file: a look-up would find either.
fn id_add<T>(
    ids: &mut HashMap<String, String>,
    entries: &BTreeMap<String, CatalogueEntry<T>>,
    read: &FileRead,
) -> Option<CatalogueTwin> {
    let twin_of = |shared: &str, name: &String| {
        let entry = entries.get(name)?;
        Some(CatalogueTwin {
            shared: shared.to_owned(),
            path: entry.path.clone(),
        })
    };
    let name = ids.get(&read.name.to_ascii_lowercase());
    let named_like_id = name.and_then(|name| twin_of(&read.name, name));
    let Some(id) = &read.id else {
        return named_like_id;
    };
    let id = id.to_ascii_lowercase();
    let twin = ids.get(&id).and_then(|name| twin_of(&id, name));
    let twin = twin.or_else(|| twin_of(&id, &id)).or(named_like_id);
    ids.entry(id).or_insert_with(|| read.name.clone());
    twin
}

fn entry_add<T>(
    entries: &mut BTreeMap<String, CatalogueEntry<T>>,
    read: &FileRead,
    known: Option<T>,
) -> Option<CatalogueTwin> {
    if let Some(twin) = entries.get(&read.name) {
        return Some(CatalogueTwin {
            shared: read.name.clone(),
            path: twin.path.clone(),
        });
    }
    let path = read.file.name.clone();
    entries.insert(read.name.clone(), CatalogueEntry { path, known });
    None
}
