//! A failure at every step, one at a time: the conditions alone decide which steps run afterwards,
//! and how the run ends.

use std::collections::BTreeMap;

use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::types::{RunEvent, RunStatus};
use sedge_app::{AppError, RunFailed};

use crate::fixture::House;
use crate::fixture::text::{after, step};

/// The steps of the workflow, the dependencies of each, and further keys.
const STEPS: [(&str, &[&str], &str, &str); 5] = [
    ("build", &[], "succeeded", ""),
    ("test", &["build"], "succeeded", ", allowFailure: true"),
    ("deploy", &["build", "test"], "succeeded", ""),
    ("report", &["build", "test"], "completed", ""),
    ("clean", &["deploy"], "always", ""),
];

/// Makes the workflow, with a failure in one step or in none.
fn workflow(house: &House, name: &str, fails: Option<&str>) {
    let steps: Vec<String> = STEPS
        .iter()
        .map(|(step_name, on, condition, keys)| {
            let more = if on.is_empty() {
                (*keys).to_owned()
            } else {
                format!("{}{keys}", after(on, condition))
            };
            if fails == Some(*step_name) {
                let inputs = "{code: no, message: on purpose}";
                step(step_name, "hostile.fail", inputs, &more)
            } else {
                step(step_name, "sink.run", "{}", &more)
            }
        })
        .collect();
    house.workflow(name, &steps);
}

/// Runs the workflow with a failure in one step, and checks which steps succeeded (`+`),
/// failed (`!`) and were skipped (`-`), in the order of [`STEPS`], and how the run ended.
async fn check(house: &House, fails: Option<&str>, expect: &str, status: RunStatus) {
    let name = format!("fails-{}", fails.unwrap_or("nowhere"));
    workflow(house, &name, fails);
    let end = house.workflow_run(&name).await;
    let run = match &end {
        Ok(WorkflowEnd::Succeeded { run, .. }) => run.clone(),
        Err(AppError::Failed(RunFailed::Workflow(failed))) => failed.run.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    let report = house.show(&run);
    let mut ends = BTreeMap::new();
    for record in &report.events {
        let (step, sign) = if let RunEvent::StepSucceeded { step, .. } = &record.event {
            (&step.step, "+")
        } else if let RunEvent::StepFailed { step, .. } = &record.event {
            (&step.step, "!")
        } else if let RunEvent::StepSkipped { step, .. } = &record.event {
            (step, "-")
        } else {
            continue;
        };
        let before = ends.insert(step.path.step.to_string(), sign);
        assert_eq!(before, None, "{name}: `{step}` ended twice");
    }
    let shown: String = STEPS.iter().map(|(step, ..)| ends[*step]).collect();
    assert_eq!((shown.as_str(), report.status), (expect, status), "{name}");
    assert_eq!(end.is_ok(), status == RunStatus::Succeeded, "{name}");
    if let Err(AppError::Failed(RunFailed::Workflow(failed))) = &end {
        let named: Vec<String> = failed
            .faults
            .iter()
            .filter(|fault| !fault.is_allowed)
            .map(|fault| fault.step.rsplit('/').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(named, [fails.expect("something failed")], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_at_each_step_decides_which_steps_run() {
    let house = House::new();
    check(&house, None, "+++++", RunStatus::Succeeded).await;
    // A skipped step has not completed, so only the condition `always` accepts it.
    check(&house, Some("build"), "!---+", RunStatus::Failed).await;
    check(&house, Some("test"), "+!-++", RunStatus::Succeeded).await;
    check(&house, Some("deploy"), "++!++", RunStatus::Failed).await;
    check(&house, Some("report"), "+++!+", RunStatus::Failed).await;
    check(&house, Some("clean"), "++++!", RunStatus::Failed).await;
}
