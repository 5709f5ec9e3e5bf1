//! The context of every command: the global options, and functions that run a use case.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sedge_api::problem::ErrorClass;
use sedge_app::actor::actor;
use sedge_app::types::{
    ComponentCompiler, RunId, Scan, beside_program, current_folder, exit_now, hangup_is_handled,
    interrupt_request, n_cores, program, setting, variable,
};
use sedge_app::{
    AppError, BackgroundWork, Cancel, Cx, Event, Events, Notices, REAPER_FILE, ReportedEvent,
    Repository, Settings, Trust,
};
use sedge_sys::clock::{self, Moment};
use sedge_sys::fault::MachineError;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Args;
use crate::commands::shared::caller_settings;
use crate::error::CliError;
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
    /// The request that the command stops, which the first signal makes.
    pub(crate) cancel: Cancel,
    /// What the command's list has found and not printed yet.
    pub(crate) found: RefCell<PendingItems>,
}

/// The run that the command executes, for what it writes about the run besides its result.
#[derive(Debug, Default)]
struct CurrentRun(Mutex<Option<RunId>>);

impl CurrentRun {
    fn record(&self, event: &Event) {
        if let Event::RunStarted { run } | Event::RunResumed { run } = event {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.clone());
        }
    }
}

/// Records the current run, and passes all events on.
struct RunRecorder<T> {
    run: Arc<CurrentRun>,
    shown: T,
}

impl<T: Events> Events for RunRecorder<T> {
    fn event(&self, reported: ReportedEvent) {
        self.run.record(&reported.event);
        self.shown.event(reported);
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
            cancel: Cancel::new(),
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
            cancel: Cancel::new(),
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

    /// Opens the repository, and returns the context of use cases that the user of this process
    /// requests.
    pub(crate) fn app(&self) -> Result<Cx, CliError> {
        self.app_with(caller_settings()?)
    }

    /// Returns the same as [`Context::app`], with the settings of the command line.
    pub(crate) fn app_with(&self, settings: Settings) -> Result<Cx, CliError> {
        let folder = self.folder()?;
        let repository = Repository::open_with(&folder, self.settings(settings))?;
        let cx = Cx::new(repository, actor()).with_events(self.events());
        Ok(cx.with_cancel(self.cancel.clone()))
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

    /// Waits for a use case that works on no run. If the user interrupts the program, the future is
    /// dropped: it reads, or waits for a lock, or for a thread that then stops at the next safe point
    /// and removes what it has not finished. What it does in one transaction is done or not.
    pub(crate) fn wait<T, E: Into<CliError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CliError> {
        self.wait_until(work, OnRequest::Drop)
    }

    /// Waits for a use case that works on runs. If the user interrupts the program, the use case is
    /// requested to stop: it stops its calls, records how they ended, and returns what was stopped.
    pub(crate) fn wait_run<T, E: Into<CliError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CliError> {
        self.wait_until(work, OnRequest::Wait)
    }

    fn wait_until<T, E: Into<CliError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
        on_request: OnRequest,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(n_cores().max(2))
            .enable_all()
            .build()
            .map_err(MachineError::of("start threads"))?;
        let ended = runtime.block_on(async {
            interruption(&self.cancel, self.stopping_note(on_request))?;
            let ticker = Ticker::new(&self.screen, self.json || self.quiet);
            let ticks = tokio::spawn(async move { ticker.tick().await });
            let ended = tokio::select! {
                biased;
                () = self.cancel.cancelled(), if on_request == OnRequest::Drop => {
                    Err(CliError::Interrupted)
                }
                ended = work => ended.map_err(Into::into),
            };
            ticks.abort();
            // A future that was dropped may still record how its calls ended.
            let clean_up = clock::until(
                Moment::now().after(CLEAN_UP_TIME_MAX),
                self.background.done(),
            );
            // ignored: calls without a recorded end appear as interrupted.
            let _ = clean_up.await;
            match ended {
                // The interruption stopped work that blocked a thread, whatever its error says. The
                // error of a run says what was stopped.
                Err(CliError::App(error))
                    if self.cancel.is_cancelled() && !matches!(error, AppError::Failed(_)) =>
                {
                    Err(CliError::Interrupted)
                }
                ended => ended,
            }
        });
        // Work that was stopped removes its unfinished files.
        runtime.shutdown_timeout(CLEAN_UP_TIME_MAX);
        ended
    }

    /// Returns what shows a user at a terminal that the work on a run stops.
    fn stopping_note(&self, on_request: OnRequest) -> impl FnOnce() + Send + 'static + use<> {
        let is_shown = on_request == OnRequest::Wait && !self.json && !self.quiet;
        let screen = Arc::clone(&self.screen);
        move || {
            if is_shown && io::stderr().is_terminal() {
                screen.stderr("Stopping. A second Ctrl-C exits at once.");
            }
        }
    }
}

/// What happens to a use case when the user interrupts the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnRequest {
    /// Its future is dropped.
    Drop,
    /// It stops by itself.
    Wait,
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

/// Waits, in a task, until the user or a supervisor requests that the program stops: by SIGINT,
/// SIGTERM, or because the terminal was closed (SIGHUP). The first signal makes the request `cancel`
/// and calls `note`. The second signal ends the program at once, without a clean stop: what was
/// under way appears as interrupted.
fn interruption(cancel: &Cancel, note: impl FnOnce() + Send + 'static) -> Result<(), CliError> {
    let signal = |kind| signal(kind).map_err(MachineError::of("handle signals"));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // This is checked before a handler is installed: from then on, no signal is ignored.
    let mut hangup = match hangup_is_handled() {
        true => Some(signal(SignalKind::hangup())?),
        false => None,
    };
    let cancel = cancel.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = async { hangup.as_mut()?.recv().await }, if hangup.is_some() => {}
            }
        };
        // An earlier use case of the same command may have received the first signal.
        if !cancel.is_cancelled() {
            next().await;
            interrupt_request();
            cancel.cancel();
            note();
        }
        next().await;
        exit_now(ErrorClass::Interrupted.exit_code());
    });
    Ok(())
}
