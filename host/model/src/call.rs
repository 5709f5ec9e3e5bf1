//! The result of a call: its outcome, or one of the errors that a guest can match.
//!
//! These types mirror the contract in `wit/types.wit`. The store records them, too.

mod refusals;

pub use refusals::{CallRefusal, MISSING_SECRETS_MAX, REFUSED_CALLS_MAX, Refusals};

pub use crate::limits::LimitName;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::backtrace::StackFrame;
use crate::digest::Digest;
use crate::lifetime::{Keep, Lifetime};
use crate::lineage::Lineage;
use crate::names::{DataName, SpecName};
use crate::violation::Violation;

/// A version that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The name of the data.
    pub name: DataName,
    /// The version that the write created.
    pub version: u64,
}

/// The kind of a piece of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// JSON that satisfies a schema.
    Resource,
    /// Bytes with a media type.
    File,
}

impl DataKind {
    /// Returns the kind as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::File => "file",
        }
    }
}

/// A version that a call has staged. Until it is committed, only the call and its callees see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedWrite {
    /// The name of the data.
    pub name: DataName,
    /// The kind of the data.
    pub kind: DataKind,
    /// The resource spec or file spec that it satisfies.
    pub spec: SpecName,
    /// The media type of a file; `None` for a resource, which is `application/json`.
    pub media_type: Option<String>,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// How long this version is retained; `None` for as long as its spec says.
    pub lifetime: Option<Lifetime>,
    /// How many versions of the name are retained; `None` for as many as its spec says.
    pub keep: Option<Keep>,
    /// The content.
    pub content: StagedContent,
}

/// The content of a staged version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StagedContent {
    /// JSON, as text.
    Text(String),
    /// The bytes of a small file.
    Bytes(Vec<u8>),
    /// A large file, whose bytes the store has written to a temporary file.
    File {
        /// The name of the temporary file.
        passing: String,
        /// The size in bytes.
        size: u64,
        /// The digest of the bytes.
        digest: Digest,
    },
}

impl StagedContent {
    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// Returns the number of bytes that it occupies in memory.
    #[must_use]
    pub fn size_in_memory(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::File { passing, .. } => passing.len(),
        }
    }
}

/// One change that a call makes to its model's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StagedChange {
    /// A new version.
    Write(StagedWrite),
    /// The deletion of one version or of all versions.
    Delete {
        /// The name of the data.
        name: DataName,
        /// The version to delete; `None` for all versions.
        version: Option<u64>,
    },
}

/// The version of a name that a call builds on: the latest one when the call last read the name, or
/// staged it for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseVersion {
    /// The number of the version.
    pub version: u64,
    /// The call that wrote it. A name that was deleted and written again may have the same number
    /// again.
    pub by: Lineage,
}

/// A name that a call changes, and what the call builds on.
///
/// The store refuses the changes if the name has another latest version by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameBase {
    /// The name of the data.
    pub name: DataName,
    /// The version; `None` if the name had no version.
    pub version: Option<BaseVersion>,
}

/// The result of a successful call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The value that the method returned.
    pub value: Value,
    /// The versions that the call itself wrote, in order.
    pub written: Vec<Written>,
}

/// The error that a method returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodFailure {
    /// A short word for programs. The plugin chooses it.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// More data for programs.
    pub details: Option<Value>,
    /// Whether the staged writes are committed although the call failed.
    pub keep_writes: bool,
    /// The guest's functions, innermost first, if it panicked or knows where it failed; otherwise
    /// empty.
    pub backtrace: Vec<StackFrame>,
}

/// The staged changes that were rolled back because their call failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscardedChanges {
    /// The number of changes: versions written, and deletions.
    pub changes: u64,
    /// The names that they concern: each name once, at most [`DISCARDED_NAMES_MAX`].
    pub names: Vec<DataName>,
}

/// The maximum number of names that are recorded for the changes that were rolled back.
///
/// A guest can stage a million changes, and the record of each failed call contains such a list.
pub const DISCARDED_NAMES_MAX: usize = 32;

impl DiscardedChanges {
    /// Returns the summary of changes that are rolled back.
    #[must_use]
    pub fn of(changes: &[StagedChange]) -> Self {
        let mut names: Vec<DataName> = Vec::new();
        for change in changes {
            let (StagedChange::Write(StagedWrite { name, .. }) | StagedChange::Delete { name, .. }) =
                change;
            if names.len() < DISCARDED_NAMES_MAX && !names.contains(name) {
                names.push(name.clone());
            }
        }
        Self {
            changes: changes.len() as u64,
            names,
        }
    }

    /// Returns whether there were no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes == 0
    }
}

/// The kind of a call's target that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// There is no model with this name.
    Model,
    /// The model's type has no method with this name.
    Method,
}

/// A check that failed before a method ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    /// The name of the check.
    pub check: String,
    /// What the check found, or why it could not run to its end. Part of it comes from the plugin.
    pub message: String,
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the check `{}` failed: {}", self.check, self.message)
    }
}

/// Why a call has no outcome. It says what happened to *this* call. The code that shows it adds the
/// model and the method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// There is no such model or method.
    NotFound {
        /// Whether the model or the method is missing.
        target: TargetKind,
        /// The requested name.
        name: String,
    },
    /// The arguments do not satisfy the schema, so the method did not run.
    InvalidInput {
        /// The places in the arguments that violate the schema.
        violations: Vec<Violation>,
    },
    /// A permission that the caller lacks is required.
    Denied {
        /// The action that was denied, and the grant that would permit it.
        reason: String,
    },
    /// A lock was not granted before the deadline.
    LockTimeout {
        /// The resource to be locked.
        resource: String,
        /// The owners that held the lock or were in front in the queue: for each, its call, the
        /// chain of calls from the run down, and its process.
        holders: Vec<String>,
        /// How long the call waited, in milliseconds.
        waited_ms: u64,
    },
    /// The request for a lock would have closed a cycle of calls that wait for each other.
    Deadlock {
        /// The calls of the requesting lineage, from its run down.
        ours: Vec<String>,
        /// The calls of the lineage that waits for the requesting one, from its run down.
        theirs: Vec<String>,
        /// Set if the call was rolled back and retried, and the retry differed from the record: a
        /// sentence that says how.
        difference: Option<String>,
    },
    /// The data that the call changed has another latest version than the one that the call had
    /// read. None of its changes were committed.
    ChangedMeanwhile {
        /// The name of the data.
        name: String,
        /// What happened to it: a sentence that names the call that wrote it.
        reason: String,
    },
    /// The definition of the target refers to itself, directly or through others.
    Cycle {
        /// The names in the cycle.
        names: Vec<String>,
    },
    /// A limit was reached.
    Limit {
        /// The name of the limit.
        name: LimitName,
        /// The value of the limit.
        value: u64,
    },
    /// The method returned a failure, or panicked.
    Failed(MethodFailure),
    /// The guest's code trapped.
    Trapped {
        /// The cause of the trap, and the last text that the guest printed, if any.
        message: String,
        /// The guest's functions, innermost first.
        backtrace: Vec<StackFrame>,
    },
    /// Checks of the type failed, so the method did not run.
    ChecksFailed {
        /// All checks that failed, in the order of the type.
        failures: Vec<CheckFailure>,
    },
    /// The call reached its deadline.
    TimedOut {
        /// The time that it was allowed, in milliseconds.
        after_ms: u64,
    },
    /// The call was stopped because its outcome was no longer needed.
    Cancelled,
    /// The call lost its lock before it ended: a user released it by force, or the lock table was
    /// created again. Nothing of what it had staged was committed.
    LockLost,
}

/// The code of the error of a call whose data has changed since the call read it.
pub const CHANGED_MEANWHILE: &str = "changed-meanwhile";

impl CallError {
    /// Returns the guest's functions at the time of a trap or panic, innermost first. Returns an
    /// empty slice for other errors.
    #[must_use]
    pub fn backtrace(&self) -> &[StackFrame] {
        match self {
            Self::Trapped { backtrace, .. } | Self::Failed(MethodFailure { backtrace, .. }) => {
                backtrace
            }
            Self::NotFound { .. }
            | Self::InvalidInput { .. }
            | Self::Denied { .. }
            | Self::LockTimeout { .. }
            | Self::Deadlock { .. }
            | Self::ChangedMeanwhile { .. }
            | Self::Cycle { .. }
            | Self::Limit { .. }
            | Self::ChecksFailed { .. }
            | Self::TimedOut { .. }
            | Self::Cancelled
            | Self::LockLost => &[],
        }
    }

    /// Returns whether the host ended the call because it could not get a lock. A failure that a
    /// plugin returned is never such an error, whatever its code.
    #[must_use]
    pub fn is_of_locks(&self) -> bool {
        matches!(self, Self::LockTimeout { .. } | Self::Deadlock { .. })
    }

    /// Returns a short word for programs: the name of the variant, or the code that the plugin
    /// chose.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::InvalidInput { .. } => "invalid-input",
            Self::Denied { .. } => "denied",
            Self::LockTimeout { .. } => "lock-timeout",
            Self::Deadlock { .. } => "deadlock",
            Self::ChangedMeanwhile { .. } => CHANGED_MEANWHILE,
            Self::Cycle { .. } => "cycle",
            Self::Limit { .. } => "limit",
            Self::Failed(failure) => &failure.code,
            Self::Trapped { .. } => "trapped",
            Self::ChecksFailed { .. } => "checks-failed",
            Self::TimedOut { .. } => "timed-out",
            Self::Cancelled => "cancelled",
            Self::LockLost => "lock-lost",
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound {
                target: TargetKind::Model,
                name,
            } => write!(f, "no model named `{name}`"),
            Self::NotFound {
                target: TargetKind::Method,
                name,
            } => write!(f, "no method named `{name}`"),
            Self::InvalidInput { violations } => {
                let shown: Vec<String> = violations.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "the arguments do not fit the method's schema: {}",
                    shown.join("; ")
                )
            }
            Self::Denied { reason } => f.write_str(reason),
            Self::LockTimeout {
                resource,
                holders,
                waited_ms,
            } => fmt_lock_timeout(f, resource, holders, *waited_ms),
            Self::Deadlock {
                ours,
                theirs,
                difference,
            } => fmt_deadlock(f, [ours, theirs], difference.as_deref()),
            Self::ChangedMeanwhile { reason, .. } => f.write_str(reason),
            Self::Cycle { names } => write!(f, "it depends on itself: {}", path_shown(names)),
            Self::Limit { name, value } => {
                let name = name.as_str();
                let mebibytes = value >> 20;
                if name.ends_with("-bytes") && mebibytes << 20 == *value {
                    write!(f, "the limit `{name}` of {mebibytes} MiB was reached")
                } else {
                    write!(f, "the limit `{name}` of {value} was reached")
                }
            }
            Self::Failed(failure) => f.write_str(&failure.message),
            Self::ChecksFailed { failures } => {
                let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
                f.write_str(&shown.join("\n"))
            }
            Self::Trapped { message, .. } => f.write_str(message),
            Self::TimedOut { after_ms } => {
                write!(f, "it was stopped after {after_ms} ms, at its deadline")
            }
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::LockLost => f.write_str(
                "it lost its lock before it ended, because the lock was released by force",
            ),
        }
    }
}

impl std::error::Error for CallError {}

/// Writes that a resource was locked for too long, and by which calls if they are known.
fn fmt_lock_timeout(
    f: &mut fmt::Formatter<'_>,
    resource: &impl fmt::Display,
    holders: &[String],
    waited_ms: u64,
) -> fmt::Result {
    write!(f, "{resource} was locked by others for {waited_ms} ms")?;
    if holders.is_empty() {
        return Ok(());
    }
    write!(f, ": {}", holders.join(", "))
}

/// Writes that the calls at the ends of two paths wait for each other, and how the paths differ.
fn fmt_deadlock(
    f: &mut fmt::Formatter<'_>,
    [ours, theirs]: [&[String]; 2],
    difference: Option<&str>,
) -> fmt::Result {
    let (ours, theirs) = (path_shown(ours), path_shown(theirs));
    write!(f, "deadlock: {ours} and {theirs} wait for each other")?;
    match difference {
        Some(difference) => write!(f, "; {difference}"),
        None => Ok(()),
    }
}

/// Returns the names of a path from its first to its last, as people read it.
fn path_shown(names: &[String]) -> String {
    names.join(" > ")
}

/// The state of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// The store has no record of its end.
    Running,
    /// It ended with an outcome.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It was stopped, or lost its lock.
    Cancelled,
}

impl CallStatus {
    /// Returns the status as the store and `--json` write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the status of an ended call.
    #[must_use]
    pub fn of<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(CallError::Cancelled | CallError::LockLost) => Self::Cancelled,
            Err(_) => Self::Failed,
        }
    }
}

/// The severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Details for the plugin's author.
    Trace,
    /// Details for the search for an error.
    Debug,
    /// Information for the operator.
    Info,
    /// Something unusual happened.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// Returns the level as the store and `--json` write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line that a guest logged or printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The severity.
    pub level: LogLevel,
    /// The text, truncated at the host's limit.
    pub message: String,
    /// The named values that belong to it, in the guest's order.
    pub fields: Vec<(String, Value)>,
}
