//! What the program's exit code means.
//!
//! These numbers are part of the interface: scripts depend on them.

use sedge_app::{AppError, ErrorClass, class_of_machine};

/// The method or workflow ran and failed.
pub(crate) const FAILED: u8 = 1;

/// The command line or a file is at fault.
pub(crate) const USAGE: u8 = 2;

/// There is no such thing, it is in the wrong state, or the user may not use it.
pub(crate) const STATE: u8 = 3;

/// Sedge itself is at fault: a bug (`EX_SOFTWARE` of sysexits.h).
pub(crate) const INTERNAL: u8 = 70;

/// Others were in the way, or the machine is short of something; try again (`EX_TEMPFAIL` of
/// sysexits.h).
pub(crate) const BUSY: u8 = 75;

/// A person interrupted the program: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Returns the exit code of an error.
pub(crate) fn of(error: &AppError) -> u8 {
    of_class(error.class())
}

/// Returns the exit code of an error of the program's own surroundings, such as stdout.
pub(crate) fn of_edge(error: &anyhow::Error) -> u8 {
    of_class(class_of_machine(error.as_ref()))
}

fn of_class(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Failed => FAILED,
        ErrorClass::Usage => USAGE,
        ErrorClass::State => STATE,
        ErrorClass::Busy => BUSY,
        ErrorClass::Internal => INTERNAL,
    }
}
