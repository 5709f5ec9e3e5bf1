//! Shows the log lines of a run's calls.

use std::collections::BTreeSet;

use sedge_api::view::run::{LogLineView, LogOf};
use sedge_model::run::{RunEvent, RunKind, StepInstance};
use sedge_store::{RunRecord, Scan};

use crate::cx::Cx;
use crate::data::scan::Through;
use crate::error::{AppError, RunUseError};
use crate::repository::{Repository, near_one};
use crate::run::view::log_line_view;
use crate::workflow::gates::run_workflow;

/// Passes the log of a run to `take`, call by call, until `take` needs no more, and returns the
/// run. With `step`, only the lines of that step: `JOB/STEP`, with all its expansions,
/// `JOB/EXPANSION`, or a name without the job.
///
/// The run is found by its id or by the beginning of its id. Without an id, it is the newest run.
///
/// # Errors
/// Returns an error if there is no such run, or no such step. Errors of `take` are passed on.
pub fn run_logs<E: From<AppError>>(
    cx: &Cx,
    id: Option<&str>,
    step: Option<&str>,
    mut take: impl FnMut(LogLineView) -> Result<Scan, E>,
) -> Result<LogOf, E> {
    let run = cx.repository.run_by_id_or_newest(id)?;
    let wanted = match step {
        Some(step) => Some(instances_named(&cx.repository, &run, step)?),
        None => None,
    };
    let is_wanted = |line: &LogLineView| match (&wanted, &line.step) {
        (None, _) => true,
        (Some(wanted), Some(step)) => wanted.contains(step),
        (Some(_), None) => false,
    };
    let store = cx.repository.store().map_err(E::from)?;
    let scanned = store.log_scan(&run.id, |line| {
        let line = log_line_view(line);
        match is_wanted(&line) {
            true => take(line).map_err(Through::Taker),
            false => Ok(Scan::More),
        }
    });
    scanned.map_err(Through::into_error)?;
    Ok(LogOf {
        run: run.id.to_string(),
    })
}

/// Returns the steps and expansions of a run that have a name, as text.
///
/// # Errors
/// The run has no step of that name.
fn instances_named(
    repository: &Repository,
    run: &RunRecord,
    name: &str,
) -> Result<BTreeSet<String>, AppError> {
    let mut all: Vec<StepInstance> = Vec::new();
    if run.kind == RunKind::Workflow {
        let workflow = run_workflow(repository, run)?;
        let steps = workflow.steps().map(|step| step.path.clone());
        all.extend(steps.map(StepInstance::of));
    }
    for record in repository.store()?.run_events(&run.id)? {
        if let RunEvent::Expanded { step, items, .. } = record.event {
            all.extend(items.into_iter().map(|item| StepInstance {
                path: step.clone(),
                expansion: Some(item.name),
            }));
        }
    }
    let found: BTreeSet<String> = all
        .iter()
        .filter(|instance| is_named(instance, name))
        .map(ToString::to_string)
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    Err(AppError::from(RunUseError::StepMissing {
        run: run.id.clone(),
        step: name.to_owned(),
        near: near_one(name, &names),
    }))
}

fn is_named(instance: &StepInstance, name: &str) -> bool {
    let expansion = instance.expansion.as_ref().map(|it| it.as_str());
    instance.path.step.as_str() == name
        || expansion == Some(name)
        || instance.path.to_string() == name
        || instance.to_string() == name
}

#[cfg(test)]
mod tests {
    use sedge_model::run::StepPath;

    use super::*;

    #[test]
    fn step_is_named_by_its_path_or_its_name_and_so_are_its_expansions() {
        let path = StepPath {
            job: "main".parse().expect("a name"),
            step: "deploy".parse().expect("a name"),
        };
        let expansion = StepInstance {
            path: path.clone(),
            expansion: Some("deploy[0]".parse().expect("a name")),
        };
        for name in ["deploy", "main/deploy", "deploy[0]", "main/deploy[0]"] {
            assert!(is_named(&expansion, name), "{name}");
        }
        let step = StepInstance::of(path);
        assert!(is_named(&step, "deploy") && is_named(&step, "main/deploy"));
        for name in ["main", "deploy[1]", "other/deploy", ""] {
            assert!(
                !is_named(&expansion, name) && !is_named(&step, name),
                "{name}"
            );
        }
    }
}
