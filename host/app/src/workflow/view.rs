//! Views of workflows.

use sedge_api::problem::Place;
use sedge_api::view::workflow::{
    ConditionView, FileFault, JobDependencyView, JobStepView, JobView, StepDependencyView,
    TaskView, WorkflowSummary, WorkflowView,
};
use sedge_lang::diagnostic::Diagnostic;
use sedge_lang::workflow::{Condition, Job, Step, Task, Workflow};

/// Returns the view of a workflow's file.
pub(crate) fn workflow_view(workflow: &Workflow) -> WorkflowView {
    WorkflowView {
        name: workflow.name.to_string(),
        description: workflow.description.clone(),
        exclusive: workflow.exclusive,
        file: workflow.file.name.clone(),
        jobs: workflow.jobs.iter().map(job_view).collect(),
    }
}

fn job_view(job: &Job) -> JobView {
    let depends_on = job.depends_on.iter().map(|it| JobDependencyView {
        job: it.on.to_string(),
        condition: condition_view(it.condition),
    });
    JobView {
        name: job.name.to_string(),
        description: job.description.clone(),
        depends_on: depends_on.collect(),
        steps: job.steps.iter().map(step_view).collect(),
    }
}

fn step_view(step: &Step) -> JobStepView {
    let depends_on = step.depends_on.iter().map(|it| StepDependencyView {
        step: it.on.to_string(),
        condition: condition_view(it.condition),
    });
    JobStepView {
        name: step.path.step.to_string(),
        description: step.description.clone(),
        task: match &step.task {
            Task::ModelMethod {
                model,
                method,
                inputs,
            } => TaskView::ModelMethod {
                model_id_or_name: model.value.to_string(),
                method_name: method.value.to_string(),
                inputs: inputs.value.clone(),
            },
            Task::ManualApproval { prompt } => TaskView::ManualApproval {
                prompt: prompt
                    .as_ref()
                    .map_or(String::new(), |prompt| prompt.value.clone()),
            },
        },
        depends_on: depends_on.collect(),
        allow_failure: step.allow_failure,
    }
}

fn condition_view(condition: Condition) -> ConditionView {
    match condition {
        Condition::Succeeded => ConditionView::Succeeded,
        Condition::Failed => ConditionView::Failed,
        Condition::Completed => ConditionView::Completed,
        Condition::Always => ConditionView::Always,
    }
}

/// Returns the short view of a workflow's file.
pub(crate) fn workflow_summary(workflow: &Workflow) -> WorkflowSummary {
    WorkflowSummary {
        name: workflow.name.to_string(),
        description: workflow.description.clone(),
        jobs: workflow.jobs.len() as u64,
        steps: workflow.steps().count() as u64,
    }
}

/// Returns the view of the fault in the file of a workflow or model.
pub(crate) fn file_fault(name: &str, fault: &Diagnostic) -> FileFault {
    let (line, column) = fault.line_column();
    FileFault {
        name: name.to_owned(),
        error: fault.message.clone(),
        place: Place {
            file: fault.file.name.clone(),
            line: line as u64,
            column: column as u64,
        },
    }
}
