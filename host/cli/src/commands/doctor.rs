//! `sedge doctor`

use clap::Args;
use sedge_api::problem::ErrorClass;
use sedge_api::view::doctor::AreaState;
use sedge_app::doctor::{doctor, doctor_report};

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text::INDENT;
use crate::output::{Output, table};
use crate::show;

/// Check the repository, and show how to fix each fault
///
/// Checks the datastore, the secrets, the plugins, the definitions of models and the workflows.
/// Exits with 3 if something does not work. `sedge datastore check` checks all data.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

impl Run for DoctorArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let examined = doctor(&*cx.repository()?);
        let report = doctor_report(&examined);
        let exit = if report.is_sound {
            0
        } else {
            ErrorClass::State.exit_code()
        };
        if cx.json {
            return Ok(Output::new(report).exit(exit));
        }
        let rows = examined.iter().map(|examined| {
            let (area, state) = (examined.area.as_str(), examined.state().as_str());
            vec![area.to_owned(), state.to_owned()]
        });
        let mut text = table(&["area", "state"], rows);
        let (mut n_faults, mut n_warnings) = (0_u64, 0_u64);
        for finding in examined.into_iter().flat_map(|it| it.findings) {
            match finding.severity {
                AreaState::Fault => n_faults += 1,
                AreaState::Warning => n_warnings += 1,
                AreaState::Ok => {}
            }
            let lines = CliError::App(finding.problem).lines(finding.severity.as_str());
            let lines: Vec<String> = lines.iter().map(|line| indented(line)).collect();
            text.push_str(&format!("\n\n{}", lines.join("\n")));
        }
        let note = match (n_faults, n_warnings) {
            (0, 0) => "Nothing is wrong.".to_owned(),
            (0, _) => format!("Everything works; {}.", show::count(n_warnings, "warning")),
            (_, 0) => format!("{}.", show::count(n_faults, "fault")),
            (_, _) => format!(
                "{}, {}.",
                show::count(n_faults, "fault"),
                show::count(n_warnings, "warning")
            ),
        };
        Ok(Output::default().text(text).note(note).exit(exit))
    }
}

/// Returns a text with all lines but the first indented.
fn indented(text: &str) -> String {
    text.replace('\n', &format!("\n{INDENT}"))
}
