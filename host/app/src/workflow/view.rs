//! Views of workflows.

use sedge_api::view::workflow::{
    ConditionView, FileFault, JobDependencyView, JobStepView, JobView, StepDependencyView,
    StepItemsView, TaskView, WorkflowSummary, WorkflowView,
};
use sedge_lang::workflow::{Condition, DependencyPart, Job, ModelTarget, Step, Task, Workflow};
use sedge_lang::yaml::Faults;
use sedge_model::names::{JobName, StepName};

use crate::error::diagnostic_place;

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
    JobView {
        name: job.name.to_string(),
        description: job.description.clone(),
        depends_on: job.depends_on.iter().map(job_dependency).collect(),
        steps: job.steps.iter().map(step_view).collect(),
    }
}

// The depth of groups and conditions is limited when the file is read.
fn job_dependency(part: &DependencyPart<JobName>) -> JobDependencyView {
    let all = |parts: &[DependencyPart<JobName>]| parts.iter().map(job_dependency).collect();
    match part {
        DependencyPart::One(one) => JobDependencyView::One {
            job: one.on.to_string(),
            condition: condition_view(&one.condition),
        },
        DependencyPart::AnyOf(parts) => JobDependencyView::AnyOf { any_of: all(parts) },
        DependencyPart::AllOf(parts) => JobDependencyView::AllOf { all_of: all(parts) },
    }
}

fn step_dependency(part: &DependencyPart<StepName>) -> StepDependencyView {
    let all = |parts: &[DependencyPart<StepName>]| parts.iter().map(step_dependency).collect();
    match part {
        DependencyPart::One(one) => StepDependencyView::One {
            step: one.on.to_string(),
            condition: condition_view(&one.condition),
        },
        DependencyPart::AnyOf(parts) => StepDependencyView::AnyOf { any_of: all(parts) },
        DependencyPart::AllOf(parts) => StepDependencyView::AllOf { all_of: all(parts) },
    }
}

fn step_view(step: &Step) -> JobStepView {
    JobStepView {
        name: step.path.step.to_string(),
        description: step.description.clone(),
        task: task_view(&step.task),
        depends_on: step.depends_on.iter().map(step_dependency).collect(),
        allow_failure: step.allow_failure,
        for_each: step.for_each.as_ref().map(|it| StepItemsView {
            item: it.value.item.clone(),
            r#in: it.value.values.source().value(),
        }),
        guard: step.guard.as_ref().map(|it| it.expr().text().to_owned()),
    }
}

fn task_view(task: &Task) -> TaskView {
    match task {
        Task::ModelMethod {
            model,
            method,
            inputs,
        } => TaskView::ModelMethod {
            model_id_or_name: model.name().as_str().to_owned(),
            model_type: match model {
                ModelTarget::Named(_) => None,
                ModelTarget::Typed { type_name, .. } => Some(type_name.value.to_string()),
            },
            method_name: method.value.to_string(),
            inputs: inputs.source().value(),
        },
        Task::Workflow { workflow, inputs } => TaskView::Workflow {
            workflow_id_or_name: workflow.as_str().to_owned(),
            inputs: inputs.source().value(),
        },
        Task::ManualApproval {
            prompt,
            timeout,
            on_timeout,
        } => TaskView::ManualApproval {
            prompt: prompt
                .as_ref()
                .map_or(String::new(), |prompt| prompt.as_str().to_owned()),
            timeout: timeout.as_ref().map(|it| it.value.to_string()),
            on_timeout: on_timeout.as_ref().map(|it| it.value.as_str().to_owned()),
        },
        Task::Assert {
            expr,
            message,
            severity,
        } => TaskView::Assert {
            expr: expr.expr().text().to_owned(),
            message: message.as_ref().map(|it| it.as_str().to_owned()),
            severity: severity.as_str().to_owned(),
        },
    }
}

fn condition_view(condition: &Condition) -> ConditionView {
    let all = |parts: &[Condition]| parts.iter().map(condition_view).collect();
    match condition {
        Condition::Succeeded => ConditionView::Succeeded,
        Condition::Failed => ConditionView::Failed,
        Condition::Completed => ConditionView::Completed,
        Condition::Always => ConditionView::Always,
        Condition::Skipped => ConditionView::Skipped,
        Condition::And(parts) => ConditionView::And(all(parts)),
        Condition::Or(parts) => ConditionView::Or(all(parts)),
        Condition::Not(inner) => ConditionView::Not(Box::new(condition_view(inner))),
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

/// Returns the view of the first fault in the file of a workflow or model.
pub(crate) fn file_fault(name: &str, faults: &Faults) -> FileFault {
    let fault = faults.first().expect("an invalid file has a fault");
    FileFault {
        name: name.to_owned(),
        error: fault.message.clone(),
        place: diagnostic_place(fault),
    }
}
