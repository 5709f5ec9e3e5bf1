//! The JSON in rows, and the text of enumerations in columns.
//!
//! These types serve the disk only; the program uses those of `sedge_model`, and machine output has
//! its own. Conversions are written out, so that a change of the other types does not change a file
//! by accident. An older version of Sedge refuses a kind that it does not know; a newer one reads
//! every old kind (`tests/fixtures` has stores of each version).

mod call;
mod event;
mod word;

pub(crate) use call::{StoredFailedCall, StoredOutcome};
pub(crate) use event::StoredEvent;
pub(crate) use word::{StoredWord, read_word};
