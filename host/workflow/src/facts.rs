//! What the events of a log say, without what follows from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sedge_model::run::{EvaluationPlace, Expansion, ExpansionName, RunStatus, StepInstance};

use crate::instance::InstanceState;
use crate::plan::Plan;
use crate::reopen::ReopenedGates;

/// The result of a job's guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobGuardEnd {
    /// The steps of the job have to run.
    Passed,
    /// The steps of the job are done already.
    Satisfied,
    /// The guard has no value that can be used: the job failed.
    Failed,
}

/// The index of an instance: its step, and its expansion. A step without `forEach`, and one that is
/// not expanded, has one instance with the number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceKey {
    pub(crate) step: u32,
    pub(crate) item: u32,
}

/// Something that the driver works on before it can write an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HandItem {
    /// The guard of a job.
    JobGuard(u32),
    /// A guard, a `forEach` or the start of an instance.
    Instance(InstanceKey),
}

/// What the events of a log say.
#[derive(Debug, Clone)]
pub(crate) struct RunFacts {
    pub(crate) steps: Vec<StepFacts>,
    /// The results of the guards of jobs.
    pub(crate) guards: Vec<Option<JobGuardEnd>>,
    /// The calls of expressions, in the order of the log.
    pub(crate) evaluations: BTreeMap<EvaluationPlace, Vec<u32>>,
    /// The gates that were opened again.
    pub(crate) reopened: ReopenedGates,
    pub(crate) n_calls: u32,
    pub(crate) is_suspended: bool,
    pub(crate) is_released: bool,
    pub(crate) is_cancelling: bool,
    pub(crate) deadline_passed: bool,
    pub(crate) ended: Option<RunStatus>,
    /// What the driver has in hand. It is not in the log.
    pub(crate) hand: BTreeSet<HandItem>,
}

/// What the events say about one step.
#[derive(Debug, Clone)]
pub(crate) struct StepFacts {
    /// The state of the step, or of a `forEach` step before it is expanded.
    whole: InstanceState,
    items: Option<StepItems>,
}

/// The expansions of a `forEach` step.
#[derive(Debug, Clone)]
struct StepItems {
    expansions: Vec<Expansion>,
    states: Vec<InstanceState>,
    by_name: HashMap<ExpansionName, u32>,
}

impl RunFacts {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            steps: plan.steps().map(|_| StepFacts::new()).collect(),
            guards: vec![None; plan.jobs().len()],
            evaluations: BTreeMap::new(),
            reopened: ReopenedGates::default(),
            n_calls: 0,
            is_suspended: false,
            is_released: false,
            is_cancelling: false,
            deadline_passed: false,
            ended: None,
            hand: BTreeSet::new(),
        }
    }

    pub(crate) fn step(&self, step: u32) -> &StepFacts {
        &self.steps[step as usize]
    }

    pub(crate) fn state(&self, key: InstanceKey) -> &InstanceState {
        let step = self.step(key.step);
        match &step.items {
            Some(items) => &items.states[key.item as usize],
            None => &step.whole,
        }
    }

    pub(crate) fn set(&mut self, key: InstanceKey, state: InstanceState) {
        let step = &mut self.steps[key.step as usize];
        match &mut step.items {
            Some(items) => items.states[key.item as usize] = state,
            None => step.whole = state,
        }
    }

    /// Returns whether nothing more starts.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_cancelling || self.deadline_passed
    }

    /// Returns the keys of all instances of all steps, in the author's order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = InstanceKey> {
        (0..)
            .zip(&self.steps)
            .flat_map(|(step, facts)| facts.keys(step))
    }

    /// Returns whether a `forEach` step has to be expanded next.
    pub(crate) fn expands_next(&self, plan: &Plan, key: InstanceKey) -> bool {
        plan.step_at(key.step).is_for_each && self.step(key.step).items.is_none()
    }

    /// Returns whether an attempt of an instance starts next: it is expanded, and its guard was
    /// evaluated.
    pub(crate) fn starts_next(&self, plan: &Plan, key: InstanceKey) -> bool {
        let is_guard_open =
            plan.step_at(key.step).has_guard && *self.state(key) == InstanceState::Waiting;
        !self.expands_next(plan, key) && !is_guard_open
    }

    /// Returns the key of an instance.
    pub(crate) fn key(&self, plan: &Plan, instance: &StepInstance) -> Option<InstanceKey> {
        let step = plan.step_index(&instance.path)?;
        let item = match (&self.step(step).items, &instance.expansion) {
            (None, None) => 0,
            (Some(items), Some(name)) => *items.by_name.get(name)?,
            (None, Some(_)) | (Some(_), None) => return None,
        };
        Some(InstanceKey { step, item })
    }

    /// Returns the instance with a key.
    pub(crate) fn instance(&self, plan: &Plan, key: InstanceKey) -> StepInstance {
        let items = self.step(key.step).items.as_ref();
        StepInstance {
            path: plan.step_at(key.step).path.clone(),
            expansion: items.map(|it| it.expansions[key.item as usize].name.clone()),
        }
    }
}

impl StepFacts {
    fn new() -> Self {
        Self {
            whole: InstanceState::Waiting,
            items: None,
        }
    }

    /// Returns the expansions; `None` if the step has no `forEach` or is not expanded.
    pub(crate) fn expansions(&self) -> Option<&[Expansion]> {
        self.items.as_ref().map(|it| &it.expansions[..])
    }

    /// Returns the states of all instances.
    pub(crate) fn states(&self) -> &[InstanceState] {
        match &self.items {
            Some(items) => &items.states,
            None => std::slice::from_ref(&self.whole),
        }
    }

    pub(crate) fn keys(&self, step: u32) -> impl Iterator<Item = InstanceKey> + use<> {
        let n = u32::try_from(self.states().len()).expect("a step has fewer than 2^32 expansions");
        (0..n).map(move |item| InstanceKey { step, item })
    }

    /// Expands a `forEach` step. Returns the name that two expansions have, if there is one; nothing
    /// is changed then.
    pub(crate) fn expand(&mut self, expansions: &[Expansion]) -> Result<(), ExpansionName> {
        let mut by_name = HashMap::with_capacity(expansions.len());
        for (at, expansion) in (0..).zip(expansions) {
            if by_name.insert(expansion.name.clone(), at).is_some() {
                return Err(expansion.name.clone());
            }
        }
        self.items = Some(StepItems {
            expansions: expansions.to_vec(),
            states: vec![InstanceState::Waiting; expansions.len()],
            by_name,
        });
        Ok(())
    }

    /// Forgets all that happened to the step.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }
}
