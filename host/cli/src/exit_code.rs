//! What the program's exit code means.
//!
//! These numbers are part of the interface: scripts depend on them.

use std::io::ErrorKind;

use sedge_app::{AppError, ErrorClass};

/// The method or workflow ran and failed.
pub(crate) const FAILED: u8 = 1;

/// The command line or a file is at fault.
pub(crate) const USAGE: u8 = 2;

/// There is no such thing, or it is in the wrong state.
pub(crate) const STATE: u8 = 3;

/// The machine or Sedge itself is at fault (`EX_SOFTWARE` of sysexits.h).
pub(crate) const INTERNAL: u8 = 70;

/// Somebody else was in the way; try again (`EX_TEMPFAIL` of sysexits.h).
pub(crate) const BUSY: u8 = 75;

/// A person interrupted the program: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Returns the exit code of an error.
pub(crate) fn of(error: &AppError) -> u8 {
    if let AppError::File(file) = error
        && is_for_people(file.source.kind())
    {
        return STATE;
    }
    if let AppError::File(file) = error
        && matches!(
            file.source.kind(),
            ErrorKind::InvalidData | ErrorKind::FileTooLarge
        )
    {
        return USAGE;
    }
    match error.class() {
        ErrorClass::Failed => FAILED,
        ErrorClass::Usage => USAGE,
        ErrorClass::State => STATE,
        ErrorClass::Busy => BUSY,
        ErrorClass::Internal => INTERNAL,
    }
}

/// Returns whether a file could not be used for what a person can see and mend: the path
/// that they gave, or their rights.
fn is_for_people(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::PermissionDenied
    )
}
