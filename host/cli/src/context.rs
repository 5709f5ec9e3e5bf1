//! What every command is given: the global options, and how to wait for a use case.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sedge_api::problem::ErrorClass;
use sedge_app::types::{
    Compiler, RunId, Scan, beside_program, current_folder, exit_now, hangup_is_handled,
    interrupt_request, n_cores, program, setting, variable,
};
use sedge_app::{AppError, Event, Events, Notices, REAPER_FILE, Repository, Settings, Trust};
use sedge_sys::fault::MachineError;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::Args;
use crate::error::{CliError, Interruption};
use crate::json_list::JsonList;
use crate::progress::{Progress, Silence, Ticker};
use crate::user_folders;

/// The variable that lists the repositories that are used although another user owns them.
pub(crate) const SAFE_DIRECTORIES_VARIABLE: &str = "SEDGE_SAFE_DIRECTORIES";

/// The variable that says in which folder the repository is.
pub(crate) const REPO_VARIABLE: &str = "SEDGE_REPO";

/// How long a program that was interrupted waits at most for its work to stop. The work looks
/// often whether it is to stop, unless the machine makes it wait.
const CLEAN_UP_TIME_MAX: Duration = Duration::from_secs(10);

/// The global options.
#[derive(Debug)]
pub(crate) struct Context {
    repo: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    trust: Trust,
    run: Arc<RunNoted>,
    /// The list that is being printed as a JSON document.
    list: RefCell<Option<JsonList>>,
}

/// The run that the command works on, for the error of a user who interrupts it.
#[derive(Debug, Default)]
struct RunNoted(Mutex<Option<RunId>>);

impl RunNoted {
    fn note(&self, event: &Event) {
        if let Event::RunStarted { run } = event {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.clone());
        }
    }

    fn interruption(&self) -> CliError {
        let run = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        CliError::Interrupted(Interruption {
            run: run.clone(),
            workflow: None,
        })
    }
}

/// Events on their way to where they are shown.
struct Noting<T> {
    run: Arc<RunNoted>,
    shown: T,
}

impl<T: Events> Events for Noting<T> {
    fn event(&self, event: Event) {
        self.run.note(&event);
        self.shown.event(event);
    }
}

impl Context {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            repo: args
                .repo
                .clone()
                .or_else(|| setting(REPO_VARIABLE).map(PathBuf::from)),
            json: args.json,
            quiet: args.quiet,
            trust: trust(),
            list: RefCell::default(),
            run: Arc::default(),
        }
    }

    /// Returns settings with what the user says of all repositories.
    pub(crate) fn settings(&self, settings: Settings) -> Settings {
        Settings {
            trust: self.trust.clone(),
            reaper: beside_program(REAPER_FILE),
            compiled_code: user_folders::compiled_code(),
            compiler: compiler(),
            notices: Notices::to(self.events()),
            ..settings
        }
    }

    /// Returns the folder that the person is in, or says they mean.
    pub(crate) fn folder(&self) -> Result<PathBuf, CliError> {
        match &self.repo {
            Some(folder) => Ok(folder.clone()),
            None => {
                let folder = current_folder();
                Ok(folder.map_err(MachineError::of("find the current folder"))?)
            }
        }
    }

    /// Opens the repository.
    pub(crate) fn repository(&self) -> Result<Arc<Repository>, CliError> {
        self.repository_with(Settings::default())
    }

    /// Opens the repository, with what the command line says of how to work in it.
    pub(crate) fn repository_with(&self, settings: Settings) -> Result<Arc<Repository>, CliError> {
        let folder = self.folder()?;
        let start: &Path = &folder;
        Ok(Repository::open_with(start, self.settings(settings))?)
    }

    /// Prints one more item of the list that is the document of this command. Returns
    /// false if the reader of stdout is gone.
    pub(crate) fn list_push(&self, item: &impl Serialize) -> io::Result<bool> {
        self.list.borrow_mut().get_or_insert_default().push(item)
    }

    /// Returns the list that is being printed, to be finished.
    pub(crate) fn list_take(&self) -> Option<JsonList> {
        self.list.take()
    }

    /// Returns where a use case tells what happens.
    pub(crate) fn events(&self) -> Arc<dyn Events> {
        let run = Arc::clone(&self.run);
        if self.json || self.quiet {
            Arc::new(Noting {
                run,
                shown: Silence,
            })
        } else {
            Arc::new(Noting {
                run,
                shown: Progress::default(),
            })
        }
    }

    /// Does something that reads, and tells a person how far it is if it takes a while.
    pub(crate) fn look<T>(
        &self,
        work: impl FnOnce(&Ticker) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        work(&Ticker::new(self.json || self.quiet))
    }

    /// Does something that writes to a file, and tells a person how far it is. A person who
    /// interrupts the program stops it: `work` is told so when it next reports, and removes what it
    /// has begun before the program ends.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn FnMut(u64, u64) -> Scan) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, CliError> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = StopOnDrop(Arc::clone(&is_stopped));
        let is_silent = self.json || self.quiet;
        self.wait(async move {
            let working = tokio::task::spawn_blocking(move || {
                let ticker = Ticker::new(is_silent);
                work(&mut |done, of| {
                    ticker.bytes(done, of);
                    match is_stopped.load(Ordering::Relaxed) {
                        true => Scan::Enough,
                        false => Scan::More,
                    }
                })
            });
            let done = working.await;
            drop(stop);
            match done {
                Ok(done) => done,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        })
    }

    /// Waits for a use case. A person who interrupts the program stops it, cleanly.
    pub(crate) fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, AppError>>,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(n_cores().max(2))
            .enable_all()
            .build()
            .map_err(MachineError::of("start threads"))?;
        let ended = runtime.block_on(async {
            let mut interrupted = interruption()?;
            let ticker = Ticker::new(self.json || self.quiet);
            let ticks = tokio::spawn(async move { ticker.tick().await });
            let ended = tokio::select! {
                biased;
                _ = interrupted.changed() => Err(self.run.interruption()),
                ended = work => ended.map_err(CliError::from),
            };
            ticks.abort();
            match ended {
                // What blocked a thread meanwhile ended for that reason, whatever it says.
                Err(CliError::App(_)) if interrupted.has_changed().unwrap_or(false) => {
                    Err(self.run.interruption())
                }
                ended => ended,
            }
        });
        // What was stopped in the middle of its work removes what it made so far.
        runtime.shutdown_timeout(CLEAN_UP_TIME_MAX);
        ended
    }
}

/// Tells work on another thread to stop once its result is not waited for any more. The runtime is
/// dropped after it, and waits for that thread.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns what the environment says of repositories that other users own.
fn trust() -> Trust {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let absolute = |name: &str| set(name).filter(|path| path.starts_with('/'));
    let config = absolute("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(Path::new(&absolute("HOME")?).join(".config")));
    Trust {
        safe_directories: set(SAFE_DIRECTORIES_VARIABLE),
        config_file: config.map(|folder| folder.join("sedge/config.yaml")),
        sudo_user: set("SUDO_UID").and_then(|user| user.parse().ok()),
    }
}

/// Returns what compiles plugins: this program, as a child process.
fn compiler() -> Compiler {
    program().map_or(Compiler::Missing, Compiler::Program)
}

/// Returns what changes when a person, or a supervisor, wants the program to stop: by SIGINT,
/// SIGTERM, or because the terminal was closed (SIGHUP). The second signal ends the program at
/// once, without waiting until it has stopped cleanly.
fn interruption() -> Result<watch::Receiver<()>, CliError> {
    let signal = |kind| signal(kind).map_err(MachineError::of("handle signals"));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Asked before it is handled: after that, no signal is ignored.
    let mut hangup = match hangup_is_handled() {
        true => Some(signal(SignalKind::hangup())?),
        false => None,
    };
    let (sender, receiver) = watch::channel(());
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = async { hangup.as_mut()?.recv().await }, if hangup.is_some() => {}
            }
            interrupt_request();
            // The work may have ended.
            let _ = sender.send(());
        }
        exit_now(ErrorClass::Interrupted.exit_code());
    });
    Ok(receiver)
}
