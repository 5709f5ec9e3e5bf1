//! The error of a command that has done its work and cannot write its output.
//!
//! A full disk is a temporary error, after which a script tries again. Such a script would do the
//! work twice, so this error has a class of its own, and names what was done.

use std::error::Error;
use std::fmt;

use sedge_api::problem::details::RunDetails;
use sedge_api::problem::{Argument, Details, ErrorCode, Explain, Help, UseCase};
use sedge_app::types::RunId;

use crate::context::Context;
use crate::error::CliError;
use crate::item_runs::SUSPENDED_EXIT;

/// The work that a command has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkDone {
    /// The run has succeeded.
    Succeeded(RunId),
    /// The run waits for the decision of a gate.
    Suspended(RunId),
    /// The runs of this number of items of stdin have ended.
    Items(u64),
    /// The command has changed something else.
    Changed,
}

impl WorkDone {
    /// Returns the work of a command that has not failed, from its exit code.
    pub(crate) fn of(cx: &Context, exit: u8) -> Self {
        match cx.current_run() {
            Some(run) if exit == SUSPENDED_EXIT => Self::Suspended(run),
            Some(run) => Self::Succeeded(run),
            None => Self::Changed,
        }
    }

    /// Returns the run, if the work is one run.
    fn run(&self) -> Option<&RunId> {
        match self {
            Self::Succeeded(run) | Self::Suspended(run) => Some(run),
            Self::Items(_) | Self::Changed => None,
        }
    }
}

/// A command has done its work, and cannot write its output.
#[derive(Debug)]
pub(crate) struct LostOutput {
    done: WorkDone,
    /// The reason.
    fault: Box<CliError>,
}

impl LostOutput {
    pub(crate) fn new(done: WorkDone, fault: CliError) -> Self {
        let fault = Box::new(fault);
        Self { done, fault }
    }

    /// Returns the reason why the output cannot be written.
    pub(crate) fn fault(&self) -> &CliError {
        &self.fault
    }
}

impl fmt::Display for LostOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.done {
            WorkDone::Succeeded(run) => {
                write!(
                    f,
                    "the run `{run}` succeeded, but its output cannot be written"
                )
            }
            WorkDone::Suspended(run) => write!(
                f,
                "the run `{run}` waits for a decision, but its output cannot be written"
            ),
            WorkDone::Items(n) => write!(
                f,
                "the runs of the first {n} items have ended, but their output cannot be written, \
                 so no later item was run"
            ),
            WorkDone::Changed => {
                f.write_str("the command has done its work, but its output cannot be written")
            }
        }
    }
}

impl Error for LostOutput {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.fault)
    }
}

impl Explain for LostOutput {
    fn code(&self) -> ErrorCode {
        ErrorCode::OutputLost
    }

    fn causes(&self) -> Vec<String> {
        let mut causes = vec![self.fault.message()];
        causes.extend(self.fault.causes());
        causes
    }

    fn help(&self) -> Vec<Help> {
        let shown = match &self.done {
            WorkDone::Succeeded(run) | WorkDone::Suspended(run) => Some(
                Help::command("print the result", UseCase::RunShow)
                    .with("run", run.as_str())
                    .with("json", Argument::on()),
            ),
            WorkDone::Items(_) => Some(Help::command("see the runs", UseCase::RunList)),
            WorkDone::Changed => None,
        };
        let again = Help::advice("do not repeat the command: it would do its work twice");
        shown.into_iter().chain([again]).collect()
    }

    fn details(&self) -> Option<Details> {
        let run = self.done.run()?.to_string();
        Some(Details::Run(RunDetails { run }))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use sedge_api::problem::ErrorClass;

    use super::*;

    #[test]
    fn lost_output_never_invites_a_repetition() {
        let run: RunId = "0123456789ab".parse().expect("an id of a run");
        let check = |done: WorkDone, expect: &str| {
            let fault = CliError::from(io::Error::from(io::ErrorKind::StorageFull));
            assert_eq!(fault.class(), ErrorClass::Temporary);
            let lost = CliError::Lost(LostOutput::new(done, fault));
            assert_eq!(lost.class(), ErrorClass::State);
            assert_eq!(lost.lines("error").join("\n"), expect);
        };
        check(
            WorkDone::Succeeded(run.clone()),
            "error: the run `0123456789ab` succeeded, but its output cannot be written\n\
             caused by: failed to write to stdout\n\
             caused by: no storage space\n\
             hint: print the result: `sedge run show 0123456789ab --json`\n\
             hint: do not repeat the command: it would do its work twice",
        );
        check(
            WorkDone::Suspended(run),
            "error: the run `0123456789ab` waits for a decision, but its output cannot be written\n\
             caused by: failed to write to stdout\n\
             caused by: no storage space\n\
             hint: print the result: `sedge run show 0123456789ab --json`\n\
             hint: do not repeat the command: it would do its work twice",
        );
        check(
            WorkDone::Items(3),
            "error: the runs of the first 3 items have ended, but their output cannot be written, \
             so no later item was run\n\
             caused by: failed to write to stdout\n\
             caused by: no storage space\n\
             hint: see the runs: `sedge run list`\n\
             hint: do not repeat the command: it would do its work twice",
        );
        check(
            WorkDone::Changed,
            "error: the command has done its work, but its output cannot be written\n\
             caused by: failed to write to stdout\n\
             caused by: no storage space\n\
             hint: do not repeat the command: it would do its work twice",
        );
    }
}
