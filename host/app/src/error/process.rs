//! Errors of this process: of its engine, of its helper program, and of the host itself.

use std::path::PathBuf;

use sedge_api::problem::{ErrorClass, ErrorCode, Explain, Help};
use sedge_runtime::{EngineError, HostError};
use sedge_sys::command::ReaperFault;
use sedge_sys::fault::Refusal;

/// This process cannot do its work on this machine.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The engine cannot start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The host failed during a call.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The program that starts commands cannot be used.
    #[error("cannot run commands without `{}`", reaper.display())]
    ReaperUnusable {
        /// The path where the program was expected.
        reaper: PathBuf,
        /// The reason.
        source: ReaperFault,
    },
    /// The process was requested to end, so it stopped its work.
    #[error("interrupted")]
    Interrupted,
}

impl ProcessError {
    /// Returns what the operating system refused, if that is the cause.
    fn refusal(&self) -> Option<Refusal> {
        Refusal::among(self)
    }
}

impl Explain for ProcessError {
    fn code(&self) -> ErrorCode {
        let refused = self.refusal().map(Refusal::code);
        match self {
            Self::Interrupted => ErrorCode::Interrupted,
            Self::Engine(_) => refused.unwrap_or(ErrorCode::Engine),
            Self::Host(_) => refused.unwrap_or(ErrorCode::Internal),
            // If the program is missing or not executable, the installation is at fault.
            Self::ReaperUnusable { .. } => refused
                .filter(|code| code.class() == ErrorClass::Temporary)
                .unwrap_or(ErrorCode::Installation),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Interrupted => vec![Help::again("start it again")],
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
