//! The formats of the files that processes share: the journal, the session files and the passes.
//!
//! These types describe only the files. The program itself uses the types of [`crate::table`],
//! [`crate::owner`], [`crate::mode`], [`crate::session`] and [`crate::joined`]. Conversions are
//! written out, so that a change to either side does not change a file by accident.
//!
//! Processes of other versions of Sedge may read these files at the same time. PROTOCOL.md
//! describes how a process treats a file of another version.

mod journal;
mod pass;
mod request;
mod session;

use sedge_model::names::NameError;

use crate::owner::SessionIdError;

pub(crate) use journal::{read_header, read_line, write_line};
pub(crate) use pass::{read_pass, write_pass};
pub(crate) use session::{read_session, write_session};

/// The reason why a text cannot be read by this version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    /// It is not JSON, or has another structure.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It contains an invalid name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It contains an invalid session number.
    #[error(transparent)]
    Session(#[from] SessionIdError),
    /// It is a valid line, but not a header.
    #[error("it is not a header")]
    NoHeader,
    /// It has another version.
    #[error("its format is {found}, not {known}")]
    Version {
        /// The version of the text.
        found: u32,
        /// The version that this code reads and writes.
        known: u32,
    },
}
