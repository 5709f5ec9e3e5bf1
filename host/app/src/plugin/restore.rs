//! Restores components that `sedge.lock` pins and this machine lacks, as after a clone. Only a
//! component with a pinned digest is accepted, wherever it comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sedge_api::problem::{Explain, Help};
use sedge_api::view::plugin::{PluginRestored, PluginsRestored};
use sedge_lang::repository::{LockedPlugin, PluginLock};
use sedge_model::names::TypeName;
use sedge_model::permission::grants::AddressRange;
use sedge_runtime::sha256_hex;
use sedge_sys::folder::{Folder, is_named_file, is_named_folder};

use crate::cx::Cx;
use crate::error::{AppError, PluginUseError};
use crate::events::EventSink;
use crate::plugin::add::component_check;
use crate::plugin::component::{ComponentSource, ReadComponent, component_read};
use crate::plugin::error::PinnedDigest;
use crate::plugin::loaded::component_file;
use crate::plugin::vendor::{file_in_folder, vendored_file};
use crate::repository::snapshot::RepositorySnapshot;

/// A request to restore components.
#[derive(Debug, Clone, Default)]
pub struct PluginRestoreRequest {
    /// The files, folders and URLs with the components. If there are none, Sedge searches for each
    /// missing component.
    pub from: Vec<PathBuf>,
    /// The addresses from which a component may be downloaded although they are not public.
    pub private_addresses: Vec<AddressRange>,
}

/// Restores components from files, folders and URLs. If the request names none, the function
/// searches for each missing component in the vendored folder, among the first-party plugins, and
/// at its recorded source, in this order.
///
/// # Errors
/// Returns an error if a file is not a pinned component, if a folder has none, or if nothing is
/// given and a component was not found. Those that were found before are restored then.
pub async fn plugin_restore(
    cx: &Cx,
    request: &PluginRestoreRequest,
) -> Result<PluginsRestored, AppError> {
    let repository = &cx.repository.snapshot()?;
    let lock = repository.plugin_lock();
    let components = repository.state_folder("plugins")?;
    let mut missing = missing_in(repository, &components, lock)?;
    let search = ComponentSearch {
        repository,
        lock,
        private_addresses: &request.private_addresses,
    };
    let mut found = Vec::new();
    let mut not_found = Vec::new();
    if request.from.is_empty() {
        for (&type_name, &pinned) in &missing {
            match search.look_for(type_name, pinned).await {
                Ok(component) => found.push(component),
                Err(unusable) => not_found.push(NotFound {
                    plugin: PinnedDigest::new(type_name, pinned),
                    unusable,
                }),
            }
        }
    }
    for path in &request.from {
        found.extend(search.named(path).await?);
    }
    let mut restored = Vec::new();
    for found in &found {
        let FoundComponent {
            type_name, pinned, ..
        } = found;
        let was_missing = missing.contains_key(type_name);
        if was_missing {
            type_check(repository, found, cx.events.clone()).await?;
            components.write(&component_file(&pinned.sha256), &found.component.bytes)?;
            missing.remove(type_name);
        }
        restored.push(PluginRestored {
            type_name: type_name.to_string(),
            version: pinned.version.to_string(),
            sha256: pinned.sha256.to_string(),
            from: found.component.place(),
            was_missing,
        });
    }
    if !not_found.is_empty() {
        return Err(AppError::from(PluginUseError::NotFound {
            not_found,
            restored,
        }));
    }
    Ok(PluginsRestored {
        plugins: restored,
        missing: missing.into_keys().map(TypeName::to_string).collect(),
    })
}

/// Restores the missing or damaged component of one plugin, from the first place that has it.
/// Returns the place.
///
/// # Errors
/// Returns an error if no place has the component, if it does not provide the type, or if it cannot
/// be written.
pub(crate) async fn component_restore(
    repository: &RepositorySnapshot,
    type_name: &TypeName,
    events: EventSink,
) -> Result<String, AppError> {
    let (type_name, pinned) = repository.plugin_pinned(type_name.as_str())?;
    let search = ComponentSearch {
        repository,
        lock: repository.plugin_lock(),
        private_addresses: &[],
    };
    let found = search.look_for(type_name, pinned).await;
    let found = found.map_err(|unusable| PluginUseError::NotFound {
        not_found: vec![NotFound {
            plugin: PinnedDigest::new(type_name, pinned),
            unusable,
        }],
        restored: Vec::new(),
    })?;
    type_check(repository, &found, events).await?;
    let components = repository.state_folder("plugins")?;
    components.write(&component_file(&pinned.sha256), &found.component.bytes)?;
    Ok(found.component.place())
}

/// A component that was not found.
#[derive(Debug)]
pub struct NotFound {
    /// The plugin.
    pub(crate) plugin: PinnedDigest,
    /// The places that were searched, each with its result.
    pub(crate) unusable: Vec<UnusablePlace>,
}

/// A place that does not have the missing component.
#[derive(Debug)]
pub(crate) struct UnusablePlace {
    /// The content that was found instead, or why the place cannot be read.
    pub(crate) reason: String,
    /// Help for the user.
    pub(crate) help: Vec<Help>,
}

impl From<String> for UnusablePlace {
    fn from(reason: String) -> Self {
        let help = Vec::new();
        Self { reason, help }
    }
}

impl From<AppError> for UnusablePlace {
    fn from(error: AppError) -> Self {
        let causes = error.causes().into_iter();
        let texts: Vec<String> = std::iter::once(error.message()).chain(causes).collect();
        let is_download = matches!(error, AppError::Plugin(PluginUseError::Download(_)));
        Self {
            reason: texts.join(": "),
            help: if is_download {
                error.help()
            } else {
                Vec::new()
            },
        }
    }
}

/// A component with a pinned digest.
struct FoundComponent<'a> {
    type_name: &'a TypeName,
    pinned: &'a LockedPlugin,
    component: ReadComponent,
}

/// Returns whether a component is on this machine, undamaged.
pub(crate) fn is_present(
    repository: &RepositorySnapshot,
    components: &Folder,
    pinned: &LockedPlugin,
) -> Result<bool, AppError> {
    let bytes_max = repository.component_limits().bytes;
    let bytes = components.read(&component_file(&pinned.sha256), bytes_max)?;
    Ok(bytes.is_some_and(|bytes| *pinned.sha256 == *sha256_hex(&bytes)))
}

/// Returns the pinned plugins whose component is not on this machine, or is damaged.
fn missing_in<'a>(
    repository: &RepositorySnapshot,
    components: &Folder,
    lock: &'a PluginLock,
) -> Result<BTreeMap<&'a TypeName, &'a LockedPlugin>, AppError> {
    let mut missing = BTreeMap::new();
    for (type_name, pinned) in &lock.plugins {
        if !is_present(repository, components, pinned)? {
            missing.insert(type_name, pinned);
        }
    }
    Ok(missing)
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
    repository: &RepositorySnapshot,
    found: &FoundComponent<'_>,
    events: EventSink,
) -> Result<(), AppError> {
    let description = component_check(repository, &found.component, events).await?;
    let provides = description.type_info.name;
    if provides == *found.type_name {
        return Ok(());
    }
    Err(AppError::from(PluginUseError::OtherType {
        type_name: found.type_name.clone(),
        path: found.component.path.clone(),
        provides,
    }))
}

/// The search for pinned components.
struct ComponentSearch<'a> {
    repository: &'a RepositorySnapshot,
    lock: &'a PluginLock,
    private_addresses: &'a [AddressRange],
}

impl<'a> ComponentSearch<'a> {
    /// Returns the pinned components in a file or folder, or at a URL, that the user named.
    async fn named(&self, path: &Path) -> Result<Vec<FoundComponent<'a>>, AppError> {
        let source = ComponentSource::from(path);
        let is_url = matches!(source, ComponentSource::Url(_));
        if !is_url && is_named_folder(path)? {
            return self.in_folder(path);
        }
        let component = component_read(self.repository, &source, self.private_addresses).await?;
        Ok(vec![self.found(component)?])
    }

    fn in_folder(&self, path: &Path) -> Result<Vec<FoundComponent<'a>>, AppError> {
        let folder = Folder::open(path)?;
        let mut files = folder.files("")?;
        files.retain(|file| file.ends_with(".wasm"));
        files.extend(self.lock.plugins.keys().map(file_in_folder));
        let mut found: Vec<FoundComponent<'a>> = Vec::new();
        for file in files {
            // ignored: a file that cannot be read, or is too large, is not one of the components.
            let Ok(Some(bytes)) = folder.read(&file, self.repository.component_limits().bytes)
            else {
                continue;
            };
            let component = ReadComponent {
                bytes,
                path: path.join(file),
                source: String::new(),
            };
            let is_new = found.iter().all(|it| it.component.bytes != component.bytes);
            // ignored: a folder may have other components, too.
            if is_new && let Ok(component) = self.found(component) {
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

    fn found(&self, component: ReadComponent) -> Result<FoundComponent<'a>, AppError> {
        let (type_name, pinned) = pinned_of(self.lock, &component)?;
        Ok(FoundComponent {
            type_name,
            pinned,
            component,
        })
    }

    /// Looks for a pinned component without the user's help. Returns what each place has instead if
    /// it is nowhere.
    async fn look_for(
        &self,
        type_name: &'a TypeName,
        pinned: &'a LockedPlugin,
    ) -> Result<FoundComponent<'a>, Vec<UnusablePlace>> {
        let mut unusable = Vec::new();
        for place in places(self.repository, type_name, pinned) {
            match self.read(&place).await {
                Ok(Some(component)) => {
                    let found = sha256_hex(&component.bytes);
                    if *pinned.sha256 == *found {
                        return Ok(FoundComponent {
                            type_name,
                            pinned,
                            component,
                        });
                    }
                    let place = component.place();
                    unusable.push(UnusablePlace::from(format!(
                        "`{place}` is another component: its digest is {found}, not {}",
                        pinned.sha256
                    )));
                }
                Ok(None) => {}
                Err(place) => unusable.push(place),
            }
        }
        Err(unusable)
    }

    /// Reads the component in a place. Returns `None` if there is none, and none was expected.
    async fn read(&self, place: &ComponentPlace) -> Result<Option<ReadComponent>, UnusablePlace> {
        let source = match place {
            ComponentPlace::Vendored(file) => return Ok(in_repository(self.repository, file)?),
            ComponentPlace::InRepository(file) => {
                return match in_repository(self.repository, file)? {
                    Some(component) => Ok(Some(component)),
                    None => Err(format!("`{file}` is not in the repository").into()),
                };
            }
            // A pipe or device that a stranger's file names is not opened.
            ComponentPlace::Outside(path) => match is_named_file(path).map_err(AppError::from)? {
                true => ComponentSource::File(path.clone()),
                false => return Err(format!("there is no file `{}`", path.display()).into()),
            },
            ComponentPlace::FirstParty(type_name) => ComponentSource::FirstParty(type_name.clone()),
            ComponentPlace::Url(url) => ComponentSource::Url(url.clone()),
        };
        let read = component_read(self.repository, &source, self.private_addresses).await;
        Ok(Some(read?))
    }
}

/// A place where a component may be.
#[derive(Debug, PartialEq, Eq)]
enum ComponentPlace {
    /// The vendored file, which need not exist.
    Vendored(String),
    /// A file of the repository that the component was added from.
    InRepository(String),
    /// The installation of Sedge.
    FirstParty(TypeName),
    /// A file outside of the repository that the component was added from.
    Outside(PathBuf),
    /// The URL that the component was added from.
    Url(String),
}

/// Returns the places of a component, in the order in which they are tried: those that need no other
/// machine come first.
fn places(
    repository: &RepositorySnapshot,
    type_name: &TypeName,
    pinned: &LockedPlugin,
) -> Vec<ComponentPlace> {
    let vendored = vendored_file(type_name);
    let is_vendored = pinned.source == vendored;
    let mut places = vec![match is_vendored {
        true => ComponentPlace::InRepository(vendored),
        false => ComponentPlace::Vendored(vendored),
    }];
    if repository.first_party().plugin(type_name).is_some() {
        places.push(ComponentPlace::FirstParty(type_name.clone()));
    }
    let source = match ComponentSource::from(Path::new(&pinned.source)) {
        ComponentSource::FirstParty(name) => ComponentPlace::FirstParty(name),
        ComponentSource::File(path) if path.is_absolute() => ComponentPlace::Outside(path),
        ComponentSource::File(_) => ComponentPlace::InRepository(pinned.source.clone()),
        ComponentSource::Url(url) => ComponentPlace::Url(url),
    };
    if !places.contains(&source) {
        places.push(source);
    }
    places
}

fn in_repository(
    repository: &RepositorySnapshot,
    file: &str,
) -> Result<Option<ReadComponent>, AppError> {
    let bytes_max = repository.component_limits().bytes;
    let bytes = repository.folder().read(file, bytes_max)?;
    Ok(bytes.map(|bytes| ReadComponent {
        bytes,
        path: PathBuf::from(file),
        source: file.to_owned(),
    }))
}
