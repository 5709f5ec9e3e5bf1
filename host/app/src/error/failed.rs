//! Methods and workflows that ran and failed.

use std::collections::BTreeSet;
use std::fmt;

use sedge_api::problem::call::{FailedCall as FailedCallView, RefusedCall as RefusedCallView};
use sedge_api::problem::details::{CallDetails, FailureDetails, StepProblem, WorkflowDetails};
use sedge_api::problem::{Argument, Details, ErrorCode, Explain, Help, UseCase};
use sedge_model::call::CallError;
use sedge_model::names::{MethodName, ModelName, RunId, WorkflowName};
use sedge_model::run::{Actor, StepError, StepPath};

use super::interrupted::RunInterrupted;
use super::limit::{limit_help, limit_help_of_origin};
use super::{AppError, count};
use crate::call::core_dump::CoreDumpEnd;
use crate::call::failure::{CallFailure, Contention, FailureReport};
use crate::call::failure_text::{
    Frames, call_text, core_dump_text, details_text, kept_text, rolled_back_text,
};
use crate::views::call::{call_problem, changes_rolled_back, step_problem};

/// A run failed or was interrupted.
#[derive(Debug, thiserror::Error)]
pub enum RunFailed {
    /// The call of a method has no outcome.
    #[error(transparent)]
    Call(Box<CallFailed>),
    /// A workflow's run failed.
    #[error(transparent)]
    Workflow(Box<WorkflowFailed>),
    /// An unrelated error interrupted the work on a workflow's run.
    #[error(transparent)]
    Interrupted(Box<RunInterrupted>),
}

/// The call of a method has no outcome.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct CallFailed {
    /// The run.
    pub run: RunId,
    /// The model.
    pub model: ModelName,
    /// The method.
    pub method: MethodName,
    /// The error.
    pub source: CallError,
    /// Whether the call was cancelled because this process was requested to end.
    pub is_interrupted: bool,
    /// The calls in which the failure began, and the writes that were kept or rolled back.
    pub report: Box<FailureReport>,
    /// The result of the requested core dump.
    pub core_dump: CoreDumpEnd,
}

/// A workflow's run failed, or was cancelled.
#[derive(Debug, thiserror::Error)]
#[error("the workflow `{workflow}` {end}")]
pub struct WorkflowFailed {
    /// The workflow.
    pub workflow: WorkflowName,
    /// The run.
    pub run: RunId,
    /// Why the run ended.
    pub end: WorkflowFailedEnd,
    /// The steps that failed: first those that made the workflow fail, then those that were allowed
    /// to fail.
    pub faults: Vec<StepFault>,
    /// The calls in which the failure began, and the writes that were kept or rolled back.
    pub report: Box<FailureReport>,
}

/// Why the run of a workflow ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowFailedEnd {
    /// Steps failed.
    Steps,
    /// A user cancelled the run.
    Cancelled {
        /// The user.
        by: Actor,
        /// The user's reason.
        reason: Option<String>,
    },
    /// The deadline of the run passed.
    Deadline,
}

impl fmt::Display for WorkflowFailedEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps => f.write_str("failed"),
            Self::Cancelled { by, reason: None } => write!(f, "was cancelled by {by}"),
            Self::Cancelled {
                by,
                reason: Some(reason),
            } => write!(f, "was cancelled by {by}: {reason}"),
            Self::Deadline => f.write_str("failed: its deadline passed"),
        }
    }
}

/// The maximum time by which a call can be stopped before its deadline, in milliseconds.
///
/// The call measures the time from its own start, which is a little later than that of the attempt.
const TIMEOUT_TOLERANCE_MS: u64 = 100;

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFault {
    /// The step, as `job/step`; the job, if its guard has no value.
    pub step: String,
    /// The step as it stands in the file, from which the run can begin again; `None` for a job.
    pub from: Option<StepPath>,
    /// The model that it calls; `None` if it calls none, or if the name has expressions.
    pub model: Option<ModelName>,
    /// The `timeout` of one attempt at the step, in milliseconds, if the file sets it.
    pub timeout_ms: Option<u64>,
    /// The error; `None` for a gate that was rejected.
    pub error: Option<StepError>,
    /// The gates of its nested workflow that were rejected: for each, a sentence with the user and the
    /// reason.
    pub rejections: Vec<String>,
    /// Whether the workflow may succeed although the step failed.
    pub is_allowed: bool,
}

impl RunFailed {
    /// Returns the error that explains the failure.
    pub(super) fn explained(&self) -> &dyn Explain {
        match self {
            Self::Call(error) => &**error,
            Self::Workflow(error) => &**error,
            Self::Interrupted(error) => &**error,
        }
    }
}

impl From<CallFailed> for AppError {
    fn from(error: CallFailed) -> Self {
        RunFailed::Call(Box::new(error)).into()
    }
}

impl From<WorkflowFailed> for AppError {
    fn from(error: WorkflowFailed) -> Self {
        RunFailed::Workflow(Box::new(error)).into()
    }
}

impl CallFailed {
    /// Returns what blocked the run, if nothing but locks made it fail.
    ///
    /// This relies on what the host recorded, not on what the plugin says.
    #[must_use]
    pub fn contention(&self) -> Option<Contention> {
        Contention::of(&self.source).or(self.report.contention)
    }

    fn sentence(&self) -> String {
        let Self { method, model, .. } = self;
        match self.is_interrupted {
            true => format!("`{method}` of `{model}` was interrupted, and its run is cancelled"),
            false => format!("`{method}` of `{model}` failed"),
        }
    }
}

impl Explain for CallFailed {
    fn code(&self) -> ErrorCode {
        if self.is_interrupted {
            return ErrorCode::Interrupted;
        }
        self.contention()
            .map_or(ErrorCode::CallFailed, Contention::code)
    }

    fn causes(&self) -> Vec<String> {
        match self.is_interrupted {
            true => Vec::new(),
            false => vec![cause(&self.source, None, &self.report)],
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = match self.is_interrupted {
            true => changes_notes(&self.report),
            false => report_notes(&self.report),
        };
        notes.extend(self.core_dump.details().as_ref().map(core_dump_text));
        notes
    }

    fn help(&self) -> Vec<Help> {
        let mut help = Vec::new();
        if self.is_interrupted {
            return vec![
                Help::again("start it again"),
                run_shown("see what the run has done", &self.run, &self.report),
            ];
        }
        match self.contention() {
            Some(contention) => help.extend(contention_help(contention)),
            None => help.extend(
                limit_help(&self.source, &self.model)
                    .or_else(|| limit_help_of_origin(self.report.origins.first()?))
                    // ignored: a failure without a limit has no help about one.
                    .unwrap_or_default(),
            ),
        }
        help.extend(secret_help(&self.report));
        if help.is_empty() || self.contention() == Some(Contention::Deadlock) {
            help.extend(run_help(&self.run, &self.report));
        }
        help
    }

    fn details(&self) -> Option<Details> {
        Some(Details::Call(Box::new(CallDetails {
            run: self.run.to_string(),
            model: self.model.to_string(),
            method: self.method.to_string(),
            call: call_problem(&self.source),
            report: report_view(&self.report),
            core_dump: self.core_dump.details(),
        })))
    }
}

impl WorkflowFailed {
    /// Returns the help that begins the run again from the first step that failed. A gate that was
    /// rejected is a decision, and a run past its deadline cannot begin again.
    fn begin_again_help(&self) -> Option<Help> {
        match self.end {
            WorkflowFailedEnd::Steps => {}
            WorkflowFailedEnd::Cancelled { .. } | WorkflowFailedEnd::Deadline => return None,
        }
        let failed: Vec<&StepPath> = (self.decisive().filter(|it| it.error.is_some()))
            .filter_map(|it| it.from.as_ref())
            .collect();
        let from = failed.first()?;
        // The command runs all failed steps again, whichever of them it names.
        let purpose = match failed.iter().all(|it| it == from) {
            true => "run the failed step again",
            false => "run the failed steps again",
        };
        let help = Help::command(purpose, UseCase::WorkflowResume);
        let help = help.with("name", self.workflow.as_str());
        let help = help.with("run", self.run.as_str());
        Some(help.with("from", from.to_string()))
    }

    /// Returns the help for the limit because of which a step failed: the step's own `timeout`, or a
    /// limit of a call. Returns `None` if the step failed for another reason.
    fn limit_help(&self, fault: &StepFault) -> Option<Vec<Help>> {
        let error = fault.error.as_ref().and_then(StepError::of_call);
        if let (Some(CallError::TimedOut { after_ms }), Some(timeout_ms)) =
            (error, fault.timeout_ms)
            && timeout_ms <= after_ms.saturating_add(TIMEOUT_TOLERANCE_MS)
        {
            return Some(vec![timeout_help(&format!("the step `{}`", fault.step))]);
        }
        let mut origins = self.report.origins.iter();
        let origin = origins.find(|it| it.step.as_ref() == Some(&fault.step));
        origin
            .and_then(limit_help_of_origin)
            .or_else(|| limit_help(error?, fault.model.as_ref()?))
    }

    /// Returns the steps that made the workflow fail.
    fn decisive(&self) -> impl Iterator<Item = &StepFault> {
        self.faults.iter().filter(|fault| !fault.is_allowed)
    }

    fn contention(&self) -> Option<Contention> {
        if self.end != WorkflowFailedEnd::Steps {
            return None;
        }
        let of_fault = |fault: &StepFault| {
            let error = fault.error.as_ref()?.of_call()?;
            if let CallError::Failed(_) = error {
                return self.report.contention;
            }
            Contention::of(error)
        };
        let all: Option<Vec<Contention>> = self.decisive().map(of_fault).collect();
        all?.first().copied()
    }
}

impl Explain for WorkflowFailed {
    fn code(&self) -> ErrorCode {
        match &self.end {
            WorkflowFailedEnd::Cancelled { .. } => ErrorCode::RunCancelled,
            WorkflowFailedEnd::Steps | WorkflowFailedEnd::Deadline => self
                .contention()
                .map_or(ErrorCode::WorkflowFailed, Contention::code),
        }
    }

    fn causes(&self) -> Vec<String> {
        let text = |fault: &StepFault| fault_text(fault, &self.report);
        self.decisive().map(text).collect()
    }

    fn notes(&self) -> Vec<String> {
        let allowed = self.faults.iter().filter(|fault| fault.is_allowed);
        let allowed = allowed.map(|fault| {
            let mut text = fault_text(fault, &self.report);
            // Further lines can be YAML to copy.
            let end = text.find('\n').unwrap_or(text.len());
            text.insert_str(end, " (this failure is allowed)");
            text
        });
        allowed.chain(report_notes(&self.report)).collect()
    }

    fn help(&self) -> Vec<Help> {
        let mut help = match self.contention() {
            Some(contention) => contention_help(contention),
            None if self.end == WorkflowFailedEnd::Deadline => {
                vec![timeout_help(&format!("the workflow `{}`", self.workflow))]
            }
            None => self
                .decisive()
                .find_map(|fault| self.limit_help(fault))
                // ignored: a failure without a limit has no help about one.
                .unwrap_or_default(),
        };
        help.extend(secret_help(&self.report));
        help.extend(self.begin_again_help());
        help.extend(self.decisive().find_map(child_help));
        help.push(run_shown("see the whole run", &self.run, &self.report));
        help
    }

    fn details(&self) -> Option<Details> {
        let steps = self.faults.iter().map(|fault| StepProblem {
            step: fault.step.clone(),
            error: fault.error.as_ref().map(step_problem),
            is_allowed: fault.is_allowed,
        });
        Some(Details::Workflow(Box::new(WorkflowDetails {
            run: self.run.to_string(),
            workflow: self.workflow.to_string(),
            steps: steps.collect(),
            report: report_view(&self.report),
        })))
    }
}

/// Returns the help that shows the child run because of which a step failed.
fn child_help(fault: &StepFault) -> Option<Help> {
    match fault.error.as_ref()? {
        StepError::Child { run, .. } => Some(
            Help::command("see the run of the nested workflow", UseCase::RunShow)
                .with("run", run.as_str()),
        ),
        StepError::Call(_)
        | StepError::Expression { .. }
        | StepError::Assert { .. }
        | StepError::GateExpired => None,
    }
}

/// Returns the help for a `timeout` of a workflow's file that has passed.
fn timeout_help(of: &str) -> Help {
    Help::advice(format!("raise `timeout` of {of} if it needs more time"))
}

/// Returns why a step failed.
fn fault_text(fault: &StepFault, report: &FailureReport) -> String {
    let step = &fault.step;
    let Some(error) = &fault.error else {
        return format!("gate `{step}` was rejected");
    };
    let mut text = match error.of_call() {
        Some(error) => cause(error, Some(step), report),
        None => error.to_string(),
    };
    if !fault.rejections.is_empty() {
        text.push_str(&format!(": {}", fault.rejections.join(", ")));
    }
    match step.contains('/') {
        true => format!("step `{step}`: {text}"),
        false => format!("job `{step}`: {text}"),
    }
}

/// Returns what went wrong in the call of a run or of one of its steps.
///
/// The plugin's details are appended, unless the error was only passed on from a callee.
fn cause(error: &CallError, step: Option<&str>, report: &FailureReport) -> String {
    let problem = call_problem(error);
    let mut text = call_text(&problem, Frames::Few);
    let is_explained = report.origins.iter().any(|call| {
        call.step.as_deref() == step && (call.chain.len() > 1 || !call.refusals.is_empty())
    });
    if let Some(details) = details_text(&problem).filter(|_| !is_explained) {
        text.push_str(&format!("\n{details}"));
    }
    text
}

fn contention_help(contention: Contention) -> Vec<Help> {
    match contention {
        Contention::LockTimeout => sedge_locks::error::locked_help(),
        Contention::Deadlock => vec![Help::again("try again: the other call can continue now")],
    }
}

/// Returns the help for missing secrets: those that the calls in which a failure began requested.
fn secret_help(report: &FailureReport) -> Vec<Help> {
    let calls = report.origins.iter();
    let names: BTreeSet<&str> = calls
        .flat_map(|call| call.refusals.secrets.iter().map(|name| name.as_str()))
        .collect();
    let help = |name: &str| Help::command("put the secret", UseCase::SecretPut).with("name", name);
    names.into_iter().map(help).collect()
}

pub(super) fn run_shown(purpose: &str, run: &RunId, report: &FailureReport) -> Help {
    let help = Help::command(purpose, UseCase::RunShow).with("run", run.as_str());
    let mut failed = report.origins.iter();
    if failed.any(|call| !call.error.backtrace().is_empty()) {
        return help.with("backtrace", Argument::on());
    }
    help
}

fn run_help(run: &RunId, report: &FailureReport) -> Vec<Help> {
    vec![
        run_shown("see the calls of the run", run, report),
        Help::command("see what they logged", UseCase::RunLogs).with("run", run.as_str()),
    ]
}

/// Returns the notes on a failure besides its causes, one paragraph each.
fn report_notes(report: &FailureReport) -> Vec<String> {
    let mut notes = Vec::new();
    for call in &report.origins {
        notes.extend(origin_notes(call));
    }
    if let more @ 1.. = report.n_origins - report.origins.len() {
        notes.push(format!("{} more failed", count(more as u64, "call")));
    }
    notes.extend(changes_notes(report));
    notes
}

/// Returns the notes on the writes that calls kept although they failed or were cancelled, and on
/// the changes that were rolled back.
pub(super) fn changes_notes(report: &FailureReport) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(report.kept.iter().filter_map(|call| {
        let kept = kept_text(&call.kept)?;
        Some(format!("of {}, {kept}", chain_text(call)))
    }));
    if let more @ 1.. = report.n_kept - report.kept.len() {
        notes.push(format!(
            "{} kept versions that they wrote",
            count(more as u64, "more call")
        ));
    }
    notes.extend(report.rolled_back.iter().filter_map(|call| {
        let rolled_back = changes_rolled_back(&call.discarded)?;
        Some(format!(
            "of {}, {}",
            chain_text(call),
            rolled_back_text(&rolled_back)
        ))
    }));
    if let more @ 1.. = report.n_rolled_back - report.rolled_back.len() {
        notes.push(format!(
            "changes of {} were rolled back",
            count(more as u64, "more call")
        ));
    }
    notes
}

/// Returns the notes on a call in which a failure began.
fn origin_notes(call: &CallFailure) -> Vec<String> {
    let mut notes = Vec::new();
    // For a call that the run made directly, the causes are shown already.
    if call.chain.len() > 1 {
        let problem = call_problem(&call.error);
        let mut text = call_text(&problem, Frames::Few);
        if let Some(details) = details_text(&problem).filter(|_| call.refusals.is_empty()) {
            text.push_str(&format!("\n{details}"));
        }
        notes.push(format!("{} failed: {text}", chain_text(call)));
    }
    notes.extend(call.refusals.calls.iter().map(|refused| {
        let text = call_text(&call_problem(&refused.error), Frames::Few);
        format!(
            "{} called {}.{}, which could not begin: {text}",
            chain_text(call),
            refused.model,
            refused.method
        )
    }));
    notes.extend(call.refusals.limits.iter().map(|(name, value)| {
        let limit = CallError::Limit {
            name: *name,
            value: *value,
        };
        format!("of {}, {limit}", chain_text(call))
    }));
    let secrets = call.refusals.secrets.iter();
    notes.extend(secrets.map(|name| {
        format!(
            "{} requested the secret `{name}`, which does not exist",
            chain_text(call)
        )
    }));
    notes
}

/// Returns the chain of calls from the run down to a call, as text.
pub(super) fn chain_text(call: &CallFailure) -> String {
    let chain = call.chain.join(" > ");
    match &call.step {
        Some(step) => format!("{chain} in step `{step}`"),
        None => chain,
    }
}

fn report_view(report: &FailureReport) -> FailureDetails {
    let views = |calls: &[CallFailure]| calls.iter().map(failed_call_view).collect();
    FailureDetails {
        failed: views(&report.origins),
        failed_count: report.n_origins as u64,
        kept: views(&report.kept),
        kept_count: report.n_kept as u64,
        rolled_back: views(&report.rolled_back),
        rolled_back_count: report.n_rolled_back as u64,
    }
}

fn failed_call_view(call: &CallFailure) -> FailedCallView {
    let refused = call.refusals.calls.iter().map(|refused| RefusedCallView {
        model: refused.model.clone(),
        method: refused.method.clone(),
        error: call_problem(&refused.error),
    });
    FailedCallView {
        call: call.call.to_string(),
        step: call.step.clone(),
        chain: call.chain.clone(),
        model: call.model.to_string(),
        method: call.method.to_string(),
        error: call_problem(&call.error),
        kept: (call.kept.count > 0).then(|| call.kept.clone()),
        rolled_back: changes_rolled_back(&call.discarded),
        refused: refused.collect(),
    }
}
