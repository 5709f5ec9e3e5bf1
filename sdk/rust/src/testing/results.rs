//! What a test looks at after a method has run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::script::{Called, CommandRun, SentRequest};
use super::{LogEntry, TestContext};
use crate::VersionInfo;

/// What a test looks at.
impl TestContext {
    /// Returns the latest committed version of a resource of the model.
    ///
    /// # Panics
    /// Its content is not a `T`.
    #[must_use]
    pub fn latest<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let bytes = self.file(name)?;
        let content = serde_json::from_slice(&bytes);
        Some(content.unwrap_or_else(|error| panic!("`{name}` is not what was expected: {error}")))
    }

    /// Returns the bytes of the latest committed version of a file of the model.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        let found = world.data.get(&world.model, name, |_| true)?;
        Some(found.content)
    }

    /// Returns the committed versions of a name of the model, oldest first.
    #[must_use]
    pub fn versions(&self, name: &str) -> Vec<VersionInfo> {
        let world = self.world();
        let versions = world.data.versions(&world.model, name).into_iter();
        versions.map(VersionInfo::from).collect()
    }

    /// Returns the nested calls that were made, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<Called> {
        self.world().scripts.called.clone()
    }

    /// Returns the workflows that were run, with their inputs.
    #[must_use]
    pub fn workflows(&self) -> Vec<(String, Value)> {
        self.world().scripts.started.clone()
    }

    /// Returns the commands that were run.
    #[must_use]
    pub fn commands(&self) -> Vec<CommandRun> {
        self.world().scripts.commands_run.clone()
    }

    /// Returns the HTTP requests that were sent.
    #[must_use]
    pub fn requests(&self) -> Vec<SentRequest> {
        self.world().scripts.sent.clone()
    }

    /// Returns the lines of the log.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.world().log.clone()
    }

    /// Returns the time of the clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.world().now_ms)
    }
}
