//! Workflows: everything that is read from one, and the values of its steps' inputs.

use sedge_lang::diagnostic::SourceFile;
use sedge_lang::workflow::{Task, Workflow};
use serde_json::{Map, Value, json};

use crate::definition::{evaluate, faults_check};

/// Parses `data` as a workflow, and evaluates the inputs of its steps and the values of `forEach`.
///
/// # Panics
/// A fault or a note has no place in the file, the order of the faults is not that of the file, or a
/// step has a path that leads to no step.
pub fn workflow(data: &[u8]) {
    let file = SourceFile::new("workflows/file.yaml", String::from_utf8_lossy(data));
    let workflow = match Workflow::parse(&file) {
        Ok(workflow) => workflow,
        Err(faults) => return faults_check(&faults),
    };
    for note in [workflow.notes(), workflow.unsupported_in_run()].concat() {
        assert!(file.text.get(note.span.clone()).is_some(), "{note:?}");
    }
    let inputs = workflow.inputs.resolve(Map::new()).unwrap_or_default();
    let inputs = Value::Object(inputs);
    for step in workflow.steps() {
        assert!(workflow.step(&step.path).is_some(), "{}", step.path);
        let mut own = json!({"id": "run", "workflowName": workflow.name.as_str(), "tags": {}});
        if let Some(for_each) = &step.for_each {
            evaluate(&for_each.value.values, &inputs, &own);
            own[for_each.value.item.as_str()] = json!({"key": "k", "value": 1});
        }
        match &step.task {
            Task::ModelMethod {
                inputs: written, ..
            }
            | Task::Workflow {
                inputs: written, ..
            } => {
                evaluate(written, &inputs, &own);
            }
            Task::ManualApproval { .. } | Task::Assert { .. } => {}
        }
    }
}
