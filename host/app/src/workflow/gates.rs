//! Decides a gate. Approving and rejecting share this code.
//!
//! A decision takes no lock. It is one compare-and-set on the run's log: if two users decide at
//! once, the later command is refused with the decision, its user and its time.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::workflow::{DecisionView, GateDecisionView, RootRunView};
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::workflow::{Workflow, WrittenText};
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::run::{Actor, GateDecision, RunEvent};
use sedge_store::{Author, EventRecord, LogEntry, RunRecord};
use sedge_sys::clock::Timestamp;
use sedge_workflow::{Next, Plan, RunState};
use serde_json::Value;

use crate::cx::Cx;
use crate::error::{AppError, LockUseError, RunUseError, WithinCallReason};
use crate::repository::Repository;
use crate::run::failed::failed_below;
use crate::run::find::RunIntent;
use crate::run::gate_log::{GateEnd, GateEntry, gate_entries, gates_overdue, ms};
use crate::run::view::{is_past_deadline, run_status_view};
use crate::secret::vault::{Redactors, Vault};
use crate::views::time;
use crate::workflow::gate_find::{GateFound, gate_find, gates_open_below};
use crate::workflow::inputs::text_redacted;

/// The gate to decide.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// The workflow's name.
    pub workflow: String,
    /// The gate: `JOB/STEP`, `JOB/EXPANSION`, or `JOB/STEP/JOB/STEP` for a gate of a nested
    /// workflow. The name of the step alone if the workflow has one step of that name.
    pub gate: String,
    /// The run's id; `None` if only one run waits.
    pub run: Option<String>,
    /// The reason, in the user's words.
    pub comment: Option<String>,
    /// The digest of what the user was shown, if the decision is to count only for that.
    pub shown: Option<String>,
}

/// Approves a gate for the user of `cx`. The run continues when it is resumed, or at once if a process
/// works on it.
///
/// # Errors
/// Returns an error if there is no such run, if it has no such open gate, or if the gate asks for
/// something else than what the user was shown.
pub fn workflow_approve(cx: &Cx, request: &GateRequest) -> Result<GateDecisionView, AppError> {
    gate_decide(cx, request, GateDecision::Approved)
}

/// Rejects a gate for the user of `cx`.
///
/// Steps that depend on the gate's success will not run. If no other step is left to run, the run
/// fails because of this gate.
///
/// # Errors
/// The same as for [`workflow_approve`].
pub fn workflow_reject(cx: &Cx, request: &GateRequest) -> Result<GateDecisionView, AppError> {
    gate_decide(cx, request, GateDecision::Rejected)
}

/// Decides a gate for the user of `cx`. Every face decides by this function.
fn gate_decide(
    cx: &Cx,
    request: &GateRequest,
    decision: GateDecision,
) -> Result<GateDecisionView, AppError> {
    let (repository, by) = (&*cx.repository, &cx.actor);
    let what = match decision {
        GateDecision::Approved => "workflow approve",
        GateDecision::Rejected => "workflow reject",
    };
    outside_of_calls(repository, what)?;
    let run =
        repository.run_of_workflow(&request.workflow, request.run.as_deref(), RunIntent::Decide);
    let run = run.or_else(|error| run_with_gate(repository, request, error));
    let run = run.map_err(|error| decided_before(repository, request, error))?;
    let found = gate_find(repository, run, &request.gate)?;
    deadline_check(repository, &found.run)?;
    let comment = match &request.comment {
        Some(comment) => {
            let root = repository.run_root(&found.run)?.id;
            let runs = [&root, &found.run.id];
            Some(text_redacted(repository, &runs, comment)?)
        }
        None => None,
    };
    let event = |gate: &GateEntry| RunEvent::GateDecided {
        gate: gate.gate.clone(),
        decision,
        by: by.clone(),
        comment: comment.clone(),
        shown: gate.digest().map(str::to_owned),
    };
    let digest = decision_append(repository, &found, request.shown.as_deref(), event);
    let digest = digest.map_err(|error| with_gates_below(repository, &found.run, error))?;
    drivers_wake(repository, &found.run);
    let decided = Decided {
        decision,
        by,
        digest,
    };
    decision_view(repository, &found, decided)
}

/// Returns the run whose gate the user means, if `error` is that several runs of the workflow have not
/// ended: the only one in which the gate is open. If it is open in none, returns the newest of them,
/// whose log says what became of the gate.
///
/// # Errors
/// `error` is another one, or the gate is open in several runs, which the error names.
fn run_with_gate(
    repository: &Repository,
    request: &GateRequest,
    error: AppError,
) -> Result<RunRecord, AppError> {
    let AppError::Run(RunUseError::SeveralFit {
        workflow,
        wanted,
        runs,
    }) = error
    else {
        return Err(error);
    };
    let store = repository.store()?;
    let mut newest = None;
    let mut open = Vec::new();
    for (id, _) in &runs {
        let run = store.run_get(id)?;
        if is_gate_open(repository, &run, &request.gate)? {
            open.push(run.clone());
        }
        newest.get_or_insert(run);
    }
    if let [run] = &open[..] {
        return Ok(run.clone());
    }
    match newest {
        Some(newest) if open.is_empty() => Ok(newest),
        Some(_) | None => Err(AppError::from(RunUseError::SeveralFit {
            workflow,
            wanted,
            runs: open
                .into_iter()
                .map(|run| (run.id, time(run.started_at)))
                .collect(),
        })),
    }
}

/// Returns whether a run, or the run of one of its nested workflows, waits at the gate that the user
/// names. A name that stands for several gates counts as open, because one of them may be.
fn is_gate_open(repository: &Repository, run: &RunRecord, gate: &str) -> Result<bool, AppError> {
    let found = match gate_find(repository, run.clone(), gate) {
        Ok(found) => found,
        Err(AppError::Run(RunUseError::GateMissing { .. })) => return Ok(false),
        Err(AppError::Run(RunUseError::GateAmbiguous { .. })) => return Ok(true),
        Err(error) => return Err(error),
    };
    let now = repository.clock().now();
    let gates = gate_entries(&repository.store()?.run_events(&found.run.id)?);
    Ok(gates
        .iter()
        .any(|it| it.gate == found.gate && it.end(now).is_none()))
}

/// Adds the open gates of nested workflows to the error for a gate that is not open.
fn with_gates_below(repository: &Repository, record: &RunRecord, error: AppError) -> AppError {
    let AppError::Run(RunUseError::GateMissing {
        workflow,
        run,
        gate,
        ..
    }) = error
    else {
        return error;
    };
    match gates_open_below(repository, record) {
        Ok(mut open) => {
            open.sort();
            AppError::from(RunUseError::GateMissing {
                workflow,
                run,
                gate,
                open,
            })
        }
        Err(error) => error,
    }
}

/// Refuses a decision in a run whose deadline has passed: the run fails whatever the user decides.
fn deadline_check(repository: &Repository, run: &RunRecord) -> Result<(), AppError> {
    if run.status.is_final() || !is_past_deadline(repository, run)? {
        return Ok(());
    }
    Err(AppError::from(RunUseError::State {
        run: run.id.clone(),
        is: "has passed its deadline, so it fails when it is resumed, and nothing can be decided"
            .to_owned(),
    }))
}

/// Returns the error for a gate if no run of its workflow waits: how the gate was decided, if that is
/// why the newest run has ended. Otherwise returns `error`.
fn decided_before(repository: &Repository, request: &GateRequest, error: AppError) -> AppError {
    let AppError::Run(RunUseError::NoneFits {
        latest: Some((latest, _)),
        ..
    }) = &error
    else {
        return error;
    };
    let decided = || -> Result<Option<AppError>, AppError> {
        let run = repository.store()?.run_get(latest)?;
        let found = gate_find(repository, run, &request.gate)?;
        let gates = gate_entries(&repository.store()?.run_events(&found.run.id)?);
        let gate = gates.iter().find(|gate| gate.gate == found.gate);
        let end = gate.and_then(|gate| gate.end(repository.clock().now()));
        Ok(end.and_then(|end| decided_error(&found, end)))
    };
    match decided() {
        Ok(Some(decided)) => decided,
        // The run that ended is not the one that the user means.
        Ok(None) | Err(_) => error,
    }
}

/// Returns the error for a gate that has an end; `None` if its step was skipped.
fn decided_error(found: &GateFound, end: GateEnd) -> Option<AppError> {
    let (run, gate) = (found.run.id.clone(), found.gate.clone());
    Some(AppError::from(match end {
        GateEnd::Expired { then, at } => RunUseError::GateExpired {
            run,
            gate,
            then,
            at: time(at),
        },
        GateEnd::Decided {
            decision,
            by,
            at,
            comment,
        } => RunUseError::GateDecided {
            run,
            gate,
            decision,
            by,
            at: time(at),
            comment,
        },
        GateEnd::Skipped => return None,
    }))
}

/// A decision that was written.
struct Decided<'a> {
    decision: GateDecision,
    by: &'a Actor,
    digest: Option<String>,
}

/// Wakes the driver of a run, and those of the runs that it is part of, if they are in this process.
fn drivers_wake(repository: &Repository, run: &RunRecord) {
    let mut waking = Some(run.clone());
    while let Some(run) = waking {
        repository.driver_signals().wake(&run.id);
        let parent = run.parent.map(|parent| repository.run_if_present(&parent));
        // ignored: the decision is written, and each driver finds it a little later by itself.
        waking = parent.and_then(Result::ok).flatten();
    }
}

/// Refuses a decision that the command of a call requests.
fn outside_of_calls(repository: &Repository, what: &str) -> Result<(), AppError> {
    let Some(joined) = repository.joined()? else {
        return Ok(());
    };
    Err(AppError::from(LockUseError::WithinCall {
        what: what.to_owned(),
        caller: joined.caller.to_string(),
        reason: WithinCallReason::Decides,
    }))
}

/// Writes the decision that `event` returns to the log of the gate's run, and returns the digest of
/// what was decided on. Gates whose deadline has passed are written as decided by it.
///
/// # Errors
/// The gate is not open, or `shown` is not its digest.
fn decision_append(
    repository: &Repository,
    found: &GateFound,
    shown: Option<&str>,
    event: impl FnOnce(&GateEntry) -> RunEvent,
) -> Result<Option<String>, AppError> {
    let run = &found.run.id;
    let plan = Arc::new(Plan::new(&found.workflow));
    let mut expired = None;
    let mut digest = None;
    repository
        .store()?
        .run_append(Author::Person(run), 0, |log| {
            let now = repository.clock().now();
            let gates = gate_entries(log);
            let mut events = gates_overdue(&gates, now);
            let Some(gate) = gates.iter().find(|gate| gate.gate == found.gate) else {
                return Err(found.missing(&gates, now));
            };
            match gate.end(now) {
                None => {
                    shown_check(run, gate, shown)?;
                    digest = gate.digest().map(str::to_owned);
                    events.push(event(gate));
                }
                // The log says so from now on, and the decision is refused.
                Some(end @ GateEnd::Expired { .. }) => expired = decided_error(found, end),
                Some(end @ (GateEnd::Decided { .. } | GateEnd::Skipped)) => {
                    let decided = decided_error(found, end);
                    return Err(decided.unwrap_or_else(|| found.missing(&gates, now)));
                }
            }
            let mut state = fold(run, &plan, log)?;
            followed(run, &mut state, &mut events, now)?;
            Ok::<_, AppError>(events.into_iter().map(LogEntry::from).collect())
        })?;
    match expired {
        Some(error) => Err(error),
        None => Ok(digest),
    }
}

/// Refuses a decision on something else than what the user was shown.
fn shown_check(run: &RunId, gate: &GateEntry, shown: Option<&str>) -> Result<(), AppError> {
    // ignored: no error is dropped; a gate of an earlier version of Sedge has no digest.
    let digest = gate.digest().unwrap_or_default();
    match shown {
        Some(shown) if shown != digest => Err(AppError::from(RunUseError::GateChanged {
            run: run.clone(),
            gate: gate.gate.clone(),
            digest: digest.to_owned(),
        })),
        Some(_) | None => Ok(()),
    }
}

/// Applies events that a user's command writes, and adds their consequences.
///
/// A process that works on the run applies the consequences itself. Otherwise, those that need no
/// step to run are added here: a rejected run has failed.
fn followed(
    run: &RunId,
    state: &mut RunState,
    events: &mut Vec<RunEvent>,
    now: Timestamp,
) -> Result<(), AppError> {
    for event in &*events {
        apply(run, state, event)?;
    }
    if events.is_empty() || !state.is_suspended() {
        return Ok(());
    }
    while let Next::Append(event) = state.next(ms(now)) {
        apply(run, state, &event)?;
        events.push(event);
    }
    Ok(())
}

/// Returns the view of a decision, and of the run that it belongs to.
fn decision_view(
    repository: &Repository,
    found: &GateFound,
    decided: Decided<'_>,
) -> Result<GateDecisionView, AppError> {
    let run = repository.store()?.run_get(&found.run.id)?;
    let root = repository.run_root(&run)?;
    Ok(GateDecisionView {
        run: found.run.id.to_string(),
        workflow: found.run.subject.clone(),
        gate: found.gate.to_string(),
        decision: match decided.decision {
            GateDecision::Approved => DecisionView::Approved,
            GateDecision::Rejected => DecisionView::Rejected,
        },
        decided_by: decided.by.name.clone(),
        digest: decided.digest,
        status: run_status_view(repository, &root)?,
        gates_open: gates_open_below(repository, &root)?,
        failed_steps: failed_below(repository, &root)?,
        file_changed: has_edits(repository, &root)?,
        root: RootRunView {
            run: root.id.to_string(),
            workflow: root.subject,
        },
    })
}

/// Returns the workflow as the run has it: as it was when the run was created, or with the edits
/// that a user has taken since.
pub(crate) fn run_workflow(repository: &Repository, run: &RunRecord) -> Result<Workflow, AppError> {
    let name: WorkflowName = run.subject.parse()?;
    // ignored: no error is dropped, because this is an `Option`.
    let text = repository.store()?.run_source(&run.id)?.unwrap_or_default();
    let file = SourceFile::new(format!("{} (as of run {})", name.file(), run.id), text);
    Ok(Workflow::parse(&file)?)
}

/// Returns whether the workflow's file says something else than the text that the run has. A file
/// that is missing or has faults differs from it.
pub(crate) fn has_edits(repository: &Repository, run: &RunRecord) -> Result<bool, AppError> {
    // ignored: no error is dropped, because this is an `Option`.
    let stored = repository.store()?.run_source(&run.id)?.unwrap_or_default();
    // ignored: a file that cannot be read is reported below.
    if repository
        .has_workflow_text(&run.subject, &stored)
        .unwrap_or(false)
    {
        return Ok(false);
    }
    let now = match repository.workflow(&run.subject) {
        Ok(workflow) => workflow,
        Err(error)
            if matches!(
                error.code(),
                ErrorCode::WorkflowMissing | ErrorCode::BadFile
            ) =>
        {
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let redactors = Vault::open(repository)?.redactors();
    Ok(source_kept(&now, &redactors) != stored)
}

/// Returns a workflow's text as the run stores it, with the values of secrets redacted in the
/// prompts.
///
/// Values elsewhere stay, because a run that is resumed needs its inputs unchanged.
pub(crate) fn source_kept(workflow: &Workflow, redactors: &Redactors) -> String {
    let mut text = workflow.file.text.clone();
    let mut prompts: Vec<&WrittenText> = workflow
        .steps()
        .filter_map(|step| step.task.prompt())
        .filter(|prompt| !prompt.span().is_empty())
        .collect();
    prompts.sort_by_key(|prompt| Reverse(prompt.span().start));
    for prompt in prompts {
        let Cow::Owned(redacted) = redactors.all.redact(prompt.as_str()) else {
            continue;
        };
        let mut changed = text.clone();
        changed.replace_range(prompt.span(), &Value::String(redacted).to_string());
        let file = SourceFile::new(workflow.file.name.clone(), changed);
        // A text that is not in YAML's quoted style may extend beyond its span.
        if let Ok(parsed) = Workflow::parse(&file) {
            text.clone_from(&parsed.file.text);
        }
    }
    text
}

/// Returns the state of a run, which is the fold of its log.
pub(crate) fn fold(
    run: &RunId,
    plan: &Arc<Plan>,
    log: &[EventRecord],
) -> Result<RunState, AppError> {
    let events = log.iter().map(|record| &record.event);
    RunState::fold(Arc::clone(plan), events).map_err(|source| {
        AppError::from(RunUseError::Log {
            run: run.clone(),
            source,
        })
    })
}

pub(crate) fn apply(run: &RunId, state: &mut RunState, event: &RunEvent) -> Result<(), AppError> {
    state.apply(event).map_err(|source| {
        AppError::from(RunUseError::Log {
            run: run.clone(),
            source,
        })
    })
}
