//! Checks the files of a repository without running anything: definitions, workflows and
//! `sedge.lock`, what they refer to, and their expressions as far as they are known.
//!
//! A check finds all faults, not only the first one. It takes no lock and writes nothing, except
//! that a plugin that this machine has not compiled yet is compiled into the user's cache. Each
//! file is read once, and each plugin and each schema is looked up once, so the time is linear in
//! the size of the repository.

mod catalogue;
mod cycles;
mod definitions;
mod lock;
mod references;
mod steps;
mod view;

use std::ops::Range;
use std::sync::Arc;

use sedge_api::problem::{Explain as _, Help};
use sedge_api::view::validate::{CheckedCounts, FindingSeverity};
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use sedge_lang::workflow::Workflow;
use sedge_lang::yaml::Faults;

use crate::cx::Cx;
use crate::error::AppError;
use crate::repository::Repository;
use crate::repository::files::{FileKind, head_of, two_files};
use crate::repository::snapshot::RepositorySnapshot;

use catalogue::{Catalogue, KnownModel};
pub(crate) use definitions::{key_place, spec_place};
pub(crate) use steps::{sensitive_faults, sensitive_input_faults};
pub use view::validation_report;

/// A finding in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFinding {
    /// How severe it is.
    pub severity: FindingSeverity,
    /// The finding, with its place.
    pub fault: Diagnostic,
    /// Help in addition to the hint of the fault.
    pub help: Vec<Help>,
}

/// The result of a check.
#[derive(Debug, Clone, Default)]
pub struct Validated {
    /// The findings, in the order of the files and of their lines.
    pub findings: Vec<FileFinding>,
    /// The number of files and plugins that were checked.
    pub checked: CheckedCounts,
}

/// Which files are checked. References to other files are followed in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ValidationScope {
    /// All files.
    Repository,
    /// All files of a kind.
    Kind(FileKind),
    /// The files of a kind with one name or id.
    Named(FileKind, String),
}

/// Checks all files of a repository.
///
/// # Errors
/// Returns an error if `sedge.yaml` or `sedge.lock` is invalid, or if a folder or the datastore cannot
/// be read. The faults of other files are part of the result.
pub async fn validate(cx: &Cx) -> Result<Validated, AppError> {
    validated(&cx.repository, ValidationScope::Repository).await
}

/// Checks the definition of one model, or of all.
///
/// # Errors
/// Returns the errors of [`validate`], or an error if there is no such model.
pub async fn model_validate(cx: &Cx, name: Option<&str>) -> Result<Validated, AppError> {
    validated(&cx.repository, ValidationScope::of(FileKind::Model, name)).await
}

/// Checks one workflow, or all.
///
/// # Errors
/// Returns the errors of [`validate`], or an error if there is no such workflow.
pub async fn workflow_validate(cx: &Cx, name: Option<&str>) -> Result<Validated, AppError> {
    validated(
        &cx.repository,
        ValidationScope::of(FileKind::Workflow, name),
    )
    .await
}

async fn validated(
    repository: &Arc<Repository>,
    scope: ValidationScope,
) -> Result<Validated, AppError> {
    let repository = &repository.snapshot()?;
    let mut findings = FindingList::default();
    let mut catalogue = Catalogue::new(repository);
    let definitions = definitions_read(repository, &scope, &mut catalogue, &mut findings)?;
    let workflows = workflows_read(repository, &scope, &mut catalogue, &mut findings)?;
    scope.has_found(&catalogue)?;
    let mut checked = CheckedCounts::default();
    for definition in definitions.iter().filter(|it| scope.has_definition(it)) {
        checked.definitions += 1;
        definitions::check(definition, &mut catalogue, &mut findings).await;
    }
    for workflow in workflows.iter().filter(|it| scope.has_workflow(it)) {
        checked.workflows += 1;
        steps::check(workflow, &mut catalogue, &mut findings).await;
    }
    checked.definitions += findings.n_faulty(FileKind::Model);
    checked.workflows += findings.n_faulty(FileKind::Workflow);
    if scope == ValidationScope::Repository {
        checked.plugins = lock::check(repository, &catalogue, &mut findings)?;
    }
    Ok(Validated {
        findings: findings.sorted(),
        checked,
    })
}

/// Reads all definitions, and records the names of all models.
fn definitions_read(
    repository: &RepositorySnapshot,
    scope: &ValidationScope,
    catalogue: &mut Catalogue<'_>,
    findings: &mut FindingList,
) -> Result<Vec<Definition>, AppError> {
    let mut definitions = Vec::new();
    for read in FileRead::all(repository, FileKind::Model, findings)? {
        let is_in_scope = scope.has(FileKind::Model, &read);
        let parsed = Definition::parse(&read.file);
        let model = match &parsed {
            Ok(definition) => Some(KnownModel::of(definition)),
            Err(_) => None,
        };
        if let Some(twin) = catalogue.model_add(&read, model)
            && is_in_scope
        {
            findings.error(two_files(
                FileKind::Model,
                &twin.shared,
                &twin.path,
                &read.file,
            ));
        }
        match parsed {
            Ok(definition) => {
                if is_in_scope {
                    findings.notes(definition.notes());
                }
                definitions.push(definition);
            }
            Err(faults) if is_in_scope => findings.faults(FileKind::Model, faults),
            Err(_) => {}
        }
    }
    definitions.extend(unsaved_read(repository, scope, catalogue)?);
    Ok(definitions)
}

/// Records the unsaved models, which files may refer to, and returns the one that the user named. A
/// model with a file is not replaced.
///
/// # Errors
/// The datastore cannot be read, so a reference to an unsaved model would count as wrong.
fn unsaved_read(
    repository: &RepositorySnapshot,
    scope: &ValidationScope,
    catalogue: &mut Catalogue<'_>,
) -> Result<Option<Definition>, AppError> {
    let mut named = None;
    for model in repository.unsaved_all()? {
        let read = FileRead {
            name: model.name.to_string(),
            id: None,
            file: model.file,
        };
        // ignored: each use of such a model reports its faults.
        let Ok(definition) = Definition::parse(&read.file) else {
            continue;
        };
        let is_new = catalogue
            .model_add(&read, Some(KnownModel::of(&definition)))
            .is_none();
        let is_named =
            matches!(scope, ValidationScope::Named(..)) && scope.has_definition(&definition);
        if is_new && is_named {
            named = Some(definition);
        }
    }
    Ok(named)
}

/// Reads all workflows, and records their names.
fn workflows_read(
    repository: &RepositorySnapshot,
    scope: &ValidationScope,
    catalogue: &mut Catalogue<'_>,
    findings: &mut FindingList,
) -> Result<Vec<Workflow>, AppError> {
    let mut workflows = Vec::new();
    for read in FileRead::all(repository, FileKind::Workflow, findings)? {
        let is_in_scope = scope.has(FileKind::Workflow, &read);
        let parsed = Workflow::parse(&read.file);
        // ignored: the faults of the file are findings of their own.
        if let Some(twin) = catalogue.workflow_add(&read, parsed.as_ref().ok())
            && is_in_scope
        {
            findings.error(two_files(
                FileKind::Workflow,
                &twin.shared,
                &twin.path,
                &read.file,
            ));
        }
        match parsed {
            Ok(workflow) => {
                if is_in_scope {
                    findings.notes(workflow.notes());
                    findings.warnings(workflow.unsupported_in_run());
                }
                workflows.push(workflow);
            }
            Err(faults) if is_in_scope => findings.faults(FileKind::Workflow, faults),
            Err(_) => {}
        }
    }
    Ok(workflows)
}

/// A file of a definition or a workflow that was read.
struct FileRead {
    file: Arc<SourceFile>,
    /// Its name; the name that it has by its path if it gives none that can be read.
    name: String,
    id: Option<String>,
}

impl FileRead {
    /// Reads all files of a kind, in the order of their paths. A file that cannot be read is a
    /// finding.
    fn all(
        repository: &RepositorySnapshot,
        kind: FileKind,
        findings: &mut FindingList,
    ) -> Result<Vec<Self>, AppError> {
        let mut all = Vec::new();
        for path in repository.paths(kind)? {
            match repository.source_file(&path) {
                Ok(Some(file)) => {
                    let (name, id) = head_of(kind, &file);
                    all.push(Self { file, name, id });
                }
                // Another process has removed it meanwhile, or it is a link that leads nowhere.
                Ok(None) => {
                    if let Err(error) = repository.folder().link_check(&path) {
                        findings.unreadable(kind, &path, &AppError::from(error));
                    }
                }
                Err(error) => findings.unreadable(kind, &path, &error),
            }
        }
        Ok(all)
    }
}

impl ValidationScope {
    fn of(kind: FileKind, name: Option<&str>) -> Self {
        match name {
            Some(name) => Self::Named(kind, name.to_owned()),
            None => Self::Kind(kind),
        }
    }

    /// Returns whether a file of a kind is to be checked.
    fn has(&self, kind: FileKind, read: &FileRead) -> bool {
        self.has_named(kind, &read.name, read.id.as_deref())
    }

    fn has_definition(&self, definition: &Definition) -> bool {
        let id = definition.id.as_ref().map(ToString::to_string);
        self.has_named(FileKind::Model, definition.name.as_str(), id.as_deref())
    }

    fn has_workflow(&self, workflow: &Workflow) -> bool {
        let id = workflow.id.as_ref().map(ToString::to_string);
        self.has_named(FileKind::Workflow, workflow.name.as_str(), id.as_deref())
    }

    fn has_named(&self, kind: FileKind, name: &str, id: Option<&str>) -> bool {
        match self {
            Self::Repository => true,
            Self::Kind(wanted) => *wanted == kind,
            Self::Named(wanted, named) => {
                let has_id = id.is_some_and(|id| id.eq_ignore_ascii_case(named));
                *wanted == kind && (name == named || has_id)
            }
        }
    }

    /// Checks that a file has the name.
    fn has_found(&self, catalogue: &Catalogue<'_>) -> Result<(), AppError> {
        let Self::Named(kind, name) = self else {
            return Ok(());
        };
        match kind {
            FileKind::Model if catalogue.model(name).is_none() => {
                catalogue.repository().definition(name).map(drop)
            }
            FileKind::Workflow if catalogue.workflow(name).is_none() => {
                catalogue.repository().workflow(name).map(drop)
            }
            FileKind::Model | FileKind::Workflow => Ok(()),
        }
    }
}

/// The findings so far.
#[derive(Debug, Default)]
struct FindingList {
    found: Vec<FileFinding>,
    /// The kinds of the files that could not be read or parsed.
    faulty: Vec<FileKind>,
}

impl FindingList {
    fn add(&mut self, severity: FindingSeverity, fault: Diagnostic, help: Vec<Help>) {
        self.found.push(FileFinding {
            severity,
            fault,
            help,
        });
    }

    fn error(&mut self, fault: Diagnostic) {
        self.add(FindingSeverity::Error, fault, Vec::new());
    }

    fn warnings(&mut self, found: Vec<Diagnostic>) {
        for fault in found {
            self.add(FindingSeverity::Warning, fault, Vec::new());
        }
    }

    fn notes(&mut self, found: Vec<Diagnostic>) {
        for fault in found {
            self.add(FindingSeverity::Note, fault, Vec::new());
        }
    }

    /// Adds the faults of a file that is not used any further.
    fn faults(&mut self, kind: FileKind, faults: Faults) {
        self.faulty.push(kind);
        for fault in faults {
            self.error(fault);
        }
    }

    fn unreadable(&mut self, kind: FileKind, path: &str, error: &AppError) {
        self.faulty.push(kind);
        let mut message = vec![error.message()];
        message.extend(error.causes());
        let file = SourceFile::new(path, "");
        let fault = Diagnostic::new(&file, 0..0, message.join(": "));
        let fault = fault.with_code(DiagnosticCode::Unreadable);
        self.add(FindingSeverity::Error, fault, error.help());
    }

    fn n_faulty(&self, kind: FileKind) -> u64 {
        self.faulty.iter().filter(|it| **it == kind).count() as u64
    }

    fn sorted(self) -> Vec<FileFinding> {
        let mut found = self.found;
        let place = |it: &FileFinding| (it.fault.file.name.clone(), it.fault.span.start);
        found.sort_by_cached_key(place);
        found.dedup();
        found
    }
}

/// Returns a fault with a code.
fn fault(
    file: &Arc<SourceFile>,
    code: DiagnosticCode,
    span: Range<usize>,
    message: impl Into<String>,
) -> Diagnostic {
    Diagnostic::new(file, span, message).with_code(code)
}
