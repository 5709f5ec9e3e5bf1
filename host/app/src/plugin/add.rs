//! Adds a plugin: checks, compiles and describes its component, and pins it by digest, together
//! with the permissions that the user grants it.
//!
//! This takes two steps, because the user may have to decide in between: [`plugin_add`] inspects
//! the component, and [`Added::pin`] or [`plugins_pin`] adds it to the repository.

use std::path::{Path, PathBuf};

use sedge_api::view::permission::PermissionRequestView;
use sedge_api::view::plugin::{GrantedShare, PinnedBefore, PluginAdded, PluginChange, PluginView};
use sedge_lang::repository::{LOCK_FILE, LockedPlugin, PluginLock};
use sedge_model::audit::AuditWord;
use sedge_model::names::TypeName;
use sedge_model::permission::choice::{self, Choice};
use sedge_model::permission::grants::{AddressRange, Grants};
use sedge_model::permission::{Permission, PermissionRequest};
use sedge_runtime::{PluginDescription, sha256_hex, url_shown};
use sedge_sys::file_lock::FileQueue;

use crate::audit::{audit_grants, audit_note};
use crate::cx::Cx;
use crate::error::{AppError, PluginUseError};
use crate::events::{Event, EventSink};
use crate::plugin::component::{ComponentSource, ReadComponent, component_read};
use crate::plugin::loaded::component_file;
use crate::plugin::remove::pin_text;
use crate::plugin::restore::pinned_of;
use crate::plugin::vendor::{vendored_file, vendored_write};
use crate::plugin::version::version_check;
use crate::plugin::view::plugin_view;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::{Repository, cache_unusable, plugin_lock_read};
use crate::views::permission::{grants_view, request_view};

/// A request to add a component.
#[derive(Debug, Clone)]
pub struct AddRequest {
    /// The origin of the component.
    pub source: ComponentSource,
    /// The decisions of the user.
    pub options: AddOptions,
    /// The addresses from which a component may be downloaded although they are not public.
    pub private_addresses: Vec<AddressRange>,
}

impl From<&Path> for AddRequest {
    fn from(path: &Path) -> Self {
        Self {
            source: path.into(),
            options: AddOptions::default(),
            private_addresses: Vec::new(),
        }
    }
}

/// The decisions of the user who adds a component.
#[derive(Debug, Clone, Copy, Default)]
pub struct AddOptions {
    /// The component is kept in the repository's folder of vendored components.
    pub is_vendored: bool,
    /// Only a component that `sedge.lock` pins is accepted.
    pub is_locked: bool,
    /// A component may take the place of another one with the same version.
    pub may_replace: bool,
    /// A component may take the place of one with a newer version.
    pub may_downgrade: bool,
}

/// A component that was checked but is not pinned yet.
#[derive(Debug)]
pub struct Added {
    cx: Cx,
    repository: RepositorySnapshot,
    component: ReadComponent,
    options: AddOptions,
    description: PluginDescription,
    /// The description of the plugin.
    pub plugin: PluginView,
    /// The requested permissions that the user has not decided on yet.
    pub undecided: Vec<Undecided>,
    /// The change that pinning the plugin makes.
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
    pub(crate) fn new(request: &PermissionRequest) -> Self {
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

/// Checks, compiles and describes a component.
///
/// # Errors
/// Returns an error if the component cannot be read or is not a plugin. The repository is unchanged
/// then.
pub async fn plugin_add(cx: &Cx, request: impl Into<AddRequest>) -> Result<Added, AppError> {
    let AddRequest {
        source,
        options,
        private_addresses,
    } = request.into();
    let repository = cx.repository.snapshot()?;
    source_check(&repository, &source, options)?;
    let component = component_read(&repository, &source, &private_addresses).await?;
    let lock = repository.plugin_lock();
    if options.is_locked {
        pinned_of(lock, &component)?;
    }
    let description = component_check(&repository, &component, cx.events.clone()).await?;
    if options.is_locked {
        locked_check(lock, &component, &description.type_info.name)?;
    }
    let pinned = lock.plugins.get(&description.type_info.name);
    if let Some(pinned) = pinned {
        version_check(&description, pinned, &component.path, options)?;
    }
    Ok(Added {
        cx: cx.clone(),
        options,
        undecided: (undecided(&description, pinned).iter())
            .map(Undecided::new)
            .collect(),
        change: change(&description, pinned),
        plugin: plugin_view(&description),
        component,
        description,
        repository,
    })
}

/// Checks that `sedge.lock` can name the source of a component. A query may be a token, which does
/// not belong under version control, and without it the component could not be restored.
fn source_check(
    repository: &RepositorySnapshot,
    source: &ComponentSource,
    options: AddOptions,
) -> Result<(), AppError> {
    let names_source =
        !options.is_locked && !options.is_vendored && !repository.config().vendor_plugins;
    match source {
        ComponentSource::Url(url) if names_source && url.contains('?') => {
            Err(AppError::from(PluginUseError::UrlHasQuery {
                url: url_shown(url),
            }))
        }
        ComponentSource::Url(_) | ComponentSource::File(_) | ComponentSource::FirstParty(_) => {
            Ok(())
        }
    }
}

/// Checks that `sedge.lock` pins a component for the type that it provides.
fn locked_check(
    lock: &PluginLock,
    component: &ReadComponent,
    provides: &TypeName,
) -> Result<(), AppError> {
    let found = sha256_hex(&component.bytes);
    let pinned = lock.plugins.get(provides);
    if pinned.is_some_and(|pinned| *pinned.sha256 == *found) {
        return Ok(());
    }
    let (type_name, _) = pinned_of(lock, component)?;
    Err(AppError::from(PluginUseError::OtherType {
        type_name: type_name.clone(),
        path: component.path.clone(),
        provides: provides.clone(),
    }))
}

/// Checks, compiles and describes a component that was read.
pub(crate) async fn component_check(
    repository: &Repository,
    component: &ReadComponent,
    events: EventSink,
) -> Result<PluginDescription, AppError> {
    let logged = move |line: &_| {
        events.event(Event::PluginLogged {
            line: Clone::clone(line),
        })
    };
    let loaded = repository.runtime()?.plugin_add(&component.bytes, logged);
    let loaded = loaded.await.map_err(|source| {
        AppError::from(PluginUseError::Refused {
            path: component.path.clone(),
            source,
        })
    })?;
    if let Some(fault) = loaded.compiled.and_then(|compiled| compiled.fault) {
        repository.notices().event(cache_unusable(&fault));
    }
    Ok(loaded.plugin.description().clone())
}

/// Pins checked components in place of those that provided their types before, and grants the
/// choices that belong to each. See [`Added::pin`].
///
/// # Errors
/// Returns an error if one of them cannot be pinned, or if two of them provide the same type. The
/// repository is unchanged then.
pub fn plugins_pin(all: Vec<(Added, Vec<Choice>)>) -> Result<Vec<PluginAdded>, AppError> {
    let Some((first, _)) = all.first() else {
        return Ok(Vec::new());
    };
    let repository = &first.repository;
    each_type_once(&all)?;
    let chosen = all.iter().map(|(added, choices)| added.chosen(choices));
    let chosen: Vec<Grants> = chosen.collect::<Result<_, AppError>>()?;
    // If two processes add plugins at once, the later one must not remove the line of the earlier
    // one.
    let queue = plugin_lock_queue(repository)?;
    let _lock = queue.enter()?;
    let mut lock = plugin_lock_read(repository.folder())?;
    let before = lock.clone();
    let components = repository.state_folder("plugins")?;
    let mut pinned = Vec::new();
    for ((added, choices), grants) in all.iter().zip(&chosen) {
        let is_here = components.has(&component_file(&added.description.sha256))?;
        let mut plugin = added.pin_in(&mut lock, choices, grants)?;
        if plugin.change == PluginChange::Unchanged && !is_here {
            plugin.change = PluginChange::Restored;
        }
        pinned.push(plugin);
    }
    // A pin is written after its component, so a crash leaves no pin without one.
    for ((added, _), plugin) in all.iter().zip(&pinned) {
        let bytes = &added.component.bytes;
        components.write(&component_file(&added.description.sha256), bytes)?;
        if plugin.vendored_file.is_some() {
            vendored_write(repository, &added.description.type_info.name, bytes)?;
        }
    }
    if lock != before {
        let text = lock.file_text();
        repository.folder().write(LOCK_FILE, text.as_bytes())?;
        pins_note(&first.cx, &before, &lock)?;
    }
    Ok(pinned)
}

/// Records in the audit which plugins have another pin than before, and which grants have changed.
fn pins_note(cx: &Cx, before: &PluginLock, now: &PluginLock) -> Result<(), AppError> {
    for (type_name, pinned) in &now.plugins {
        let (on, former) = (type_name.as_str(), before.plugins.get(type_name));
        let detail = match former {
            None => Some(pin_text(pinned)),
            Some(former) if former.sha256 == pinned.sha256 => None,
            Some(former) => Some(format!(
                "{}, before: {}",
                pin_text(pinned),
                pin_text(former)
            )),
        };
        if detail.is_some() {
            audit_note(cx, AuditWord::PluginAdded, on, detail)?;
        }
        let former = former.map(|former| former.grants.clone());
        // ignored: no error is dropped, because this is an `Option`.
        let former = former.unwrap_or_default();
        audit_grants(cx, on, &former, &pinned.grants)?;
    }
    Ok(())
}

fn each_type_once(all: &[(Added, Vec<Choice>)]) -> Result<(), AppError> {
    for (at, (added, _)) in all.iter().enumerate() {
        let type_name = &added.description.type_info.name;
        let mut before = all[..at].iter();
        if let Some((other, _)) = before.find(|(it, _)| it.description.type_info.name == *type_name)
        {
            return Err(AppError::from(PluginUseError::SameType {
                type_name: type_name.clone(),
                paths: [&other.component.path, &added.component.path].map(PathBuf::clone),
            }));
        }
    }
    Ok(())
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
        let mut pinned = plugins_pin(vec![(self, choices.to_vec())])?;
        Ok(pinned.pop().expect("one component was pinned"))
    }

    /// Returns the grants that the choices make from the plugin's requests.
    fn chosen(&self, choices: &[Choice]) -> Result<Grants, AppError> {
        let info = &self.description.type_info;
        choice::granted(&info.permissions, choices).map_err(|source| {
            AppError::from(PluginUseError::GrantUnknown {
                type_name: info.name.clone(),
                source,
            })
        })
    }

    /// Pins the component in `lock`, which is not written yet.
    fn pin_in(
        &self,
        lock: &mut PluginLock,
        choices: &[Choice],
        chosen: &Grants,
    ) -> Result<PluginAdded, AppError> {
        let info = &self.description.type_info;
        // Another process may have changed `sedge.lock` since the component was checked.
        if self.options.is_locked {
            locked_check(lock, &self.component, &info.name)?;
        }
        let pinned = lock.plugins.get(&info.name);
        if let Some(pinned) = pinned {
            version_check(
                &self.description,
                pinned,
                &self.component.path,
                self.options,
            )?;
        }
        let undecided = undecided(&self.description, pinned);
        if choices.is_empty() && !undecided.is_empty() {
            return Err(AppError::from(PluginUseError::PermissionsUndecided {
                type_name: info.name.clone(),
                undecided,
            }));
        }
        let change = change(&self.description, pinned);
        let before = pinned.map(|pinned| PinnedBefore {
            version: pinned.version.to_string(),
            sha256: pinned.sha256.to_string(),
        });
        let vendored = self.vendored(pinned);
        let mut grants = pinned
            .map(|pinned| pinned.grants.clone())
            // ignored: no error is dropped, because this is an `Option`.
            .unwrap_or_default();
        if choices == [Choice::None] && undecided.is_empty() {
            grants = Grants::default();
        }
        grants.extend(chosen);
        let entry = LockedPlugin {
            version: info.version.clone(),
            sha256: (self.description.sha256.parse()).expect("a digest that was just made is one"),
            contract: self.description.contract.clone(),
            source: match (&vendored, pinned) {
                (Some(file), _) => file.clone(),
                (None, Some(pinned)) if change == PluginChange::Unchanged => pinned.source.clone(),
                (None, _) => self.component.source.clone(),
            },
            asked: request_lines(&self.description),
            grants: grants.clone(),
        };
        lock.plugins.insert(info.name.clone(), entry);
        let requests = info.permissions.iter();
        Ok(PluginAdded {
            granted: requests.map(|it| share(&grants, &it.permission)).collect(),
            plugin: self.plugin.clone(),
            change,
            before,
            grants: grants_view(&grants),
            vendored_file: vendored,
        })
    }

    /// Returns the file for the vendored component; `None` if it is not to be vendored. A component
    /// that takes the place of a vendored one is vendored, too.
    fn vendored(&self, pinned: Option<&LockedPlugin>) -> Option<String> {
        let file = vendored_file(&self.description.type_info.name);
        let was_vendored = pinned.is_some_and(|pinned| pinned.source == file);
        let is_vendored =
            self.options.is_vendored || self.repository.config().vendor_plugins || was_vendored;
        is_vendored.then_some(file)
    }
}

/// Returns the queue of the processes that change `sedge.lock`.
pub(crate) fn plugin_lock_queue(repository: &RepositorySnapshot) -> Result<FileQueue, AppError> {
    let locks = repository.state_folder("locks")?;
    let wait_max = repository.lock_timeout();
    Ok(FileQueue::open(&locks, "plugins.lock", wait_max)?)
}

fn request_lines(description: &PluginDescription) -> Vec<String> {
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
