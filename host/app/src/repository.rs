//! An open repository: its files, its datastore, and what the calls of a process share.

mod engine;
pub(crate) mod error;
pub(crate) mod faulty;
pub(crate) mod files;
mod glance;
pub(crate) mod heads;
mod listed_file;
pub(crate) mod listed_models;
mod process_limits;
pub(crate) mod snapshot;
pub(crate) mod trust;
pub(crate) mod unsaved;
mod workload;

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sedge_lang::repository::{
    CONFIG_FILE, Config, LOCK_FILE, PluginLock, SecretSource, SecretsConfig, SharedWith,
};
use sedge_lang::suggest::nearest;
use sedge_locks::joined::{self, JoinError, Joined};
use sedge_locks::manager::{Epoch, LockManager};
use sedge_locks::session::{self, Session};
use sedge_model::command::{CommandPin, LINEAGE_VARIABLE};
use sedge_model::run::RunStatus;
use sedge_runtime::{CacheFault, CachePlaces, ComponentCompiler, Plugin, Runtime, Workload};
use sedge_secrets::Secrets;
use sedge_store::{Medium, RunRecord, Store};
use sedge_sys::clock::{Clock, Moment};
use sedge_sys::command::CommandSlots;
use sedge_sys::folder::{Folder, Keeping};
use sedge_sys::net::Resolver;

use crate::background::BackgroundWork;
use crate::error::{AppError, LockUseError, PathError, RepositoryError};
use crate::events::{Event, EventSink, Events};
use crate::plugin::first_party::FirstParty;
pub(crate) use crate::repository::engine::engine_start;
use crate::repository::files::source;
use crate::repository::heads::KnownHeads;
use crate::repository::snapshot::{ParsedFile, lock_timeout};
use crate::repository::trust::{Trust, trust_check};
use crate::repository::workload::ExpectedCalls;
use crate::run::driver_signal::DriverSignals;

/// The name of the program that starts commands. It is in the same folder as `sedge`.
pub const REAPER_FILE: &str = "sedge-reaper";

/// The folder of run-time state, relative to the repository.
pub(crate) const STATE_FOLDER: &str = ".sedge";

/// The folder of model definitions, relative to the repository.
pub(crate) const MODELS_FOLDER: &str = "models";

/// The folder of workflows, relative to the repository.
pub(crate) const WORKFLOWS_FOLDER: &str = "workflows";

/// The file that makes version control ignore run-time state.
const IGNORE_FILE: &str = ".gitignore";

/// The files with the keys of the secrets and of the sealed fields. The host never widens their
/// modes.
const KEY_FILES: &[&str] = &["key", "fields.key"];

/// An open repository. Each part of it is opened when it is first needed.
#[derive(Debug)]
pub struct Repository {
    folder: Folder,
    keeping: Keeping,
    /// `sedge.yaml`, which a use case reads through a snapshot.
    config: ParsedFile<Config>,
    /// `sedge.lock`, which a use case reads through a snapshot.
    lock: ParsedFile<PluginLock>,
    /// The names that the files of definitions and workflows give.
    heads: KnownHeads,
    /// `sedge.yaml` as it was when the repository was opened. The parts that a process opens once
    /// follow it: the datastore, the secrets, the lock manager and the engine.
    opened_with: Arc<Config>,
    store: OnceLock<Store>,
    locks: OnceLock<Arc<LockManager>>,
    runtime: OnceLock<Runtime>,
    secrets: OnceLock<Secrets>,
    /// The plugins that this process has loaded, by digest.
    pub(crate) plugins: Mutex<HashMap<String, Arc<Plugin>>>,
    /// The epoch of the current lock table, as the store knows it; 0 before it was first read.
    lock_epoch: AtomicU64,
    driver_signals: DriverSignals,
    expected: ExpectedCalls,
    settings: Settings,
    session: OnceLock<Arc<Session>>,
}

/// The user's settings for one process. For a setting that is `None`, `sedge.yaml` decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How long a call waits for a lock.
    pub lock_timeout: Option<Duration>,
    /// How many guests may execute at once.
    pub concurrency: Option<NonZeroU32>,
    /// What this process will execute. Every workload can be executed with each value; it decides
    /// what the engine reserves when it starts. Before a workflow with few steps, nothing is reserved.
    pub workload: Workload,
    /// Whether a core dump is kept when a guest traps.
    pub core_dumps: bool,
    /// The tokens of the calls that run this process as a command.
    ///
    /// All work of this process is done on behalf of the call of this repository, if there is one.
    pub lineage_tokens: Option<String>,
    /// The path of the program `sedge-reaper`, which starts commands. Without it, no command can
    /// run.
    pub reaper: Option<PathBuf>,
    /// The user's decisions about repositories that other users own.
    pub trust: Trust,
    /// The folders that keep compiled code for the user's next process. If there are none, the code
    /// is for this process alone.
    pub compiled_code: CachePlaces,
    /// The plugins that are installed with Sedge.
    pub first_party: FirstParty,
    /// The compiler of plugins: a child process, or in tests this process.
    pub compiler: ComponentCompiler,
    /// The slots of the commands that run at once. Repositories whose settings are clones of each
    /// other share them.
    pub command_slots: CommandSlots,
    /// The work that continues after its future was dropped. Repositories whose settings are clones
    /// of each other share it.
    pub background: BackgroundWork,
    /// What resolves the names of hosts. Repositories whose settings are clones of each other share
    /// its limit.
    pub resolver: Resolver,
    /// The receiver of events that do not belong to a single use case.
    pub notices: Notices,
    /// Whether the repository is opened although `sedge.lock` has faults. No plugin is pinned then.
    /// `sedge doctor` checks and repairs the rest.
    pub may_lack_pins: bool,
    /// The clock of the process.
    pub clock: Clock,
}

/// The receiver of events that do not belong to a single use case; by default there is none.
#[derive(Clone, Default)]
pub struct Notices(Option<EventSink>);

impl Notices {
    /// Returns notices that report to `events`.
    #[must_use]
    pub fn to(events: Arc<dyn Events>) -> Self {
        Self(Some(EventSink::new(events, Clock::machine())))
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
    /// Opens the repository at `start`, or else the nearest one above it.
    ///
    /// # Errors
    /// Returns an error if there is none, or if its `sedge.yaml` or `sedge.lock` is invalid.
    pub fn open(start: &Path) -> Result<Arc<Self>, AppError> {
        Self::open_with(start, Settings::default())
    }

    /// Opens a repository as [`Repository::open`] does, with the user's settings.
    ///
    /// # Errors
    /// Returns the same errors.
    pub fn open_with(start: &Path, settings: Settings) -> Result<Arc<Self>, AppError> {
        let folder = Folder::find_up(start, CONFIG_FILE)?
            .ok_or_else(|| AppError::from(RepositoryError::Missing(start.to_owned())))?;
        // This check comes before any file of the repository is read.
        let owners = trust_check(&folder, &settings.trust)?;
        let config = ParsedFile::new(CONFIG_FILE, Config::parse);
        let opened_with = config.read(&folder, || Ok(()))?;
        let keeping = Keeping {
            is_shared: opened_with.datastore.shared == Some(SharedWith::Group),
            owners,
        };
        if let Some(state) = folder.kept(STATE_FOLDER, keeping)? {
            state.modes_settle(KEY_FILES)?;
        }
        let lock = ParsedFile::new(LOCK_FILE, PluginLock::parse);
        if !settings.may_lack_pins {
            lock.read(&folder, || Ok(()))?;
        }
        Ok(Arc::new(Self {
            folder,
            keeping,
            config,
            lock,
            heads: KnownHeads::default(),
            opened_with,
            store: OnceLock::new(),
            locks: OnceLock::new(),
            runtime: OnceLock::new(),
            secrets: OnceLock::new(),
            plugins: Mutex::default(),
            lock_epoch: AtomicU64::new(0),
            driver_signals: DriverSignals::default(),
            expected: ExpectedCalls::default(),
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

    pub(crate) fn first_party(&self) -> &FirstParty {
        &self.settings.first_party
    }

    /// Opens a folder of run-time state. Creates it if necessary, because a fresh clone has none.
    pub(crate) fn state_folder(&self, name: &str) -> Result<Folder, AppError> {
        let state = self.folder.keep(STATE_FOLDER, self.keeping)?;
        if !state.has(IGNORE_FILE)? {
            state.write(IGNORE_FILE, b"*\n")?;
        }
        Ok(state.keep(name, self.keeping)?)
    }

    /// Returns the paths of the files of run-time state whose modes are not those that Sedge sets.
    pub(crate) fn modes_wrong(&self) -> Result<Vec<String>, AppError> {
        match self.folder.kept(STATE_FOLDER, self.keeping)? {
            Some(state) => Ok(state.modes_wrong(KEY_FILES)?),
            None => Ok(Vec::new()),
        }
    }

    /// Sets the modes of all files of run-time state. The datastore must not be open in this
    /// process yet.
    pub(crate) fn modes_set(&self) -> Result<(), AppError> {
        if let Some(state) = self.folder.kept(STATE_FOLDER, self.keeping)? {
            state.modes_settle_all(KEY_FILES)?;
        }
        Ok(())
    }

    /// Returns whether the folder of run-time state of that name exists.
    pub(crate) fn has_state_folder(&self, name: &str) -> Result<bool, AppError> {
        match self.folder.kept(STATE_FOLDER, self.keeping)? {
            Some(state) => Ok(state.has(name)?),
            None => Ok(false),
        }
    }

    /// Checks that a folder, in which the user wants the file `path`, is not in the folder of
    /// run-time state, whatever path or mount leads to it.
    pub(crate) fn outside_of_state(&self, folder: &Folder, path: &Path) -> Result<(), AppError> {
        let state = match Folder::open(&self.folder.path_of(STATE_FOLDER)) {
            Ok(state) => state,
            // A fresh clone has no run-time state.
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
                let medium = Medium::new(&folder)?.with_wait_max(self.wait_max());
                Ok(medium.with_clock(self.clock().clone()))
            };
            match Store::open_on(medium()?) {
                Err(sedge_store::StoreError::Missing(_)) => Ok(Store::create_on(medium()?)?),
                other => Ok(other?),
            }
        })
    }

    /// Returns the number of durable transactions that this process has committed in the datastore
    /// of the repository. Tests and benchmarks count with it.
    ///
    /// # Errors
    /// The datastore cannot be opened.
    pub fn n_durable_commits(&self) -> Result<u64, AppError> {
        Ok(self.store()?.n_durable_commits())
    }

    pub(crate) fn secrets(&self) -> Result<&Secrets, AppError> {
        opened(&self.secrets, || {
            let mut secrets = Secrets::open(&self.state_folder("secrets")?)?;
            secrets.set_wait_max(self.wait_max());
            Ok(secrets)
        })
    }

    pub(crate) fn locks(&self) -> Result<&Arc<LockManager>, AppError> {
        opened(&self.locks, || {
            let session = Arc::clone(self.session()?);
            Ok(LockManager::shared(session, self.wait_max())?)
        })
    }

    /// Returns where secrets come from that are not stored, as `sedge.yaml` said when the repository
    /// was opened.
    pub(crate) fn secret_sources(&self) -> &SecretsConfig {
        &self.opened_with.secrets
    }

    /// Returns the pinned program of a source of secrets.
    pub(crate) fn secret_command(&self, source: &SecretSource) -> &CommandPin {
        let pin = self.opened_with.commands.get(&source.command);
        pin.expect("the pin of a source was found when the file was read")
    }

    /// Returns how long the parts that this process opens once wait for other processes.
    fn wait_max(&self) -> Duration {
        lock_timeout(&self.settings, &self.opened_with)
    }

    /// Records in the datastore the epoch of the lock table that just granted a lock, so that locks
    /// of former tables are stale. Returns false if the table was recreated since.
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
            // The epoch is checked between the read and the write, so that this write never
            // replaces the epoch of a newer table.
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

    pub(crate) fn runtime(&self) -> Result<&Runtime, AppError> {
        opened(&self.runtime, || {
            engine_start(&self.settings, &self.opened_with, self.workload())
        })
    }

    /// Returns the folders of the user's compiled code.
    pub(crate) fn compiled_code(&self) -> &CachePlaces {
        &self.settings.compiled_code
    }

    /// Returns the clock of the process, which also gives the times in the datastore.
    pub(crate) fn clock(&self) -> &Clock {
        &self.settings.clock
    }

    /// Returns the user's settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.settings.notices
    }

    /// Returns this process's session, by which other processes can check whether it is alive.
    pub(crate) fn session(&self) -> Result<&Arc<Session>, AppError> {
        opened(&self.session, || {
            Ok(Arc::new(Session::begin(self.state_folder("locks")?)?))
        })
    }

    /// Returns the signals that wake the drivers of this process.
    pub(crate) fn driver_signals(&self) -> &DriverSignals {
        &self.driver_signals
    }

    /// Returns the tokens that this process was started with.
    pub(crate) fn lineage_tokens(&self) -> Option<&str> {
        self.settings.lineage_tokens.as_deref()
    }

    /// Returns the path of the program that starts commands. If the path is not known, returns the
    /// name alone.
    pub(crate) fn reaper(&self) -> PathBuf {
        let reaper = self.settings.reaper.clone();
        reaper.unwrap_or_else(|| REAPER_FILE.into())
    }

    /// Returns the work that continues after its future was dropped.
    pub(crate) fn background(&self) -> &BackgroundWork {
        &self.settings.background
    }

    pub(crate) fn command_slots(&self) -> &CommandSlots {
        &self.settings.command_slots
    }

    /// Returns the call of this repository whose command this process is part of, if any.
    ///
    /// # Errors
    /// Returns an error if the token is not valid any more, or if its file cannot be read.
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

    /// Returns the status of a run, after asking the operating system whether its process is alive.
    pub(crate) fn run_status(&self, run: &RunRecord) -> Result<RunStatus, AppError> {
        if run.status != RunStatus::Running {
            return Ok(run.status);
        }
        Ok(if self.session_is_alive(&run.session)? {
            RunStatus::Running
        } else {
            RunStatus::Interrupted
        })
    }

    /// Returns whether the process of a session is alive, as the operating system says.
    pub(crate) fn session_is_alive(&self, session: &str) -> Result<bool, AppError> {
        // ignored: a text that is not a session number names no session that could be alive.
        let Ok(id) = session.parse() else {
            return Ok(false);
        };
        Ok(session::is_alive(&self.state_folder("locks")?, id)?)
    }
}

/// Returns the event for a cache that cannot be used, with the reason.
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

/// Returns the nearest of some names.
pub(crate) fn near_one<N: ToString>(name: &str, names: &[N]) -> Option<String> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Reads `sedge.lock`, for a change of it; a repository without one has no plugins.
pub(crate) fn plugin_lock_read(folder: &Folder) -> Result<PluginLock, AppError> {
    match source(folder, LOCK_FILE)? {
        Some(file) => Ok(PluginLock::parse(&file)?),
        None => Ok(PluginLock::default()),
    }
}

/// Returns the content of the cell, and opens it first if necessary.
///
/// If two threads open it at the same time, both succeed, and one result is dropped.
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
