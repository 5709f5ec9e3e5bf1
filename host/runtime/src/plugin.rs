//! Plugins: components that were checked, compiled and described, and can be called.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sedge_lang::schema::Schema;
use sedge_lang::type_info::{TypeInfo, TypeInfoError};
use sedge_model::call::{CallError, LogLine};
use sedge_model::lifetime::LifetimeError;
use sedge_model::limits::ComponentLimit;
use sedge_model::names::NameError;
use sedge_sys::clock::Moment;
use sedge_sys::folder::FileError;
use sedge_sys::leased_file::LeasedFile;
use sedge_sys::worker::WorkerError;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::bindings::PluginPre;
use crate::cache::{Cache, CacheFault, LoadedCode, Note, component_of_code};
use crate::call::{self, CallState};
use crate::compile::Artifact;
use crate::component;
use crate::component_limits::CompileLimit;
use crate::engine::Runtime;
use crate::host::HostError;
use crate::lines::LineTable;

/// Why a component is not a plugin that this host can run.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It is not WebAssembly, or it is damaged.
    #[error("it is not a WebAssembly component: {reason}")]
    NotWasm {
        /// The parser's message.
        reason: String,
    },
    /// It is a WebAssembly module, but not a component.
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    /// Neither an export nor a section names a contract, so it was not built for Sedge.
    #[error("it is a component, but not a plugin of Sedge: it does not export `sedge:model/model`")]
    ContractMissing,
    /// The version of its contract cannot be parsed.
    #[error("it was built for contract `{}`, which is not a version number", text.escape_debug())]
    ContractUnreadable {
        /// The text of the section.
        text: String,
    },
    /// It requires a newer host.
    #[error(
        "it was built for contract {}, this program has {}",
        built_for.escape_debug(),
        component::CONTRACT_VERSION
    )]
    ContractNewer {
        /// The version that it was built for.
        built_for: String,
    },
    /// It requires an older host.
    #[error(
        "it was built for contract {}, this program has {}",
        built_for.escape_debug(),
        component::CONTRACT_VERSION
    )]
    ContractOlder {
        /// The version that it was built for.
        built_for: String,
    },
    /// A figure of the component exceeds the operator's limit.
    #[error("it is too large: {found} of `{}`, the limit is {most}", limit.as_str())]
    TooLarge {
        /// The limit.
        limit: ComponentLimit,
        /// The figure of the component.
        found: u64,
        /// The value of the limit.
        most: u64,
    },
    /// It does not compile.
    #[error("it does not compile: {reason}")]
    Compile {
        /// The compiler's message.
        reason: String,
    },
    /// Compiling it exceeds a limit of the operator.
    #[error(
        "compiling it takes more than {most} {}, the limit `{}`",
        limit.unit(),
        limit.key()
    )]
    CompileLimit {
        /// The limit.
        limit: CompileLimit,
        /// The value of the limit.
        most: u64,
    },
    /// No program is known that compiles.
    #[error(
        "it has to be compiled, and the program file of this process, which does that, cannot be found"
    )]
    CompilerMissing,
    /// The compiling process failed.
    #[error("the compiler failed")]
    Compiler(#[source] WorkerError),
    /// Its imports or exports differ from the contract.
    #[error("it does not fit the contract: {reason}")]
    World {
        /// The difference.
        reason: String,
    },
    /// Its description failed.
    #[error("its description failed")]
    Describe(#[source] CallError),
    /// A name in its description is not valid.
    #[error("its description is not valid")]
    Name(#[from] NameError),
    /// A retention in its description cannot be parsed.
    #[error("its description is not valid")]
    Lifetime(#[from] LifetimeError),
    /// A tag, a media type or the size of its description is not valid.
    #[error("its description is not valid: {0}")]
    Text(String),
    /// A JSON text in its description cannot be parsed.
    #[error("its description is not valid: {of}: {reason}")]
    Json {
        /// The name of the text.
        of: String,
        /// The parser's message.
        reason: String,
    },
    /// Its description is inconsistent.
    #[error("its description is not valid")]
    TypeInfo(#[from] TypeInfoError),
    /// The bytes do not have the expected digest.
    #[error("its digest is {found}, not {expected}")]
    Digest {
        /// The expected digest.
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

/// A plugin's description of itself. It is available without an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDescription {
    /// The SHA-256 of the component, in lower-case hex.
    pub sha256: String,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// The plugin's description of its type.
    pub type_info: TypeInfo,
}

/// A component that can be called.
pub struct Plugin {
    description: PluginDescription,
    pub(crate) instance: PluginPre<CallState>,
    schemas: Schemas,
    /// Read at the first trap.
    lines: OnceLock<LineTable>,
    /// The most memory that any of its calls has needed, in bytes; 0 until a call has ended.
    memory_bytes: AtomicUsize,
    /// The lease on the file that the code is mapped from. It is dropped after `instance`, which
    /// has the mapping; a running call borrows the plugin.
    _mapped_from: Option<LeasedFile>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

/// The schemas of a type. Each is compiled at its first use, because compiling one takes longer
/// than a call, and a call needs at most two.
#[derive(Debug)]
struct Schemas {
    global_arguments: OnceLock<Schema>,
    arguments: BTreeMap<String, OnceLock<Schema>>,
    resources: BTreeMap<String, OnceLock<Schema>>,
}

impl Plugin {
    /// Returns the plugin's description.
    #[must_use]
    pub fn description(&self) -> &PluginDescription {
        &self.description
    }

    /// Returns the plugin's description of its type.
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

    /// Returns the schema of a method's arguments. Returns `None` if there is no such method.
    #[must_use]
    pub fn arguments_schema(&self, method: &str) -> Option<&Schema> {
        let source = &self.type_info().method(method)?.arguments;
        Some(compiled(self.schemas.arguments.get(method)?, source))
    }

    /// Returns the schema of a resource. Returns `None` if the type declares no such resource.
    #[must_use]
    pub fn resource_schema(&self, spec: &str) -> Option<&Schema> {
        let source = &self.type_info().resource(spec)?.schema;
        Some(compiled(self.schemas.resources.get(spec)?, source))
    }

    /// Returns the most memory that any of its calls has needed in this process, in bytes; 0 until
    /// a call has ended.
    pub(crate) fn memory_known(&self) -> usize {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Records how much memory a call has needed, in bytes.
    pub(crate) fn memory_note(&self, n_bytes: usize) {
        self.memory_bytes.fetch_max(n_bytes, Ordering::Relaxed);
    }

    /// Returns the line table.
    pub(crate) fn lines(&self, cache: Option<&Cache>) -> &LineTable {
        let read = || cache.map(|cache| cache.lines(&self.description.sha256));
        self.lines.get_or_init(|| read().unwrap_or_default())
    }

    fn new(
        description: PluginDescription,
        instance: PluginPre<CallState>,
        lines: Option<LineTable>,
        mapped_from: Option<LeasedFile>,
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
            _mapped_from: mapped_from,
        })
    }
}

fn compiled<'a>(slot: &'a OnceLock<Schema>, source: &Value) -> &'a Schema {
    slot.get_or_init(|| {
        Schema::compile_known(source).expect("`TypeInfo::check` compiled it before")
    })
}

/// Checks a description, on a blocking thread and until `latest`. The plugin chooses how many
/// schemas there are and how much work each of them is.
async fn check_description(type_info: TypeInfo, latest: Moment) -> Result<TypeInfo, PluginError> {
    let check = move || {
        type_info.check(|| !latest.left().is_zero())?;
        Ok(type_info)
    };
    let checked = tokio::task::spawn_blocking(check).await;
    checked.map_err(|_| HostError::new(CheckPanicked))?
}

/// The check of a description panicked.
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

/// The result of loading a plugin.
#[derive(Debug)]
pub struct LoadedPlugin {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// How it was compiled. `None` if its compiled code came from the cache.
    pub compiled: Option<Compiled>,
}

/// How a plugin was compiled.
#[derive(Debug)]
pub struct Compiled {
    /// How long compiling and describing it took.
    pub elapsed: Duration,
    /// Why its code could not be stored in the cache or read from it. `None` if there was no
    /// problem, or if there is no cache.
    pub fault: Option<CacheFault>,
}

impl Runtime {
    /// Checks, compiles and describes a component, and stores the result in the cache for
    /// [`Runtime::plugin_load`]. Passes the plugin's log lines to `logged`.
    ///
    /// # Errors
    /// The component is not a plugin that this host can run. Nothing is stored then.
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
        let type_info = check_description(described.await?, latest).await?;
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
            plugin: Plugin::new(description, instance, Some(lines), None),
            compiled: Some(Compiled { elapsed, fault }),
        })
    }

    /// Loads a plugin that was added before, by the digest of its component. If the cache has no
    /// authentic code for it, the component is compiled again from `bytes`, and its description is
    /// made again, too.
    ///
    /// # Errors
    /// As for [`Runtime::plugin_add`], or the bytes do not have this digest.
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
            Ok(Some((loaded, note))) => {
                let LoadedCode {
                    component,
                    mapped_from,
                } = loaded;
                let instance = self.instance(&component)?;
                let description = note.description(sha256.to_owned());
                return Ok(LoadedPlugin {
                    plugin: Plugin::new(description, instance, None, mapped_from),
                    compiled: None,
                });
            }
            Ok(None) => None,
            // An unreadable entry is like a missing one: the component is compiled again.
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

    /// Returns the description of a plugin that was added before, by the digest of its component,
    /// without loading its code. Returns `None` if the cache has no authentic entry for it.
    ///
    /// # Errors
    /// The entry exists, but it cannot be read.
    pub fn plugin_description(
        &self,
        sha256: &str,
    ) -> Result<Option<PluginDescription>, CacheFault> {
        let Some(cache) = &self.cache else {
            return Ok(None);
        };
        let note = cache.note(sha256)?;
        Ok(note.map(|note| note.description(sha256.to_owned())))
    }

    fn instance(&self, component: &Component) -> Result<PluginPre<CallState>, PluginError> {
        let world = |error: wasmtime::Error| PluginError::World {
            reason: one_line(&error),
        };
        PluginPre::new(self.linker.instantiate_pre(component).map_err(world)?).map_err(world)
    }
}

/// Returns an error of the engine as one line: what failed, then why.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}")
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
}
