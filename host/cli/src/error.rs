//! How errors are shown: `error:`, then `caused by:`, `note:` and `hint:`; or as a JSON
//! document.

use std::error::Error;
use std::io::ErrorKind;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use sedge_app::AppError;
use sedge_app::types::{Diagnostic, has_argument};
use serde_json::{Value, json};

use crate::commands::plugin_describe::asks;
use crate::context::Context;
use crate::failure::{self, Frames, error_text};
use crate::output::{document, print_failure, stderr, stdout};
use crate::{exit_code, guest_text, hints};

/// A command did not succeed.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one in the life of the program, at its end"
)]
pub(crate) enum CliError {
    /// A use case was not carried out.
    App(AppError),
    /// A person interrupted the program.
    Interrupted,
    /// A person interrupted the program while it worked on a run of this workflow.
    WorkflowInterrupted(String),
    /// A person interrupted the program while it asked them something.
    PromptInterrupted,
    /// A person was asked and quit: what was not done.
    Quit(String),
    /// A person typed what cannot be: what is wrong, and what to type instead.
    Usage { message: String, hint: String },
    /// The program's own surroundings failed it.
    Edge(anyhow::Error),
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Edge(error.into())
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self::Edge(error)
    }
}

impl CliError {
    /// Returns the error of a command whose output could not be written.
    pub(crate) fn of_stdout(error: std::io::Error) -> Self {
        Self::Edge(anyhow::Error::new(error).context("failed to write to stdout"))
    }

    /// Returns the error of a command that works on a run of `workflow`.
    pub(crate) fn of_workflow(self, workflow: &str) -> Self {
        match self {
            Self::Interrupted => Self::WorkflowInterrupted(workflow.to_owned()),
            Self::App(_)
            | Self::WorkflowInterrupted(_)
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Edge(_) => self,
        }
    }

    /// Shows the error, and returns the exit code that goes with it.
    pub(crate) fn report(&self, cx: &Context) -> ExitCode {
        let (exit, _) = self.exit_and_code();
        if cx.json {
            // If stdout is gone too, the exit code still tells.
            let _ = print_failure(cx, &self.document());
        } else {
            self.lines("error").iter().for_each(|line| stderr(line));
        }
        ExitCode::from(exit)
    }

    /// Returns the error as `--json` shows it.
    pub(crate) fn document(&self) -> Value {
        let (_, code) = self.exit_and_code();
        self.to_json(code)
    }

    fn exit_and_code(&self) -> (u8, &str) {
        match self {
            Self::App(error) => (exit_code::of(error), error.code()),
            Self::Interrupted | Self::WorkflowInterrupted(_) | Self::PromptInterrupted => {
                (exit_code::INTERRUPTED, "interrupted")
            }
            Self::Quit(_) => (exit_code::STATE, "quit"),
            Self::Usage { .. } => (exit_code::USAGE, "usage"),
            Self::Edge(error) => (exit_code::of_edge(error), "internal"),
        }
    }

    /// Returns the error as people read it, behind a word that says how bad it is: its message, its
    /// causes, notes and hints, each of which may have further lines.
    pub(crate) fn lines(&self, severity: &str) -> Vec<String> {
        if let Self::App(AppError::Diagnostic(fault)) = self {
            let text = diagnostic_text(fault);
            return text.lines().map(str::to_owned).collect();
        }
        let mut lines = vec![format!("{severity}: {}", self.message())];
        let causes = self.causes();
        let causes = causes.iter().map(|it| guest_text::block(it, ""));
        lines.extend(causes.map(|it| format!("caused by: {it}")));
        lines.extend(self.notes().iter().map(|it| format!("note: {it}")));
        lines.extend(self.hints().iter().map(|hint| format!("hint: {hint}")));
        lines
    }

    fn to_json(&self, code: &str) -> Value {
        let mut error = json!({
            "code": code,
            "message": self.message(),
            "causes": self.causes(),
            "hint": self.hints().first(),
        });
        match self {
            Self::App(AppError::Diagnostic(fault)) => {
                let (line, column) = fault.line_column();
                error["hint"] = json!(fault.hint);
                error["place"] = json!({"file": fault.file.name, "line": line, "column": column});
            }
            Self::App(AppError::CallFailed {
                run,
                source,
                report,
                core_dump,
                ..
            }) => {
                error["run"] = json!(run);
                error["call"] = json!(source);
                failure::report_json(report, &mut error);
                failure::core_dump_json(core_dump, &mut error);
            }
            Self::App(AppError::WorkflowFailed {
                run,
                faults,
                report,
                ..
            }) => {
                error["run"] = json!(run);
                failure::report_json(report, &mut error);
                error["steps"] = faults
                    .iter()
                    .map(|fault| json!({"step": fault.step.to_string(), "error": fault.error}))
                    .collect();
            }
            Self::App(AppError::Violations { violations, .. }) => {
                error["violations"] = json!(violations)
            }
            Self::App(AppError::GatesUndecided { run, gates, .. }) => {
                error["run"] = json!(run);
                error["gates"] = gates.iter().map(ToString::to_string).collect();
            }
            Self::App(AppError::PermissionsUndecided { undecided, .. }) => {
                error["permissions"] = json!(undecided);
            }
            Self::App(_)
            | Self::Interrupted
            | Self::WorkflowInterrupted(_)
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Edge(_) => {}
        }
        error
    }

    fn message(&self) -> String {
        match self {
            Self::App(AppError::Diagnostic(fault)) => fault.message.clone(),
            Self::App(error) => error.to_string(),
            Self::Interrupted | Self::WorkflowInterrupted(_) | Self::PromptInterrupted => {
                "interrupted".to_owned()
            }
            Self::Quit(what) => format!("{what}: you quit, and nothing was changed"),
            Self::Usage { message, .. } => message.clone(),
            Self::Edge(error) => error.to_string(),
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::App(AppError::StoreDamaged { faults }) => faults.clone(),
            Self::App(AppError::Violations { violations, .. }) => {
                violations.iter().map(ToString::to_string).collect()
            }
            Self::App(AppError::WorkflowFailed { faults, .. }) => faults
                .iter()
                .map(|fault| match &fault.error {
                    Some(error) => {
                        format!("step `{}`: {}", fault.step, error_text(error, Frames::Few))
                    }
                    None => format!("gate `{}` was rejected", fault.step),
                })
                .collect(),
            Self::App(AppError::PermissionsUndecided { undecided, .. }) => {
                undecided.iter().map(asks).collect()
            }
            Self::App(AppError::CallFailed { source, .. }) => vec![error_text(source, Frames::Few)],
            Self::App(AppError::Diagnostic(fault)) => fault.label.iter().cloned().collect(),
            Self::App(error) => sources(error.source()),
            Self::Interrupted
            | Self::WorkflowInterrupted(_)
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. } => Vec::new(),
            Self::Edge(error) => sources(error.source()),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::App(AppError::CallFailed {
                report, core_dump, ..
            }) => {
                let mut notes = failure::notes(report);
                notes.extend(failure::core_dump_note(core_dump));
                notes
            }
            Self::App(AppError::WorkflowFailed { report, .. }) => failure::notes(report),
            Self::App(_)
            | Self::Interrupted
            | Self::WorkflowInterrupted(_)
            | Self::PromptInterrupted
            | Self::Quit(_)
            | Self::Usage { .. }
            | Self::Edge(_) => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::App(error) => hints::of(error),
            Self::Interrupted => vec!["`sedge run show` shows how far it came".to_owned()],
            Self::WorkflowInterrupted(workflow) => {
                vec![format!(
                    "`sedge workflow resume {workflow}` goes on where it stopped"
                )]
            }
            Self::Usage { hint, .. } => vec![hint.clone()],
            Self::PromptInterrupted | Self::Quit(_) | Self::Edge(_) => Vec::new(),
        }
    }
}

/// Shows what clap says of a command line, and returns the exit code that goes with it.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let wants_json = has_argument("--json");
    if !error.use_stderr() {
        // Help and the version are what was asked for, so they have to arrive.
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) if fault.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(fault) => {
                let fault = CliError::of_stdout(fault);
                stderr(&fault.lines("error").join("\n"));
                ExitCode::from(fault.exit_and_code().0)
            }
        };
    }
    if !wants_json {
        // If stderr is gone, the exit code still tells.
        let _ = error.print();
        return ExitCode::from(exit_code::USAGE);
    }
    let error = usage_json(error);
    let _ = document(&json!({"ok": false, "error": error})).map(|text| stdout(&text));
    ExitCode::from(exit_code::USAGE)
}

/// Returns what clap says in paragraphs: what is wrong, perhaps tips, and the usage.
fn usage_json(error: &clap::Error) -> Value {
    let text = error.render().to_string();
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let message = paragraphs[0].trim_start_matches("error: ");
    let starting = |with: &str| paragraphs.iter().find(|it| it.starts_with(with));
    let hint = match (starting("tip: "), starting("Usage: ")) {
        (Some(tip), _) => tip.trim_start_matches("tip: "),
        (None, Some(usage)) => usage,
        (None, None) => "see `sedge --help`",
    };
    json!({"code": "usage", "message": message, "causes": [], "hint": hint})
}

fn sources(mut source: Option<&(dyn Error + 'static)>) -> Vec<String> {
    let mut causes = Vec::new();
    while let Some(error) = source {
        causes.push(error.to_string());
        source = error.source();
    }
    causes
}

fn diagnostic_text(fault: &Diagnostic) -> String {
    let mut annotation = AnnotationKind::Primary.span(fault.span.clone());
    if let Some(label) = &fault.label {
        annotation = annotation.label(label.as_str());
    }
    let snippet = Snippet::source(fault.file.text.as_str())
        .path(fault.file.name.as_str())
        .annotation(annotation);
    let group = Level::ERROR
        .primary_title(fault.message.as_str())
        .element(snippet);
    let mut text = Renderer::plain().render(&[group]);
    if let Some(hint) = &fault.hint {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}
