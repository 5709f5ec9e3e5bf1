//! Shows the findings of a check of files: as text, as a document, or for a code host.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sedge_api::problem::ErrorClass;
use sedge_api::view::validate::{CheckedCounts, FindingSeverity, ValidationReport};
use sedge_app::Repository;
use sedge_app::types::current_folder;
use sedge_app::validate::{FileFinding, Validated, validation_report};

use crate::context::Context;
use crate::error::{diagnostic_text, hint};
use crate::output::Output;
use crate::{guest_text, sarif, show};

/// The options of commands that check files.
#[derive(Debug, Args)]
pub(crate) struct FindingsOptions {
    /// Print the findings as text, or as SARIF 2.1.0, which code hosts and editors show
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        conflicts_with = "json"
    )]
    format: FindingsFormat,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FindingsFormat {
    /// For people
    Text,
    /// Static Analysis Results Interchange Format 2.1.0
    Sarif,
}

impl FindingsOptions {
    /// Returns the output of a check of files of `repository`.
    pub(crate) fn output(
        &self,
        cx: &Context,
        repository: &Repository,
        validated: &Validated,
    ) -> Output {
        let report = validation_report(validated);
        let exit = match report.is_valid {
            true => 0,
            false => ErrorClass::Usage.exit_code(),
        };
        if cx.json {
            return Output::new(report).exit(exit);
        }
        let note = summary(&report);
        let output = match self.format {
            FindingsFormat::Text => Output::default().text(text(&validated.findings)),
            FindingsFormat::Sarif => {
                let log = sarif::log(&report, &folder_shown(repository));
                let log = serde_json::to_value(log).expect("a log has text keys");
                Output::default().text_json(&log)
            }
        };
        output.note(note).exit(exit)
    }
}

/// Returns the folder of the repository, relative to the current folder if it is in it. A code host
/// looks for the files from the folder of the checkout, in which its jobs run.
fn folder_shown(repository: &Repository) -> PathBuf {
    // ignored: without a current folder, files are named as they are in the repository.
    let Ok(current) = current_folder() else {
        return PathBuf::new();
    };
    let relative = repository.path().strip_prefix(current);
    relative.map(PathBuf::from).unwrap_or_default()
}

/// Returns all findings as text, separated by empty lines.
fn text(findings: &[FileFinding]) -> String {
    let paragraph = |finding: &FileFinding| {
        let mut lines = vec![diagnostic_text(&finding.fault, finding.severity.as_str())];
        let own = finding.fault.hint.iter();
        lines.extend(own.map(|it| format!("hint: {}", guest_text::block(it, ""))));
        lines.extend(finding.help.iter().map(hint));
        lines.join("\n")
    };
    let paragraphs: Vec<String> = findings.iter().map(paragraph).collect();
    paragraphs.join("\n\n")
}

/// Returns a sentence with the numbers of findings and of checked files.
fn summary(report: &ValidationReport) -> String {
    let counts = [
        (FindingSeverity::Error, report.errors),
        (FindingSeverity::Warning, report.warnings),
        (FindingSeverity::Note, report.notes),
    ];
    let counts = counts.into_iter().filter(|(_, n)| *n > 0);
    let counts: Vec<String> = counts
        .map(|(severity, n)| show::count(n, severity.as_str()))
        .collect();
    let checked = checked_text(&report.checked);
    match counts.is_empty() {
        true => format!("Checked {checked}: nothing is wrong."),
        false => format!("Checked {checked}: {}.", counts.join(", ")),
    }
}

fn checked_text(checked: &CheckedCounts) -> String {
    let counts = [
        (checked.definitions, "definition"),
        (checked.workflows, "workflow"),
        (checked.plugins, "plugin"),
    ];
    let counts = counts.into_iter().filter(|(n, _)| *n > 0);
    let counts: Vec<String> = counts.map(|(n, thing)| show::count(n, thing)).collect();
    match counts.is_empty() {
        true => "no files".to_owned(),
        false => counts.join(", "),
    }
}
