//! What happened to runs: column `event` of `run_events`.
//!
//! This is format 2. An event of format 1 has fewer members and is read by the same types: its
//! attempt is the first, it has no expansion, its actor has no uid, and its gate shows nothing.

mod read;
mod write;

use std::sync::Arc;

use sedge_model::run::{Expansion, ExpansionItem, GateDecision, RunError, RunStatus};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::call::StoredCallError;
use super::environment::StoredEnvironment;
use super::step::{
    StepFormatError, StoredActor, StoredAttempt, StoredDeadline, StoredEvaluationPlace,
    StoredInstance, StoredOnTimeout, StoredPath, StoredShown, StoredStepError,
};

/// One thing that happened to a run of a workflow.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum StoredEvent {
    Started,
    Resumed,
    Released,
    Reset {
        steps: Vec<StoredPath>,
    },
    EditsTaken,
    CancelRequested {
        #[serde(flatten)]
        by: StoredActor,
        reason: Option<String>,
    },
    DeadlinePassed,
    JobGuarded {
        job: String,
        outcome: StoredGuard,
    },
    Expanded {
        step: StoredPath,
        items: Vec<StoredExpansion>,
        #[serde(default, skip_serializing_if = "StoredEnvironment::is_empty")]
        environment: StoredEnvironment,
    },
    Guarded {
        step: StoredInstance,
        satisfied: bool,
    },
    EvaluationCalled {
        place: StoredEvaluationPlace,
        call: u32,
    },
    StepStarted {
        step: StoredAttempt,
        call: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        child: Option<String>,
    },
    StepSucceeded {
        step: StoredAttempt,
        /// Format 1 does not have it; a migration added it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<u32>,
    },
    StepFailed {
        step: StoredAttempt,
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<u32>,
        error: StoredStepError,
        #[serde(default, skip_serializing_if = "is_false")]
        allowed: bool,
    },
    StepRetried {
        step: StoredAttempt,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<u32>,
        error: StoredStepError,
        next_at_ms: i64,
    },
    StepSkipped {
        step: StoredInstance,
        because: String,
    },
    ChildSuspended {
        step: StoredInstance,
    },
    GateOpened {
        gate: StoredInstance,
        #[serde(default, skip_serializing_if = "StoredShown::is_empty")]
        shown: StoredShown,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<StoredDeadline>,
    },
    GateDecided {
        gate: StoredInstance,
        decision: StoredDecision,
        #[serde(flatten)]
        by: StoredActor,
        comment: Option<String>,
        /// The digest of what the user was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
    },
    GateExpired {
        gate: StoredInstance,
        then: StoredOnTimeout,
    },
    GateReopened {
        gate: StoredPath,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skipped: Vec<StoredPath>,
    },
    Suspended,
    Ended {
        status: StoredStatus,
        /// Of a method's run that failed. A reader that does not know of it passes over it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StoredRunError>,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_false(it: &bool) -> bool {
    !*it
}

/// The value of a guard, or the error.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredGuard {
    Satisfied(bool),
    Failed(StoredStepError),
}

/// One value of a `forEach` step.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredExpansion {
    name: String,
    /// Absent if `step_items` has the values.
    #[serde(
        default,
        deserialize_with = "item_read",
        skip_serializing_if = "Option::is_none"
    )]
    item: Option<StoredItem>,
}

/// Reads an item that is there. Without this, `null` would be read as if it were absent.
fn item_read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StoredItem>, D::Error> {
    StoredItem::deserialize(deserializer).map(Some)
}

/// Any value, which is shared with the event, because it may be large.
#[derive(Debug)]
struct StoredItem(Arc<Value>);

impl Serialize for StoredItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(value.into()))
    }
}

impl From<&Expansion> for StoredExpansion {
    fn from(expansion: &Expansion) -> Self {
        let Expansion { name, item } = expansion;
        Self {
            name: name.to_string(),
            item: match item {
                ExpansionItem::Value(value) => Some(StoredItem(Arc::clone(value))),
                ExpansionItem::Stored => None,
            },
        }
    }
}

impl TryFrom<StoredExpansion> for Expansion {
    type Error = StepFormatError;

    fn try_from(stored: StoredExpansion) -> Result<Self, StepFormatError> {
        let StoredExpansion { name, item } = stored;
        Ok(Self {
            name: name.parse()?,
            item: match item {
                Some(value) => ExpansionItem::Value(value.0),
                None => ExpansionItem::Stored,
            },
        })
    }
}

/// Why a run of one method failed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredRunError {
    Call(StoredCallError),
    Host { code: String, message: String },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredDecision {
    Approved,
    Rejected,
}

/// The status of a run. `interrupted` is never written: it is derived for a run that is `running`
/// and has no driver.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredStatus {
    Running,
    Suspended,
    Succeeded,
    Failed,
    Cancelled,
    Interrupted,
}

impl From<RunStatus> for StoredStatus {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Running => Self::Running,
            RunStatus::Suspended => Self::Suspended,
            RunStatus::Succeeded => Self::Succeeded,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
            RunStatus::Interrupted => Self::Interrupted,
        }
    }
}

impl From<StoredStatus> for RunStatus {
    fn from(stored: StoredStatus) -> Self {
        match stored {
            StoredStatus::Running => Self::Running,
            StoredStatus::Suspended => Self::Suspended,
            StoredStatus::Succeeded => Self::Succeeded,
            StoredStatus::Failed => Self::Failed,
            StoredStatus::Cancelled => Self::Cancelled,
            StoredStatus::Interrupted => Self::Interrupted,
        }
    }
}

impl From<GateDecision> for StoredDecision {
    fn from(decision: GateDecision) -> Self {
        match decision {
            GateDecision::Approved => Self::Approved,
            GateDecision::Rejected => Self::Rejected,
        }
    }
}

impl From<StoredDecision> for GateDecision {
    fn from(stored: StoredDecision) -> Self {
        match stored {
            StoredDecision::Approved => Self::Approved,
            StoredDecision::Rejected => Self::Rejected,
        }
    }
}

impl From<&RunError> for StoredRunError {
    fn from(error: &RunError) -> Self {
        match error {
            RunError::Call(error) => Self::Call(error.into()),
            RunError::Host { code, message } => Self::Host {
                code: code.clone(),
                message: message.clone(),
            },
        }
    }
}

impl From<StoredRunError> for RunError {
    fn from(stored: StoredRunError) -> Self {
        match stored {
            StoredRunError::Call(error) => Self::Call(error.into()),
            StoredRunError::Host { code, message } => Self::Host { code, message },
        }
    }
}
