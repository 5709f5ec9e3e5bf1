//! Holds back steps that are ready and could only wait.
//!
//! A step starts only if few others of the run wait for the same: see [`StartWindow`]. The steps
//! that are held back start in the order of their weights, as room gets free. Each is looked at
//! once when it is held back and once when it is released, so that a run stays linear in its size.
//!
//! [`StartWindow`]: crate::call::StartWindow

use std::sync::Arc;

use sedge_model::run::StepInstance;
use sedge_workflow::{TaskKind, Todo};

use super::{Drive, DriveState};
use crate::call::StartPlace;

/// What a step that is held back would wait for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum HeldFor {
    /// The process: its admission, or the permit to execute.
    Process,
    /// The lock of this model.
    Model(String),
}

/// Whether something that is ready can be done now.
pub(super) enum Room {
    /// It can. If it is the start of a method, it has this place among the steps that wait.
    Free(Option<Arc<StartPlace>>),
    /// The step would only wait.
    Full(HeldFor),
}

impl Drive {
    /// Returns whether there is room for something that is ready. Only the start of a method may
    /// find none.
    pub(super) fn room(&self, todo: &Todo) -> Room {
        let Some(step) = method_start(todo) else {
            return Room::Free(None);
        };
        let model = self.written_step(step).task.model_named();
        if let Some(model) = model
            && self.window.room_of(model).n_free == 0
        {
            return Room::Full(HeldFor::Model(model.to_owned()));
        }
        match self.window.room().n_free {
            0 => Room::Full(HeldFor::Process),
            _ => Room::Free(Some(self.window.enter(model))),
        }
    }

    /// Holds a step back.
    pub(super) fn hold(&self, state: &mut DriveState, todo: &Todo, reason: HeldFor) {
        let step = method_start(todo).expect("only the start of a method is held back");
        let order = self.plan.order(&step.path);
        let order = order.expect("the state has only steps of the workflow");
        state.run.hold(order);
        state.held.entry(reason).or_default().insert(order);
    }

    /// Releases as many steps as there is room for. If nothing else `is_written`, their start is a
    /// transaction of its own, so they are released only if there is much room.
    pub(super) fn held_release(&self, state: &mut DriveState, is_written: bool) {
        let DriveState { held, run, .. } = state;
        held.retain(|reason, steps| {
            let room = match reason {
                HeldFor::Process => self.window.room(),
                HeldFor::Model(model) => self.window.room_of(model),
            };
            if !is_written && !room.is_half_free() {
                return true;
            }
            for _ in 0..room.n_free {
                match steps.pop_first() {
                    Some(step) => run.release(step),
                    None => return false,
                }
            }
            !steps.is_empty()
        });
    }
}

/// Returns the step whose method starts.
fn method_start(todo: &Todo) -> Option<&StepInstance> {
    match todo {
        Todo::Start {
            step,
            kind: TaskKind::Method,
            ..
        } => Some(&step.step),
        Todo::Start {
            kind: TaskKind::Workflow | TaskKind::Gate | TaskKind::Assert,
            ..
        }
        | Todo::JobGuard(_)
        | Todo::Guard(_)
        | Todo::Expand(_) => None,
    }
}
