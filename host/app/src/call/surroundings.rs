//! The parts of the machine that a call gets: the folders and variables granted to its model.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sedge_lang::type_info::MethodKind;
use sedge_model::call::CallError;
use sedge_model::permission::FileAccess;
use sedge_model::permission::effective::GrantedFolder;
use sedge_runtime::{CallFolder, Surroundings, Untouchable};
use sedge_sys::folder::{FileError, Folder as RealFolder};
use sedge_sys::host::variable;
use sedge_sys::identity::Identity;

use super::Caller;
use super::control_files::{ControlFiles, UninspectableFile};
use crate::repository::STATE_FOLDER;
use crate::repository::snapshot::RepositorySnapshot;
use crate::run::cx::ReadyModel;

/// How deep the host searches the folder of run-time state for its subfolders.
///
/// Two levels reach the folders of the datastore, but not each of the many folders of large
/// content.
const STATE_DEPTH: usize = 2;

/// Why a model is denied a folder if the host cannot check how it relates to a protected folder.
const CANNOT_CHECK: &str = "Sedge cannot check whether it overlaps with";

/// Gathers the folders and variables that a call gets. A method of a kind that only looks gets its
/// folders for reading.
///
/// This neither creates nor changes anything.
///
/// # Errors
/// Returns a reason if a folder is missing, is protected from models, or cannot be inspected.
pub(super) fn gather(
    repository: &RepositorySnapshot,
    model: &ReadyModel,
    kind: MethodKind,
) -> Result<Surroundings, CallError> {
    let variables = model.permissions.env().filter_map(|name| {
        let value = variable(name.as_str())?;
        Some((name.to_string(), value))
    });
    let granted = model.permissions.folders();
    let mut folders = Vec::with_capacity(granted.len());
    let mut untouchable = Untouchable::default();
    if !granted.is_empty() {
        let guard = Guard::new(repository, model, &granted)?;
        for folder in &granted {
            // A grant that is refused is refused to all methods, also to those that only look.
            let mut found = guard.find(folder)?;
            if !kind.changes_object() {
                found.access = FileAccess::Read;
            }
            folders.push(found);
        }
        if let Some(control_files) = guard.control_files {
            untouchable = control_files.untouchable();
        }
    }
    Ok(Surroundings {
        folders,
        untouchable,
        variables: variables.collect(),
    })
}

/// Returns the folders that a call, or one of its callers, may write to.
pub(super) fn writable(surroundings: &Surroundings, caller: Option<&Caller>) -> BTreeSet<Identity> {
    let own = surroundings.folders.iter();
    let own = own.filter(|it| it.access == FileAccess::Write);
    let above = caller.iter().flat_map(|caller| caller.writable.iter());
    own.map(|it| it.identity).chain(above.copied()).collect()
}

/// A folder in which Sedge keeps files that no model may touch.
struct Kept {
    path: PathBuf,
    /// The identities of the folder and of some of its subfolders.
    below: BTreeSet<Identity>,
    /// The identities of the folder and of the folders that contain it.
    above: Vec<Identity>,
}

impl Kept {
    fn find(path: &Path) -> Result<Self, FileError> {
        let folder = RealFolder::open(path)?;
        let below = folder.below(STATE_DEPTH, |_| false)?;
        Ok(Self {
            path: folder.path().to_owned(),
            below: below.into_iter().map(|it| it.identity).collect(),
            above: folder.chain()?,
        })
    }

    /// Returns whether a folder is this one, contains it, or is inside it.
    ///
    /// `chain` has the identity of that folder, followed by those of the folders that contain it.
    fn overlaps_with(&self, chain: &[Identity]) -> bool {
        let contains = chain.first().is_some_and(|it| self.above.contains(it));
        contains || chain.iter().any(|it| self.below.contains(it))
    }
}

/// Decides which of its granted folders a model gets.
struct Guard<'a> {
    repository: &'a RepositorySnapshot,
    model: &'a ReadyModel,
    /// The folder of run-time state.
    state: Kept,
    /// The folder of the key for compiled code: a guest that reads the key could forge code that
    /// the host runs.
    key: Option<Kept>,
    /// The folder of compiled code, which the host runs outside of the sandbox.
    code: Option<Kept>,
    /// The files that control models and commands; `None` if the model has no write access.
    control_files: Option<ControlFiles>,
}

impl<'a> Guard<'a> {
    fn new(
        repository: &'a RepositorySnapshot,
        model: &'a ReadyModel,
        granted: &[GrantedFolder],
    ) -> Result<Self, CallError> {
        let to_write = granted.iter().find(|it| it.access == FileAccess::Write);
        let control_files = to_write.map(|folder| {
            ControlFiles::find(repository).map_err(|UninspectableFile { what, error }| {
                let reason = format!("Sedge cannot check whether it controls {what}");
                denied(model, folder, &cannot_look(&reason, &error))
            })
        });
        let unknown = |what: &str, error: &FileError| {
            let reason = cannot_look(&format!("{CANNOT_CHECK} {what}"), error);
            let first = granted.first();
            first.map_or_else(
                || CallError::Denied {
                    reason: reason.clone(),
                },
                |folder| denied(model, folder, &reason),
            )
        };
        let state = Kept::find(&repository.folder().path_of(STATE_FOLDER));
        let user_folder = |path: &Option<PathBuf>| {
            let Some(path) = path else {
                return Ok(None);
            };
            match Kept::find(path) {
                Ok(kept) => Ok(Some(kept)),
                // A missing folder cannot be harmed; the host creates it before a guest runs.
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(unknown(&format!("`{}`", path.display()), &error)),
            }
        };
        let places = repository.compiled_code();
        Ok(Self {
            repository,
            model,
            state: state.map_err(|error| unknown(STATE_FOLDER, &error))?,
            key: user_folder(&places.key)?,
            code: match to_write {
                Some(_) => user_folder(&places.code)?,
                None => None,
            },
            control_files: control_files.transpose()?,
        })
    }

    fn find(&self, folder: &GrantedFolder) -> Result<CallFolder, CallError> {
        let denied = |reason: &str| denied(self.model, folder, reason);
        let failed = |error: FileError| denied(&format!("{error}: {}", error.source));
        let real = RealFolder::open(&self.repository.folder().path_of(&folder.path));
        let real = real.map_err(failed)?;
        let (identity, shown) = (real.which().map_err(failed)?, real.path().display());
        let chain = real.chain().map_err(failed)?;
        // A guest that could read this folder could read every secret; one that could write could
        // do anything.
        if self.state.overlaps_with(&chain) {
            return Err(denied(&format!(
                "`{shown}` overlaps with {STATE_FOLDER}, where Sedge keeps its own files"
            )));
        }
        if let Some(kept) = self.user_folder_in_the_way(folder.access, &chain) {
            return Err(denied(&format!(
                "`{shown}` overlaps with `{}`, where Sedge keeps compiled code or its key",
                kept.path.display()
            )));
        }
        if folder.access == FileAccess::Write
            && let Some(control_files) = &self.control_files
            && let Some(ruled) = control_files.ruled_by(&real).map_err(failed)?
        {
            return Err(denied(&ruled.reason(real.path())));
        }
        Ok(CallFolder {
            name: folder.name.clone(),
            path: real.path().to_owned(),
            identity,
            access: folder.access,
        })
    }

    /// Returns the user's folder that a guest with access to this folder could harm, if any.
    ///
    /// A guest must not read the key of the cache, nor write to the code that the host runs.
    fn user_folder_in_the_way(&self, access: FileAccess, chain: &[Identity]) -> Option<&Kept> {
        let code = self.code.iter().filter(|_| access == FileAccess::Write);
        let mut folders = self.key.iter().chain(code);
        folders.find(|it| it.overlaps_with(chain))
    }
}

fn denied(model: &ReadyModel, folder: &GrantedFolder, reason: &str) -> CallError {
    let (name, model) = (&folder.name, &model.definition.name);
    CallError::Denied {
        reason: format!("`{model}` cannot have the folder `{name}`: {reason}"),
    }
}

fn cannot_look(reason: &str, error: &FileError) -> String {
    format!("{reason}: {error}: {}", error.source)
}

fn is_missing(error: &FileError) -> bool {
    let kind = error.source.kind();
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}
