//! What becomes of a call: its outcome, or one of the errors that a guest can match.
//!
//! These mirror the contract in `wit/types.wit`; they are also what the store keeps.

mod refusals;

pub use refusals::{REFUSED_CALLS_MAX, Refusals, RefusedCall};

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::backtrace::Frame;
use crate::digest::Digest;
use crate::names::{DataName, SpecName};
use crate::schema::Violation;

/// A version that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The name of the data.
    pub name: DataName,
    /// The version that the write got.
    pub version: u64,
}

/// What kind of data something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// JSON that fits a schema.
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

/// One thing that a call wrote and that nobody but its own callees has seen yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedWrite {
    /// The name.
    pub name: DataName,
    /// What kind of data it is.
    pub kind: DataKind,
    /// The resource or file spec that it fits.
    pub spec: SpecName,
    /// The media type of a file; none of a resource, which is `application/json`.
    pub media_type: Option<String>,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// What is in it.
    pub content: StagedContent,
}

/// The content of something that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StagedContent {
    /// JSON, as text.
    Text(String),
    /// The bytes of a small file.
    Bytes(Vec<u8>),
    /// The bytes of a large file, which are with the store already.
    File {
        /// The name that the file has for now.
        passing: String,
        /// How many bytes.
        size: u64,
        /// The digest of the bytes.
        digest: Digest,
    },
}

impl StagedContent {
    /// Returns how many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// Returns how many bytes of memory it has.
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
    /// Versions go.
    Delete {
        /// Of what.
        name: DataName,
        /// Which one; none for all.
        version: Option<u64>,
    },
}

/// What a successful call leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the method returned.
    pub value: Value,
    /// What the call itself wrote, in order.
    pub written: Vec<Written>,
}

/// How a method says that it did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A short word for programs, chosen by the plugin.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// Whatever else a program may want to know.
    pub details: Option<Value>,
    /// Whether what the call wrote became visible although it failed.
    pub keep_writes: bool,
    /// Of a panic: the guest's functions, innermost first.
    pub backtrace: Vec<Frame>,
}

/// What a call had staged, and what was thrown away because it failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// How many changes: versions written, and deletions.
    pub changes: u64,
    /// What they were of: each name once, the first [`UNDONE_NAMES_MAX`].
    pub names: Vec<DataName>,
}

/// The most names that are kept of what was undone. A guest can stage a million changes,
/// and each failed call leaves such a list behind.
pub const UNDONE_NAMES_MAX: usize = 32;

impl Undone {
    /// Returns what is lost with changes that do not become visible.
    #[must_use]
    pub fn of(changes: &[StagedChange]) -> Self {
        let mut names: Vec<DataName> = Vec::new();
        for change in changes {
            let (StagedChange::Write(StagedWrite { name, .. }) | StagedChange::Delete { name, .. }) =
                change;
            if names.len() < UNDONE_NAMES_MAX && !names.contains(name) {
                names.push(name.clone());
            }
        }
        Self {
            changes: changes.len() as u64,
            names,
        }
    }

    /// Returns whether nothing was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes == 0
    }
}

/// What there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// No model of that name.
    Model,
    /// No method of that name in the model's type.
    Method,
}

/// The limits that a call can reach. Their names appear in errors and in `limits:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitName {
    /// Bytes of all linear memories and tables of a call's instance together.
    MemoryBytes,
    /// Seconds that a call's own code has executed.
    CpuSeconds,
    /// Calls on the way from the run to this one.
    CallDepth,
    /// Calls that a run made, ended ones included.
    CallsPerRun,
    /// Calls that one call made, ended ones included.
    CallsPerCall,
    /// Calls that one call has started and that have not ended.
    ParallelCalls,
    /// Functions of the host that one call has called.
    HostCalls,
    /// Bytes that have passed between one call and the host.
    HostBytes,
    /// Bytes of one JSON text that passes between guest and host.
    JsonBytes,
    /// Bytes of what one call has staged in memory.
    StagedBytes,
    /// Bytes of all files that one call has written.
    FileBytes,
    /// Files that one call has open, for writing or reading.
    OpenFiles,
    /// Handles that one call holds: of streams, requests, things to wait for, files and calls.
    Handles,
    /// Instances that live in this process at once.
    LiveInstances,
    /// Bytes of the memories and tables of all calls of this process.
    ProcessMemory,
    /// Descriptors that all guests of this process hold.
    ProcessDescriptors,
}

impl LimitName {
    /// Returns the limit's name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemoryBytes => "memory-bytes",
            Self::CpuSeconds => "cpu-seconds",
            Self::CallDepth => "call-depth",
            Self::CallsPerRun => "calls-per-run",
            Self::CallsPerCall => "calls-per-call",
            Self::ParallelCalls => "parallel-calls",
            Self::HostCalls => "host-calls",
            Self::HostBytes => "host-bytes",
            Self::JsonBytes => "json-bytes",
            Self::StagedBytes => "staged-bytes",
            Self::FileBytes => "file-bytes",
            Self::OpenFiles => "open-files",
            Self::Handles => "handles",
            Self::LiveInstances => "live-instances",
            Self::ProcessMemory => "process-memory",
            Self::ProcessDescriptors => "process-descriptors",
        }
    }

    /// Returns the key in `limits:` or `processLimits:` that sets it, and `value` in the unit of that
    /// key; `None` for a limit that cannot be set.
    #[must_use]
    pub fn key(self, value: u64) -> Option<(&'static str, u64)> {
        Some(match self {
            Self::MemoryBytes => ("memoryMebibytes", value >> 20),
            Self::CpuSeconds => ("cpuSeconds", value),
            Self::CallDepth => ("callDepth", value),
            Self::CallsPerRun => ("callsPerRun", value),
            Self::CallsPerCall => ("callsPerCall", value),
            Self::ParallelCalls => ("parallelCalls", value),
            Self::HostCalls => ("hostCalls", value),
            Self::HostBytes => ("hostMebibytes", value >> 20),
            Self::StagedBytes => ("stagedMebibytes", value >> 20),
            Self::FileBytes => ("fileMebibytes", value >> 20),
            Self::OpenFiles => ("openFiles", value),
            Self::ProcessMemory => ("memoryMebibytes", value >> 20),
            Self::ProcessDescriptors => ("descriptors", value),
            Self::JsonBytes | Self::Handles | Self::LiveInstances => return None,
        })
    }

    /// Returns the line of a file that allows twice `value`; `None` for a limit that cannot be set.
    #[must_use]
    pub fn raised(self, value: u64) -> Option<String> {
        let (key, value) = self.key(value)?;
        let limits = match self {
            Self::ProcessMemory | Self::ProcessDescriptors => "processLimits",
            Self::MemoryBytes
            | Self::CpuSeconds
            | Self::CallDepth
            | Self::CallsPerRun
            | Self::CallsPerCall
            | Self::ParallelCalls
            | Self::HostCalls
            | Self::HostBytes
            | Self::JsonBytes
            | Self::StagedBytes
            | Self::FileBytes
            | Self::OpenFiles
            | Self::Handles
            | Self::LiveInstances => "limits",
        };
        Some(format!(
            "{limits}: {{{key}: {}}}",
            value.saturating_mul(2).max(1)
        ))
    }

    /// Returns whether only `sedge.yaml` sets it, because a whole run or process has it, and not one
    /// call.
    #[must_use]
    pub fn is_of_repository(self) -> bool {
        match self {
            Self::CallDepth
            | Self::CallsPerRun
            | Self::ProcessMemory
            | Self::ProcessDescriptors => true,
            Self::MemoryBytes
            | Self::CpuSeconds
            | Self::CallsPerCall
            | Self::ParallelCalls
            | Self::HostCalls
            | Self::HostBytes
            | Self::JsonBytes
            | Self::StagedBytes
            | Self::FileBytes
            | Self::OpenFiles
            | Self::Handles
            | Self::LiveInstances => false,
        }
    }
}

/// Why a call has no outcome. It names what happened to *this* call; whoever shows it
/// adds the model and the method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// There is no such model or method.
    NotFound {
        /// What there is none of.
        target: TargetKind,
        /// The name that was asked for.
        name: String,
    },
    /// The arguments do not fit. Nothing ran.
    InvalidInput {
        /// Where, and what is wrong there.
        violations: Vec<Violation>,
    },
    /// The caller may not do this.
    Denied {
        /// What was denied, and what would allow it.
        reason: String,
    },
    /// A lock was not to be had in time.
    LockTimeout {
        /// What was to be locked.
        resource: String,
        /// Who had it, or was in front: the call, its chain from the run down, its process.
        holders: Vec<String>,
        /// How long the call waited, in milliseconds.
        waited_ms: u64,
    },
    /// Waiting would have lasted for ever.
    Deadlock {
        /// From the run down to the call that would have waited.
        ours: Vec<String>,
        /// The same of the lineage that waits for ours.
        theirs: Vec<String>,
    },
    /// The target leads back to itself by its definition.
    Cycle {
        /// The names on the way.
        names: Vec<String>,
    },
    /// A limit was reached.
    Limit {
        /// Which one.
        name: LimitName,
        /// Its value.
        value: u64,
    },
    /// The method returned a failure, or panicked.
    Failed(Failure),
    /// The guest's code trapped.
    Trapped {
        /// What happened, with the guest's last words where it printed any.
        message: String,
        /// The guest's functions, innermost first.
        backtrace: Vec<Frame>,
    },
    /// The call ran out of time.
    TimedOut {
        /// Its allowance in milliseconds.
        after_ms: u64,
    },
    /// The call was stopped because nobody wanted its outcome any more.
    Cancelled,
}

impl CallError {
    /// Returns where the guest's code was, innermost function first; nothing where it did not
    /// trap or panic.
    #[must_use]
    pub fn backtrace(&self) -> &[Frame] {
        match self {
            Self::Trapped { backtrace, .. } | Self::Failed(Failure { backtrace, .. }) => backtrace,
            Self::NotFound { .. }
            | Self::InvalidInput { .. }
            | Self::Denied { .. }
            | Self::LockTimeout { .. }
            | Self::Deadlock { .. }
            | Self::Cycle { .. }
            | Self::Limit { .. }
            | Self::TimedOut { .. }
            | Self::Cancelled => &[],
        }
    }

    /// Returns whether only locks of others kept the call from its end. It is the host that says
    /// so: a failure that a plugin returned never is one of these, whatever its code.
    #[must_use]
    pub fn is_of_locks(&self) -> bool {
        matches!(self, Self::LockTimeout { .. } | Self::Deadlock { .. })
    }

    /// Returns a short word for programs: the variant's name, or the plugin's own code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::InvalidInput { .. } => "invalid-input",
            Self::Denied { .. } => "denied",
            Self::LockTimeout { .. } => "lock-timeout",
            Self::Deadlock { .. } => "deadlock",
            Self::Cycle { .. } => "cycle",
            Self::Limit { .. } => "limit",
            Self::Failed(failure) => &failure.code,
            Self::Trapped { .. } => "trapped",
            Self::TimedOut { .. } => "timed-out",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |items: &[String]| items.join(" > ");
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
            } if holders.is_empty() => {
                write!(f, "{resource} was locked by others for {waited_ms} ms")
            }
            Self::LockTimeout {
                resource,
                holders,
                waited_ms,
            } => {
                write!(
                    f,
                    "{resource} was locked by others for {waited_ms} ms: {}",
                    holders.join(", ")
                )
            }
            Self::Deadlock { ours, theirs } => {
                write!(
                    f,
                    "deadlock: {} and {} wait for each other",
                    joined(ours),
                    joined(theirs)
                )
            }
            Self::Cycle { names } => write!(f, "it leads back to itself: {}", joined(names)),
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
            Self::Trapped { message, .. } => f.write_str(message),
            Self::TimedOut { after_ms } => write!(
                f,
                "it was stopped after {after_ms} ms, the time it was allowed"
            ),
            Self::Cancelled => f.write_str("it was cancelled"),
        }
    }
}

impl std::error::Error for CallError {}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// It has not ended, as far as the store knows.
    Running,
    /// It ended with an outcome.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It was stopped.
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

    /// Returns the status that an ended call has.
    #[must_use]
    pub fn of<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(CallError::Cancelled) => Self::Cancelled,
            Err(_) => Self::Failed,
        }
    }
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Of interest to the plugin's author only.
    Trace,
    /// Of interest when something is sought.
    Debug,
    /// Of interest to an operator.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
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

/// One line that a guest logged or printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The text, cut at the host's limit.
    pub message: String,
    /// Named values beside it, in the guest's order.
    pub fields: Vec<(String, Value)>,
}
