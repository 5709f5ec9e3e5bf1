//! The output of a command, displayed as a transcript.

use std::fmt;
use std::process::ExitStatus;

/// The exit code of a run that waits for a decision.
const SUSPENDED_EXIT: i32 = 4;

/// The output and exit status of a command.
///
/// Displays what the user sees: stdout and stderr, each under a heading unless it is empty, and the
/// exit status unless it is 0. Values that differ each time are redacted:
///
/// | shown | instead of |
/// |---|---|
/// | `[run]`, `[run 2]` … | ids of runs, numbered in the order of their first appearance in the environment |
/// | `[time]`, `[took]`, `[ms]` | times of day, durations, numbers of milliseconds in JSON |
/// | `[sha256]` | digests of plugins |
/// | `[place]` | lines and columns of Rust sources |
/// | `$ENV`, `$GUESTS` | the environment's folder, the folder of the built components |
///
/// A column keeps its width if the redacted text always has the same width. In a table with
/// durations, columns are separated by two spaces.
#[derive(Debug, Clone)]
#[must_use]
pub struct CommandOutput {
    /// The text on stdout.
    pub stdout: String,
    /// The text on stderr.
    pub stderr: String,
    /// The exit status.
    pub status: ExitStatus,
    pub(crate) stdout_redacted: String,
    pub(crate) stderr_redacted: String,
}

impl CommandOutput {
    /// Returns the exit code; `None` if a signal ended the command.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the output of a command that must succeed. A run that waits for a decision has not
    /// failed.
    ///
    /// # Panics
    /// The command failed.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        let is_suspended = self.code() == Some(SUSPENDED_EXIT);
        assert!(
            self.status.success() || is_suspended,
            "a command failed:\n{self}"
        );
        self
    }
}

impl fmt::Display for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in [
            ("stdout", &self.stdout_redacted),
            ("stderr", &self.stderr_redacted),
        ] {
            if !text.is_empty() {
                writeln!(f, "------- {name} -------")?;
                f.write_str(text)?;
                if !text.ends_with('\n') {
                    writeln!(f, "[no end of line]")?;
                }
            }
        }
        if !self.status.success() {
            writeln!(f, "[{}]", self.status)?;
        }
        Ok(())
    }
}
