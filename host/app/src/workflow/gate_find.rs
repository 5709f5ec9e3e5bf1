//! Finds the gate that a user names, also in the run of a nested workflow.

use std::collections::{HashMap, HashSet};

use sedge_lang::workflow::Workflow;
use sedge_model::names::RunId;
use sedge_model::run::{GateDecision, RunEvent, RunStatus, StepInstance, StepPath};
use sedge_store::{EventRecord, RunRecord};
use sedge_sys::clock::Timestamp;

use crate::error::{AppError, RunUseError};
use crate::repository::Repository;
use crate::run::gate_log::{GateEnd, GateEntry, gate_entries};
use crate::workflow::gates::run_workflow;

/// A gate, and the run that has it.
#[derive(Debug)]
pub(crate) struct GateFound {
    pub(crate) run: RunRecord,
    pub(crate) workflow: Workflow,
    pub(crate) gate: StepInstance,
    /// The name that the user gave.
    named: String,
}

/// What a name stands for in a run.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// A step or an expansion of the run itself.
    Own(StepInstance),
    /// A gate of this child run; the text is its name there.
    OfChild(RunId, String),
    /// Several steps have the name, or expansions of one step: these.
    Several(Vec<String>),
    /// Nothing has the name.
    Nothing,
}

impl GateFound {
    /// Returns the error for a gate that is not open, and that no one has decided.
    pub(crate) fn missing(&self, gates: &[GateEntry], now: Timestamp) -> AppError {
        let open = gates.iter().filter(|gate| gate.end(now).is_none());
        let mut open: Vec<String> = open.map(|gate| gate.gate.to_string()).collect();
        open.sort();
        AppError::from(RunUseError::GateMissing {
            workflow: self.workflow.name.clone(),
            run: self.run.id.clone(),
            gate: self.named.clone(),
            open,
        })
    }
}

/// Finds a gate of a run, or of the run of a nested workflow that the run has started.
///
/// The name alone decides, and not which gates are open: these may change while the run continues,
/// and the same name would then decide another gate.
///
/// # Errors
/// Nothing has the name, or several steps have it.
pub(crate) fn gate_find(
    repository: &Repository,
    run: RunRecord,
    name: &str,
) -> Result<GateFound, AppError> {
    let (mut run, mut named) = (run, name.to_owned());
    // Each round takes the path of a step off the name, so the name is exhausted at some time.
    loop {
        let workflow = run_workflow(repository, &run)?;
        let log = repository.store()?.run_events(&run.id)?;
        match gate_named(&workflow, &log, &named) {
            Named::Own(gate) => {
                return Ok(GateFound {
                    run,
                    workflow,
                    gate,
                    named: name.to_owned(),
                });
            }
            Named::OfChild(child, rest) => {
                run = repository.store()?.run_get(&child)?;
                named = rest;
            }
            Named::Several(steps) => {
                return Err(AppError::from(RunUseError::GateAmbiguous {
                    workflow: workflow.name,
                    gate: name.to_owned(),
                    steps,
                }));
            }
            Named::Nothing => {
                return Err(AppError::from(RunUseError::GateMissing {
                    workflow: workflow.name,
                    gate: name.to_owned(),
                    open: gates_open_below(repository, &run)?,
                    run: run.id,
                }));
            }
        }
    }
}

/// Returns what a name stands for: a path, or the name of the only step that has it.
fn gate_named(workflow: &Workflow, log: &[EventRecord], name: &str) -> Named {
    let expansions = expansions(log);
    let mut named: Vec<&StepPath> = Vec::new();
    for step in workflow.steps() {
        let path = &step.path;
        let of_step = expansions.get(path).into_iter().flatten();
        if let Some(expansion) = of_step.into_iter().find(|it| it.to_string() == name) {
            return Named::Own((*expansion).clone());
        }
        if path.step.as_str() == name || path.to_string() == name {
            named.push(path);
        }
    }
    match named[..] {
        [path] => match expansions.get(path) {
            Some(all) => Named::Several(all.iter().map(ToString::to_string).collect()),
            None => Named::Own(StepInstance::of(path.clone())),
        },
        [] => child_named(log, name),
        [_, _, ..] => Named::Several(named.iter().map(ToString::to_string).collect()),
    }
}

fn child_named(log: &[EventRecord], name: &str) -> Named {
    let of_child = |(step, child): &(StepInstance, RunId)| {
        let rest = name.strip_prefix(&step.to_string())?.strip_prefix('/')?;
        Some(Named::OfChild(child.clone(), rest.to_owned()))
    };
    let children = children(log);
    children.iter().find_map(of_child).unwrap_or(Named::Nothing)
}

/// Returns the expansions of all steps with `forEach`.
fn expansions(log: &[EventRecord]) -> HashMap<StepPath, Vec<StepInstance>> {
    let mut found = HashMap::new();
    for EventRecord { event, .. } in log {
        if let RunEvent::Expanded { step, items, .. } = event {
            let instance = |name| StepInstance {
                path: step.clone(),
                expansion: Some(name),
            };
            let all = items.iter().map(|item| instance(item.name.clone()));
            found.insert(step.clone(), all.collect());
        }
    }
    found
}

/// Returns the runs of the nested workflows that a run has started, each with its step. Of several
/// attempts at a step, the last one counts.
pub(crate) fn children(log: &[EventRecord]) -> Vec<(StepInstance, RunId)> {
    let mut found: Vec<(StepInstance, RunId)> = Vec::new();
    let mut places: HashMap<StepInstance, usize> = HashMap::new();
    for EventRecord { event, .. } in log {
        if let Some((step, child)) = event.child_run() {
            let entry = (step.clone(), child.clone());
            match places.get(step) {
                Some(place) => found[*place] = entry,
                None => {
                    places.insert(step.clone(), found.len());
                    found.push(entry);
                }
            }
        }
    }
    found
}

/// Returns the paths of the gates that wait in a run and in the runs of its nested workflows.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn gates_open_below(
    repository: &Repository,
    run: &RunRecord,
) -> Result<Vec<String>, AppError> {
    let now = repository.clock().now();
    let mut open = Vec::new();
    for below in runs_below(repository, run)? {
        let gates = gate_entries(&below.log);
        let gates = gates.iter().filter(|gate| gate.end(now).is_none());
        open.extend(gates.map(|gate| format!("{}{}", below.prefix, gate.gate)));
    }
    Ok(open)
}

/// Returns the gates of a run and of the runs of its nested workflows that users have rejected: for
/// each, a sentence with the user and the reason.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn gates_rejected(
    repository: &Repository,
    run: &RunId,
) -> Result<Vec<String>, AppError> {
    let now = repository.clock().now();
    let mut rejected = Vec::new();
    let mut pending = vec![(run.clone(), String::new())];
    while let Some((run, prefix)) = pending.pop() {
        // An event names a child run before it exists, and also if it never does.
        if repository.run_if_present(&run)?.is_none() {
            continue;
        }
        let log = repository.store()?.run_events(&run)?;
        for (step, child) in children(&log).into_iter().rev() {
            pending.push((child, format!("{prefix}{step}/")));
        }
        for gate in gate_entries(&log) {
            if let Some(GateEnd::Decided {
                decision: GateDecision::Rejected,
                by,
                comment,
                ..
            }) = gate.end(now)
            {
                let why = comment.map_or(String::new(), |it| format!(": {it}"));
                let gate = &gate.gate;
                rejected.push(format!("gate `{prefix}{gate}` was rejected by {by}{why}"));
            }
        }
    }
    Ok(rejected)
}

/// Returns whether a run has failed because a gate was rejected, its own or one of a nested workflow.
/// A gate or a nested workflow that may fail (`allowFailure`) is no reason.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn failed_by_rejection(repository: &Repository, run: &RunId) -> Result<bool, AppError> {
    let now = repository.clock().now();
    let mut pending = vec![run.clone()];
    while let Some(run) = pending.pop() {
        let Some(record) = repository.run_if_present(&run)? else {
            continue;
        };
        if record.status != RunStatus::Failed {
            continue;
        }
        let workflow = run_workflow(repository, &record)?;
        let allowed = workflow.steps().filter(|step| step.allow_failure);
        let allowed: HashSet<&StepPath> = allowed.map(|step| &step.path).collect();
        let log = repository.store()?.run_events(&run)?;
        let gates = gate_entries(&log);
        let mut counts = gates.iter().filter(|it| !allowed.contains(&it.gate.path));
        if counts.any(|gate| gate.is_rejected(now)) {
            return Ok(true);
        }
        let children = children(&log).into_iter();
        let children = children.filter(|(step, _)| !allowed.contains(&step.path));
        pending.extend(children.map(|(_, child)| child));
    }
    Ok(false)
}

/// Returns the path of a gate that a user has approved, of a run or of the runs of its nested workflows;
/// `None` if there is none.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn gate_approved(
    repository: &Repository,
    run: &RunId,
) -> Result<Option<String>, AppError> {
    let now = repository.clock().now();
    let mut pending = vec![(run.clone(), String::new())];
    while let Some((run, prefix)) = pending.pop() {
        // An event names a child run before it exists, and also if it never does.
        if repository.run_if_present(&run)?.is_none() {
            continue;
        }
        let log = repository.store()?.run_events(&run)?;
        let gates = gate_entries(&log);
        let approved = gates.iter().find(|gate| gate.is_approved(now));
        if let Some(gate) = approved {
            return Ok(Some(format!("{prefix}{}", gate.gate)));
        }
        for (step, child) in children(&log) {
            pending.push((child, format!("{prefix}{step}/")));
        }
    }
    Ok(None)
}

/// A run, or the run of a nested workflow.
#[derive(Debug)]
pub(crate) struct RunBelow {
    pub(crate) run: RunRecord,
    pub(crate) log: Vec<EventRecord>,
    /// The path of its step, with a slash at the end; empty for the run itself.
    pub(crate) prefix: String,
}

/// Returns a run, and all runs of its nested workflows that have not ended.
///
/// # Errors
/// The datastore cannot be read.
pub(crate) fn runs_below(
    repository: &Repository,
    run: &RunRecord,
) -> Result<Vec<RunBelow>, AppError> {
    let store = repository.store()?;
    let mut found = Vec::new();
    let mut pending = vec![(run.clone(), String::new())];
    while let Some((run, prefix)) = pending.pop() {
        let log = store.run_events(&run.id)?;
        for (step, child) in children(&log).into_iter().rev() {
            // The driver creates the child after it has written the event.
            let child = repository.run_if_present(&child)?;
            if let Some(child) = child.filter(|child| !child.status.is_final()) {
                pending.push((child, format!("{prefix}{step}/")));
            }
        }
        found.push(RunBelow { run, log, prefix });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sedge_lang::diagnostic::SourceFile;
    use sedge_model::run::{Expansion, StepAttempt};
    use serde_json::Value;

    use super::*;

    const WORKFLOW: &str = "\
name: w
jobs:
  - name: staging
    steps:
      - {name: gate, task: {type: manual_approval}}
      - {name: only, task: {type: manual_approval}}
      - {name: nested, task: {type: workflow, workflowIdOrName: n}}
  - name: production
    steps:
      - {name: gate, task: {type: manual_approval}}
      - name: each
        forEach: {item: it, in: [a, b]}
        task: {type: manual_approval}
";

    fn path(text: &str) -> StepPath {
        let (job, step) = text.split_once('/').expect("a path");
        StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        }
    }

    fn log() -> Vec<EventRecord> {
        let expansion = |name: &str| Expansion {
            name: name.parse().expect("a name"),
            item: Value::from(name).into(),
        };
        let events = [
            RunEvent::Expanded {
                step: path("production/each"),
                items: vec![expansion("each[0]"), expansion("b")],
                environment: BTreeSet::new(),
            },
            RunEvent::StepStarted {
                step: StepAttempt {
                    step: StepInstance::of(path("staging/nested")),
                    attempt: 1,
                },
                call: 1,
                child: Some("000000000000".parse().expect("an id")),
            },
        ];
        let record = |event| EventRecord {
            seq: 1,
            at: Timestamp(0),
            event,
        };
        events.into_iter().map(record).collect()
    }

    fn check(name: &str, expect: &str) {
        let file = SourceFile::new("w.yaml", WORKFLOW);
        let workflow = Workflow::parse(&file).expect("it has no faults");
        let named = match gate_named(&workflow, &log(), name) {
            Named::Own(gate) => gate.to_string(),
            Named::OfChild(run, rest) => format!("{run}: {rest}"),
            Named::Several(steps) => format!("one of {}", steps.join(", ")),
            Named::Nothing => "nothing".to_owned(),
        };
        assert_eq!(named, expect, "{name}");
    }

    #[test]
    fn path_is_always_accepted() {
        check("staging/gate", "staging/gate");
        check("production/gate", "production/gate");
        check("staging/only", "staging/only");
        check("production/each[0]", "production/each[0]");
        check("production/b", "production/b");
        check("staging/nested/main/gate", "000000000000: main/gate");
    }

    #[test]
    fn name_of_a_step_counts_only_if_one_step_has_it() {
        check("only", "staging/only");
        check("gate", "one of staging/gate, production/gate");
        check("each", "one of production/each[0], production/b");
        check("b", "nothing");
        check("other", "nothing");
        check("staging/other", "nothing");
    }
}
