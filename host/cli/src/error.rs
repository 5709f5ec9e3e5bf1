//! Shows errors: as `error:`, `caused by:`, `note:` and `hint:` lines, or as a JSON document.

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use sedge_api::problem::{Details, ErrorCode, Explain, Help, Place, PlacedFault, sources};
use sedge_app::types::{Diagnostic, setting};
use sedge_app::{AppError, PathError, PluginUseError, RepositoryError};
use sedge_sys::fault::MachineError;

use crate::commands::plugin::describe::request_text;
use crate::context::{Context, REPO_VARIABLE};
use crate::item_runs::ItemsFailed;
use crate::lost_output::{LostOutput, WorkDone};
use crate::output::print_failure;
use crate::rows::print_found;
use crate::screen::{Screen, stderr_sentence};
use crate::{guest_text, help};

/// The maximum number of faults of one file that are printed.
///
/// The author of the file chooses the number, and the first ones are what the user repairs first.
const FAULTS_SHOWN_MAX: usize = 50;

/// The error of a command.
#[derive(Debug)]
pub(crate) enum CliError {
    /// A use case failed.
    App(AppError),
    /// The user interrupted the program, and it was not working on a run.
    Interrupted,
    /// The user interrupted the program at a prompt.
    PromptInterrupted,
    /// The user quit at a prompt. The text says what was not done.
    Quit(String),
    /// The user typed something invalid. The hints say what to type instead.
    Usage { message: String, hints: Vec<String> },
    /// Some of several runs failed.
    Items(ItemsFailed),
    /// An operation of the machine failed, on the terminal or on stdin.
    Machine(MachineError),
    /// Stdout cannot be written.
    Stdout(MachineError),
    /// The command has done its work, and cannot write its output.
    Lost(LostOutput),
    /// Sedge has a bug.
    Bug(String),
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl From<MachineError> for CliError {
    fn from(error: MachineError) -> Self {
        Self::Machine(error)
    }
}

/// Converts an error of printing. All other operations name themselves in their errors.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Stdout(MachineError::of("write to stdout")(error))
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => error.fmt(f),
            Self::Interrupted | Self::PromptInterrupted => f.write_str("interrupted"),
            Self::Quit(what) => write!(f, "{what}: you declined, and nothing was changed"),
            Self::Usage { message, .. } | Self::Items(ItemsFailed { message, .. }) => {
                f.write_str(message)
            }
            Self::Machine(error) | Self::Stdout(error) => error.fmt(f),
            Self::Lost(error) => error.fmt(f),
            Self::Bug(message) => write!(f, "a bug in Sedge: {message}"),
        }
    }
}

impl Error for CliError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::App(error) => error.source(),
            Self::Lost(error) => error.source(),
            Self::Machine(error) | Self::Stdout(error) => error.source(),
            Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Bug(_) => None,
        }
    }
}

impl Explain for CliError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::App(error) => error.code(),
            Self::Interrupted | Self::PromptInterrupted => ErrorCode::Interrupted,
            Self::Quit(_) => ErrorCode::Quit,
            Self::Usage { .. } => ErrorCode::Usage,
            Self::Items(failed) => failed.code,
            Self::Machine(error) | Self::Stdout(error) => error.code(),
            Self::Lost(error) => error.code(),
            Self::Bug(_) => ErrorCode::Internal,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::App(error) => error.message(),
            Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Stdout(_)
            | Self::Lost(_)
            | Self::Bug(_) => self.to_string(),
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            // The texts of a plugin's requests are rendered as a plugin's text.
            Self::App(AppError::Plugin(PluginUseError::PermissionsUndecided {
                undecided, ..
            })) => undecided.iter().map(request_text).collect(),
            Self::App(error) => error.causes(),
            Self::Lost(error) => error.causes(),
            Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Stdout(_)
            | Self::Bug(_) => sources(self.source()),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::App(error) => error.notes(),
            Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Stdout(_)
            | Self::Lost(_)
            | Self::Bug(_) => Vec::new(),
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::App(error) => error.place(),
            Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Stdout(_)
            | Self::Lost(_)
            | Self::Bug(_) => None,
        }
    }

    fn faults(&self) -> Vec<PlacedFault> {
        match self {
            Self::App(error) => error.faults(),
            Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Stdout(_)
            | Self::Lost(_)
            | Self::Bug(_) => Vec::new(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::App(error) if is_by_variable(error) => vec![Help::advice(format!(
                "the environment variable {REPO_VARIABLE} names it: set it to another folder, or \
                 unset it"
            ))],
            Self::App(error) => error.help(),
            Self::Interrupted => vec![Help::again("start it again")],
            Self::Usage { hints, .. } | Self::Items(ItemsFailed { hints, .. }) => {
                hints.iter().map(Help::advice).collect()
            }
            Self::Machine(error) | Self::Stdout(error) => error.help(),
            Self::Lost(error) => error.help(),
            Self::PromptInterrupted | Self::Quit(_) => Vec::new(),
            Self::Bug(_) => vec![Help::advice(
                "report it, with the command and its output on stderr",
            )],
        }
    }

    fn details(&self) -> Option<Details> {
        match self {
            Self::App(error) => error.details(),
            Self::Lost(error) => error.details(),
            Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Stdout(_)
            | Self::Bug(_) => None,
        }
    }
}

/// Returns whether an error is about the folder that the environment variable names. The option has
/// precedence over the variable.
fn is_by_variable(error: &AppError) -> bool {
    let named = |path: &Path| setting(REPO_VARIABLE).as_deref() == Some(path.as_os_str());
    if let AppError::Repository(RepositoryError::Missing(path)) = error {
        return named(path);
    }
    matches!(error, AppError::Path(PathError::File(error)) if named(&error.path))
}

impl CliError {
    /// Returns the error of a command whose output cannot be written after it has done work. Any
    /// other error stays as it is.
    pub(crate) fn after(self, done: impl FnOnce() -> WorkDone) -> Self {
        match self {
            fault @ Self::Stdout(_) => Self::Lost(LostOutput::new(done(), fault)),
            error @ (Self::App(_)
            | Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Lost(_)
            | Self::Bug(_)) => error,
        }
    }

    /// Returns whether the error is that stdout cannot be written.
    fn is_of_stdout(&self) -> bool {
        match self {
            Self::Stdout(_) => true,
            Self::Lost(error) => error.fault().is_of_stdout(),
            Self::App(_)
            | Self::Interrupted
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Items(_)
            | Self::Machine(_)
            | Self::Bug(_) => false,
        }
    }

    /// Shows the error, and returns the exit code that goes with it.
    pub(crate) fn report(&self, cx: &Context) -> ExitCode {
        if cx.json {
            // Stderr is left for an error that stdout cannot take.
            if self.is_of_stdout() || print_failure(cx, &self.problem()).is_err() {
                self.print(&cx.screen);
            }
        } else {
            // If stdout cannot be written either, the exit code still reports the error.
            let _ = print_found(&cx.screen, cx.found.take());
            self.print(&cx.screen);
        }
        ExitCode::from(self.class().exit_code())
    }

    /// Prints the error to stderr.
    pub(crate) fn print(&self, screen: &Screen) {
        for line in self.lines("error") {
            // An excerpt of a file has marks below its lines, which would not fit any more.
            let is_excerpt =
                line.starts_with(' ') || line.starts_with(|c: char| c.is_ascii_digit());
            screen.stderr(&match is_excerpt {
                true => line,
                false => stderr_sentence(&line),
            });
        }
    }

    /// Returns the error as text that begins with `severity`: its message, its causes, notes and
    /// hints, each of which may have further lines.
    pub(crate) fn lines(&self, severity: &str) -> Vec<String> {
        if let Self::App(error) = self
            && !error.diagnostics().is_empty()
        {
            let mut lines = fault_lines(error.diagnostics(), severity);
            lines.extend(self.notes().iter().map(|it| format!("note: {it}")));
            lines.extend(self.help().iter().map(hint));
            return lines;
        }
        let block = |text: &String| guest_text::block(text, "");
        let mut lines = vec![format!("{severity}: {}", self.message())];
        let (causes, notes) = (self.causes(), self.notes());
        lines.extend(causes.iter().map(|it| format!("caused by: {}", block(it))));
        lines.extend(notes.iter().map(|it| format!("note: {}", block(it))));
        lines.extend(self.help().iter().map(hint));
        lines
    }
}

/// Returns help as a line.
pub(crate) fn hint(help: &Help) -> String {
    format!("hint: {}", help::text(help))
}

/// Returns the faults of a file as lines, each with its place. With several faults, the hint of
/// each one follows it.
fn fault_lines(faults: &[Diagnostic], severity: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for fault in faults.iter().take(FAULTS_SHOWN_MAX) {
        let text = diagnostic_text(fault, severity);
        lines.extend(text.lines().map(str::to_owned));
        if faults.len() > 1 {
            lines.extend(fault.hint.iter().map(|it| hint(&Help::advice(it))));
        }
    }
    match faults.len().saturating_sub(FAULTS_SHOWN_MAX) {
        0 => {}
        n => lines.push(format!("… and {n} more")),
    }
    lines
}

/// Returns the lines of a file that a fault is on, with the number of the first of them and the
/// fault's place in them. The renderer reads all of the text that it gets, for each fault.
fn excerpt(fault: &Diagnostic) -> (&str, usize, Range<usize>) {
    let text = fault.file.text.as_str();
    let start = text[..fault.span.start].rfind('\n').map_or(0, |it| it + 1);
    let after = &text[fault.span.end..];
    let end = fault.span.end + after.find('\n').unwrap_or(after.len());
    let lines = &text[start..end];
    let lines = lines.strip_suffix('\r').unwrap_or(lines);
    let at = |byte: usize| (byte - start).min(lines.len());
    (
        lines,
        fault.line_column().0,
        at(fault.span.start)..at(fault.span.end),
    )
}

/// Returns a fault of a file as text that begins with `severity` and shows the place.
pub(crate) fn diagnostic_text(fault: &Diagnostic, severity: &str) -> String {
    if fault.is_text_hidden {
        let (line, column) = fault.line_column();
        let (message, name) = (&fault.message, &fault.file.name);
        return format!("{severity}: {message}\n --> {name}:{line}:{column}");
    }
    let (lines, first_line, span) = excerpt(fault);
    let mut annotation = AnnotationKind::Primary.span(span);
    // The label may quote a plugin's schema, which is a text of the plugin.
    let label = fault.label.as_deref().map(guest_text::line);
    if let Some(label) = &label {
        annotation = annotation.label(label.as_str());
    }
    let snippet = Snippet::source(lines)
        .line_start(first_line)
        .path(fault.file.name.as_str())
        .annotation(annotation);
    let group = Level::ERROR
        .with_name(severity)
        .primary_title(fault.message.as_str())
        .element(snippet);
    Renderer::plain().render(&[group])
}
