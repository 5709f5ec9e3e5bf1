//! `sedge doctor`

use clap::Args;
use sedge_api::problem::ErrorClass;
use sedge_api::view::doctor::{AreaState, DoctorReport};
use sedge_app::Settings;
use sedge_app::doctor::{Examined, RepairReport, Repaired, doctor, doctor_fix, doctor_report};

use crate::commands::Run;
use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text::INDENT;
use crate::output::{Output, table};
use crate::show;

/// Check the repository, and show how to fix each fault
///
/// Checks the files of run-time state, the datastore, the secrets, the plugins, the compiled code,
/// the definitions of models and the workflows. Exits with 3 if something does not work. `sedge
/// datastore check` checks all data.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Repair what can be repaired without a risk for data, and show what remains
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for DoctorArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(Settings {
            may_lack_pins: true,
            ..self.lock.settings()?
        })?;
        if !self.fix {
            let examined = doctor(&app)?;
            let report = doctor_report(&examined, None);
            return Ok(output(cx, report, examined, None));
        }
        let doctored = cx.wait(doctor_fix(&app))?;
        let RepairReport { repairs, remaining } = doctored;
        let report = doctor_report(&remaining, Some(&repairs));
        Ok(output(cx, report, remaining, Some(repairs)))
    }
}

fn output(
    cx: &Context,
    report: DoctorReport,
    examined: Vec<Examined>,
    repairs: Option<Vec<Repaired>>,
) -> Output {
    let exit = if report.is_sound {
        0
    } else {
        ErrorClass::State.exit_code()
    };
    if cx.json {
        return Output::new(report).exit(exit);
    }
    let is_fixed = repairs.is_some();
    let rows = examined.iter().map(|examined| {
        let (area, state) = (examined.area.as_str(), examined.state().as_str());
        vec![area.to_owned(), state.to_owned()]
    });
    let mut text = table(&cx.screen, &["area", "state"], rows);
    for repaired in repairs.into_iter().flatten() {
        text.push_str(&paragraph(&repair_lines(repaired)));
    }
    let (mut n_faults, mut n_warnings) = (0_u64, 0_u64);
    for finding in examined.into_iter().flat_map(|it| it.findings) {
        match finding.severity {
            AreaState::Fault => n_faults += 1,
            AreaState::Warning => n_warnings += 1,
            AreaState::Ok => {}
        }
        let is_fixable = finding.repair.is_some() && !is_fixed;
        let mut lines = CliError::App(finding.problem).lines(finding.severity.as_str());
        if is_fixable {
            lines.push("hint: repair it: `sedge doctor --fix`".to_owned());
        }
        text.push_str(&paragraph(&lines));
    }
    let note = summary(n_faults, n_warnings);
    Output::default().text(text).note(note).exit(exit)
}

/// Returns what was wrong, and what was done about it.
fn repair_lines(repaired: Repaired) -> Vec<String> {
    let finding = CliError::App(repaired.finding.problem);
    match repaired.result {
        Ok(done) => {
            let mut lines = finding.lines("fixed");
            lines.retain(|line| !line.starts_with("hint: "));
            lines.push(format!("done: {done}"));
            lines
        }
        // What remains to be done is shown with the finding.
        Err(error) => CliError::App(error).lines("not fixed"),
    }
}

fn summary(n_faults: u64, n_warnings: u64) -> String {
    match (n_faults, n_warnings) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (0, _) => format!("Everything works; {}.", show::count(n_warnings, "warning")),
        (_, 0) => format!("{}.", show::count(n_faults, "fault")),
        (_, _) => format!(
            "{}, {}.",
            show::count(n_faults, "fault"),
            show::count(n_warnings, "warning")
        ),
    }
}

/// Returns lines as a paragraph, in which a line with several lines of its own is indented.
fn paragraph(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| indented(line)).collect();
    format!("\n\n{}", lines.join("\n"))
}

/// Returns a text with all lines but the first indented.
fn indented(text: &str) -> String {
    text.replace('\n', &format!("\n{INDENT}"))
}
