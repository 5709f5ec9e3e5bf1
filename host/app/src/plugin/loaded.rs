//! The plugins of a repository. They are pinned by digest in `sedge.lock` and stored under
//! `.sedge/`.

use std::sync::{Arc, PoisonError};

use sedge_lang::repository::LockedPlugin;
use sedge_model::names::TypeName;
use sedge_runtime::{Compiled, Plugin, PluginDescription, PluginError};

use crate::error::{AppError, PluginUseError};
use crate::events::Event;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::{cache_unusable, near_one};

/// Returns the name of a component's file in the folder of components.
pub(crate) fn component_file(sha256: &str) -> String {
    format!("{sha256}.wasm")
}

/// A pinned plugin of a repository.
pub(crate) struct PinnedPlugin<'a> {
    /// The type that it provides.
    pub(crate) type_name: &'a TypeName,
    pub(crate) pinned: &'a LockedPlugin,
    /// Whether its component is on this machine. The content of the component is not checked.
    pub(crate) is_here: bool,
}

impl RepositorySnapshot {
    /// Returns the pinned plugins, sorted by type.
    ///
    /// # Errors
    /// Returns an error if the folder of components cannot be read.
    pub(crate) fn plugins_pinned(&self) -> Result<Vec<PinnedPlugin<'_>>, AppError> {
        let components = self.state_folder("plugins")?;
        let plugins = self.plugin_lock().plugins.iter();
        let plugins = plugins.map(|(type_name, pinned)| {
            Ok(PinnedPlugin {
                type_name,
                pinned,
                is_here: components.has(&component_file(&pinned.sha256))?,
            })
        });
        plugins.collect()
    }

    /// Returns the pin of the plugin that provides a type.
    pub(crate) fn plugin_pinned(
        &self,
        type_name: &str,
    ) -> Result<(&TypeName, &LockedPlugin), AppError> {
        let plugins = &self.plugin_lock().plugins;
        let pinned = plugins.iter().find(|(name, _)| name.as_str() == type_name);
        pinned.ok_or_else(|| {
            let names: Vec<&TypeName> = plugins.keys().collect();
            // The name `sink` is short for the only type whose name ends with it.
            let scoped = names
                .iter()
                .find(|name| name.as_str().ends_with(&format!("/{type_name}")));
            AppError::from(PluginUseError::TypeMissing {
                name: type_name.to_owned(),
                near: scoped
                    .map(ToString::to_string)
                    .or_else(|| near_one(type_name, &names)),
            })
        })
    }

    /// Loads the plugin of a type, once per process. It is compiled only if the cache does not have
    /// it.
    pub(crate) async fn plugin(&self, type_name: &str) -> Result<Arc<Plugin>, AppError> {
        let (type_name, pinned) = self.plugin_pinned(type_name)?;
        let known = self
            .plugins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&*pinned.sha256)
            .cloned();
        if let Some(plugin) = known {
            return Ok(plugin);
        }
        let plugin = self.plugin_load(type_name, pinned).await?;
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(
            plugins.entry(pinned.sha256.to_string()).or_insert(plugin),
        ))
    }

    /// Returns the description of a pinned plugin without loading its code; `None` if it has not
    /// been compiled yet. The digest is that of its component.
    pub(crate) fn plugin_description(
        &self,
        sha256: &str,
    ) -> Result<Option<PluginDescription>, AppError> {
        let described = self.runtime()?.plugin_description(sha256);
        // An unreadable entry is like a missing one, and a run reports it.
        Ok(described.unwrap_or_else(|fault| {
            tracing::warn!(%fault, "a description in the cache cannot be read");
            None
        }))
    }

    /// Reports that a call had to compile a plugin, and whether its code cannot be cached.
    fn compiled(&self, type_name: &TypeName, compiled: &Compiled) {
        self.notices().event(Event::PluginCompiled {
            type_name: type_name.clone(),
            elapsed: compiled.elapsed,
        });
        if let Some(fault) = &compiled.fault {
            self.notices().event(cache_unusable(fault));
        }
    }

    async fn plugin_load(
        &self,
        type_name: &TypeName,
        pinned: &LockedPlugin,
    ) -> Result<Arc<Plugin>, AppError> {
        let broken = |source| {
            AppError::from(PluginUseError::Broken {
                type_name: type_name.clone(),
                source,
            })
        };
        let components = self.state_folder("plugins")?;
        let bytes_max = self.component_limits().bytes;
        let mut gone = false;
        let bytes = async || {
            let bytes = components.read(&component_file(&pinned.sha256), bytes_max)?;
            bytes.ok_or_else(|| {
                gone = true;
                PluginError::NotWasm {
                    reason: "there is no file".to_owned(),
                }
            })
        };
        let loaded = self.runtime()?.plugin_load(&pinned.sha256, bytes).await;
        let loaded = loaded.map(|loaded| {
            if let Some(compiled) = loaded.compiled {
                self.compiled(type_name, &compiled);
            }
            loaded.plugin
        });
        match loaded {
            Err(_) if gone => Err(AppError::from(PluginUseError::Gone {
                type_name: type_name.clone(),
                from: pinned.source.clone(),
            })),
            Err(PluginError::Host(error)) => Err(error.into()),
            other => other.map_err(broken),
        }
    }
}
