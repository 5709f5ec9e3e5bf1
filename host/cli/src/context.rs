//! The context of every command: the global options, and functions that run a use case.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sedge_api::problem::ErrorClass;
use sedge_app::types::{
    ComponentCompiler, RunId, Scan, beside_program, current_folder, exit_now, hangup_is_handled,
    interrupt_request, n_cores, program, setting, variable,
};
use sedge_app::{
    AppError, BackgroundWork, Event, Events, Notices, REAPER_FILE, Repository, Settings, Trust,
};
use sedge_sys::clock::{self, Moment};
use sedge_sys::fault::MachineError;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::Args;
use crate::error::{CliError, Interruption};
use crate::first_party::first_party;
use crate::progress::{Progress, Silence, Ticker};
use crate::rows::PendingItems;
use crate::screen::Screen;
use crate::user_folders;

/// The variable that lists the repositories which are used although another user owns them.
pub(crate) const SAFE_DIRECTORIES_VARIABLE: &str = "SEDGE_SAFE_DIRECTORIES";

/// The variable that names the folder of the repository.
pub(crate) const REPO_VARIABLE: &str = "SEDGE_REPO";

/// The longest time that an interrupted program waits for its work to stop. The work checks often
/// whether it has to stop, unless the machine blocks it.
const CLEAN_UP_TIME_MAX: Duration = Duration::from_secs(10);

/// The global options.
#[derive(Debug)]
pub(crate) struct Context {
    repo: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) screen: Arc<Screen>,
    trust: Trust,
    run: Arc<CurrentRun>,
    /// What a use case that was stopped still has to record.
    background: BackgroundWork,
    /// What the command's list has found and not printed yet.
    pub(crate) found: RefCell<PendingItems>,
}

/// The run that the command executes, for the error that an interruption reports.
#[derive(Debug, Default)]
struct CurrentRun(Mutex<Option<RunId>>);

impl CurrentRun {
    fn record(&self, event: &Event) {
        if let Event::RunStarted { run } | Event::RunResumed { run } = event {
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

/// Records the current run, and passes all events on.
struct RunRecorder<T> {
    run: Arc<CurrentRun>,
    shown: T,
}

impl<T: Events> Events for RunRecorder<T> {
    fn event(&self, event: Event) {
        self.run.record(&event);
        self.shown.event(event);
    }
}

impl Context {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            repo: args.repo.clone().or_else(repo_of_environment),
            json: args.json,
            quiet: args.quiet,
            screen: Arc::new(Screen::new(args.color)),
            trust: trust(),
            found: RefCell::default(),
            run: Arc::default(),
            background: BackgroundWork::default(),
        }
    }

    /// Returns the context of work that shows nothing.
    pub(crate) fn silent(repo: Option<PathBuf>) -> Self {
        Self {
            repo: repo.or_else(repo_of_environment),
            json: false,
            quiet: true,
            screen: Arc::default(),
            trust: trust(),
            found: RefCell::default(),
            run: Arc::default(),
            background: BackgroundWork::default(),
        }
    }

    /// Adds the settings that apply to all repositories of the user.
    pub(crate) fn settings(&self, settings: Settings) -> Settings {
        Settings {
            trust: self.trust.clone(),
            reaper: beside_program(REAPER_FILE),
            compiled_code: user_folders::compiled_code(),
            compiler: compiler(),
            first_party: first_party(),
            notices: Notices::to(self.events()),
            background: self.background.clone(),
            ..settings
        }
    }

    /// Returns the folder that the user named, or else the current folder.
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

    /// Opens the repository with the settings of the command line.
    pub(crate) fn repository_with(&self, settings: Settings) -> Result<Arc<Repository>, CliError> {
        let folder = self.folder()?;
        let start: &Path = &folder;
        Ok(Repository::open_with(start, self.settings(settings))?)
    }

    /// Returns whether a user can answer questions.
    pub(crate) fn is_interactive(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Returns the receiver of the events of a use case.
    pub(crate) fn events(&self) -> Arc<dyn Events> {
        let run = Arc::clone(&self.run);
        if self.json || self.quiet {
            Arc::new(RunRecorder {
                run,
                shown: Silence,
            })
        } else {
            Arc::new(RunRecorder {
                run,
                shown: Progress::new(&self.screen),
            })
        }
    }

    /// Returns a receiver of events that records the run and passes all events on.
    pub(crate) fn recorded(&self, shown: impl Events) -> Arc<dyn Events> {
        let run = Arc::clone(&self.run);
        Arc::new(RunRecorder { run, shown })
    }

    /// Returns the run that the command executes or has executed; `None` if none has begun.
    pub(crate) fn current_run(&self) -> Option<RunId> {
        let run = self.run.0.lock().unwrap_or_else(PoisonError::into_inner);
        run.clone()
    }

    /// Runs work that reads, and shows its progress if it takes a while.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Ticker) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        work(&Ticker::new(&self.screen, self.json || self.quiet))
    }

    /// Runs work that writes to a file, and shows its progress. If the user interrupts the program,
    /// the next report of `work` returns [`Scan::Enough`], and `work` removes its unfinished file
    /// before the program ends.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn FnMut(u64, u64) -> Scan) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, CliError> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = StopOnDrop(Arc::clone(&is_stopped));
        let is_silent = self.json || self.quiet;
        let screen = Arc::clone(&self.screen);
        self.wait(async move {
            let working = tokio::task::spawn_blocking(move || {
                let ticker = Ticker::new(&screen, is_silent);
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

    /// Waits for a use case. If the user interrupts the program, the use case is stopped cleanly.
    pub(crate) fn wait<T, E: Into<CliError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(n_cores().max(2))
            .enable_all()
            .build()
            .map_err(MachineError::of("start threads"))?;
        let ended = runtime.block_on(async {
            let mut interrupted = interruption()?;
            let ticker = Ticker::new(&self.screen, self.json || self.quiet);
            let ticks = tokio::spawn(async move { ticker.tick().await });
            let ended = tokio::select! {
                biased;
                _ = interrupted.changed() => Err(self.run.interruption()),
                ended = work => ended.map_err(Into::into),
            };
            ticks.abort();
            // A use case that was stopped may still record how its calls ended.
            let clean_up = clock::until(
                Moment::now().after(CLEAN_UP_TIME_MAX),
                self.background.done(),
            );
            // ignored: calls without a recorded end appear as interrupted.
            let _ = clean_up.await;
            match ended {
                // The interruption stopped work that blocked a thread, whatever its error says.
                Err(CliError::App(_)) if interrupted.has_changed().unwrap_or(false) => {
                    Err(self.run.interruption())
                }
                ended => ended,
            }
        });
        // Work that was stopped removes its unfinished files.
        runtime.shutdown_timeout(CLEAN_UP_TIME_MAX);
        ended
    }
}

/// Requests, when dropped, that work on another thread stops, because its result is not needed any
/// more. The runtime is dropped afterwards, and waits for that thread.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the folder of the repository that the environment names.
fn repo_of_environment() -> Option<PathBuf> {
    setting(REPO_VARIABLE).map(PathBuf::from)
}

/// Returns the settings of the environment about repositories that other users own.
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

/// Returns the compiler of plugins: this program, as a child process.
fn compiler() -> ComponentCompiler {
    program().map_or(ComponentCompiler::Missing, ComponentCompiler::Program)
}

/// Returns a channel that changes when the user or a supervisor requests that the program stops:
/// by SIGINT, SIGTERM, or because the terminal was closed (SIGHUP). The second signal ends the
/// program at once, without a clean stop.
fn interruption() -> Result<watch::Receiver<()>, CliError> {
    let signal = |kind| signal(kind).map_err(MachineError::of("handle signals"));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // This is checked before a handler is installed: from then on, no signal is ignored.
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
            // Sending fails only if the work has ended.
            let _ = sender.send(());
        }
        exit_now(ErrorClass::Interrupted.exit_code());
    });
    Ok(receiver)
}
