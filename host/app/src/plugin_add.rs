//! Adds a plugin: checks, compiles and describes its component, and pins it by digest.

use std::path::Path;
use std::sync::Arc;

use sedge_model::names::TypeVersion;
use sedge_model::repository::{LOCK_FILE, LockedPlugin};
use sedge_runtime::PluginDescription;
use sedge_sys::file_lock::FileQueue;
use sedge_sys::folder::{FileError, read_named_file};

use crate::error::AppError;
use crate::events::{Event, Events};
use crate::plugins::{COMPONENT_BYTES_MAX, component_file};
use crate::repository::{Repository, plugin_lock_read};

/// A plugin that was added.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it is.
    pub description: PluginDescription,
    /// What was pinned for its type before.
    pub before: Before,
}

/// What was pinned for a type before a plugin was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// The same component.
    Same,
    /// Another component, with this version of the type.
    Other(TypeVersion),
}

/// Adds the component in a file, in place of what provided its type before.
///
/// # Errors
/// The file is not a plugin; then the repository is as it was.
pub async fn plugin_add(
    repository: &Arc<Repository>,
    path: &Path,
    events: Arc<dyn Events>,
) -> Result<Report, AppError> {
    let bytes = read_named_file(path, COMPONENT_BYTES_MAX)?;
    let refused = |source| AppError::PluginRefused {
        path: path.to_owned(),
        source,
    };
    let logged = move |line: &_| {
        events.event(Event::PluginLogged {
            line: Clone::clone(line),
        })
    };
    let plugin = repository
        .runtime()?
        .plugin_add(&bytes, logged)
        .await
        .map_err(refused)?;
    let description = plugin.description().clone();

    let components = repository.state_folder("plugins")?;
    components.write(&component_file(&description.sha256), &bytes)?;
    let info = &description.type_info;
    // Of two that add at once, the later one must not undo the earlier one's line.
    let locks = repository.state_folder("locks")?;
    let queue = FileQueue::open(&locks.path_of("plugins.lock"))?;
    let _turn = queue.enter()?;
    let mut lock = plugin_lock_read(repository.folder())?;
    let before = match lock.plugins.get(&info.name) {
        None => Before::Nothing,
        Some(pinned) if pinned.sha256 == description.sha256 => Before::Same,
        Some(pinned) => Before::Other(pinned.version.clone()),
    };
    if before != Before::Same {
        lock.plugins.insert(
            info.name.clone(),
            LockedPlugin {
                version: info.version.clone(),
                sha256: description.sha256.clone(),
                contract: description.contract.clone(),
                source: source_text(path)?,
            },
        );
        repository
            .folder()
            .write(LOCK_FILE, lock.file_text().as_bytes())?;
    }
    Ok(Report {
        description,
        before,
    })
}

/// Returns where a component came from, for people who have the repository and not this
/// machine: of an absolute path only the file's name.
fn source_text(path: &Path) -> Result<String, FileError> {
    let told = if path.is_absolute() {
        path.file_name().map_or(path, Path::new)
    } else {
        path
    };
    told.to_str().map(str::to_owned).ok_or_else(|| {
        let reason = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its path is not text");
        FileError::new("pin", path, reason)
    })
}
