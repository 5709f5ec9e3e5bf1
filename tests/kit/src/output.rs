//! What a command said, as a transcript.

use std::fmt;
use std::process::ExitStatus;

/// What a command left behind.
///
/// Displays what a person sees: stdout and stderr, each under a heading unless it is empty,
/// and the exit status unless it is 0. What differs each time is redacted:
///
/// | shown | instead of |
/// |---|---|
/// | `[run]`, `[run 2]` … | ids of runs, by the order in which the environment met them |
/// | `[time]`, `[took]`, `[ms]` | times of day, durations, numbers of milliseconds in JSON |
/// | `[sha256]` | digests of plugins |
/// | `[place]` | lines and columns of Rust sources |
/// | `$ENV`, `$GUESTS` | the environment's folder, the folder of the built components |
///
/// A column keeps its width where the redacted text always has the same; in a table with
/// durations, columns are two spaces apart.
#[derive(Debug, Clone)]
#[must_use]
pub struct CommandOutput {
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
    pub(crate) stdout_redacted: String,
    pub(crate) stderr_redacted: String,
}

impl CommandOutput {
    /// Returns the exit code; none if a signal ended the command.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the output of a command that must succeed.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "a command failed:\n{self}");
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
