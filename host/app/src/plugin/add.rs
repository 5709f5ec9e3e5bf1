//! Adds a plugin: checks, compiles and describes its component, and pins it by digest, together
//! with the permissions that the user grants it.
//!
//! This takes two steps, because the user may have to decide in between: [`plugin_add`] inspects
//! the component, and [`Added::pin`] adds it to the repository.

use std::path::Path;
use std::sync::Arc;

use sedge_api::view::permission::PermissionRequestView;
use sedge_api::view::plugin::{GrantedShare, PluginAdded, PluginChange, PluginView};
use sedge_model::permission::choice::{self, Choice};
use sedge_model::permission::grants::Grants;
use sedge_model::permission::{Permission, PermissionRequest};
use sedge_model::repository::{LOCK_FILE, LockedPlugin};
use sedge_runtime::{PluginDescription, component_bytes_check};
use sedge_sys::file_lock::FileQueue;
use sedge_sys::folder::{FileError, named_file_size, read_named_file};

use crate::error::{AppError, PluginUseError};
use crate::events::{Event, Events};
use crate::plugin::loaded::component_file;
use crate::plugin::view::plugin_view;
use crate::repository::{Repository, cache_unusable, plugin_lock_read};
use crate::views::permission::{grants_view, request_view};

/// A component that was checked but is not pinned yet.
#[derive(Debug)]
pub struct Added {
    repository: Arc<Repository>,
    bytes: Vec<u8>,
    source: String,
    description: PluginDescription,
    /// The description of the plugin.
    pub plugin: PluginView,
    /// The requested permissions that the user has not decided on yet.
    pub undecided: Vec<Undecided>,
    /// What changes if the plugin is pinned.
    pub change: PluginChange,
}

/// A requested permission that the user has to decide on.
#[derive(Debug, Clone)]
pub struct Undecided {
    permission: Permission,
    /// The requested permission, with its reason.
    pub request: PermissionRequestView,
}

impl Undecided {
    fn new(request: &PermissionRequest) -> Self {
        Self {
            permission: request.permission.clone(),
            request: request_view(request),
        }
    }

    /// Returns the choice that grants exactly this permission.
    ///
    /// For a folder it grants nothing, because only the user knows the path: that is
    /// [`Choice::Folder`].
    #[must_use]
    pub fn granted(&self) -> Choice {
        Choice::Exactly(self.permission.clone())
    }

    /// Returns the narrowest grants for the request, as lines of YAML.
    #[must_use]
    pub fn narrowest(&self) -> Vec<String> {
        choice::narrowest(&self.permission)
    }
}

/// Checks, compiles and describes the component in a file.
///
/// # Errors
/// Returns an error if the file is not a plugin. The repository is unchanged then.
pub async fn plugin_add(
    repository: &Arc<Repository>,
    path: &Path,
    events: Arc<dyn Events>,
) -> Result<Added, AppError> {
    let refused = |source| {
        AppError::from(PluginUseError::Refused {
            path: path.to_owned(),
            source,
        })
    };
    let limits = repository.component_limits();
    // A file that is too large is not even read.
    component_bytes_check(&limits, named_file_size(path)?).map_err(refused)?;
    let bytes = read_named_file(path, limits.bytes)?;
    let logged = move |line: &_| {
        events.event(Event::PluginLogged {
            line: Clone::clone(line),
        })
    };
    let loaded = repository
        .runtime()?
        .plugin_add(&bytes, logged)
        .await
        .map_err(refused)?;
    if let Some(fault) = loaded.compiled.and_then(|compiled| compiled.fault) {
        repository.notices().event(cache_unusable(&fault));
    }
    let description = loaded.plugin.description().clone();
    let lock = plugin_lock_read(repository.folder())?;
    let pinned = lock.plugins.get(&description.type_info.name);
    Ok(Added {
        undecided: (undecided(&description, pinned).iter())
            .map(Undecided::new)
            .collect(),
        change: change(&description, pinned),
        plugin: plugin_view(&description),
        source: source_text(path)?,
        repository: Arc::clone(repository),
        bytes,
        description,
    })
}

impl Added {
    /// Pins the component in place of the one that provided its type before, and grants the chosen
    /// permissions in addition to the earlier grants. Without a choice, the earlier grants stay.
    ///
    /// # Errors
    /// Returns an error if the plugin requests a permission that the user has not decided on, and
    /// there is no choice; or if a choice is about a permission that it does not request. The
    /// repository is unchanged then.
    pub fn pin(self, choices: &[Choice]) -> Result<PluginAdded, AppError> {
        let info = &self.description.type_info;
        let chosen = choice::granted(&info.permissions, choices).map_err(|source| {
            AppError::from(PluginUseError::GrantUnknown {
                type_name: info.name.clone(),
                source,
            })
        })?;
        let components = self.repository.state_folder("plugins")?;
        components.write(&component_file(&self.description.sha256), &self.bytes)?;
        // If two processes add plugins at once, the later one must not remove the line of the
        // earlier one.
        let locks = self.repository.state_folder("locks")?;
        let wait_max = self.repository.lock_timeout();
        let queue = FileQueue::open(&locks, "plugins.lock", wait_max)?;
        let _turn = queue.enter()?;
        let mut lock = plugin_lock_read(self.repository.folder())?;
        let pinned = lock.plugins.get(&info.name);
        let undecided = undecided(&self.description, pinned);
        if choices.is_empty() && !undecided.is_empty() {
            return Err(AppError::from(PluginUseError::PermissionsUndecided {
                type_name: info.name.clone(),
                undecided,
            }));
        }
        let change = change(&self.description, pinned);
        let before = pinned.map(|pinned| pinned.version.to_string());
        let mut grants = pinned
            .map(|pinned| pinned.grants.clone())
            // ignored: there is no error here, only no value.
            .unwrap_or_default();
        if choices == [Choice::None] && undecided.is_empty() {
            grants = Grants::default();
        }
        grants.extend(&chosen);
        let entry = LockedPlugin {
            version: info.version.clone(),
            sha256: (self.description.sha256.parse()).expect("a digest that was just made is one"),
            contract: self.description.contract.clone(),
            source: match (change, pinned) {
                (PluginChange::Unchanged, Some(pinned)) => pinned.source.clone(),
                (PluginChange::Unchanged | PluginChange::Added | PluginChange::Replaced, _) => {
                    self.source.clone()
                }
            },
            asked: asked_lines(&self.description),
            grants: grants.clone(),
        };
        if pinned != Some(&entry) {
            lock.plugins.insert(info.name.clone(), entry);
            let text = lock.file_text();
            self.repository.folder().write(LOCK_FILE, text.as_bytes())?;
        }
        let requests = self.description.type_info.permissions.iter();
        Ok(PluginAdded {
            granted: requests.map(|it| share(&grants, &it.permission)).collect(),
            plugin: self.plugin,
            change,
            before,
            grants: grants_view(&grants),
        })
    }
}

fn asked_lines(description: &PluginDescription) -> Vec<String> {
    let requests = description.type_info.permissions.iter();
    let mut lines: Vec<String> = requests
        .map(|request| request.permission.to_string())
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

fn undecided(
    description: &PluginDescription,
    pinned: Option<&LockedPlugin>,
) -> Vec<PermissionRequest> {
    let is_undecided = |request: &&PermissionRequest| {
        let line = request.permission.to_string();
        pinned.is_none_or(|pinned| !pinned.asked.contains(&line))
    };
    let requests = description.type_info.permissions.iter();
    requests.filter(is_undecided).cloned().collect()
}

/// Returns how much of a requested permission is granted.
fn share(grants: &Grants, permission: &Permission) -> GrantedShare {
    if grants.has_all_of(permission) {
        GrantedShare::All
    } else if grants.has_part_of(permission) {
        GrantedShare::Part
    } else {
        GrantedShare::Nothing
    }
}

fn change(description: &PluginDescription, pinned: Option<&LockedPlugin>) -> PluginChange {
    match pinned {
        None => PluginChange::Added,
        Some(pinned) if *pinned.sha256 == *description.sha256 => PluginChange::Unchanged,
        Some(_) => PluginChange::Replaced,
    }
}

/// Returns the origin of a component, for people who have the repository but not this machine. For
/// an absolute path, that is only the name of the file.
fn source_text(path: &Path) -> Result<String, FileError> {
    let source = if path.is_absolute() {
        path.file_name().map_or(path, Path::new)
    } else {
        path
    };
    source.to_str().map(str::to_owned).ok_or_else(|| {
        let reason = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its path is not text");
        FileError::new("pin", path, reason)
    })
}
