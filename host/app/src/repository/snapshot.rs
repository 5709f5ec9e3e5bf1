//! `sedge.yaml` and `sedge.lock` as values, which are read again when the files have changed.
//!
//! A process may live long, and other processes change these files: `plugin add` pins plugins. A
//! use case takes a [`RepositorySnapshot`] when it starts, and uses what the files said then until
//! it ends, so that no call runs with half of a change. A run, too, uses what it began with.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_lang::diagnostic::{Diagnostic, SourceFile};
use sedge_lang::repository::{Config, PluginLock};
use sedge_model::limits::ComponentLimits;
use sedge_sys::clock::Clock;
use sedge_sys::folder::{FileStamp, Folder};

use super::files::source;
use super::trust::trust_check;
use super::{Repository, Settings};
use crate::error::AppError;
use crate::locks::LOCK_TIMEOUT;

/// A repository with the content of its `sedge.yaml` and `sedge.lock` at one time.
#[derive(Debug, Clone)]
pub(crate) struct RepositorySnapshot {
    repository: Arc<Repository>,
    config: Arc<Config>,
    lock: Arc<PluginLock>,
}

impl Repository {
    /// Returns the repository with what `sedge.yaml` and `sedge.lock` say now.
    ///
    /// A file is read again only if it may have changed. Before that, the repository is checked as
    /// it is when it is opened.
    ///
    /// # Errors
    /// Returns an error if a file is invalid or cannot be read, or if the repository must not be
    /// used any more.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Result<RepositorySnapshot, AppError> {
        let check = || trust_check(&self.folder, &self.settings.trust).map(drop);
        let config = self.config.read(&self.folder, check)?;
        let lock = match self.lock.read(&self.folder, check) {
            Err(error) if self.settings.may_lack_pins && error.code() == ErrorCode::BadFile => {
                Arc::default()
            }
            lock => lock?,
        };
        Ok(RepositorySnapshot {
            config,
            lock,
            repository: Arc::clone(self),
        })
    }

    /// Checks that `sedge.lock` can be read.
    ///
    /// # Errors
    /// The file is invalid or cannot be read.
    pub(crate) fn plugin_lock_check(&self) -> Result<(), AppError> {
        self.lock.read(&self.folder, || Ok(())).map(drop)
    }
}

impl RepositorySnapshot {
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn plugin_lock(&self) -> &PluginLock {
        &self.lock
    }

    /// Returns the size limits for a component that is added.
    pub(crate) fn component_limits(&self) -> ComponentLimits {
        self.config.component_limits.values()
    }

    /// Returns how long a call waits for a lock.
    pub(crate) fn lock_timeout(&self) -> Duration {
        lock_timeout(&self.repository.settings, &self.config)
    }
}

/// Everything that does not depend on the two files is the same for all snapshots.
impl Deref for RepositorySnapshot {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        &self.repository
    }
}

/// Returns how long a call waits for a lock.
pub(super) fn lock_timeout(settings: &Settings, config: &Config) -> Duration {
    let configured = config.lock_timeout_seconds;
    let configured = configured.map(|seconds| Duration::from_secs(seconds.into()));
    let chosen = settings.lock_timeout.or(configured);
    chosen.unwrap_or(LOCK_TIMEOUT)
}

/// A file of the repository that this process parses, and parses again after a change.
#[derive(Debug)]
pub(super) struct ParsedFile<T> {
    name: &'static str,
    parse: fn(&Arc<SourceFile>) -> Result<T, Diagnostic>,
    last: Mutex<Option<Parsed<T>>>,
}

/// The content of a file when it was last read.
#[derive(Debug)]
struct Parsed<T> {
    /// The stamp of the file before it was read; `None` if the file did not exist.
    stamp: Option<FileStamp>,
    /// Whether a file with the same stamp has the same content.
    is_settled: bool,
    value: Arc<T>,
}

impl<T: Default> ParsedFile<T> {
    /// Returns the file `name`, which has not been read yet.
    pub(super) fn new(
        name: &'static str,
        parse: fn(&Arc<SourceFile>) -> Result<T, Diagnostic>,
    ) -> Self {
        Self {
            name,
            parse,
            last: Mutex::default(),
        }
    }

    /// Returns the content of the file. Reads the file, after `check`, if it may have changed. A
    /// file that does not exist has the default content.
    ///
    /// # Errors
    /// Returns an error if the file is invalid or cannot be read, or the error of `check`.
    pub(super) fn read(
        &self,
        folder: &Folder,
        check: impl FnOnce() -> Result<(), AppError>,
    ) -> Result<Arc<T>, AppError> {
        // The times of files are those of the machine.
        let now = Clock::machine().now();
        // The stamp is older than the content. If the file changes in between, the next reader has
        // another stamp, and reads the file again.
        let stamp = folder.stamp(self.name)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && last.is_settled
            && last.stamp == stamp
        {
            return Ok(Arc::clone(&last.value));
        }
        check()?;
        let value = match source(folder, self.name)? {
            Some(file) => Arc::new((self.parse)(&file)?),
            None => Arc::default(),
        };
        *last = Some(Parsed {
            stamp,
            is_settled: stamp.is_none_or(|stamp| stamp.is_settled(now)),
            value: Arc::clone(&value),
        });
        Ok(value)
    }
}
