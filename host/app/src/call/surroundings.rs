//! What of the machine a call gets: the folders and the variables that its model was granted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sedge_model::call::CallError;
use sedge_model::command::CommandPin;
use sedge_model::names::CommandName;
use sedge_model::permission::FileAccess;
use sedge_model::permission::effective::{Folder, Uses};
use sedge_model::repository::CONFIG_FILE;
use sedge_runtime::{CallFolder, Surroundings};
use sedge_sys::folder::Folder as RealFolder;
use sedge_sys::host::variable;

use crate::repository::{Repository, STATE_FOLDER};
use crate::run_cx::ReadyModel;

/// The folders of the repository whose files say what may be done.
const DEFINITIONS: [&str; 2] = ["models", "workflows"];

/// Gathers what a call gets, and where it marks what it uses. Nothing of it is made, or changed.
///
/// # Errors
/// A folder is not there, or is one that nobody gets.
pub(super) fn gather(
    repository: &Repository,
    model: &ReadyModel,
    uses: &Arc<Uses>,
) -> Result<Surroundings, CallError> {
    let folders = model.permissions.folders();
    let folders = folders.iter().map(|folder| find(repository, model, folder));
    let variables = model.permissions.env().filter_map(|name| {
        let value = variable(name.as_str())?;
        Some((name.to_string(), value))
    });
    Ok(Surroundings {
        permissions: Arc::clone(&model.permissions),
        uses: Arc::clone(uses),
        folders: folders.collect::<Result<_, _>>()?,
        variables: variables.collect(),
    })
}

fn find(
    repository: &Repository,
    model: &ReadyModel,
    folder: &Folder,
) -> Result<CallFolder, CallError> {
    let denied = |reason: String| {
        let (name, model) = (&folder.name, &model.definition.name);
        CallError::Denied {
            reason: format!("`{model}` cannot have the folder `{name}`: {reason}"),
        }
    };
    let open = |relative: &str| {
        let opened = RealFolder::open(&repository.folder().path_of(relative));
        opened.map_err(|error| denied(format!("{error}: {}", error.source)))
    };
    let (real, state) = (open(&folder.path)?, open(STATE_FOLDER)?);
    let (path, state) = (real.path(), state.path());
    let shown = path.display();
    // Who reads there has every secret, and who writes there is let do anything.
    if state.starts_with(path) || path.starts_with(state) {
        return Err(denied(format!(
            "`{shown}` has to do with {STATE_FOLDER}, in which Sedge keeps what nobody else may touch"
        )));
    }
    if let Some(kept) = user_folder_in_the_way(repository, path, folder.access) {
        return Err(denied(format!(
            "`{shown}` has to do with `{}`, where Sedge keeps compiled code or its key",
            kept.display()
        )));
    }
    let defines = |part: &&&str| path.starts_with(repository.folder().path_of(part));
    if folder.access == FileAccess::Write
        && let Some(part) = DEFINITIONS.iter().find(defines)
    {
        return Err(denied(format!(
            "who may write to `{shown}`, which is part of {part}, could grant itself anything"
        )));
    }
    let mut pins = repository.config().commands.iter();
    let is_ruled = |(_, pin): &(&CommandName, &CommandPin)| is_ruled_from(repository, pin, path);
    if folder.access == FileAccess::Write
        && let Some((command, _)) = pins.find(is_ruled)
    {
        return Err(denied(format!(
            "who may write to `{shown}`, where the command `{command}` of {CONFIG_FILE} runs or has its program, could have it do anything"
        )));
    }
    Ok(CallFolder {
        name: folder.name.clone(),
        path: path.to_owned(),
        access: folder.access,
    })
}

/// Returns the folder of the user that a guest with this folder could harm: it must not read the
/// key of the cache, and must not write to what is run as machine code.
fn user_folder_in_the_way(
    repository: &Repository,
    path: &Path,
    access: FileAccess,
) -> Option<PathBuf> {
    let places = repository.compiled_code();
    let code = places.code.as_ref().filter(|_| access == FileAccess::Write);
    // Without the folders there is nothing to harm: they are made before a guest runs.
    let folders = places.key.iter().chain(code);
    let mut opened = folders.filter_map(|folder| RealFolder::open(folder).ok());
    let harmed = opened.find(|it| it.path().starts_with(path) || path.starts_with(it.path()));
    harmed.map(|it| it.path().to_owned())
}

/// Returns whether who may write to a folder decides what a command does: its program is there, or a
/// script that it is given by name, or it runs there.
fn is_ruled_from(repository: &Repository, pin: &CommandPin, path: &Path) -> bool {
    // ignored: a place that cannot be opened is not shown to be ruled.
    let opened = |folder: &Path| RealFolder::open(folder).ok();
    let is_there = |file: &Path| {
        let parent = file.parent().and_then(opened);
        parent.is_some_and(|parent| parent.path().starts_with(path))
    };
    let cwd = pin.cwd.as_deref();
    let cwd = cwd.and_then(|cwd| opened(&repository.folder().path_of(cwd)));
    let cwd = cwd.map_or_else(PathBuf::new, |cwd| cwd.path().to_owned());
    is_there(Path::new(&pin.program))
        || cwd.starts_with(path)
        || pin
            .arguments
            .literals()
            .any(|text| is_there(&cwd.join(text)))
}
