//! Bounds how many steps of a run have started and wait.
//!
//! A step that has started waits until the process admits its call, then until its call gets the lock
//! of its model, and then until it may execute. Each waiting step costs memory, and a step counts as
//! started while it waits. So the driver starts a step only if few others wait for the same: for the
//! process, or for the lock of the same model. Both are granted in the order of the requests, so a
//! step that the driver holds back could not begin earlier than the ones that wait. Nothing else
//! counts: not a call that has executed, whatever it waits for, a nested workflow, a gate or a retry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The maximum number of steps of a run that have started and wait for the process: for their
/// admission, or for the permit to execute.
///
/// The author of a workflow chooses how many steps are ready at once. The secrets and expressions of
/// a call are evaluated before it executes, so this is also how many steps of a run do that side by
/// side.
const OF_PROCESS_MAX: usize = 64;

/// The maximum number of steps of a run that have started and wait for the lock of the same model.
const OF_MODEL_MAX: usize = 16;

/// The steps of a run that have started and wait.
#[derive(Debug)]
pub(crate) struct StartWindow {
    waiting: Mutex<WaitingSteps>,
    /// Notified when the driver has a reason to start more steps.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct WaitingSteps {
    /// The steps that wait for their admission, or for the permit to execute.
    n_of_process: usize,
    /// The steps that do not have the lock of their model, admitted or not.
    by_model: HashMap<String, usize>,
}

/// One step that has started and may wait. Dropping it ends the waiting.
#[derive(Debug)]
pub(crate) struct StartPlace {
    window: Arc<StartWindow>,
    /// The model of the step, if its name is known before the run.
    model: Option<String>,
    stage: Mutex<StartStage>,
}

/// The room for steps that wait for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StartRoom {
    /// How many more steps may wait.
    pub(crate) n_free: usize,
    /// How many steps may wait in all.
    n_max: usize,
}

impl StartRoom {
    /// Returns whether half of the room is free: only then it is worth a transaction of its own to
    /// start more steps. Otherwise the next end of a step starts them in its transaction.
    pub(crate) fn is_half_free(self) -> bool {
        self.n_free >= self.n_max / 2
    }
}

/// How far a step that has started is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StartStage {
    /// It waits for its admission.
    Started,
    /// It waits for its locks.
    Admitted,
    /// It waits for the permit to execute.
    Locked,
    /// Its call has executed, or has ended.
    Executed,
}

impl StartStage {
    fn waits_for_process(self) -> bool {
        match self {
            Self::Started | Self::Locked => true,
            Self::Admitted | Self::Executed => false,
        }
    }
}

impl StartWindow {
    /// Returns an empty window. `changed` is notified when steps can start again.
    pub(crate) fn new(changed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            changed,
        })
    }

    /// Returns the room for steps that wait for the process.
    pub(crate) fn room(&self) -> StartRoom {
        let n = self.waiting().n_of_process;
        StartRoom {
            n_free: OF_PROCESS_MAX.saturating_sub(n),
            n_max: OF_PROCESS_MAX,
        }
    }

    /// Returns the room for steps that wait for the lock of this model.
    pub(crate) fn room_of(&self, model: &str) -> StartRoom {
        let n = self.waiting().by_model.get(model).copied();
        // ignored: an `Option`; no step waits for a model that is not listed.
        let n = n.unwrap_or_default();
        StartRoom {
            n_free: OF_MODEL_MAX.saturating_sub(n),
            n_max: OF_MODEL_MAX,
        }
    }

    /// Counts a step that starts.
    pub(crate) fn enter(self: &Arc<Self>, model: Option<&str>) -> Arc<StartPlace> {
        let mut waiting = self.waiting();
        waiting.n_of_process += 1;
        if let Some(model) = model {
            *waiting.by_model.entry(model.to_owned()).or_default() += 1;
        }
        Arc::new(StartPlace {
            window: Arc::clone(self),
            model: model.map(str::to_owned),
            stage: Mutex::new(StartStage::Started),
        })
    }

    /// Takes account of the next stage of a step. The driver is notified when half of the room is
    /// free: see [`StartRoom::is_half_free`].
    fn moved(&self, model: Option<&str>, before: StartStage, stage: StartStage) {
        let mut waiting = self.waiting();
        match (before.waits_for_process(), stage.waits_for_process()) {
            (true, false) => {
                waiting.n_of_process -= 1;
                if waiting.n_of_process == OF_PROCESS_MAX / 2 {
                    self.changed.notify_one();
                }
            }
            (false, true) => waiting.n_of_process += 1,
            (true, true) | (false, false) => {}
        }
        if before < StartStage::Locked
            && stage >= StartStage::Locked
            && let Some(model) = model
        {
            self.locked(&mut waiting, model);
        }
    }

    fn locked(&self, waiting: &mut WaitingSteps, model: &str) {
        let Some(n) = waiting.by_model.get_mut(model) else {
            return;
        };
        *n -= 1;
        let n = *n;
        if n == 0 {
            waiting.by_model.remove(model);
        }
        if n == OF_MODEL_MAX / 2 {
            self.changed.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingSteps> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StartPlace {
    /// Marks that the process has admitted the call of the step.
    pub(crate) fn admitted(&self) {
        self.reach(StartStage::Admitted);
    }

    /// Marks that the call has its locks.
    pub(crate) fn locked(&self) {
        self.reach(StartStage::Locked);
    }

    /// Marks that the code of the call has begun to execute, or that the call has ended.
    pub(crate) fn executed(&self) {
        self.reach(StartStage::Executed);
    }

    /// A call that is rolled back passes the same stages again. They count once.
    fn reach(&self, stage: StartStage) {
        let mut now = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if *now < stage {
            let before = std::mem::replace(&mut *now, stage);
            self.window.moved(self.model.as_deref(), before, stage);
        }
    }
}

impl Drop for StartPlace {
    fn drop(&mut self) {
        self.executed();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn window() -> (Arc<StartWindow>, Arc<Notify>) {
        let changed = Arc::new(Notify::new());
        (StartWindow::new(Arc::clone(&changed)), changed)
    }

    fn is_notified(changed: &Notify) -> bool {
        let notified = pin!(changed.notified());
        notified
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn step_counts_until_it_has_its_lock_and_executes() {
        let (window, _) = window();
        let one = window.enter(Some("a"));
        let two = window.enter(None);
        // The room of the process and of the model that is taken.
        let taken = || {
            let of_process = OF_PROCESS_MAX - window.room().n_free;
            (of_process, OF_MODEL_MAX - window.room_of("a").n_free)
        };
        assert_eq!(taken(), (2, 1));
        assert_eq!(window.room_of("b").n_free, OF_MODEL_MAX);
        one.admitted();
        one.admitted();
        assert_eq!(taken(), (1, 1));
        one.locked();
        assert_eq!(taken(), (2, 0));
        one.executed();
        assert_eq!(taken(), (1, 0));
        // It was rolled back.
        one.admitted();
        one.locked();
        one.executed();
        drop(one);
        assert_eq!(taken(), (1, 0));
        drop(two);
        assert_eq!(taken(), (0, 0));
    }

    #[test]
    fn step_that_ends_while_it_waits_counts_no_more() {
        let (window, _) = window();
        drop(window.enter(Some("a")));
        assert_eq!(window.room().n_free, OF_PROCESS_MAX);
        assert_eq!(window.room_of("a").n_free, OF_MODEL_MAX);
    }

    #[test]
    fn driver_is_notified_when_half_of_the_room_is_free() {
        let (window, changed) = window();
        let mut places: Vec<_> = (0..OF_PROCESS_MAX).map(|_| window.enter(None)).collect();
        assert_eq!(window.room().n_free, 0);
        places.truncate(OF_PROCESS_MAX / 2 + 1);
        assert!(!is_notified(&changed));
        places.truncate(OF_PROCESS_MAX / 2);
        assert!(is_notified(&changed));
        places.clear();
        places.extend((0..OF_MODEL_MAX).map(|_| window.enter(Some("a"))));
        for place in &places {
            place.admitted();
        }
        assert_eq!(window.room_of("a").n_free, 0);
        places.truncate(OF_MODEL_MAX / 2 + 1);
        assert!(!is_notified(&changed));
        places.truncate(OF_MODEL_MAX / 2);
        assert!(is_notified(&changed));
    }
}
