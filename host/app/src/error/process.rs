//! Errors of this process: its engine, its helper program, and what the host itself did wrong.

use std::path::PathBuf;

use sedge_api::problem::{ErrorClass, ErrorCode, Explain, Help};
use sedge_runtime::{EngineError, HostError};
use sedge_sys::command::ReaperFault;
use sedge_sys::fault::Refusal;

/// This process cannot do its work on this machine.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The host failed in the middle of a call.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The program that starts commands cannot be used.
    #[error("cannot run commands without `{}`", reaper.display())]
    ReaperUnusable {
        /// Where it was expected.
        reaper: PathBuf,
        /// Why it cannot be used.
        source: ReaperFault,
    },
}

impl ProcessError {
    /// Returns what the machine refused, if that is why.
    fn refusal(&self) -> Option<Refusal> {
        Refusal::among(self)
    }
}

impl Explain for ProcessError {
    fn code(&self) -> ErrorCode {
        let refused = self.refusal().map(Refusal::code);
        match self {
            Self::Engine(_) => refused.unwrap_or(ErrorCode::Engine),
            Self::Host(_) => refused.unwrap_or(ErrorCode::Internal),
            // A program that is missing or may not be executed is a matter of the installation.
            Self::ReaperUnusable { .. } => refused
                .filter(|code| code.class() == ErrorClass::Temporary)
                .unwrap_or(ErrorCode::Installation),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Engine(_) | Self::Host(_) => self.refusal().map_or_else(Vec::new, Refusal::help),
            Self::ReaperUnusable { reaper, .. } => match self.refusal() {
                Some(refusal) if refusal.code().class() == ErrorClass::Temporary => refusal.help(),
                Some(_) | None => vec![Help::advice(format!(
                    "install Sedge again: its programs are installed together, and `{}` has to be \
                     the one of this version",
                    reaper.display()
                ))],
            },
        }
    }
}
