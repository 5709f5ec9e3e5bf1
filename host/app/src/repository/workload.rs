//! How many calls a use case is about to make, which decides whether the engine reserves a pool of
//! instances when it starts.

use std::sync::atomic::{AtomicBool, Ordering};

use sedge_lang::workflow::{Task, Workflow};
use sedge_runtime::Workload;

use super::Repository;

/// The maximum number of steps of a workflow for which a pool of instances does not pay off.
///
/// A pool pays off after about a hundred calls: see [`Workload`]. A step makes one call, and that
/// call may make others.
const STEPS_FEW_MAX: usize = 50;

/// What is known about the calls of this process before its engine starts.
#[derive(Debug, Default)]
pub(super) struct ExpectedCalls {
    are_few: AtomicBool,
}

impl Repository {
    /// Records that this process is about to run a workflow. This has no effect if the engine has
    /// started. Every workflow can be run in any case; without a pool, each call takes longer.
    pub(crate) fn workflow_expect(&self, workflow: &Workflow) {
        let are_few = has_few_calls(workflow);
        self.expected.are_few.store(are_few, Ordering::Relaxed);
    }

    /// Returns the workload that the engine starts for.
    pub(super) fn workload(&self) -> Workload {
        match self.settings.workload {
            Workload::ManyCalls if self.expected.are_few.load(Ordering::Relaxed) => {
                Workload::OneCall
            }
            workload @ (Workload::OneCall | Workload::ManyCalls) => workload,
        }
    }
}

/// Returns whether the file of a workflow shows that its steps make few calls.
fn has_few_calls(workflow: &Workflow) -> bool {
    let is_one_call = |task: &Task| match task {
        Task::ModelMethod { .. } | Task::ManualApproval { .. } | Task::Assert { .. } => true,
        Task::Workflow { .. } => false,
    };
    let mut steps = workflow.steps();
    steps.all(|step| step.for_each.is_none() && is_one_call(&step.task))
        && workflow.steps().count() <= STEPS_FEW_MAX
}

#[cfg(test)]
mod tests {
    use sedge_lang::diagnostic::SourceFile;

    use super::*;

    const STEP: &str = "task: {type: model_method, modelIdOrName: a, methodName: b}";

    fn has_few(steps: &[String]) -> bool {
        let text = format!(
            "name: w\njobs:\n  - name: main\n    steps:\n{}",
            steps.concat()
        );
        let file = SourceFile::new("workflows/w.yaml", text);
        has_few_calls(&Workflow::parse(&file).expect("it is a workflow"))
    }

    fn step(n: usize, keys: &str) -> String {
        format!("      - {{name: s{n}, {keys}}}\n")
    }

    #[test]
    fn few_steps_without_repetition_make_few_calls() {
        let steps = |n: usize| (0..n).map(|at| step(at, STEP)).collect::<Vec<_>>();
        assert!(has_few(&steps(1)));
        assert!(has_few(&steps(STEPS_FEW_MAX)));
        assert!(!has_few(&steps(STEPS_FEW_MAX + 1)));
    }

    #[test]
    fn repeated_and_nested_steps_may_make_many_calls() {
        let for_each = format!("forEach: {{item: it, in: [1, 2]}}, {STEP}");
        assert!(!has_few(&[step(0, &for_each)]));
        let nested = "task: {type: workflow, workflowIdOrName: other}";
        assert!(!has_few(&[step(0, STEP), step(1, nested)]));
    }
}
