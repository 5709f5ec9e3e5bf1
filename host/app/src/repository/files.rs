//! The files of definitions and workflows: how a name or an id leads to its file, and the list of
//! all files.
//!
//! The name is the key `name` of the file, not the file's own name. A look-up begins with
//! `models/NAME.yaml`, and reads the other files only if that one is missing or has another name. A
//! file that is not readable YAML counts as the model or workflow that its path names, so that its
//! faults are reported, and its data is not taken for data of a model that was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use sedge_lang::workflow::Workflow;
use sedge_lang::yaml;
use sedge_model::names::{FileId, ModelName, WorkflowName};
use sedge_sys::folder::{FileStamp, Folder, WalkLimits};

use super::heads::FileHead;
pub(crate) use super::listed_file::ListedFile;
use super::{MODELS_FOLDER, Repository, WORKFLOWS_FOLDER, near_one};
use crate::error::{AppError, ModelError, RunUseError};

/// How much is read to find definitions and workflows.
///
/// A user who can write to the repository chooses both numbers. A command that lists all models
/// reads each file, and holds its path.
const WALK_LIMITS: WalkLimits = WalkLimits {
    depth_max: 16,
    files_max: 100_000,
};

/// How much text of files is kept from the look-up of their names until they are parsed, in bytes.
///
/// A user who can write to the repository chooses the number and the size of the files. Files after
/// these are read a second time.
const TEXT_KEPT_BYTES_MAX: usize = 16 << 20;

/// The ends of the names of YAML files.
const ENDINGS: [&str; 2] = [".yaml", ".yml"];

/// The kind of thing that a file defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Model,
    Workflow,
}

impl FileKind {
    fn folder(self) -> &'static str {
        match self {
            Self::Model => MODELS_FOLDER,
            Self::Workflow => WORKFLOWS_FOLDER,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Workflow => "workflow",
        }
    }

    /// Returns the path of the file where the look-up of a name begins. Returns `None` if the text
    /// is not a name.
    fn first_path(self, name: &str) -> Option<String> {
        match self {
            // ignored: a text that is not a name has no file.
            Self::Model => name.parse::<ModelName>().ok().map(|it| it.file()),
            // ignored: see above.
            Self::Workflow => name.parse::<WorkflowName>().ok().map(|it| it.file()),
        }
    }

    /// Returns the name that a file has by its path: `@acme/daily` for `models/@acme/daily.yaml`.
    pub(crate) fn name_of_path(self, path: &str) -> &str {
        let within = path.strip_prefix(self.folder()).unwrap_or(path);
        let within = within.strip_prefix('/').unwrap_or(within);
        let mut endings = ENDINGS.iter();
        let stem = endings.find_map(|ending| within.strip_suffix(ending));
        stem.unwrap_or(within)
    }
}

/// A file that was read for its name.
struct ReadFile {
    path: String,
    /// The file, if it was kept.
    kept: Option<Arc<SourceFile>>,
    stamp: Option<FileStamp>,
}

/// The result of a look-up.
enum Found {
    File(Arc<SourceFile>),
    /// The file where the look-up began has another name, and no file has this one.
    OtherName(Box<Diagnostic>),
    Nothing,
}

impl Repository {
    /// Reads a model's definition, by its name or its id: that of its file, or else that of an
    /// unsaved model.
    ///
    /// # Errors
    /// There is no such model, two files have its name, or its definition is invalid.
    pub(crate) fn definition(&self, name: &str) -> Result<Definition, AppError> {
        match self.find_model(name)? {
            Found::File(file) => Ok(Definition::parse(&file)?),
            Found::OtherName(fault) => Err((*fault).into()),
            Found::Nothing => Err(self.model_missing(name)),
        }
    }

    /// Reads the definition of a model that has a file, without the datastore. Returns `None` if no
    /// file defines the model.
    ///
    /// # Errors
    /// Two files have its name, or its file is invalid.
    pub(crate) fn definition_saved(&self, name: &str) -> Result<Option<Definition>, AppError> {
        match self.find(FileKind::Model, name)? {
            Found::File(file) => Ok(Some(Definition::parse(&file)?)),
            Found::OtherName(_) | Found::Nothing => Ok(None),
        }
    }

    /// Reads a workflow, by its name or its id.
    ///
    /// # Errors
    /// There is no such workflow, two files have its name, or its file is invalid.
    pub(crate) fn workflow(&self, name: &str) -> Result<Workflow, AppError> {
        match self.find(FileKind::Workflow, name)? {
            Found::File(file) => Ok(Workflow::parse(&file)?),
            Found::OtherName(fault) => Err((*fault).into()),
            Found::Nothing => Err(AppError::from(RunUseError::WorkflowMissing {
                name: name.to_owned(),
                near: self.near(FileKind::Workflow, name),
            })),
        }
    }

    /// Returns whether the file of a workflow has exactly this text. It is not parsed.
    ///
    /// # Errors
    /// Two files have the name, or a file cannot be read.
    pub(crate) fn has_workflow_text(&self, name: &str, text: &str) -> Result<bool, AppError> {
        match self.find(FileKind::Workflow, name)? {
            Found::File(file) => Ok(file.text == text),
            Found::OtherName(_) | Found::Nothing => Ok(false),
        }
    }

    /// Returns the name of a workflow that the user named by its id. Any other text stays as it is.
    ///
    /// # Errors
    /// Two files have the id, or a folder cannot be read.
    pub(crate) fn workflow_name(&self, name: &str) -> Result<String, AppError> {
        if name.parse::<FileId>().is_ok()
            && let Found::File(file) = self.find(FileKind::Workflow, name)?
            && let Some(own) = FileHead::of(&file).name
        {
            return Ok(own);
        }
        Ok(name.to_owned())
    }

    /// Returns the error for a model that does not exist, with the nearest existing name.
    pub(crate) fn model_missing(&self, name: &str) -> AppError {
        AppError::from(ModelError::Missing {
            name: name.to_owned(),
            near: self.near(FileKind::Model, name),
        })
    }

    /// Returns the file of a model by its name or its id, whatever is in it, or the text of an unsaved
    /// model. Returns `None` if there is no such model.
    ///
    /// # Errors
    /// Two files have the name, or a file or the datastore cannot be read.
    pub(crate) fn model_file(&self, name: &str) -> Result<Option<ModelFile>, AppError> {
        let Found::File(file) = self.find_model(name)? else {
            return Ok(None);
        };
        let own = FileHead::of(&file).name;
        let own = own.unwrap_or_else(|| FileKind::Model.name_of_path(&file.name).to_owned());
        // ignored: a file whose name is not valid is that of the name by which it was found.
        let Some(name) = own.parse().or_else(|_| name.parse()).ok() else {
            return Ok(None);
        };
        Ok(Some(ModelFile { name, file }))
    }

    /// Returns whether there is a model of that name.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn has_model(&self, name: &ModelName) -> Result<bool, AppError> {
        Ok(self.model_file(name.as_str())?.is_some())
    }

    /// Returns the definitions of all files in the order of their names, with the file of each. The
    /// definition of a name that two files have is an error. Unsaved models are left out.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(crate) fn definitions(
        &self,
    ) -> Result<impl Iterator<Item = (ListedFile, Result<Definition, AppError>)>, AppError> {
        let listed = self.definition_files(&self.paths(FileKind::Model)?);
        Ok(listed.into_iter().filter_map(|mut listed| {
            let parsed = self.definition_of(&mut listed)?;
            Some((listed, parsed))
        }))
    }

    /// Returns the files of definitions with these paths in the order of their names, ready to be parsed.
    pub(crate) fn definition_files(&self, paths: &[String]) -> Vec<ListedFile> {
        self.listed_kept(FileKind::Model, paths, TEXT_KEPT_BYTES_MAX)
    }

    /// Parses the definition in a file of the list. Returns `None` if it was removed meanwhile.
    pub(crate) fn definition_of(
        &self,
        listed: &mut ListedFile,
    ) -> Option<Result<Definition, AppError>> {
        let file = self.listed_file(FileKind::Model, listed).transpose()?;
        Some(file.and_then(|file| Ok(Definition::parse(&file)?)))
    }

    /// Returns all workflows as [`Repository::definitions`] returns the definitions.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(crate) fn workflows(
        &self,
    ) -> Result<impl Iterator<Item = (ListedFile, Result<Workflow, AppError>)>, AppError> {
        let kind = FileKind::Workflow;
        let listed = self.listed_kept(kind, &self.paths(kind)?, TEXT_KEPT_BYTES_MAX);
        Ok(listed.into_iter().filter_map(|mut listed| {
            let parsed = self
                .listed_file(FileKind::Workflow, &mut listed)
                .transpose()?;
            let parsed = parsed.and_then(|file| Ok(Workflow::parse(&file)?));
            Some((listed, parsed))
        }))
    }

    /// Returns the names of all models, unsaved ones too, sorted. Files without a valid name are left
    /// out.
    pub(crate) fn model_names(&self) -> Result<Vec<ModelName>, AppError> {
        let unsaved = self.unsaved_all()?.into_iter().map(|it| it.name);
        let names = self.saved_model_names()?.into_iter().chain(unsaved);
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Returns the names of the models that have a file, sorted. Files without a valid name are left
    /// out.
    pub(crate) fn saved_model_names(&self) -> Result<Vec<ModelName>, AppError> {
        let listed = self.listed(FileKind::Model)?;
        // ignored: a file without a valid name is not a model that could be named.
        let names = listed.iter().filter_map(|it| it.name.parse().ok());
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Returns the names of all workflows, sorted. Files without a valid name are left out.
    pub(crate) fn workflow_names(&self) -> Result<Vec<WorkflowName>, AppError> {
        let listed = self.listed(FileKind::Workflow)?;
        // ignored: a file without a valid name is not a workflow that could be named.
        let names = listed.iter().filter_map(|it| it.name.parse().ok());
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Checks that no two files of models have one name, and no two files of workflows.
    ///
    /// # Errors
    /// Two files have one name: the fault is in the second one, and names the first.
    pub(crate) fn names_check(&self) -> Result<(), AppError> {
        for kind in [FileKind::Model, FileKind::Workflow] {
            for mut listed in self.listed(kind)? {
                if listed.twin.is_some() {
                    self.listed_file(kind, &mut listed)?;
                }
            }
        }
        Ok(())
    }

    /// Returns all files in the order of their names, and of their paths for one name.
    pub(crate) fn listed(&self, kind: FileKind) -> Result<Vec<ListedFile>, AppError> {
        Ok(self.listed_kept(kind, &self.paths(kind)?, 0))
    }

    /// Returns the files with these paths as [`Repository::listed`] does, with the texts of the files as
    /// far as they were read and have at most `kept_bytes_max` bytes together.
    fn listed_kept(
        &self,
        kind: FileKind,
        paths: &[String],
        kept_bytes_max: usize,
    ) -> Vec<ListedFile> {
        let mut by_name: BTreeMap<String, Vec<ReadFile>> = BTreeMap::new();
        let mut kept_bytes = 0;
        let mut stamps = self.folder.stamps();
        for path in paths {
            let (mut kept, mut stamp) = (None, None);
            let name = match self.head_and_file(path, &mut stamps) {
                Ok(Some(read)) => {
                    kept = read
                        .file
                        .filter(|it| kept_bytes + it.text.len() <= kept_bytes_max);
                    kept_bytes += kept.as_ref().map_or(0, |it| it.text.len());
                    stamp = read.stamp;
                    read.head.name
                }
                Ok(None) => None,
                Err(error) => {
                    // The command that uses this very file reports why.
                    tracing::warn!(%error, path, "failed to read a file to find its name");
                    None
                }
            };
            let name = name.unwrap_or_else(|| kind.name_of_path(path).to_owned());
            let path = path.clone();
            let read = ReadFile { path, kept, stamp };
            by_name.entry(name).or_default().push(read);
        }
        let files = |(name, files): (String, Vec<ReadFile>)| {
            let path = |at: usize| files.get(at).map(|it| it.path.clone());
            let (first, second) = (path(0), path(1));
            let one = |(at, read): (usize, ReadFile)| ListedFile {
                name: name.clone(),
                path: read.path,
                twin: if at == 0 {
                    second.clone()
                } else {
                    first.clone()
                },
                kept: read.kept,
                stamp: read.stamp,
            };
            files.into_iter().enumerate().map(one).collect::<Vec<_>>()
        };
        by_name.into_iter().flat_map(files).collect()
    }

    /// Reads a file of the list. Returns `None` if it was removed meanwhile.
    ///
    /// # Errors
    /// Another file has the same name, or the file cannot be read.
    pub(super) fn listed_file(
        &self,
        kind: FileKind,
        listed: &mut ListedFile,
    ) -> Result<Option<Arc<SourceFile>>, AppError> {
        let file = match listed.kept.take() {
            Some(kept) => Some(kept),
            None => source(&self.folder, &listed.path)?,
        };
        let Some(file) = file else {
            self.folder.link_check(&listed.path)?;
            return Ok(None);
        };
        match &listed.twin {
            Some(twin) => Err(two_files(kind, &listed.name, twin, &file).into()),
            None => Ok(Some(file)),
        }
    }

    /// Finds the definition of a model: its file, or else that of an unsaved model.
    fn find_model(&self, name: &str) -> Result<Found, AppError> {
        match self.find(FileKind::Model, name)? {
            Found::File(file) => Ok(Found::File(file)),
            missing @ (Found::OtherName(_) | Found::Nothing) => {
                let unsaved = self.unsaved(name)?;
                Ok(unsaved.map_or(missing, Found::File))
            }
        }
    }

    /// Finds the file with a name or an id.
    fn find(&self, kind: FileKind, name: &str) -> Result<Found, AppError> {
        let mut other_name = None;
        let first = kind.first_path(name);
        let file = match &first {
            Some(path) => source(&self.folder, path)?,
            None => None,
        };
        if let Some(file) = file {
            match FileHead::of(&file).name {
                Some(own) if own != name => other_name = Some(misnamed(kind, name, &own, &file)),
                Some(_) | None => return Ok(Found::File(file)),
            }
        }
        // ignored: a text that is not an id is only a name.
        let id = name.parse::<FileId>().ok();
        if first.is_none() && id.is_none() {
            return Ok(Found::Nothing);
        }
        match self.search(kind, name, id.as_ref())? {
            Some(file) => Ok(Found::File(file)),
            None => {
                Ok(other_name.map_or(Found::Nothing, |fault| Found::OtherName(Box::new(fault))))
            }
        }
    }

    /// Looks into all files, and returns the one with a name, or else with an id.
    ///
    /// # Errors
    /// Two files have the name; or no file has it as far as they can be read, and a file cannot be
    /// read, or is not YAML and has a line with this name.
    fn search(
        &self,
        kind: FileKind,
        name: &str,
        id: Option<&FileId>,
    ) -> Result<Option<Arc<SourceFile>>, AppError> {
        let lower = name.to_ascii_lowercase();
        let (mut named, mut with_id, mut failed) = (Vec::new(), Vec::new(), None);
        let mut nameless = Vec::new();
        for path in self.paths(kind)? {
            // Most files are not parsed, because they do not contain the name at all.
            let may_match = |file: &SourceFile| {
                file.text.contains(name)
                    || (id.is_some() && file.text.to_ascii_lowercase().contains(&lower))
                    || kind.name_of_path(&file.name) == name
            };
            let head = match self.head_if(&path, may_match) {
                Ok(Some(head)) => head,
                Ok(None) => continue,
                Err(error) => {
                    // The file may have the name. That matters only if no other file has it.
                    failed.get_or_insert(error);
                    continue;
                }
            };
            let own = head.name.as_deref().unwrap_or(kind.name_of_path(&path));
            if own == name {
                named.push(path);
            } else if id.is_some() && head.id.is_some_and(|it| it.eq_ignore_ascii_case(name)) {
                with_id.push(path);
            } else if head.name.is_none() {
                nameless.push(path);
            }
        }
        let found = if named.is_empty() { with_id } else { named };
        match (found.as_slice(), failed) {
            ([], Some(error)) => Err(error),
            ([], None) => {
                let faulty = nameless
                    .iter()
                    .try_for_each(|path| self.not_named(path, name));
                faulty.map(|()| None)
            }
            ([path], _) => source(&self.folder, path),
            ([first, second, ..], _) => match source(&self.folder, second)? {
                Some(second) => Err(two_files(kind, name, first, &second).into()),
                // Another process has removed it meanwhile.
                None => source(&self.folder, first),
            },
        }
    }

    /// Checks that a file whose name is not known has no line that gives this name.
    ///
    /// # Errors
    /// The file is not YAML, and has such a line: its faults.
    fn not_named(&self, path: &str, name: &str) -> Result<(), AppError> {
        let Some(file) = source(&self.folder, path)? else {
            return Ok(());
        };
        let gives_name = |line: &str| {
            let line = line.trim_start_matches([' ', '\t', '{', '"', '\'']);
            line.starts_with("name") && line.contains(name)
        };
        if file.text.lines().any(gives_name) {
            yaml::parse_tree(&file)?;
        }
        Ok(())
    }

    /// Returns the sorted paths of all YAML files of a kind.
    pub(crate) fn paths(&self, kind: FileKind) -> Result<Vec<String>, AppError> {
        let is_yaml = |name: &str| ENDINGS.iter().any(|ending| name.ends_with(ending));
        Ok(self.folder.walk(kind.folder(), WALK_LIMITS, is_yaml)?)
    }

    /// Returns the nearest existing name to one that was not found.
    ///
    /// If the names cannot be listed, this only leaves out the suggestion.
    fn near(&self, kind: FileKind, name: &str) -> Option<String> {
        // A text that is not a name is not a misspelt name either.
        kind.first_path(name)?;
        let names = || -> Result<Vec<String>, AppError> {
            let unsaved = match kind {
                FileKind::Model => self.unsaved_all()?,
                FileKind::Workflow => Vec::new(),
            };
            let unsaved = unsaved.into_iter().map(|it| it.name.to_string());
            let listed = self.listed(kind)?.into_iter().map(|it| it.name);
            Ok(listed.chain(unsaved).collect())
        };
        match names() {
            Ok(names) => near_one(name, &names),
            Err(error) => {
                tracing::warn!(%error, "failed to list the existing names");
                None
            }
        }
    }
}

/// The file of a model, or the text of an unsaved one.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    /// The name of the model.
    pub(crate) name: ModelName,
    /// The file or the text, which may be invalid.
    pub(crate) file: Arc<SourceFile>,
}

/// Returns the name and the id that a file gives. If it cannot be read, returns the name that the
/// file has by its path.
pub(crate) fn head_of(kind: FileKind, file: &Arc<SourceFile>) -> (String, Option<String>) {
    let head = FileHead::of(file);
    let name = head.name;
    let name = name.unwrap_or_else(|| kind.name_of_path(&file.name).to_owned());
    (name, head.id)
}

/// Returns the fault of a name or an id that two files have, in one of them.
pub(crate) fn two_files(
    kind: FileKind,
    name: &str,
    twin: &str,
    file: &Arc<SourceFile>,
) -> Diagnostic {
    let message = format!(
        "another file defines the {} `{name}`, too: {twin}",
        kind.as_str()
    );
    let fault = Diagnostic::new(file, name_span(file), message);
    // ignored: a text that is not an id is a name.
    let other = match name.parse::<FileId>().is_ok() {
        true => "name and id",
        false => "name",
    };
    fault
        .with_code(DiagnosticCode::DuplicateName)
        .with_hint(format!(
            "give one of them another {other}, or delete one of the files"
        ))
}

/// Returns the fault of a file where the look-up of a name began and that has another name.
fn misnamed(kind: FileKind, name: &str, own: &str, file: &Arc<SourceFile>) -> Diagnostic {
    let fault = Diagnostic::new(file, name_span(file), format!("the file defines `{own}`"));
    let fault = fault.with_code(DiagnosticCode::UnknownName);
    fault.with_hint(format!(
        "name it `{name}`, or use the {} by its name `{own}`",
        kind.as_str()
    ))
}

/// Returns the place of the name in a file.
fn name_span(file: &Arc<SourceFile>) -> std::ops::Range<usize> {
    // ignored: a file without a readable name has the fault at its beginning.
    let tree = yaml::parse_tree(file).ok();
    let name = tree.as_ref().and_then(|it| it.get("name"));
    name.map_or(0..0, |it| it.span.clone())
}

/// Reads a text file of the repository. Returns `None` if the file does not exist.
pub(super) fn source(folder: &Folder, name: &str) -> Result<Option<Arc<SourceFile>>, AppError> {
    let text = folder.read_text(name, yaml::FILE_BYTES_MAX as u64)?;
    Ok(text.map(|text| SourceFile::new(name, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_path_has_no_ending() {
        let check = |path: &str, expect: &str| {
            assert_eq!(FileKind::Model.name_of_path(path), expect);
        };
        check("models/a.yaml", "a");
        check("models/@acme/a.b.yml", "@acme/a.b");
    }
}
