//! Restores components that `sedge.lock` pins and this machine lacks, as after a clone. Only a
//! component with a pinned digest is accepted, wherever it comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sedge_api::problem::Explain;
use sedge_api::view::plugin::{PluginRestored, PluginsRestored};
use sedge_model::names::TypeName;
use sedge_model::repository::{LockedPlugin, PluginLock};
use sedge_runtime::sha256_hex;
use sedge_sys::folder::{Folder, is_named_file, is_named_folder};

use crate::error::{AppError, PluginUseError};
use crate::events::Events;
use crate::plugin::add::component_check;
use crate::plugin::component::{ComponentSource, ReadComponent, component_read};
use crate::plugin::error::PinnedDigest;
use crate::plugin::loaded::component_file;
use crate::plugin::vendor::{file_in_folder, vendored_file};
use crate::repository::{Repository, plugin_lock_read};

/// Restores the components in some files and folders. If none is given, each missing component is
/// looked for in the vendored folder, among the first-party plugins, and where it was added from.
///
/// # Errors
/// Returns an error if a file is not a pinned component, if a folder has none, or if nothing is
/// given and a component was not found. Those that were found before are restored then.
pub async fn plugin_restore(
    repository: &Arc<Repository>,
    from: &[PathBuf],
    events: Arc<dyn Events>,
) -> Result<PluginsRestored, AppError> {
    let lock = plugin_lock_read(repository.folder())?;
    let components = repository.state_folder("plugins")?;
    let mut found = Vec::new();
    let mut not_found = Vec::new();
    if from.is_empty() {
        for (type_name, pinned) in &lock.plugins {
            if is_present(repository, &components, pinned)? {
                continue;
            }
            match look_for(repository, type_name, pinned) {
                Ok(component) => found.push(component),
                Err(reasons) => not_found.push(NotFound {
                    plugin: PinnedDigest::new(type_name, pinned),
                    reasons,
                }),
            }
        }
    }
    for path in from {
        found.extend(named(repository, &lock, path)?);
    }
    let mut restored = Vec::new();
    for component in &found {
        let (type_name, pinned) = pinned_of(&lock, component)?;
        let was_missing = !is_present(repository, &components, pinned)?;
        if was_missing {
            type_check(repository, type_name, component, Arc::clone(&events)).await?;
            components.write(&component_file(&pinned.sha256), &component.bytes)?;
        }
        restored.push(PluginRestored {
            type_name: type_name.to_string(),
            version: pinned.version.to_string(),
            sha256: pinned.sha256.to_string(),
            from: component.place(),
            was_missing,
        });
    }
    if !not_found.is_empty() {
        return Err(AppError::from(PluginUseError::NotFound {
            not_found,
            restored,
        }));
    }
    let mut missing = Vec::new();
    for (type_name, pinned) in &lock.plugins {
        if !is_present(repository, &components, pinned)? {
            missing.push(type_name.to_string());
        }
    }
    Ok(PluginsRestored {
        plugins: restored,
        missing,
    })
}

/// A component that was not found.
#[derive(Debug)]
pub struct NotFound {
    /// The plugin.
    pub(crate) plugin: PinnedDigest,
    /// What was found instead in each place.
    pub(crate) reasons: Vec<String>,
}

/// Returns whether a component is on this machine, undamaged.
fn is_present(
    repository: &Repository,
    components: &Folder,
    pinned: &LockedPlugin,
) -> Result<bool, AppError> {
    let bytes_max = repository.component_limits().bytes;
    let bytes = components.read(&component_file(&pinned.sha256), bytes_max)?;
    Ok(bytes.is_some_and(|bytes| *pinned.sha256 == *sha256_hex(&bytes)))
}

/// Returns the plugin that is pinned with the digest of a component.
///
/// # Errors
/// Returns an error if there is none.
pub(crate) fn pinned_of<'a>(
    lock: &'a PluginLock,
    component: &ReadComponent,
) -> Result<(&'a TypeName, &'a LockedPlugin), AppError> {
    let found = sha256_hex(&component.bytes);
    let mut plugins = lock.plugins.iter();
    let pinned = plugins.find(|(_, pinned)| *pinned.sha256 == *found);
    pinned.ok_or_else(|| {
        let pins = lock.plugins.iter();
        AppError::from(PluginUseError::NotPinned {
            path: component.path.clone(),
            found,
            pins: pins
                .map(|(name, pin)| PinnedDigest::new(name, pin))
                .collect(),
        })
    })
}

/// Checks that a component provides the type that `sedge.lock` pins it for, and compiles it.
async fn type_check(
    repository: &Repository,
    type_name: &TypeName,
    component: &ReadComponent,
    events: Arc<dyn Events>,
) -> Result<(), AppError> {
    let description = component_check(repository, component, events).await?;
    let provides = description.type_info.name;
    if provides == *type_name {
        return Ok(());
    }
    Err(AppError::from(PluginUseError::OtherType {
        type_name: type_name.clone(),
        path: component.path.clone(),
        provides,
    }))
}

/// Returns the pinned components in a file or folder that the user named.
fn named(
    repository: &Repository,
    lock: &PluginLock,
    path: &Path,
) -> Result<Vec<ReadComponent>, AppError> {
    if !is_named_folder(path) {
        let component = component_read(repository, &ComponentSource::from(path))?;
        pinned_of(lock, &component)?;
        return Ok(vec![component]);
    }
    let folder = Folder::open(path)?;
    let mut files = folder.files("")?;
    files.retain(|file| file.ends_with(".wasm"));
    files.extend(lock.plugins.keys().map(file_in_folder));
    let mut found: Vec<ReadComponent> = Vec::new();
    for file in files {
        // ignored: a file that cannot be read, or is too large, is not one of the components.
        let Ok(Some(bytes)) = folder.read(&file, repository.component_limits().bytes) else {
            continue;
        };
        let component = ReadComponent {
            bytes,
            path: path.join(file),
            source: String::new(),
        };
        let is_new = found.iter().all(|it| it.bytes != component.bytes);
        if is_new && pinned_of(lock, &component).is_ok() {
            found.push(component);
        }
    }
    if found.is_empty() {
        return Err(AppError::from(PluginUseError::NoneInFolder {
            path: path.to_owned(),
        }));
    }
    Ok(found)
}

/// Looks for a pinned component without the user's help. Returns what was found instead if it is
/// nowhere.
fn look_for(
    repository: &Repository,
    type_name: &TypeName,
    pinned: &LockedPlugin,
) -> Result<ReadComponent, Vec<String>> {
    let mut reasons = Vec::new();
    for place in places(repository, type_name, pinned) {
        match place.read(repository) {
            Ok(component) => {
                let found = sha256_hex(&component.bytes);
                if *pinned.sha256 == *found {
                    return Ok(component);
                }
                let place = component.place();
                reasons.push(format!(
                    "`{place}` is another component: its digest is {found}, not {}",
                    pinned.sha256
                ));
            }
            Err(Some(reason)) => reasons.push(reason),
            Err(None) => {}
        }
    }
    Err(reasons)
}

/// A place where a component may be.
#[derive(Debug, PartialEq, Eq)]
enum ComponentPlace {
    /// The vendored file.
    Vendored(String),
    /// A file of the repository that the component was added from.
    InRepository(String),
    /// A file outside of the repository that the component was added from.
    Outside(PathBuf),
    /// The installation of Sedge.
    FirstParty(TypeName),
}

fn places(
    repository: &Repository,
    type_name: &TypeName,
    pinned: &LockedPlugin,
) -> Vec<ComponentPlace> {
    let vendored = vendored_file(type_name);
    let source = &pinned.source;
    let mut places = Vec::new();
    if *source != vendored {
        places.push(ComponentPlace::Vendored(vendored));
    }
    match ComponentSource::from(Path::new(source)) {
        ComponentSource::FirstParty(name) => places.push(ComponentPlace::FirstParty(name)),
        ComponentSource::File(path) if path.is_absolute() => {
            places.push(ComponentPlace::Outside(path));
        }
        ComponentSource::File(_) => places.push(ComponentPlace::InRepository(source.clone())),
    }
    let first_party = ComponentPlace::FirstParty(type_name.clone());
    let is_known = repository.first_party().plugin(type_name).is_some();
    if is_known && !places.contains(&first_party) {
        places.push(first_party);
    }
    places
}

impl ComponentPlace {
    /// Reads the component in this place.
    ///
    /// # Errors
    /// Returns the reason if there is no component; `None` if none was expected here.
    fn read(&self, repository: &Repository) -> Result<ReadComponent, Option<String>> {
        let text = |error: AppError| {
            let causes = error.causes().into_iter();
            let texts = std::iter::once(error.message()).chain(causes);
            Some(texts.collect::<Vec<String>>().join(": "))
        };
        match self {
            Self::Vendored(file) => in_repository(repository, file).map_err(text)?.ok_or(None),
            Self::InRepository(file) => {
                let component = in_repository(repository, file).map_err(text)?;
                component.ok_or_else(|| Some(format!("`{file}` is not in the repository")))
            }
            // A pipe or device that a stranger's file names is not opened.
            Self::Outside(path) if !is_named_file(path) => {
                Err(Some(format!("there is no file `{}`", path.display())))
            }
            Self::Outside(path) => {
                let source = ComponentSource::File(path.clone());
                component_read(repository, &source).map_err(text)
            }
            Self::FirstParty(type_name) => {
                let source = ComponentSource::FirstParty(type_name.clone());
                component_read(repository, &source).map_err(text)
            }
        }
    }
}

fn in_repository(repository: &Repository, file: &str) -> Result<Option<ReadComponent>, AppError> {
    let bytes_max = repository.component_limits().bytes;
    let bytes = repository.folder().read(file, bytes_max)?;
    Ok(bytes.map(|bytes| ReadComponent {
        bytes,
        path: PathBuf::from(file),
        source: file.to_owned(),
    }))
}
