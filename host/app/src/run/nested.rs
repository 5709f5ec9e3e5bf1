//! The runs of nested workflows.

use std::collections::HashMap;

use sedge_api::view::run::RunReport;

use crate::cx::Cx;
use crate::error::{AppError, RunUseError};
use crate::run::show::run_show;

/// Returns the runs of the nested workflows of a run, at all levels, by their ids.
///
/// # Errors
/// Returns an error if the datastore cannot be read.
pub fn nested_runs(cx: &Cx, report: &RunReport) -> Result<HashMap<String, RunReport>, AppError> {
    let mut found = HashMap::new();
    let mut open = children(report);
    // A workflow that would run itself is refused, so the runs are a tree.
    while let Some(id) = open.pop() {
        let report = match run_show(cx, Some(&id)) {
            Ok(report) => report,
            // The start of a step is recorded before the run of its workflow exists.
            Err(AppError::Run(RunUseError::Missing(_))) => continue,
            Err(error) => return Err(error),
        };
        open.extend(children(&report));
        found.insert(id, report);
    }
    Ok(found)
}

fn children(report: &RunReport) -> Vec<String> {
    let steps = report.steps.iter();
    steps.filter_map(|step| step.child.clone()).collect()
}
