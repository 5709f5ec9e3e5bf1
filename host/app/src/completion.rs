//! Names for the completion of a command line.
//!
//! The user waits for them at each press of the Tab key. So the functions here take no lock,
//! compile nothing, and neither create nor migrate a datastore.

use std::sync::Arc;

use sedge_lang::query::Selection;
use sedge_lang::type_info::MethodSpec;
use sedge_model::names::TypeName;
use sedge_model::run::StepInstance;
use sedge_secrets::Secrets;
use sedge_store::{RunFilter, RunRecord, Scan};

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::repository::files::FileKind;
use crate::run::view::status_view;

/// The maximum number of names that are proposed for one word.
///
/// A shell shows them all at once. Plugins choose how much data there is.
const PROPOSALS_MAX: usize = 500;

/// The maximum number of files that are read to find the names in them.
///
/// Reading a thousand small files takes about 10 ms, and the user waits.
const FILES_READ_MAX: usize = 1_000;

/// The kind of thing that a word of a command line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedThing {
    /// A model.
    Model,
    /// A method of a model.
    Method {
        /// The model.
        model: String,
    },
    /// A method of a type.
    TypeMethod {
        /// The type.
        type_name: String,
    },
    /// A workflow.
    Workflow,
    /// The model or workflow of a run.
    RunSubject,
    /// A gate that waits for a decision.
    Gate {
        /// The workflow.
        workflow: String,
    },
    /// A run.
    Run,
    /// Data of a model.
    Data {
        /// The model.
        model: String,
    },
    /// A secret.
    Secret,
    /// A type that a pinned plugin provides.
    Type,
}

/// A name that the user may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameProposal {
    /// The name.
    pub name: String,
    /// A short description of it. A plugin may have written it.
    pub about: Option<String>,
}

impl NameProposal {
    fn plain(name: impl ToString) -> Self {
        Self {
            name: name.to_string(),
            about: None,
        }
    }
}

/// Returns the names of `thing` that begin with `beginning`, at most `PROPOSALS_MAX`. Names that
/// cannot be read without waiting are left out.
///
/// # Errors
/// Returns an error if a file of the repository is invalid or cannot be read.
pub fn names_proposed(
    cx: &Cx,
    thing: &NamedThing,
    beginning: &str,
) -> Result<Vec<NameProposal>, AppError> {
    let mut proposals = match thing {
        NamedThing::Model => file_names(&cx.repository, FileKind::Model)?,
        NamedThing::Method { model } => methods(&cx.repository, model)?,
        NamedThing::TypeMethod { type_name } => type_methods(&cx.repository, type_name)?,
        NamedThing::Workflow => file_names(&cx.repository, FileKind::Workflow)?,
        NamedThing::RunSubject => {
            let mut subjects = file_names(&cx.repository, FileKind::Model)?;
            subjects.extend(file_names(&cx.repository, FileKind::Workflow)?);
            subjects
        }
        NamedThing::Gate { workflow } => gates(&cx.repository, workflow)?,
        NamedThing::Run => runs(&cx.repository, beginning)?,
        NamedThing::Data { model } => data(&cx.repository, model, beginning)?,
        NamedThing::Secret => secrets(&cx.repository)?,
        NamedThing::Type => plain(cx.repository.snapshot()?.plugin_lock().plugins.keys()),
    };
    proposals.retain(|proposal| proposal.name.starts_with(beginning));
    proposals.truncate(PROPOSALS_MAX);
    Ok(proposals)
}

fn plain<T: ToString>(names: impl IntoIterator<Item = T>) -> Vec<NameProposal> {
    names.into_iter().map(NameProposal::plain).collect()
}

/// Returns the names of all models or workflows. If there are too many files to read them all,
/// returns the names that the files have by their paths, which are those of most of them.
fn file_names(repository: &Repository, kind: FileKind) -> Result<Vec<NameProposal>, AppError> {
    let paths = repository.paths(kind)?;
    if paths.len() > FILES_READ_MAX {
        return Ok(plain(paths.iter().map(|path| kind.name_of_path(path))));
    }
    Ok(match kind {
        FileKind::Model => {
            let mut names = plain(repository.saved_model_names()?);
            names.extend(unsaved_names(repository));
            names
        }
        FileKind::Workflow => plain(repository.workflow_names()?),
    })
}

/// Returns the names of the unsaved models, if the datastore can be read without waiting.
fn unsaved_names(repository: &Repository) -> Vec<NameProposal> {
    let store = repository.store_for_glance();
    let listed = store.and_then(|it| Ok(it.map(|it| it.unsaved_list()).transpose()?));
    // ignored: without a datastore that can be read at once, only files are proposed.
    let listed = listed.ok().flatten().unwrap_or_default();
    plain(listed.iter().map(|it| &it.name))
}

/// Returns the methods of a model's type, as the cache of compiled code describes it.
fn methods(repository: &Arc<Repository>, model: &str) -> Result<Vec<NameProposal>, AppError> {
    match type_of(repository, model)? {
        Some(type_name) => type_methods(repository, type_name.as_str()),
        None => Ok(Vec::new()),
    }
}

fn type_of(repository: &Repository, model: &str) -> Result<Option<TypeName>, AppError> {
    if let Some(definition) = repository.definition_saved(model)? {
        return Ok(Some(definition.type_name.value));
    }
    let Some(store) = repository.store_for_glance()? else {
        return Ok(None);
    };
    Ok(store.unsaved_get(model)?.map(|it| it.type_name))
}

fn type_methods(
    repository: &Arc<Repository>,
    type_name: &str,
) -> Result<Vec<NameProposal>, AppError> {
    let repository = repository.snapshot()?;
    let (_, pinned) = repository.plugin_pinned(type_name)?;
    let Some(description) = repository.plugin_description(&pinned.sha256)? else {
        return Ok(Vec::new());
    };
    let method = |method: &MethodSpec| NameProposal {
        name: method.name.to_string(),
        about: first_line(method.description.raw()),
    };
    Ok(description.type_info.methods.iter().map(method).collect())
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().next().map_or("", str::trim);
    (!line.is_empty()).then(|| line.to_owned())
}

/// Returns the open gates of a workflow's runs: by the name alone where one gate has it, and by
/// their paths elsewhere.
fn gates(repository: &Repository, workflow: &str) -> Result<Vec<NameProposal>, AppError> {
    let Some(store) = repository.store_for_glance()? else {
        return Ok(Vec::new());
    };
    let mut open = store.gates_open()?;
    open.retain(|gate| gate.run.subject == workflow);
    let mut paths: Vec<_> = open.into_iter().map(|gate| gate.gate).collect();
    paths.sort();
    paths.dedup();
    let name = |gate: &StepInstance| {
        let same = paths.iter().filter(|it| it.path.step == gate.path.step);
        match same.count() > 1 || gate.expansion.is_some() {
            true => gate.to_string(),
            false => gate.path.step.to_string(),
        }
    };
    Ok(plain(paths.iter().map(name)))
}

/// Returns the newest runs whose ids begin with a text.
fn runs(repository: &Repository, beginning: &str) -> Result<Vec<NameProposal>, AppError> {
    let Some(store) = repository.store_for_glance()? else {
        return Ok(Vec::new());
    };
    let filter = RunFilter {
        id_prefix: Some(beginning.to_owned()).filter(|text| !text.is_empty()),
        ..RunFilter::default()
    };
    let run = |run: RunRecord| NameProposal {
        about: Some(run_about(&run)),
        name: run.id.to_string(),
    };
    let runs = store.run_list(&filter, PROPOSALS_MAX)?;
    Ok(runs.into_iter().map(run).collect())
}

/// Returns what a run runs, and its status as it is recorded.
fn run_about(run: &RunRecord) -> String {
    let status = status_view(run.status).as_str();
    match &run.method {
        Some(method) => format!("{}.{method}, {status}", run.subject),
        None => format!("workflow {}, {status}", run.subject),
    }
}

/// Returns the names of a model's data that begin with a text.
fn data(
    repository: &Repository,
    model: &str,
    beginning: &str,
) -> Result<Vec<NameProposal>, AppError> {
    let Some(store) = repository.store_for_glance()? else {
        return Ok(Vec::new());
    };
    let selection = Selection {
        model: Some(model.to_owned()),
        name_prefix: Some(beginning.to_owned()),
        latest: Some(true),
        ..Selection::default()
    };
    let mut names = Vec::new();
    store.data_scan(&selection, |found| {
        names.push(NameProposal::plain(&found.record.name));
        Ok::<_, AppError>(match names.len() < PROPOSALS_MAX {
            true => Scan::More,
            false => Scan::Enough,
        })
    })?;
    Ok(names)
}

fn secrets(repository: &Repository) -> Result<Vec<NameProposal>, AppError> {
    match repository.state_folder_kept("secrets")? {
        Some(folder) => Ok(plain(Secrets::open(&folder)?.names()?)),
        None => Ok(Vec::new()),
    }
}
