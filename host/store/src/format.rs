//! What is written to rows as JSON, and the words in columns.
//!
//! These types are the disk's alone: what the program thinks with is in `sedge_model`, what it
//! shows in machine output is elsewhere. Conversions are written out, so that a change to either
//! side does not change a file by accident. An old reader refuses a kind that it does not know; a
//! new one reads every old kind (`tests/fixtures` has stores of each version).

mod call;
mod event;
mod word;

pub(crate) use call::{StoredFailedCall, StoredOutcome};
pub(crate) use event::StoredEvent;
pub(crate) use word::{StoredWord, read_word};
