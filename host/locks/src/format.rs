//! What processes write down for each other: the journal of the lock table, sessions and passes.
//!
//! These types are the disk's alone: what the program thinks with is in [`crate::table`],
//! [`crate::owner`], [`crate::mode`], [`crate::session`] and [`crate::joined`]. Conversions are
//! written out, so that a change to either side does not change a file by accident.
//!
//! Files are read by processes of other versions of Sedge while they run. PROTOCOL.md says what
//! each of them does with a file of another version.

mod journal;
mod pass;
mod request;
mod session;

use sedge_model::names::NameError;

use crate::owner::SessionIdError;

pub(crate) use journal::{read_header, read_line, write_line};
pub(crate) use pass::{read_pass, write_pass};
pub(crate) use session::{read_session, write_session};

/// Why a text is not what this version writes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    /// It is not JSON, or not of this shape.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A name in it is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The number of a session in it is none.
    #[error(transparent)]
    Session(#[from] SessionIdError),
    /// A first line is expected, and it is another one.
    #[error("it is another line")]
    NoHeader,
    /// It is of another version.
    #[error("it is of format {found}, and not of {known}")]
    Version {
        /// Its version.
        found: u32,
        /// The one that this code reads and writes.
        known: u32,
    },
}
