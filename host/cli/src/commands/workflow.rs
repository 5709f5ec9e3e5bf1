//! `sedge workflow …`

pub(crate) mod approvals;
pub(crate) mod approve;
pub(crate) mod evaluate;
pub(crate) mod get;
pub(crate) mod graph;
pub(crate) mod list;
pub(crate) mod reject;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod validate;

use super::commands;

commands! {
    Workflow {
        Approvals(approvals::WorkflowApprovalsArgs),
        Approve(approve::WorkflowApproveArgs),
        /// Cancel a run of a workflow, as `sedge run cancel` does
        Cancel(crate::commands::run::cancel::RunCancelArgs),
        Evaluate(evaluate::WorkflowEvaluateArgs),
        #[command(aliases = ["show", "describe"])]
        Get(get::WorkflowGetArgs),
        Graph(graph::WorkflowGraphArgs),
        History(crate::commands::run::list::WorkflowHistoryArgs),
        #[command(alias = "ls")]
        List(list::WorkflowListArgs),
        Reject(reject::WorkflowRejectArgs),
        Resume(resume::WorkflowResumeArgs),
        Run(run::WorkflowRunArgs),
        Validate(validate::WorkflowValidateArgs),
    }
}
