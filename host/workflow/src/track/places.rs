//! Moves an instance between the sets of the tracker.

use std::num::NonZeroU32;

use super::{RetryRank, TrackedPlace, Tracker};
use crate::facts::{HandItem, InstanceKey};
use crate::plan::Plan;
use crate::queue::SlotOf;

impl Tracker {
    /// Takes all instances of a step out of their places.
    pub(super) fn leave_all(&mut self, plan: &Plan, step: u32) {
        let places = std::mem::take(&mut self.steps[step as usize].places);
        for (item, place) in (0..).zip(places) {
            if let Some(place) = place {
                self.leave(plan, InstanceKey { step, item }, place);
            }
        }
    }

    /// Takes an instance out of its place.
    pub(super) fn leave(&mut self, plan: &Plan, key: InstanceKey, place: TrackedPlace) {
        let rank = Self::rank(plan, HandItem::Instance(key));
        let of = slot_of(plan, key);
        match place {
            TrackedPlace::Nowhere => {}
            TrackedPlace::Active { takes_slot } => {
                self.n_active -= 1;
                if takes_slot {
                    self.n_slots -= 1;
                    self.steps[of.step as usize].n_slots -= 1;
                    self.jobs[of.job as usize].n_slots -= 1;
                    self.limits_changed(plan, of);
                }
            }
            TrackedPlace::Skip => {
                self.skips.remove(&key);
            }
            TrackedPlace::Free => {
                self.free.remove(&rank);
            }
            TrackedPlace::Slot => {
                self.n_ready -= 1;
                self.slots.remove(of, rank);
            }
            TrackedPlace::Retry { at_ms, takes_slot } => {
                let rank = RetryRank { at_ms, key };
                self.pauses.remove(&rank);
                match takes_slot {
                    true => self.retries.remove(of, rank),
                    false => {
                        self.retries_free.remove(&rank);
                    }
                }
            }
            TrackedPlace::Gate { deadline_ms } => {
                self.gates.remove(&key);
                if let Some(at_ms) = deadline_ms {
                    self.deadlines.remove(&(at_ms, key));
                }
            }
            TrackedPlace::Child => {
                self.children.remove(&key);
            }
        }
    }

    /// Puts an instance into its place.
    pub(super) fn enter(&mut self, plan: &Plan, key: InstanceKey, place: TrackedPlace) {
        let rank = Self::rank(plan, HandItem::Instance(key));
        let of = slot_of(plan, key);
        match place {
            TrackedPlace::Nowhere => {}
            TrackedPlace::Active { takes_slot } => {
                self.n_active += 1;
                if takes_slot {
                    self.n_slots += 1;
                    self.steps[of.step as usize].n_slots += 1;
                    self.jobs[of.job as usize].n_slots += 1;
                    self.limits_changed(plan, of);
                }
            }
            TrackedPlace::Skip => {
                self.skips.insert(key);
            }
            TrackedPlace::Free => {
                self.free.insert(rank);
            }
            TrackedPlace::Slot => {
                self.n_ready += 1;
                self.slots.insert(of, rank);
            }
            TrackedPlace::Retry { at_ms, takes_slot } => {
                let rank = RetryRank { at_ms, key };
                self.pauses.insert(rank);
                match takes_slot {
                    true => self.retries.insert(of, rank),
                    false => {
                        self.retries_free.insert(rank);
                    }
                }
            }
            TrackedPlace::Gate { deadline_ms } => {
                self.gates.insert(key);
                if let Some(at_ms) = deadline_ms {
                    self.deadlines.insert((at_ms, key));
                }
            }
            TrackedPlace::Child => {
                self.children.insert(key);
            }
        }
    }

    /// Holds a step back, or releases it.
    pub(crate) fn hold(&mut self, plan: &Plan, step: u32, is_held: bool) {
        self.steps[step as usize].is_held = is_held;
        self.limits_changed(plan, slot_of(plan, InstanceKey { step, item: 0 }));
    }

    /// Sets in the queues whether the limits of a step and its job are reached, and whether the step
    /// is held back.
    fn limits_changed(&mut self, plan: &Plan, of: SlotOf) {
        let is_below =
            |n: u32, limit: Option<NonZeroU32>| limit.is_none_or(|limit| n < limit.get());
        let n_step = self.steps[of.step as usize].n_slots;
        let n_job = self.jobs[of.job as usize].n_slots;
        let is_held = self.steps[of.step as usize].is_held;
        let is_step_open = !is_held && is_below(n_step, plan.step_at(of.step).concurrency);
        let is_job_open = is_below(n_job, plan.job_at(of.job).concurrency);
        self.slots.set_open(of, is_step_open, is_job_open);
        self.retries.set_open(of, is_step_open, is_job_open);
    }
}

fn slot_of(plan: &Plan, key: InstanceKey) -> SlotOf {
    SlotOf {
        job: plan.step_at(key.step).job,
        step: key.step,
    }
}
