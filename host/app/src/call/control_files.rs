//! The files and folders that control what models and commands may do.
//!
//! These are the repository's own files, and the programs, scripts and folders of commands. No
//! model may write to them, whatever name or link it uses to reach them.
//!
//! The host compares files, not the text of paths. It follows each path name by name and link by
//! link at the time of use, and knows every folder on the way by its identity. If the host cannot
//! inspect a path, it grants nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use sedge_lang::repository::{CONFIG_FILE, LOCK_FILE};
use sedge_model::command::CommandPin;
use sedge_model::names::CommandName;
use sedge_runtime::Untouchable;
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::identity::{DEPTH_MAX, Identity, Kind, Trail, TrailEnd};

use crate::repository::Repository;
use crate::repository::snapshot::RepositorySnapshot;

/// The folders of the repository whose files define what models and workflows may do.
const DEFINITIONS: [&str; 2] = ["models", "workflows"];

/// A part of Sedge that a model could control if it had write access to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Controlled {
    /// The definitions in this file or folder of the repository.
    Definitions(&'static str),
    /// The behavior of this command.
    Command(CommandName),
}

impl fmt::Display for Controlled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definitions(part) => write!(f, "`{part}`"),
            Self::Command(name) => write!(f, "the command `{name}` of {CONFIG_FILE}"),
        }
    }
}

impl Controlled {
    /// Returns why no model may write to a folder that controls this.
    pub(super) fn reason(&self, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            Self::Definitions(part) => format!(
                "`{folder}` controls `{part}`, so a model that writes to it could grant itself anything"
            ),
            Self::Command(_) => format!(
                "`{folder}` controls {self}: it is a folder that the command can run in, or contains its program, an argument, or a link to one of them"
            ),
        }
    }
}

/// The host cannot inspect a path that controls something.
#[derive(Debug)]
pub(super) struct UninspectableFile {
    pub(super) what: Controlled,
    pub(super) error: FileError,
}

/// All files and folders that control something, by identity.
#[derive(Debug, Default)]
pub(super) struct ControlFiles {
    /// Folders in which an entry controls something, each with what the entry controls.
    folders: BTreeMap<Identity, Controlled>,
    /// Folders whose whole content controls something, at any depth.
    whole: BTreeMap<Identity, Controlled>,
    files: BTreeSet<Identity>,
}

impl ControlFiles {
    /// Finds all files and folders that control something.
    ///
    /// # Errors
    /// Returns an error if the host cannot inspect one of them.
    pub(super) fn find(repository: &RepositorySnapshot) -> Result<Self, UninspectableFile> {
        let mut control_files = Self::default();
        for part in [CONFIG_FILE, LOCK_FILE] {
            let what = Controlled::Definitions(part);
            let added = control_files.add(&repository.folder().path_of(part), &what);
            added.map_err(|error| UninspectableFile { what, error })?;
        }
        for part in DEFINITIONS {
            let what = Controlled::Definitions(part);
            let added = control_files.add_whole(&repository.folder().path_of(part), &what);
            added.map_err(|error| UninspectableFile { what, error })?;
        }
        for (name, pin) in &repository.config().commands {
            let what = Controlled::Command(name.clone());
            for path in fixed_paths(repository, pin) {
                let added = control_files.add(&path, &what);
                added.map_err(|error| UninspectableFile {
                    what: what.clone(),
                    error,
                })?;
            }
            if pin.subfolders
                && let Some(cwd) = cwd_of(repository, pin)
            {
                let added = control_files.add_whole(&cwd, &what);
                added.map_err(|error| UninspectableFile { what, error })?;
            }
        }
        Ok(control_files)
    }

    /// Returns what write access to a folder and everything below it would control.
    pub(super) fn ruled_by(&self, folder: &Folder) -> Result<Option<&Controlled>, FileError> {
        let chain = folder.chain()?;
        let here = chain.first().and_then(|here| self.folders.get(here));
        let above = || chain.iter().find_map(|above| self.whole.get(above));
        Ok(here.or_else(above))
    }

    /// Returns the files and folders that no guest may write to, even inside a folder that it may
    /// write to. This covers hard links to the files, and mounts of the folders.
    pub(super) fn untouchable(self) -> Untouchable {
        let folders = self.folders.into_keys().chain(self.whole.into_keys());
        Untouchable {
            folders: folders.collect(),
            files: self.files.into_iter().collect(),
        }
    }

    /// Adds all that controls where a path leads, and the file or folder at its end.
    fn add(&mut self, path: &Path, what: &Controlled) -> Result<TrailEnd, FileError> {
        let trail = Trail::follow(path)?;
        for folder in trail.folders {
            self.folders.entry(folder).or_insert_with(|| what.clone());
        }
        match &trail.end {
            TrailEnd::Missing => {}
            TrailEnd::Folder(folder) => {
                self.folders.entry(*folder).or_insert_with(|| what.clone());
            }
            TrailEnd::File(file) => {
                self.files.insert(*file);
            }
        }
        Ok(trail.end)
    }

    /// Adds a folder, its whole content, and the targets of the links in it.
    fn add_whole(&mut self, path: &Path, what: &Controlled) -> Result<(), FileError> {
        let TrailEnd::Folder(_) = self.add(path, what)? else {
            return Ok(());
        };
        let folder = Folder::open(path)?;
        let wanted = |kind| matches!(kind, Kind::File | Kind::Link);
        for found in folder.below(DEPTH_MAX, wanted)? {
            match found.kind {
                Kind::Folder => {
                    self.whole.insert(found.identity, what.clone());
                }
                Kind::File => {
                    self.files.insert(found.identity);
                }
                Kind::Link => {
                    self.add(&folder.path().join(found.path), what)?;
                }
                Kind::Other => {}
            }
        }
        Ok(())
    }
}

/// Returns the paths of a command that its pin fixes, whatever the guest chooses: its program, its
/// working folder, and the paths in fixed arguments.
fn fixed_paths(repository: &Repository, pin: &CommandPin) -> Vec<PathBuf> {
    let cwd = cwd_of(repository, pin);
    let arguments = pin.arguments.fixed_paths();
    let arguments = arguments.filter_map(|text| absolute(cwd.as_deref(), text));
    let arguments: Vec<PathBuf> = arguments.collect();
    let program = PathBuf::from(&pin.program);
    std::iter::once(program)
        .chain(cwd)
        .chain(arguments)
        .collect()
}

/// Returns the working folder of a command. Returns `None` if the command gets an empty folder of
/// its own.
pub(super) fn cwd_of(repository: &Repository, pin: &CommandPin) -> Option<PathBuf> {
    let cwd = pin.cwd.as_deref();
    cwd.map(|cwd| repository.folder().path_of(cwd))
}

/// Returns the path that an argument names. Returns `None` if the argument is relative and the
/// working folder is an empty folder.
fn absolute(cwd: Option<&Path>, argument: &str) -> Option<PathBuf> {
    let path = Path::new(argument);
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    cwd.map(|cwd| cwd.join(path))
}

/// Returns the first path of a command that leads through, or to, a folder that its callers may
/// write to.
///
/// # Errors
/// Returns an error if the host cannot inspect where a path leads.
pub(super) fn reachable<'a>(
    cwd: Option<&Path>,
    paths: impl IntoIterator<Item = &'a str>,
    writable: &BTreeSet<Identity>,
) -> Result<Option<&'a str>, FileError> {
    // Most calls may not write to any folder.
    if writable.is_empty() {
        return Ok(None);
    }
    for text in paths {
        let Some(path) = absolute(cwd, text) else {
            continue;
        };
        let trail = Trail::follow(&path)?;
        if trail.identities().any(|it| writable.contains(&it)) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}
