//! Shows what a run of a workflow would do, without a run.

use std::collections::HashMap;

use sedge_api::view::expression::EvaluatedFile;
use sedge_api::view::graph::{GraphJob, GraphStep, GraphTask, WorkflowGraph};
use sedge_api::view::plan::{PlannedJob, PlannedLater, PlannedStep, WorkflowPlanned};
use sedge_lang::input::KnownInputs;
use serde_json::{Map, Value};

use crate::cx::Cx;
use crate::error::AppError;
use crate::expression::{EvaluatorSource, SecretPlace};
use crate::secret::argument::marks_hide;
use crate::structure::in_background;
use crate::workflow::evaluate::evaluated;
use crate::workflow::graph::graph_of;
use crate::workflow::inputs::run_inputs;
use crate::workflow::run::WorkflowRunRequest;
use crate::workflow::validate::{supported_check, workflow_check};

/// Checks a request as a run does, and returns what the run would do. Nothing is recorded, no lock
/// is taken, and no method is called.
///
/// Secrets are not looked up: a text with one stands as it is written. Sensitive inputs are shown as
/// `[sealed]`, also where an expression uses them.
///
/// # Errors
/// Returns the error with which the run would be refused.
pub async fn workflow_dry_run(
    cx: &Cx,
    request: &WorkflowRunRequest,
) -> Result<WorkflowPlanned, AppError> {
    let repository = cx.repository.snapshot()?;
    let workflow = repository.workflow(&request.workflow)?;
    repository.names_check()?;
    supported_check(&workflow)?;
    let inputs = run_inputs(&workflow, &request.inputs)?.values;
    workflow_check(&repository, &workflow, inputs.as_ref()).await?;
    let known = KnownInputs {
        // ignored: no error is dropped, because this is an `Option`.
        values: inputs.clone().unwrap_or_default(),
        ..KnownInputs::default()
    };
    let graph = graph_of(&workflow);
    let source = EvaluatorSource {
        repository,
        now: cx.clock.now(),
        secrets: SecretPlace::Elsewhere,
    };
    let file = in_background(move |_| source.evaluate(true, |it| evaluated(it, &workflow, &known)));
    Ok(planned(graph, inputs.map(shown), &file.await?))
}

/// Returns inputs with `[sealed]` in place of sensitive values.
fn shown(inputs: Map<String, Value>) -> Map<String, Value> {
    let shown = inputs.into_iter().map(|(name, mut value)| {
        marks_hide(&mut value);
        (name, value)
    });
    shown.collect()
}

fn planned(
    graph: WorkflowGraph,
    inputs: Option<Map<String, Value>>,
    file: &EvaluatedFile,
) -> WorkflowPlanned {
    let mut later = later_of(file);
    let jobs = graph.jobs.into_iter().enumerate();
    let jobs = jobs.map(|(at, job)| job_planned(at, job, file, &mut later));
    WorkflowPlanned {
        workflow: graph.workflow,
        dry_run: true,
        inputs,
        jobs: jobs.collect(),
    }
}

/// The texts that are known only later, by the numbers of the job and of the step.
type LaterTexts = HashMap<(usize, usize), Vec<PlannedLater>>;

fn later_of(file: &EvaluatedFile) -> LaterTexts {
    let mut later = LaterTexts::new();
    for text in &file.unevaluated {
        let mut parts = text.path.splitn(6, '/').skip(1);
        let mut number = |key: &str| {
            let is_key = parts.next() == Some(key);
            // ignored: a path that is not one of a step belongs to the workflow or to a job.
            parts.next().filter(|_| is_key)?.parse::<usize>().ok()
        };
        let (Some(job), Some(step)) = (number("jobs"), number("steps")) else {
            continue;
        };
        let Some(rest) = parts.next() else {
            continue;
        };
        later.entry((job, step)).or_default().push(PlannedLater {
            path: format!("/{rest}"),
            text: text.text.clone(),
            reason: text.reason.clone(),
        });
    }
    later
}

fn job_planned(
    at: usize,
    job: GraphJob,
    file: &EvaluatedFile,
    later: &mut LaterTexts,
) -> PlannedJob {
    let steps = job.steps.into_iter().enumerate();
    let steps = steps.map(|(n, step)| {
        let written = &file.content["jobs"][at]["steps"][n];
        // ignored: no error is dropped, because this is an `Option`.
        let later = later.remove(&(at, n)).unwrap_or_default();
        step_planned(step, written, later)
    });
    PlannedJob {
        name: job.name,
        guard: job.guard,
        place: job.place,
        steps: steps.collect(),
    }
}

fn step_planned(step: GraphStep, written: &Value, later: Vec<PlannedLater>) -> PlannedStep {
    let task = &written["task"];
    let text = |key: &str| task[key].as_str().map(str::to_owned);
    let about = match step.task {
        GraphTask::Method => {
            let model = text("modelIdOrName").or_else(|| text("modelName"));
            let method = text("methodName");
            model.zip(method).map(|(model, it)| format!("{model}.{it}"))
        }
        GraphTask::Workflow => text("workflowIdOrName"),
        GraphTask::Gate => text("prompt"),
        GraphTask::Assert => text("expr"),
    };
    let inputs = match step.task {
        GraphTask::Method | GraphTask::Workflow => {
            let given = task.get("inputs").cloned();
            Some(given.unwrap_or_else(|| Value::Object(Map::new())))
        }
        GraphTask::Gate | GraphTask::Assert => None,
    };
    PlannedStep {
        name: step.name,
        task: step.task,
        about: about.unwrap_or(step.about),
        inputs,
        values: written.pointer("/forEach/in").cloned(),
        guard: step.guard,
        place: step.place,
        later,
    }
}

#[cfg(test)]
mod tests {
    use sedge_api::view::expression::UnevaluatedText;
    use serde_json::json;

    use super::*;
    use crate::secret::argument::input_mark;

    #[test]
    fn sensitive_inputs_are_sealed_in_what_is_shown() {
        let Value::Object(inputs) = json!({"a": {"token": input_mark("/a/token")}, "b": 1}) else {
            panic!("it is an object");
        };
        assert_eq!(
            Value::Object(shown(inputs)),
            json!({"a": {"token": "[sealed]"}, "b": 1})
        );
    }

    #[test]
    fn text_that_is_known_later_is_at_its_step() {
        let text = |path: &str| UnevaluatedText {
            path: path.to_owned(),
            line: 1,
            text: "t".to_owned(),
            reason: "r".to_owned(),
        };
        let file = EvaluatedFile {
            name: "w".to_owned(),
            file: "w.yaml".to_owned(),
            content: Value::Null,
            unevaluated: vec![
                text("/jobs/0/steps/12/task/inputs/a~1b/0"),
                text("/jobs/0/guard"),
                text("/description"),
                text("/jobs/1/steps/0/guard"),
            ],
        };
        let later = later_of(&file);
        let path = |job, step| later[&(job, step)][0].path.as_str();
        assert_eq!(later.len(), 2);
        assert_eq!(path(0, 12), "/task/inputs/a~1b/0");
        assert_eq!(path(1, 0), "/guard");
    }
}
