//! The JSON in rows, and the text of enumerations in columns.
//!
//! These types serve the disk only; the program uses those of `sedge_model`, and machine output has
//! its own. Conversions are written out, so that a change of the other types does not change a file
//! by accident. An older version of Sedge refuses a kind that it does not know; a newer one reads
//! every old kind (`tests/fixtures` has stores of each version).

mod call;
mod environment;
mod event;
mod options;
mod plugin;
mod step;
mod task;
mod word;

use std::fmt::Debug;

use sedge_model::call::{DiscardedChanges, Outcome};
use sedge_model::names::NameError;
use sedge_model::run::{RunEvent, RunOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::tasks::StartedTask;

pub(crate) use call::{StoredFailedCall, StoredOutcome};
pub(crate) use environment::StoredEnvironment;
pub(crate) use event::StoredEvent;
pub(crate) use options::StoredOptions;
pub(crate) use plugin::StoredPlugin;
pub(crate) use task::StoredTask;
pub(crate) use word::{StoredWord, read_word};

/// Reads a text as each type that rows hold as JSON, and checks that what was read is the same once
/// it was written and read again. For tests with any text.
///
/// # Panics
/// It is another.
#[doc(hidden)]
pub fn stored_json_check(text: &str) {
    checked(text, RunEvent::try_from, |event| StoredEvent::from(event));
    checked(
        text,
        |stored: StoredOptions| stored.into_options(None),
        |options: &RunOptions| StoredOptions::from(options),
    );
    checked_task(text);
    checked(text, Outcome::try_from, |outcome: &Outcome| {
        StoredOutcome::new(&outcome.value, &outcome.written)
    });
    let failed = |stored: StoredFailedCall| {
        let (error, undone, refusals) = stored.into_parts()?;
        // Names of no changes are not written.
        Ok::<_, NameError>((
            error,
            Some(undone).filter(|undone| !undone.is_empty()),
            refusals,
        ))
    };
    checked(text, failed, |(error, undone, refusals)| {
        let none = DiscardedChanges::default();
        StoredFailedCall::new(error, undone.as_ref().unwrap_or(&none), refusals)
    });
}

/// Checks a task, whose stored form borrows its values.
fn checked_task(text: &str) {
    let parsed =
        |text: &str| serde_json::from_str::<StoredTask<'_>>(text).map(StartedTask::try_from);
    // ignored: any text may come here, and most are no task.
    let Ok(Ok(task)) = parsed(text) else {
        return;
    };
    let written = serde_json::to_string(&StoredTask::from(&task)).expect("it has a form in JSON");
    let again = parsed(&written).expect("it was just written");
    assert_eq!(again.as_ref(), Ok(&task), "{written}");
}

fn checked<S: Serialize + DeserializeOwned, T: PartialEq + Debug, E: PartialEq + Debug>(
    text: &str,
    read: impl Fn(S) -> Result<T, E>,
    stored: impl Fn(&T) -> S,
) {
    let parsed = |text: &str| serde_json::from_str(text).map(&read);
    // ignored: any text may come here, and most are none of these.
    let Ok(Ok(value)) = parsed(text) else {
        return;
    };
    let written = serde_json::to_string(&stored(&value)).expect("it has a form in JSON");
    let again = parsed(&written).expect("it was just written");
    assert_eq!(again.as_ref(), Ok(&value), "{written}");
}
