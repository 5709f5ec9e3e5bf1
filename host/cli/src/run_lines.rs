//! The events of a workflow's run as lines.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use sedge_api::Time;
use sedge_app::Event;
use sedge_app::types::{
    Actor, GateDeadline, Lineage, OnTimeout, RunId, StepAttempt, StepInstance, StepPath,
    WorkflowName,
};

use crate::{guest_text, show};

/// Turns the events of runs into lines. A step of a nested workflow has the path of the step that
/// runs the workflow in front.
#[derive(Debug, Default)]
pub(crate) struct RunLines {
    /// The path of the step of each child run, with a slash at its end.
    prefixes: HashMap<RunId, String>,
}

impl RunLines {
    /// Returns the line for an event; `None` if the event is not shown.
    pub(crate) fn line(&mut self, event: Event) -> Option<String> {
        Some(match event {
            Event::RunStarted { run } | Event::RunResumed { run } => format!("Run {run}"),
            Event::RunCancelling { run, by, reason } => cancelling(&run, &by, reason.as_deref()),
            Event::RunDeadlinePassed { run } => deadline_passed(&run),
            Event::WorkflowEdited { run, workflow } => edited(&run, &workflow),
            Event::JobSatisfied { run, job } => self.job_satisfied(&run, &job),
            Event::StepExpanded {
                run,
                step,
                n_instances,
            } => self.expanded(&run, &step, n_instances),
            Event::StepStarted { run, step } => self.started(&run, &step),
            Event::ChildStarted {
                run,
                step,
                child,
                workflow,
            } => self.child_started(&run, &step, child, &workflow),
            Event::CalledRunStarted {
                call,
                step,
                child,
                workflow,
            } => self.called_run(&call, step.as_ref(), child, &workflow),
            Event::StepRetried {
                run,
                step,
                error,
                pause,
            } => self.retried(&run, &step, &error, pause),
            Event::StepEnded {
                run,
                step,
                elapsed,
                succeeded,
                is_allowed,
            } => self.ended(&run, &step, end_word(succeeded, is_allowed), elapsed),
            Event::StepSatisfied { run, step } => {
                format!("{}: satisfied, its guard is true.", self.step(&run, &step))
            }
            Event::StepSkipped { run, step, because } => {
                format!("{}: skipped, {because}.", self.step(&run, &step))
            }
            Event::GateOpened {
                run,
                gate,
                prompt,
                deadline,
            } => self.gate_opened(&run, &gate, &prompt, deadline.as_ref()),
            Event::GateDecided {
                run,
                gate,
                decision,
                by,
            } => format!("{}: {} by {by}.", self.gate(&run, &gate), decision.as_str()),
            Event::GateExpired { run, gate, then } => self.gate_expired(&run, &gate, then),
            Event::GateReopened { run, gate } => self.gate_reopened(&run, &gate),
            Event::LockWaiting { .. }
            | Event::LockWaitEnded
            | Event::CallRolledBack { .. }
            | Event::ObservationRetried { .. }
            | Event::CallStarted { .. }
            | Event::CallEnded { .. }
            | Event::Logged { .. }
            | Event::Progress { .. }
            | Event::DefinitionUpgraded(_)
            | Event::PluginCompiled { .. }
            | Event::CacheUnusable { .. }
            | Event::PluginLogged { .. } => return None,
        })
    }

    /// Returns the line for the end of the items of a step with `forEach`.
    pub(crate) fn items_ended(&self, run: &RunId, step: &StepPath, counts: &str) -> String {
        format!("Step {}{step}: of its items, {counts}.", self.prefix(run))
    }

    fn job_satisfied(&self, run: &RunId, job: &dyn Display) -> String {
        let prefix = self.prefix(run);
        format!("Job {prefix}{job}: satisfied, its guard is true.")
    }

    fn expanded(&self, run: &RunId, step: &dyn Display, n_instances: usize) -> String {
        let n_items = show::count(n_instances, "item");
        format!("Step {}{step}: `forEach` has {n_items}.", self.prefix(run))
    }

    fn started(&self, run: &RunId, step: &StepAttempt) -> String {
        let name = self.step(run, &step.step);
        match step.attempt {
            1 => format!("{name}: started."),
            n => format!("{name}: started, attempt {n}."),
        }
    }

    fn child_started(
        &mut self,
        run: &RunId,
        step: &StepAttempt,
        child: RunId,
        workflow: &WorkflowName,
    ) -> String {
        let prefix = format!("{}{}/", self.prefix(run), step.step);
        let name = self.step(run, &step.step);
        let line = format!("{name}: started the run {child} of the workflow {workflow}.");
        self.prefixes.insert(child, prefix);
        line
    }

    /// The steps of the run have the path of the step in front whose call has started it, or else the
    /// id of the call.
    fn called_run(
        &mut self,
        call: &Lineage,
        step: Option<&StepInstance>,
        child: RunId,
        workflow: &WorkflowName,
    ) -> String {
        let of = self.prefix(call.run());
        let (caller, prefix) = match step {
            Some(step) => (format!("Step {of}{step}"), format!("{of}{step}/")),
            None => (format!("Call {call}"), of.to_owned()),
        };
        let line = format!("{caller}: started the run {child} of the workflow {workflow}.");
        self.prefixes.insert(child, prefix);
        line
    }

    fn ended(&self, run: &RunId, step: &StepAttempt, word: &str, elapsed: Duration) -> String {
        let name = self.step(run, &step.step);
        match elapsed {
            Duration::ZERO => format!("{name}: {word}."),
            elapsed => format!("{name}: {word} after {}.", show::duration(elapsed)),
        }
    }

    fn gate_expired(&self, run: &RunId, gate: &StepInstance, then: OnTimeout) -> String {
        let (gate, then) = (self.gate(run, gate), then_text(then));
        format!("{gate}: its deadline has passed: {then}.")
    }

    fn gate_reopened(&self, run: &RunId, gate: &StepPath) -> String {
        format!(
            "Gate {}{gate}: opened again, because the text or the inputs of the run, or a definition \
             or plugin that it uses, have changed since a user was asked.",
            self.prefix(run)
        )
    }

    fn prefix(&self, run: &RunId) -> &str {
        self.prefixes.get(run).map_or("", String::as_str)
    }

    fn step(&self, run: &RunId, step: &StepInstance) -> String {
        format!("Step {}{step}", self.prefix(run))
    }

    fn gate(&self, run: &RunId, gate: &StepInstance) -> String {
        format!("Gate {}{gate}", self.prefix(run))
    }

    fn retried(&self, run: &RunId, step: &StepAttempt, error: &str, pause: Duration) -> String {
        format!(
            "{}: attempt {} failed, the next one follows in {}: {}",
            self.step(run, &step.step),
            step.attempt,
            show::duration(pause),
            guest_text::line(error)
        )
    }

    fn gate_opened(
        &self,
        run: &RunId,
        gate: &StepInstance,
        prompt: &str,
        deadline: Option<&GateDeadline>,
    ) -> String {
        let mut line = format!("{}: waits for a decision", self.gate(run, gate));
        if let Some(deadline) = deadline {
            let at = Time::from_ms(u64::try_from(deadline.at_ms).unwrap_or(0));
            line.push_str(&format!(
                " until {}, then {}",
                show::time(at),
                then_text(deadline.then)
            ));
        }
        let prompt = guest_text::block(prompt, "");
        line.push_str(&match prompt.is_empty() {
            true => ".".to_owned(),
            false => format!(": {prompt}"),
        });
        line
    }
}

fn cancelling(run: &RunId, by: &Actor, reason: Option<&str>) -> String {
    let reason = reason.map(|it| format!(": {}", guest_text::line(it)));
    // ignored: no error is dropped, because this is an `Option`.
    let reason = reason.unwrap_or_default();
    format!("Run {run}: {by} cancelled it{reason}. What runs is being stopped.")
}

fn deadline_passed(run: &RunId) -> String {
    format!("Run {run}: its deadline has passed. What runs is being stopped.")
}

fn edited(run: &RunId, workflow: &WorkflowName) -> String {
    format!(
        "note: the file of the workflow `{workflow}` has changed since the run {run} began, and \
         the run continues with its own text"
    )
}

fn end_word(succeeded: bool, is_allowed: bool) -> &'static str {
    match (succeeded, is_allowed) {
        (true, _) => "succeeded",
        (false, true) => "failed (allowed)",
        (false, false) => "failed",
    }
}

fn then_text(then: OnTimeout) -> &'static str {
    match then {
        OnTimeout::Fail => "it fails",
        OnTimeout::Reject => "it is rejected",
        OnTimeout::Continue => "the run goes on WITHOUT approval",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(text: &str) -> StepInstance {
        let (job, step) = text.split_once('/').expect("a path");
        StepInstance::of(StepPath {
            job: job.parse().expect("a name"),
            step: step.parse().expect("a name"),
        })
    }

    fn attempt(text: &str, attempt: u32) -> StepAttempt {
        StepAttempt {
            step: instance(text),
            attempt,
        }
    }

    fn id(text: &str) -> RunId {
        text.parse().expect("an id")
    }

    #[test]
    fn step_of_a_nested_workflow_has_the_path_from_the_top() {
        let (top, child) = (id("000000000000"), id("111111111111"));
        let mut lines = RunLines::default();
        let started = lines.line(Event::ChildStarted {
            run: top,
            step: attempt("main/nested", 1),
            child: child.clone(),
            workflow: "n".parse().expect("a name"),
        });
        let expect = "Step main/nested: started the run 111111111111 of the workflow n.";
        assert_eq!(started.as_deref(), Some(expect));
        let gate = lines.line(Event::GateOpened {
            run: child,
            gate: instance("j/gate"),
            prompt: "go on?".to_owned(),
            deadline: None,
        });
        let expect = "Gate main/nested/j/gate: waits for a decision: go on?";
        assert_eq!(gate.as_deref(), Some(expect));
    }

    /// An event of the past was shown with the time that was left at the time of the display: none.
    #[test]
    fn pause_before_an_attempt_is_that_of_the_run() {
        let retried = RunLines::default().line(Event::StepRetried {
            run: id("000000000000"),
            step: attempt("j/a", 1),
            error: "no".to_owned(),
            pause: Duration::from_secs(2),
        });
        let expect = format!(
            "Step j/a: attempt 1 failed, the next one follows in {}: no",
            show::duration(Duration::from_secs(2))
        );
        assert_eq!(retried, Some(expect));
    }

    #[test]
    fn attempts_and_allowed_failures_are_marked() {
        let mut lines = RunLines::default();
        let run = id("000000000000");
        let again = lines.line(Event::StepStarted {
            run: run.clone(),
            step: attempt("j/a", 2),
        });
        assert_eq!(again.as_deref(), Some("Step j/a: started, attempt 2."));
        let ended = lines.line(Event::StepEnded {
            run,
            step: attempt("j/a", 2),
            elapsed: Duration::ZERO,
            succeeded: false,
            is_allowed: true,
        });
        assert_eq!(ended.as_deref(), Some("Step j/a: failed (allowed)."));
    }
}
