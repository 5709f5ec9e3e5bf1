//! What every command is given: the global options, and how to wait for a use case.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sedge_app::types::{current_folder, exit_now, n_cores};
use sedge_app::{AppError, Events, Repository, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::Args;
use crate::error::CliError;
use crate::exit_code;
use crate::progress::{Progress, Silence, Ticker};

/// The global options.
#[derive(Debug)]
pub(crate) struct Context {
    repo: Option<PathBuf>,
    pub(crate) json: bool,
    quiet: bool,
}

impl Context {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            repo: args.repo.clone(),
            json: args.json,
            quiet: args.quiet,
        }
    }

    /// Returns the folder that the person is in, or says they mean.
    pub(crate) fn folder(&self) -> Result<PathBuf, CliError> {
        match &self.repo {
            Some(folder) => Ok(folder.clone()),
            None => Ok(current_folder()?),
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
        Ok(Repository::open_with(start, settings)?)
    }

    /// Returns where a use case tells what happens.
    pub(crate) fn events(&self) -> Arc<dyn Events> {
        if self.json || self.quiet {
            Arc::new(Silence)
        } else {
            Arc::new(Progress::default())
        }
    }

    /// Does something that reads, and tells a person how far it is if it takes a while.
    pub(crate) fn look<T>(
        &self,
        work: impl FnOnce(&Ticker) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        work(&Ticker::new(self.json || self.quiet))
    }

    /// Waits for a use case. A person who interrupts the program stops it, cleanly.
    pub(crate) fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, AppError>>,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(n_cores().max(2))
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut interrupted = interruption()?;
            let ticker = Ticker::new(self.json || self.quiet);
            let ticks = tokio::spawn(async move { ticker.tick().await });
            let ended = tokio::select! {
                biased;
                _ = interrupted.changed() => Err(CliError::Interrupted),
                ended = work => ended.map_err(CliError::from),
            };
            ticks.abort();
            ended
        })
    }
}

/// Returns what changes when a person, or a supervisor, wants the program to stop. Who
/// asks twice does not want to wait until it has stopped cleanly.
fn interruption() -> Result<watch::Receiver<()>, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (tell, told) = watch::channel(());
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            // Nobody listens any more once the work has ended.
            let _ = tell.send(());
        }
        exit_now(exit_code::INTERRUPTED);
    });
    Ok(told)
}
