//! Plugins: components that were checked, compiled and described, ready to be called.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sedge_model::call::{CallError, LogLine};
use sedge_model::lifetime::LifetimeError;
use sedge_model::names::NameError;
use sedge_model::schema::Schema;
use sedge_model::type_info::{TypeInfo, TypeInfoError};
use sedge_sys::clock::Moment;
use sedge_sys::folder::FileError;
use sedge_sys::worker::WorkerError;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::bindings::PluginPre;
use crate::cache::{Cache, CacheFault, Note, component_of_code};
use crate::call::{self, CallState};
use crate::compile::Artifact;
use crate::component;
use crate::component_limits::{CompileLimit, ComponentLimit};
use crate::engine::Runtime;
use crate::host::HostError;
use crate::lines::LineTable;

/// A component is not a plugin that this host can run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// It is not WebAssembly at all, or damaged.
    #[error("it is not a WebAssembly component: {reason}")]
    NotWasm {
        /// What the parser says.
        reason: String,
    },
    /// It is WebAssembly, but not a component.
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    /// It was not built for Sedge.
    #[error("it is a component, but not a plugin of Sedge: it has no section `sedge:contract`")]
    ContractMissing,
    /// Its contract's version is no version.
    #[error("it was built for contract `{}`, which is no version", text.escape_debug())]
    ContractUnreadable {
        /// What stands there.
        text: String,
    },
    /// It needs a newer host.
    #[error(
        "it was built for contract {built_for}, this Sedge speaks contract {}",
        component::CONTRACT_VERSION
    )]
    ContractNewer {
        /// The version that it was built for.
        built_for: String,
    },
    /// It needs an older host.
    #[error("it was built for contract {built_for}, which this Sedge no longer speaks")]
    ContractOlder {
        /// The version that it was built for.
        built_for: String,
    },
    /// It is larger than the operator allows.
    #[error("it is too large: {found} of `{}`, the limit is {most}", limit.as_str())]
    TooLarge {
        /// What it has too much of.
        limit: ComponentLimit,
        /// How much it has.
        found: u64,
        /// How much it may have.
        most: u64,
    },
    /// It does not compile.
    #[error("it does not compile: {reason}")]
    Compile {
        /// What the compiler says.
        reason: String,
    },
    /// Compiling it takes more than the operator allows.
    #[error(
        "compiling it takes more than {most} {}, the limit `{}`",
        limit.unit(),
        limit.key()
    )]
    CompileLimit {
        /// What it takes too much of.
        limit: CompileLimit,
        /// How much it may take.
        most: u64,
    },
    /// The process that compiles did not do its work.
    #[error("the compiler failed")]
    Compiler(#[source] WorkerError),
    /// It imports or exports other things than the contract says.
    #[error("it does not fit the contract: {reason}")]
    World {
        /// What does not fit.
        reason: String,
    },
    /// It cannot describe itself.
    #[error("its description failed")]
    Describe(#[source] CallError),
    /// A name in its description is none.
    #[error("its description is not valid")]
    Name(#[from] NameError),
    /// How long it wants data to be kept is not said in words that are known.
    #[error("its description is not valid")]
    Lifetime(#[from] LifetimeError),
    /// A label or media type in its description is none.
    #[error("its description is not valid: {0}")]
    Text(String),
    /// A text in its description is no JSON.
    #[error("its description is not valid: {of}: {reason}")]
    Json {
        /// Which text.
        of: String,
        /// What the parser says.
        reason: String,
    },
    /// Its description contradicts itself.
    #[error("its description is not valid")]
    TypeInfo(#[from] TypeInfoError),
    /// The bytes are not those that the digest is of.
    #[error("its digest is {found}, not {expected}")]
    Digest {
        /// The digest that was asked for.
        expected: String,
        /// The digest of the bytes.
        found: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The host itself failed.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// What is known of a plugin without being able to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDescription {
    /// The SHA-256 of the component, in lower-case hex.
    pub sha256: String,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// What it says of its type.
    pub type_info: TypeInfo,
}

/// A component that is ready to be called.
pub struct Plugin {
    description: PluginDescription,
    pub(crate) instance: PluginPre<CallState>,
    schemas: Schemas,
    /// Read when something traps for the first time.
    lines: OnceLock<LineTable>,
    /// The most memory that one of its calls has needed, in bytes; 0 before the first one ended.
    memory_bytes: AtomicUsize,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

/// The type's schemas, each compiled when it is first needed: compiling one costs more
/// than a call, and a call needs two at most.
#[derive(Debug)]
struct Schemas {
    global_arguments: OnceLock<Schema>,
    arguments: BTreeMap<String, OnceLock<Schema>>,
    resources: BTreeMap<String, OnceLock<Schema>>,
}

impl Plugin {
    /// Returns what the plugin is.
    #[must_use]
    pub fn description(&self) -> &PluginDescription {
        &self.description
    }

    /// Returns what the plugin says of its type.
    #[must_use]
    pub fn type_info(&self) -> &TypeInfo {
        &self.description.type_info
    }

    /// Returns the schema of the global arguments.
    #[must_use]
    pub fn global_arguments_schema(&self) -> &Schema {
        compiled(
            &self.schemas.global_arguments,
            &self.type_info().global_arguments,
        )
    }

    /// Returns the schema of a method's arguments; none if there is no such method.
    #[must_use]
    pub fn arguments_schema(&self, method: &str) -> Option<&Schema> {
        let source = &self.type_info().method(method)?.arguments;
        Some(compiled(self.schemas.arguments.get(method)?, source))
    }

    /// Returns the schema of a resource; none if the type declares no such resource.
    #[must_use]
    pub fn resource_schema(&self, spec: &str) -> Option<&Schema> {
        let source = &self.type_info().resource(spec)?.schema;
        Some(compiled(self.schemas.resources.get(spec)?, source))
    }

    /// Returns the most memory that one of its calls has needed in this process, in bytes; 0 before
    /// the first one ended.
    pub(crate) fn memory_known(&self) -> usize {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Notes how much memory one of its calls needed, in bytes.
    pub(crate) fn memory_note(&self, n_bytes: usize) {
        self.memory_bytes.fetch_max(n_bytes, Ordering::Relaxed);
    }

    /// Returns which instruction comes from which line of the source.
    pub(crate) fn lines(&self, cache: Option<&Cache>) -> &LineTable {
        let read = || cache.map(|cache| cache.lines(&self.description.sha256));
        self.lines.get_or_init(|| read().unwrap_or_default())
    }

    fn new(
        description: PluginDescription,
        instance: PluginPre<CallState>,
        lines: Option<LineTable>,
    ) -> Arc<Self> {
        let info = &description.type_info;
        let slot = |name: &str| (name.to_owned(), OnceLock::new());
        let schemas = Schemas {
            global_arguments: OnceLock::new(),
            arguments: info
                .methods
                .iter()
                .map(|method| slot(method.name.as_str()))
                .collect(),
            resources: info
                .resources
                .iter()
                .map(|resource| slot(resource.name.as_str()))
                .collect(),
        };
        Arc::new(Self {
            description,
            instance,
            schemas,
            lines: lines.map(OnceLock::from).unwrap_or_default(),
            memory_bytes: AtomicUsize::new(0),
        })
    }
}

fn compiled<'a>(slot: &'a OnceLock<Schema>, source: &Value) -> &'a Schema {
    slot.get_or_init(|| Schema::compile(source).expect("`TypeInfo::check` compiled it before"))
}

/// Checks a description, until a moment at the latest: how many schemas it has, and how much work
/// each is to compile, is the plugin's choice. Others go on meanwhile.
async fn understood(type_info: TypeInfo, latest: Moment) -> Result<TypeInfo, PluginError> {
    let check = move || {
        type_info.check(|| !latest.left().is_zero())?;
        Ok(type_info)
    };
    let checked = tokio::task::spawn_blocking(check).await;
    checked.map_err(|_| HostError::new(CheckPanicked))?
}

/// A description was not checked to the end.
#[derive(Debug, thiserror::Error)]
#[error("the check of a description ended in a panic")]
struct CheckPanicked;

/// Returns the SHA-256 of a component, in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A plugin that was loaded.
#[derive(Debug)]
pub struct LoadedPlugin {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// How it was compiled; `None` if its compiled code was in the cache.
    pub compiled: Option<Compiled>,
}

/// A plugin was compiled.
#[derive(Debug)]
pub struct Compiled {
    /// How long that took, and its description.
    pub elapsed: Duration,
    /// Why its code is not kept for the next process, or could not be read; `None` if it is
    /// kept, and if there is no cache at all.
    pub fault: Option<CacheFault>,
}

impl Runtime {
    /// Checks, compiles and describes a component, and keeps the result in the cache for
    /// [`Runtime::plugin_load`]. What the plugin logs meanwhile goes to `logged`.
    ///
    /// # Errors
    /// Every way in which a file is not a plugin; nothing is kept then.
    pub async fn plugin_add(
        &self,
        bytes: &[u8],
        logged: impl Fn(&LogLine) + Send + Sync + 'static,
    ) -> Result<LoadedPlugin, PluginError> {
        let since = Moment::now();
        let contract = component::contract_check(bytes, &self.component_limits)?;
        let compiling = self
            .compiler
            .compile(&self.engine, bytes, &self.component_limits);
        let Artifact { code, lines } = compiling.await?;
        let loaded = component_of_code(&self.engine, &code);
        let component = loaded.map_err(|error| PluginError::Compile {
            reason: one_line(&error),
        })?;
        let instance = self.instance(&component)?;
        let latest = Moment::now().after(self.component_limits.describe);
        let described = call::describe(self, &instance, &lines, Arc::new(logged), latest);
        let type_info = understood(described.await?, latest).await?;
        let sha256 = sha256_hex(bytes);
        let note = Note {
            contract,
            type_info,
        };
        let mut fault = None;
        if let Some(cache) = &self.cache {
            fault = cache.save(&sha256, &code, &lines, &note).err();
        }
        let description = note.description(sha256);
        let elapsed = since.elapsed();
        Ok(LoadedPlugin {
            plugin: Plugin::new(description, instance, Some(lines)),
            compiled: Some(Compiled { elapsed, fault }),
        })
    }

    /// Loads a plugin that was added before, by the digest of its component. If its compiled
    /// code is not in the cache, or not authentic, it is compiled again from `bytes`, and what
    /// it says of itself comes from there, too.
    ///
    /// # Errors
    /// As [`Runtime::plugin_add`], or the bytes are not those of the digest.
    pub async fn plugin_load(
        &self,
        sha256: &str,
        bytes: impl AsyncFnOnce() -> Result<Vec<u8>, PluginError>,
    ) -> Result<LoadedPlugin, PluginError> {
        let cached = match &self.cache {
            Some(cache) => cache.load(&self.engine, sha256),
            None => Ok(None),
        };
        let unread = match cached {
            Ok(Some((component, note))) => {
                let instance = self.instance(&component)?;
                let description = note.description(sha256.to_owned());
                return Ok(LoadedPlugin {
                    plugin: Plugin::new(description, instance, None),
                    compiled: None,
                });
            }
            Ok(None) => None,
            // What cannot be read is not trusted, and not needed either.
            Err(fault) => Some(fault),
        };
        tracing::info!(sha256, "compiling");
        let bytes = bytes().await?;
        let found = sha256_hex(&bytes);
        if found != sha256 {
            return Err(PluginError::Digest {
                expected: sha256.to_owned(),
                found,
            });
        }
        let mut loaded = self.plugin_add(&bytes, |_| ()).await?;
        if let Some(compiled) = &mut loaded.compiled {
            compiled.fault = compiled.fault.take().or(unread);
        }
        Ok(loaded)
    }

    fn instance(&self, component: &Component) -> Result<PluginPre<CallState>, PluginError> {
        let world = |error: wasmtime::Error| PluginError::World {
            reason: one_line(&error),
        };
        PluginPre::new(self.linker.instantiate_pre(component).map_err(world)?).map_err(world)
    }
}

/// An error of the engine as one line: what failed, then why.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}")
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
}
