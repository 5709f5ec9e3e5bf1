//! The steps of a workflow's run as JUnit XML, which systems for continuous integration show.
//!
//! A job is a suite, and a step is a test case. A step that did not run is skipped, and the message
//! says why; so is a step that failed although the run may succeed.

use std::collections::HashMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use sedge_api::problem::call::CallProblem;
use sedge_api::view::call::CallView;
use sedge_api::view::run::{OnTimeoutView, RunReport, StepStatusView, StepView};
use sedge_app::failure_text::{Frames, call_text, details_text};
use sedge_app::types::OutputFile;
use sedge_app::{AppError, PathError};
use sedge_sys::folder::FileError;

use crate::error::CliError;
use crate::guest_text;

/// Writes the report of a run to a file. The file is replaced as a whole, or stays as it was.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn junit_write(report: &RunReport, file: OutputFile) -> Result<(), CliError> {
    let text = junit_text(report)?;
    let written = || -> Result<(), FileError> {
        let mut output = file.open()?;
        output.write(text.as_bytes())?;
        output.finish()
    };
    written().map_err(|error| AppError::from(PathError::File(error)).into())
}

/// Returns the report of a run as XML.
fn junit_text(report: &RunReport) -> Result<String, CliError> {
    let text = junit_report(report).to_string();
    text.map_err(|error| CliError::Bug(format!("a JUnit report cannot be written: {error}")))
}

fn junit_report(report: &RunReport) -> Report {
    let run = &report.run;
    let mut junit = Report::new(&run.subject);
    let mut suites: Vec<(&str, TestSuite, u64)> = Vec::new();
    let mut places = HashMap::new();
    let calls = report.calls.iter();
    let calls: HashMap<&str, &CallView> = calls.map(|call| (call.call.as_str(), call)).collect();
    for step in &report.steps {
        let (job, name) = step.step.split_once('/').unwrap_or(("", &step.step));
        let at = *places.entry(job).or_insert_with(|| {
            suites.push((job, TestSuite::new(shown(job)), 0));
            suites.len() - 1
        });
        let (_, suite, took) = &mut suites[at];
        let ms = step.duration_ms.unwrap_or(0);
        *took += ms;
        let last = step.calls.last();
        let call = last.and_then(|call| calls.get(call.as_str()).copied());
        let mut case = TestCase::new(shown(name), status(step, call));
        case.set_classname(shown(&format!("{}.{job}", run.subject)));
        case.set_time(Duration::from_millis(ms));
        suite.add_test_case(case);
    }
    for failed in &report.failed_jobs {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        failure(&mut status, &failed.error);
        let mut suite = TestSuite::new(shown(&failed.job));
        suite.add_test_case(TestCase::new("guard", status));
        junit.add_test_suite(suite);
    }
    for (_, mut suite, took) in suites {
        suite.set_time(Duration::from_millis(took));
        junit.add_test_suite(suite);
    }
    junit.set_time(Duration::from_millis(report.working_ms));
    junit
}

/// Returns a text without control characters. XML does not allow most of them, and programs that
/// show reports may pass on the others.
fn shown(text: &str) -> String {
    guest_text::line(text)
}

fn status(step: &StepView, call: Option<&CallView>) -> TestCaseStatus {
    match step.status {
        StepStatusView::Succeeded | StepStatusView::Satisfied | StepStatusView::Approved => {
            TestCaseStatus::success()
        }
        StepStatusView::Failed => failed(step, call),
        StepStatusView::Rejected => {
            let by = step.decided_by.as_deref().unwrap_or("its deadline");
            refused("rejected", &format!("rejected by {by}"))
        }
        StepStatusView::Expired => {
            let effect = step.deadline.as_ref().map(|it| it.on_timeout);
            match effect {
                Some(OnTimeoutView::Continue) => TestCaseStatus::success(),
                Some(OnTimeoutView::Fail | OnTimeoutView::Reject) | None => {
                    refused("gate-expired", "no user decided before the deadline")
                }
            }
        }
        StepStatusView::Skipped => skipped(step.because.as_deref().unwrap_or("it was not reached")),
        StepStatusView::Pending => skipped("it has not started"),
        StepStatusView::Running => skipped("it is running"),
        StepStatusView::Retrying => skipped("it waits for its next attempt"),
        StepStatusView::Waiting => skipped("it waits for a decision"),
        StepStatusView::Suspended => skipped("its workflow waits for a decision"),
        StepStatusView::Interrupted => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("interrupted");
            status
                .set_message("its call was cut off: its process is gone, or the run was cancelled");
            status
        }
    }
}

fn failed(step: &StepView, call: Option<&CallView>) -> TestCaseStatus {
    let error = step.error.as_ref();
    let error = error.or_else(|| call.and_then(|call| call.error.as_ref()));
    if step.is_allowed {
        let why = error.map_or(String::new(), |it| format!(": {}", it.message));
        return skipped(&format!("it failed, which the run allows{why}"));
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    match error {
        Some(error) => failure(&mut status, error),
        None => {
            status.set_message("it failed");
        }
    }
    status
}

/// Adds an error to the status of a failed step.
fn failure(status: &mut TestCaseStatus, error: &CallProblem) {
    let mut text = call_text(error, Frames::Few);
    if let Some(details) = details_text(error) {
        text.push('\n');
        text.push_str(&details);
    }
    status.set_type(shown(&error.code));
    status.set_message(shown(&error.message));
    status.set_description(guest_text::block(&text, ""));
}

fn refused(code: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(code);
    status.set_message(shown(message));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(shown(message));
    status
}
