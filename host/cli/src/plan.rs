//! What a workflow would run, as text.

use sedge_api::view::graph::GraphPlace;
use sedge_api::view::plan::{PlannedJob, PlannedStep, WorkflowPlanned};

use crate::context::Context;
use crate::guest_text;
use crate::output::Output;
use crate::show;

/// The indent of the lines about a step.
const INDENT: &str = "       ";

/// Returns the output for what a workflow would run.
pub(crate) fn plan_output(cx: &Context, planned: WorkflowPlanned) -> Output {
    if cx.json {
        return Output::new(planned);
    }
    let note = "Nothing was run, and nothing was recorded.";
    Output::default().text(plan_text(&planned)).note(note)
}

fn plan_text(planned: &WorkflowPlanned) -> String {
    let n_steps: usize = planned.jobs.iter().map(|job| job.steps.len()).sum();
    let mut lines = vec![format!(
        "workflow {} would run {}",
        planned.workflow,
        show::count(n_steps, "step")
    )];
    for (key, value) in planned.inputs.iter().flatten() {
        lines.push(format!("  input {key}: {value}"));
    }
    let mut jobs: Vec<&PlannedJob> = planned.jobs.iter().collect();
    jobs.sort_by_key(|job| order(job.place));
    for job in jobs {
        lines.push(String::new());
        lines.push(format!("job {}", job.name));
        let guard = job.guard.iter();
        lines.extend(guard.map(|it| format!("  done already if {it}")));
        let mut steps: Vec<&PlannedStep> = job.steps.iter().collect();
        steps.sort_by_key(|step| order(step.place));
        for step in steps {
            step_lines(step, &mut lines);
        }
    }
    let lines: Vec<String> = lines.iter().map(|it| guest_text::unbroken(it)).collect();
    lines.join("\n")
}

fn order(place: GraphPlace) -> (u64, u64) {
    (place.layer, place.row)
}

fn step_lines(step: &PlannedStep, lines: &mut Vec<String>) {
    let layer = step.place.layer + 1;
    let task = step.task.as_str();
    let about = match step.about.as_str() {
        "" => String::new(),
        about => format!(" {about}"),
    };
    lines.push(format!("  {layer:>3}  {}: {task}{about}", step.name));
    if let Some(values) = &step.values {
        lines.push(format!("{INDENT}for each of {}", value_text(values)));
    }
    if let Some(guard) = &step.guard {
        lines.push(format!("{INDENT}done already if {guard}"));
    }
    for (key, value) in step.inputs.iter().filter_map(|it| it.as_object()).flatten() {
        lines.push(format!("{INDENT}{key}: {}", value_text(value)));
    }
    for later in &step.later {
        let key = shown_key(&later.path);
        lines.push(format!("{INDENT}known later: {key}: {}", later.reason));
    }
}

/// Returns the place of a value as a user writes it: an input by its name, which the lines above have.
fn shown_key(pointer: &str) -> String {
    let input = pointer.strip_prefix("/task/inputs/");
    let key = input.unwrap_or(pointer.trim_start_matches('/'));
    key.replace('/', ".")
}

/// Returns a value; a text without quotes.
fn value_text(value: &serde_json::Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use sedge_api::view::graph::GraphTask;
    use sedge_api::view::plan::PlannedLater;
    use serde_json::{Map, Value};

    use super::*;

    #[test]
    fn plan_has_each_step_with_its_inputs() {
        let step = |name: &str, layer: u64| PlannedStep {
            name: name.to_owned(),
            task: GraphTask::Method,
            about: "m.run".to_owned(),
            inputs: Some(Value::Object(Map::from_iter([(
                "count".to_owned(),
                Value::from(2),
            )]))),
            values: None,
            guard: None,
            place: GraphPlace { layer, row: 0 },
            later: Vec::new(),
        };
        let planned = WorkflowPlanned {
            workflow: "w".to_owned(),
            dry_run: true,
            inputs: Some(Map::from_iter([("token".to_owned(), Value::from("***"))])),
            jobs: vec![PlannedJob {
                name: "main".to_owned(),
                guard: None,
                place: GraphPlace::default(),
                steps: vec![
                    PlannedStep {
                        later: vec![PlannedLater {
                            path: "/task/inputs/count".to_owned(),
                            text: "${{ steps.a.outputs }}".to_owned(),
                            reason: "the steps have results when they have ended".to_owned(),
                        }],
                        ..step("b", 1)
                    },
                    step("a\u{1b}[2J", 0),
                ],
            }],
        };
        let expect = "\
workflow w would run 2 steps
  input token: \"***\"

job main
    1  a␛[2J: method m.run
       count: 2
    2  b: method m.run
       count: 2
       known later: count: the steps have results when they have ended";
        assert_eq!(plan_text(&planned), expect);
    }
}
