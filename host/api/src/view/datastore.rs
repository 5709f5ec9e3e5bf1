//! Views of a datastore, and of the locks of its processes.

use schemars::JsonSchema;
use serde::Serialize;

use crate::time::Time;

/// The location and size of a datastore, and the calls that are running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatastoreStatusView {
    /// The folder, as an absolute path.
    pub folder: String,
    /// The storage engine with its version: `SQLite 3.54.1`.
    pub engine: String,
    /// The version of the database's schema.
    pub schema: i64,
    /// The size of the database, in bytes.
    pub database_bytes: u64,
    /// How many of these bytes are free.
    pub free_bytes: u64,
    /// The size of the log of what was written since it was last copied into the database, in
    /// bytes.
    pub log_bytes: u64,
    /// How many files of large content there are.
    pub files: u64,
    /// Their size, in bytes.
    pub file_bytes: u64,
    /// How many files are being written, or were left by processes that ended before.
    pub unfinished_files: u64,
    /// How many runs are on record.
    pub runs: u64,
    /// How many calls are on record.
    pub calls: u64,
    /// How many lines of logs are on record.
    pub log_lines: u64,
    /// How many names of data there are.
    pub names: u64,
    /// How many versions of data there are.
    pub versions: u64,
    /// How many calls are running.
    pub running_calls: u64,
    /// How many calls were interrupted: their process has ended, and they have not.
    pub interrupted_calls: u64,
    /// The call that has been running longest; null if none is.
    pub oldest_running_call: Option<RunningCallView>,
}

/// A call that is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningCallView {
    /// The call: the run, and the number of each call in its caller: `k3v9q2x8w1mz/1/2`.
    pub call: String,
    /// Its model.
    pub model: String,
    /// Its method.
    pub method: String,
    /// When it began.
    pub started_at: Time,
    /// How long it has been running, in milliseconds.
    pub running_ms: u64,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupMade {
    /// The file.
    pub file: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// How many versions of data it has.
    pub versions: u64,
    /// How many files of large content it has.
    pub files: u64,
}

/// A backup that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupRestored {
    /// When the backup was made.
    pub created_at: Time,
    /// How many versions of data it has.
    pub versions: u64,
    /// How many runs it has.
    pub runs: u64,
    /// How many files of large content it has.
    pub files: u64,
}

/// A datastore in which nothing is missing or damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatastoreChecked {
    /// Whether all content was read and compared with its digest.
    pub deep: bool,
    /// How many versions were checked.
    pub versions: u64,
    /// How many files were checked.
    pub files: u64,
    /// How many bytes of content were compared with their digest.
    pub hashed_bytes: u64,
    /// Unused data that only takes up space and can be collected, a sentence each.
    pub leftovers: Vec<String>,
}

/// The space that compacting the database returned, or would return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatastoreCompacted {
    /// Whether this was a dry run, which returns no space.
    pub dry_run: bool,
    /// The size of the database and its log before, in bytes.
    pub bytes_before: u64,
    /// The size after, in bytes.
    pub bytes_after: u64,
}

/// A lock, or a request for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockView {
    /// The kind of resource that is locked.
    pub resource: LockedResource,
    /// The model; null if it is the datastore as a whole.
    pub model: Option<String>,
    /// How: `IS`, `IX`, `S` or `X`.
    pub mode: String,
    /// Whether the call holds the lock; else it waits for it.
    pub held: bool,
    /// Since when it holds the lock, or waits for it.
    pub since: Time,
    /// The run of the call.
    pub run: String,
    /// The call: the run, and the number of each call in its caller: `k3v9q2x8w1mz/1/2`.
    pub call: String,
    /// The methods in the chain of calls, from the run down: `spawn.run`.
    pub chain: Vec<String>,
    /// The process; null if nothing is known of it.
    pub session: Option<SessionView>,
    /// The calls that the call waits for.
    pub waits_for: Vec<String>,
}

/// The kind of resource that is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LockedResource {
    /// The datastore as a whole.
    Datastore,
    /// A model.
    Model,
}

/// A process that uses a datastore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Its user.
    pub user: String,
    /// Its machine.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// When it began to use the datastore.
    pub since: Time,
}

/// Locks that were released by force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocksReleased {
    /// The locks.
    pub released: Vec<LockView>,
}

/// The disk space that a datastore occupies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiskUse {
    /// The size of the database, in bytes.
    pub database_bytes: u64,
    /// The size of the database's log, in bytes.
    pub log_bytes: u64,
    /// The size of the files of large content, in bytes.
    pub file_bytes: u64,
    /// The number of versions of data.
    pub versions: u64,
    /// The number of runs on record.
    pub runs: u64,
}
