//! An open repository: its files, its datastore, and what a process shares between calls.

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sedge_locks::joined::{self, JoinError, Joined};
use sedge_locks::manager::{Epoch, LockManager};
use sedge_locks::session::{self, Session};
use sedge_model::command::LINEAGE_VARIABLE;
use sedge_model::definition::Definition;
use sedge_model::diagnostic::SourceFile;
use sedge_model::names::{ModelName, WorkflowName};
use sedge_model::repository::{CONFIG_FILE, Config, LOCK_FILE, PluginLock, SharedWith};
use sedge_model::run::RunStatus;
use sedge_model::suggest::nearest;
use sedge_model::workflow::Workflow;
use sedge_model::yaml;
use sedge_runtime::{
    Allocation, CacheFault, CachePlaces, CodeCache, Compiler, ComponentLimits, CoreDumps, Plugin,
    Runtime,
};
use sedge_secrets::Secrets;
use sedge_store::{Medium, RunRecord, Store};
use sedge_sys::clock::Moment;
use sedge_sys::folder::{Folder, Keeping};

use crate::error::{AppError, LockUseError, ModelError, PathError, RepositoryError, RunUseError};
use crate::events::{Event, Events};
use crate::limits::{self, LOCK_TIMEOUT};
use crate::trust::{Trust, trust_check};

/// The name of the program that starts commands, which is in the folder of `sedge`.
pub const REAPER_FILE: &str = "sedge-reaper";

/// Where run-time state is, below the repository.
pub(crate) const STATE_FOLDER: &str = ".sedge";

/// Where definitions are, below the repository.
pub(crate) const MODELS_FOLDER: &str = "models";

/// Where workflows are, below the repository.
pub(crate) const WORKFLOWS_FOLDER: &str = "workflows";

/// The file by which version control leaves run-time state alone.
const IGNORE_FILE: &str = ".gitignore";

/// The file of the key of secrets, whose mode is never widened.
const KEY_FILE: &str = "key";

/// An open repository. Each part of it is opened when it is first needed.
#[derive(Debug)]
pub struct Repository {
    folder: Folder,
    keeping: Keeping,
    config: Config,
    lock: PluginLock,
    store: OnceLock<Store>,
    locks: OnceLock<Arc<LockManager>>,
    runtime: OnceLock<Runtime>,
    secrets: OnceLock<Secrets>,
    /// The plugins that this process has loaded, by digest.
    pub(crate) plugins: Mutex<HashMap<String, Arc<Plugin>>>,
    many_calls: AtomicBool,
    /// The lock table that the store knows to count; 0 before that was asked.
    lock_epoch: AtomicU64,
    settings: Settings,
    session: OnceLock<Arc<Session>>,
}

/// What a person may choose for one process; what is none is as `sedge.yaml` says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How long a call waits for a lock.
    pub lock_timeout: Option<Duration>,
    /// How many guests execute at once.
    pub concurrency: Option<NonZeroU32>,
    /// Whether what a guest has in memory is kept when it traps.
    pub core_dumps: bool,
    /// The tokens of calls that run this process as a command: what is done here is below the
    /// one of this repository.
    pub lineage_tokens: Option<String>,
    /// Where the program `sedge-reaper` is, which starts commands. Without it none can be run.
    pub reaper: Option<PathBuf>,
    /// What the user says of repositories that other users own.
    pub trust: Trust,
    /// Where compiled code is kept for the user's next process. Without places it is for this
    /// process alone.
    pub compiled_code: CachePlaces,
    /// What compiles plugins: a child process, or in tests this one.
    pub compiler: Compiler,
    /// Where to report what concerns no single use case.
    pub notices: Notices,
}

/// Where to report what concerns no single use case; nowhere, unless it was said.
#[derive(Clone, Default)]
pub struct Notices(Option<Arc<dyn Events>>);

impl Notices {
    /// Has them reported as events.
    #[must_use]
    pub fn to(events: Arc<dyn Events>) -> Self {
        Self(Some(events))
    }

    pub(crate) fn event(&self, event: Event) {
        if let Some(events) = &self.0 {
            events.event(event);
        }
    }
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notices")
    }
}

impl Repository {
    /// Opens the repository at `start` or the nearest one above it.
    ///
    /// # Errors
    /// There is none, or its `sedge.yaml` or `sedge.lock` is at fault.
    pub fn open(start: &Path) -> Result<Arc<Self>, AppError> {
        Self::open_with(start, Settings::default())
    }

    /// Opens a repository as [`Repository::open`] does, with a person's own settings.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(start: &Path, settings: Settings) -> Result<Arc<Self>, AppError> {
        let folder = Folder::find_up(start, CONFIG_FILE)?
            .ok_or_else(|| AppError::from(RepositoryError::Missing(start.to_owned())))?;
        // Before anything of it is read.
        let owners = trust_check(&folder, &settings.trust)?;
        let config = match source(&folder, CONFIG_FILE)? {
            Some(file) => Config::parse(&file)?,
            None => Config::default(),
        };
        let keeping = Keeping {
            is_shared: config.datastore.shared == Some(SharedWith::Group),
            owners,
        };
        if let Some(state) = folder.kept(STATE_FOLDER, keeping)? {
            state.modes_settle(KEY_FILE)?;
        }
        let lock = plugin_lock_read(&folder)?;
        Ok(Arc::new(Self {
            folder,
            keeping,
            config,
            lock,
            store: OnceLock::new(),
            locks: OnceLock::new(),
            runtime: OnceLock::new(),
            secrets: OnceLock::new(),
            plugins: Mutex::default(),
            many_calls: AtomicBool::new(false),
            lock_epoch: AtomicU64::new(0),
            settings,
            session: OnceLock::new(),
        }))
    }

    /// Returns the repository's absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns how large a component may be when it is added.
    pub(crate) fn component_limits(&self) -> ComponentLimits {
        limits::component_limits(&self.config.component_limits, ComponentLimits::default())
    }

    pub(crate) fn plugin_lock(&self) -> &PluginLock {
        &self.lock
    }

    /// Opens a folder of run-time state, making it if need be: a fresh clone has none.
    pub(crate) fn state_folder(&self, name: &str) -> Result<Folder, AppError> {
        let state = self.folder.keep(STATE_FOLDER, self.keeping)?;
        if !state.has(IGNORE_FILE)? {
            state.write(IGNORE_FILE, b"*\n")?;
        }
        Ok(state.keep(name, self.keeping)?)
    }

    /// Returns whether there is a folder of run-time state of that name.
    pub(crate) fn has_state_folder(&self, name: &str) -> Result<bool, AppError> {
        match self.folder.kept(STATE_FOLDER, self.keeping)? {
            Some(state) => Ok(state.has(name)?),
            None => Ok(false),
        }
    }

    /// Checks that a folder, in which a person wants the file `path`, is not in the folder of
    /// run-time state, by whatever path or mount it is reached.
    pub(crate) fn outside_of_state(&self, folder: &Folder, path: &Path) -> Result<(), AppError> {
        let state = match Folder::open(&self.folder.path_of(STATE_FOLDER)) {
            Ok(state) => state,
            // A fresh clone has none.
            Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if folder.is_within(&state)? {
            return Err(AppError::from(PathError::WithinState {
                path: path.to_owned(),
                state: state.path().to_owned(),
            }));
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> Result<&Store, AppError> {
        opened(&self.store, || {
            let folder = self.state_folder("store")?;
            let medium = || -> Result<Medium, AppError> {
                Ok(Medium::new(&folder)?.with_wait_max(self.lock_timeout()))
            };
            match Store::open_on(medium()?) {
                Err(sedge_store::StoreError::Missing(_)) => Ok(Store::create_on(medium()?)?),
                other => Ok(other?),
            }
        })
    }

    pub(crate) fn secrets(&self) -> Result<&Secrets, AppError> {
        opened(&self.secrets, || {
            let mut secrets = Secrets::open(&self.state_folder("secrets")?)?;
            secrets.set_wait_max(self.lock_timeout());
            Ok(secrets)
        })
    }

    pub(crate) fn locks(&self) -> Result<&Arc<LockManager>, AppError> {
        opened(&self.locks, || {
            let session = Arc::clone(self.session()?);
            Ok(LockManager::shared(session, self.lock_timeout())?)
        })
    }

    /// Returns how long a call waits for a lock.
    pub(crate) fn lock_timeout(&self) -> Duration {
        let config = self.config.lock_timeout_seconds;
        let config = config.map(|seconds| Duration::from_secs(seconds.into()));
        let chosen = self.settings.lock_timeout.or(config);
        chosen.unwrap_or(LOCK_TIMEOUT)
    }

    /// Tells the datastore which lock table this process has just locked in: what was locked
    /// in another one counts no more. False if that table was made anew since.
    pub(crate) async fn lock_epoch_note(
        &self,
        epoch: Epoch,
        deadline: Moment,
    ) -> Result<bool, AppError> {
        if self.lock_epoch.load(Ordering::Relaxed) == epoch.0 {
            return Ok(true);
        }
        loop {
            let noted = self.store()?.lock_epoch()?;
            if noted == Some(epoch.0) {
                break;
            }
            // Looked at between the read and the write, so that whoever comes to a newer
            // table meanwhile is not overwritten.
            if self.locks()?.epoch(deadline).await? != epoch {
                return Ok(false);
            }
            if self.store()?.lock_epoch_set(noted, epoch.0)? {
                break;
            }
        }
        self.lock_epoch.store(epoch.0, Ordering::Relaxed);
        Ok(true)
    }

    /// Says that many calls are to come, before the first one: the engine then reserves a
    /// pool for them, which one call would not be worth.
    pub(crate) fn expect_many_calls(&self) {
        self.many_calls.store(true, Ordering::Relaxed);
    }

    pub(crate) fn runtime(&self) -> Result<&Runtime, AppError> {
        opened(&self.runtime, || {
            let many_calls = self.many_calls.load(Ordering::Relaxed);
            let allocation = if many_calls {
                Allocation::Pool
            } else {
                Allocation::OnDemand
            };
            let dumps = if self.settings.core_dumps {
                CoreDumps::On
            } else {
                CoreDumps::Off
            };
            let cache = CodeCache::open(self.compiled_code());
            let cache = cache.map_err(|fault| self.notices().event(cache_unusable(&fault)));
            // ignored: the fault was reported as an event, and the process compiles for itself.
            let runtime = Runtime::new(cache.ok(), allocation, dumps)?;
            let limits = self.component_limits();
            let runtime = runtime.with_component_limits(limits);
            let runtime = runtime.with_budget(limits::budget(&self.config.process_limits));
            let runtime = runtime.with_compiler(self.settings.compiler.clone());
            let concurrency = self.settings.concurrency.or(self.config.concurrency);
            Ok(match concurrency.map(NonZeroU32::get) {
                Some(n) => runtime.with_concurrency(n as usize),
                None => runtime,
            })
        })
    }

    /// Returns where the compiled code of the user is kept.
    pub(crate) fn compiled_code(&self) -> &CachePlaces {
        &self.settings.compiled_code
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.settings.notices
    }

    /// Returns this process's session, by which others can ask whether it is alive.
    pub(crate) fn session(&self) -> Result<&Arc<Session>, AppError> {
        opened(&self.session, || {
            Ok(Arc::new(Session::begin(self.state_folder("locks")?)?))
        })
    }

    /// Returns the tokens that this process was given.
    pub(crate) fn lineage_tokens(&self) -> Option<&str> {
        self.settings.lineage_tokens.as_deref()
    }

    /// Returns where the program is that starts commands: its name alone where the process does not
    /// know.
    pub(crate) fn reaper(&self) -> PathBuf {
        let reaper = self.settings.reaper.clone();
        reaper.unwrap_or_else(|| REAPER_FILE.into())
    }

    /// Returns the call of this repository whose command this process is part of, if it is.
    ///
    /// # Errors
    /// The token does not count here.
    pub(crate) fn joined(&self) -> Result<Option<Joined>, AppError> {
        let Some(tokens) = self.lineage_tokens() else {
            return Ok(None);
        };
        match joined::joined(&self.state_folder("locks")?, tokens) {
            Ok(joined) => Ok(joined),
            Err(JoinError::Void) => Err(AppError::from(LockUseError::TokenVoid(LINEAGE_VARIABLE))),
            Err(JoinError::Version(error)) => Err(error.into()),
            Err(JoinError::File(error)) => Err(error.into()),
        }
    }

    /// Returns where a run stands, by the operating system's word on its process.
    pub(crate) fn run_status(&self, run: &RunRecord) -> Result<RunStatus, AppError> {
        if run.status != RunStatus::Running {
            return Ok(run.status);
        }
        // ignored: what is no number of a session is none that could be alive.
        let Ok(id) = run.session.parse() else {
            return Ok(RunStatus::Interrupted);
        };
        let is_alive = session::is_alive(&self.state_folder("locks")?, id)?;
        Ok(if is_alive {
            RunStatus::Running
        } else {
            RunStatus::Interrupted
        })
    }

    /// Says that there is no such model, and which one may be meant.
    pub(crate) fn model_missing(&self, name: &str) -> AppError {
        AppError::from(ModelError::Missing {
            name: name.to_owned(),
            near: near_of(name, self.model_names()),
        })
    }

    /// Reads a model's definition.
    pub(crate) fn definition(&self, name: &str) -> Result<Definition, AppError> {
        let missing = |near| {
            AppError::from(ModelError::Missing {
                name: name.to_owned(),
                near,
            })
        };
        // ignored: what is no name cannot be the name of a model.
        let Ok(model) = name.parse::<ModelName>() else {
            return Err(missing(None));
        };
        match source(&self.folder, &model.file())? {
            Some(file) => Ok(Definition::parse(&model, file)?),
            None => Err(missing(near_of(name, self.model_names()))),
        }
    }

    /// Reads a workflow.
    pub(crate) fn workflow(&self, name: &str) -> Result<Workflow, AppError> {
        let missing = |near| {
            AppError::from(RunUseError::WorkflowMissing {
                name: name.to_owned(),
                near,
            })
        };
        // ignored: what is no name cannot be the name of a workflow.
        let Ok(workflow) = name.parse::<WorkflowName>() else {
            return Err(missing(None));
        };
        match source(&self.folder, &workflow.file())? {
            Some(file) => Ok(Workflow::parse(&workflow, file)?),
            None => Err(missing(near_of(name, self.workflow_names()))),
        }
    }

    /// Returns the names of all models, sorted.
    pub(crate) fn model_names(&self) -> Result<Vec<ModelName>, AppError> {
        self.names(MODELS_FOLDER)
    }

    /// Returns the names of all workflows, sorted.
    pub(crate) fn workflow_names(&self) -> Result<Vec<WorkflowName>, AppError> {
        self.names(WORKFLOWS_FOLDER)
    }

    fn names<N: std::str::FromStr>(&self, folder: &str) -> Result<Vec<N>, AppError> {
        let files = self.folder.files(folder)?;
        // ignored: a file whose name is no name is none of Sedge's, and no I/O error.
        let name = |file: &String| file.strip_suffix(".yaml")?.parse().ok();
        Ok(files.iter().filter_map(name).collect())
    }
}

/// Returns the event that says that the cache cannot be used, and why.
pub(crate) fn cache_unusable(fault: &CacheFault) -> Event {
    let mut reason = fault.to_string();
    let mut source = fault.why.source();
    while let Some(error) = source {
        reason.push_str(&format!(": {error}"));
        source = error.source();
    }
    let part = fault.part;
    Event::CacheUnusable { part, reason }
}

/// Returns the name that was probably meant. That there is none of the name that was given is known
/// by then, so names that cannot be listed only leave out the suggestion.
fn near_of<N: ToString>(name: &str, names: Result<Vec<N>, AppError>) -> Option<String> {
    match names {
        Ok(names) => near_one(name, &names),
        Err(error) => {
            tracing::warn!(%error, "failed to list the names that there are");
            None
        }
    }
}

/// Returns the name that was probably meant.
pub(crate) fn near_one<N: ToString>(name: &str, names: &[N]) -> Option<String> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Reads `sedge.lock`; a repository without one has no plugins.
pub(crate) fn plugin_lock_read(folder: &Folder) -> Result<PluginLock, AppError> {
    match source(folder, LOCK_FILE)? {
        Some(file) => Ok(PluginLock::parse(&file)?),
        None => Ok(PluginLock::default()),
    }
}

/// Reads one of the repository's text files; none where there is none.
fn source(folder: &Folder, name: &str) -> Result<Option<SourceFile>, AppError> {
    let text = folder.read_text(name, yaml::FILE_BYTES_MAX as u64)?;
    Ok(text.map(|text| SourceFile {
        name: name.to_owned(),
        text,
    }))
}

/// Returns what the cell holds, opening it first if need be. If two threads open it at
/// once, both succeed and one result is dropped.
fn opened<T>(
    cell: &OnceLock<T>,
    open: impl FnOnce() -> Result<T, AppError>,
) -> Result<&T, AppError> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = open()?;
    Ok(cell.get_or_init(|| value))
}
