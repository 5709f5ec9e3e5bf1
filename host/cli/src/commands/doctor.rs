//! `sedge doctor`

use clap::Args;
use sedge_app::doctor::{Examined, Finding, Severity, doctor};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::guest_text::INDENT;
use crate::output::{Output, table};
use crate::show;

/// Look at the repository, and say what is wrong and what to do
///
/// Looks at the datastore, the secrets, the plugins, the definitions of models and the workflows.
/// Exits with 3 if something does not work. `sedge datastore check` looks at all data.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

pub(crate) fn run(cx: &Context, _args: &DoctorArgs) -> Result<Output, CliError> {
    let examined = doctor(&*cx.repository()?);
    let (mut areas, mut rows, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    let (mut n_faults, mut n_warnings) = (0_u64, 0_u64);
    for Examined {
        area,
        findings: found,
    } in examined
    {
        let mut documents = Vec::new();
        let worst = found.iter().map(|finding| finding.severity).max();
        let state = worst.map_or("ok", Severity::as_str);
        rows.push(vec![area.as_str().to_owned(), state.to_owned()]);
        for Finding { severity, problem } in found {
            let error = CliError::App(problem);
            match severity {
                Severity::Fault => n_faults += 1,
                Severity::Warning => n_warnings += 1,
            }
            documents.push(finding_json(severity, &error));
            let lines = error.lines(severity.as_str());
            findings.push(
                lines
                    .iter()
                    .map(|it| unedged(it))
                    .collect::<Vec<_>>()
                    .join("\n"),
            );
        }
        areas.push(json!({"area": area.as_str(), "state": state, "findings": documents}));
    }
    let mut text = table(&["area", "state"], rows);
    for finding in findings {
        text.push_str(&format!("\n\n{finding}"));
    }
    let is_sound = n_faults == 0;
    let output = Output::new(json!({"isSound": is_sound, "areas": areas})).text(text);
    let output = output.note(match (n_faults, n_warnings) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (0, _) => format!("Everything works; {}.", show::count(n_warnings, "warning")),
        (_, 0) => format!("{}.", show::count(n_faults, "fault")),
        (_, _) => format!(
            "{}, {}.",
            show::count(n_faults, "fault"),
            show::count(n_warnings, "warning")
        ),
    });
    Ok(if is_sound {
        output
    } else {
        output.exit(exit_code::STATE)
    })
}

/// Returns a text whose further lines stand behind an indent.
fn unedged(text: &str) -> String {
    text.replace('\n', &format!("\n{INDENT}"))
}

fn finding_json(severity: Severity, error: &CliError) -> Value {
    let mut document = error.document();
    document["severity"] = json!(severity.as_str());
    document
}
