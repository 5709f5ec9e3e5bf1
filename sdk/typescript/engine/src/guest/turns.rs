//! The event loop. One turn runs all jobs (what follows settled promises), then the timers that are
//! due, and then waits for what becomes ready first.

use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Persistent, Promise, Runtime, Value};

use super::bindings::wasi::clocks::monotonic_clock;
use super::bindings::wasi::io::poll::{Pollable, poll};
use super::faults;
use super::script::Script;
use super::state::{self, Rejection, SavedFunction, SavedValue, State};

/// How often a loop that is busy with timers looks at what it waits for, in nanoseconds: the resolution
/// of the host's clocks.
const BUSY_POLL_NANOS: u64 = 1_000_000;

/// What an export has returned or thrown.
pub(super) type Settled = Result<SavedValue, SavedValue>;

/// Remembers the promises that are rejected and that nothing handles.
pub(super) fn watch_rejections(runtime: &Runtime) {
    runtime.set_host_promise_rejection_tracker(Some(Box::new(rejection_changed)));
}

fn rejection_changed<'js>(cx: Ctx<'js>, promise: Value<'js>, reason: Value<'js>, is_handled: bool) {
    if is_handled {
        forget_rejection(&cx, &promise);
        return;
    }
    let promise = Persistent::save(&cx, promise);
    let reason = Persistent::save(&cx, reason);
    state::with(|state| state.rejections.push(Rejection { promise, reason }));
}

/// Forgets a promise that is handled, if it was rejected.
fn forget_rejection<'js>(cx: &Ctx<'js>, promise: &Value<'js>) {
    let forgotten = state::with(|state| {
        // The last ones are the most likely to be handled now.
        let at = state.rejections.iter().rposition(|rejection| {
            let rejected = rejection.promise.clone().restore(cx);
            rejected.is_ok_and(|rejected| rejected == *promise)
        });
        at.map(|at| state.rejections.swap_remove(at))
    });
    drop(forgotten);
}

/// Runs all jobs. Returns what one of them has thrown; the others are not run then.
pub(super) fn run_jobs(script: &Script) -> Option<SavedValue> {
    loop {
        match script.runtime.execute_pending_job() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(_) => return Some(script.context.with(|cx| Persistent::save(&cx, cx.catch()))),
        }
        if state::with(|state| state.aborted.is_some()) {
            return None;
        }
    }
}

/// Runs the loop until a promise is settled. A value that is no promise is settled already.
pub(super) fn settle(script: &Script, value: &SavedValue) -> Settled {
    let mut polled_at = 0;
    loop {
        if let Some(thrown) = run_jobs(script) {
            return Err(thrown);
        }
        if let Some(thrown) = state::with(|state| state.aborted.take()) {
            return Err(thrown);
        }
        // What the export itself is rejected with is its outcome.
        script.context.with(|cx| {
            if let Ok(promise) = value.clone().restore(&cx) {
                forget_rejection(&cx, &promise);
            }
        });
        if report_rejections(script) {
            continue;
        }
        if let Some(settled) = script.context.with(|cx| settled(&cx, value)) {
            return settled;
        }
        let is_busy = fire_timers(script);
        if state::with(|state| state.aborted.is_some()) || (is_busy && !is_time_to_poll(polled_at))
        {
            continue;
        }
        if !is_busy && state::with(|state| state.waits.is_empty() && state.timers.is_empty()) {
            return Err(never(script));
        }
        let ready = state::with(|state| wait(state, is_busy));
        polled_at = monotonic_clock::now();
        script.context.with(|cx| resolve(&cx, ready));
    }
}

fn is_time_to_poll(polled_at: u64) -> bool {
    let is_waiting = state::with(|state| !state.waits.is_empty());
    is_waiting && monotonic_clock::now() >= polled_at.saturating_add(BUSY_POLL_NANOS)
}

fn settled(cx: &Ctx<'_>, value: &SavedValue) -> Option<Settled> {
    let Ok(restored) = value.clone().restore(cx) else {
        return Some(Err(value.clone()));
    };
    let Ok(promise) = Promise::from_value(restored) else {
        return Some(Ok(value.clone()));
    };
    let result = match promise.state() {
        PromiseState::Pending => return None,
        PromiseState::Resolved | PromiseState::Rejected => promise.result::<Value<'_>>()?,
    };
    Some(match result {
        Ok(value) => Ok(Persistent::save(cx, value)),
        Err(_) => Err(Persistent::save(cx, cx.catch())),
    })
}

/// Tells the script about promises that were rejected and that nothing handles. Returns whether there
/// were any.
fn report_rejections(script: &Script) -> bool {
    let (rejections, callback) = state::with(|state| {
        (
            std::mem::take(&mut state.rejections),
            state.on_unhandled.clone(),
        )
    });
    let Some(callback) = callback.filter(|_| !rejections.is_empty()) else {
        return false;
    };
    script.context.with(|cx| {
        for rejection in rejections {
            let called = callback
                .clone()
                .restore(&cx)
                .and_then(|callback| callback.call::<_, ()>((rejection.reason, rejection.promise)));
            if called.is_err() {
                abort(&cx);
            }
        }
    });
    true
}

/// Ends the call with the exception that a callback has thrown.
fn abort(cx: &Ctx<'_>) {
    let thrown = Persistent::save(cx, cx.catch());
    state::with(|state| {
        state.aborted.get_or_insert(thrown);
    });
}

/// Runs the timers that are due, each with the jobs that follow it. Returns whether there were any.
fn fire_timers(script: &Script) -> bool {
    if state::with(|state| state.timers.is_empty()) {
        return false;
    }
    let now = monotonic_clock::now();
    let mut is_busy = false;
    while let Some(callback) = state::with(|state| state.timers.take_due(now)) {
        is_busy = true;
        script.context.with(|cx| call(&cx, callback));
        if let Some(thrown) = run_jobs(script) {
            state::with(|state| {
                state.aborted.get_or_insert(thrown);
            });
        }
        if state::with(|state| state.aborted.is_some()) {
            break;
        }
    }
    is_busy
}

fn call(cx: &Ctx<'_>, callback: SavedFunction) {
    let called = callback
        .restore(cx)
        .and_then(|callback| callback.call::<_, ()>(()));
    if called.is_err() {
        abort(cx);
    }
}

/// Waits until something is ready or a timer is due; does not wait if the loop is busy. Returns the
/// functions to call.
fn wait(state: &mut State, is_busy: bool) -> Vec<SavedFunction> {
    let due = match is_busy {
        true => Some(0),
        false => state.timers.next_due(),
    };
    let timer: Option<Pollable> = due.map(monotonic_clock::subscribe_instant);
    let pollables: Vec<&Pollable> = state
        .waits
        .values()
        .map(|wait| &wait.pollable)
        .chain(&timer)
        .collect();
    let ready = poll(&pollables);
    let handles: Vec<u32> = state.waits.keys().copied().collect();
    let handles = ready
        .into_iter()
        .filter_map(|index| handles.get(index as usize));
    let waits = handles.filter_map(|handle| state.waits.remove(handle));
    waits.flat_map(|wait| wait.resolvers).collect()
}

fn resolve(cx: &Ctx<'_>, ready: Vec<SavedFunction>) {
    for resolver in ready {
        let resolved = resolver
            .restore(cx)
            .and_then(|it| it.call::<_, ()>((true,)));
        if resolved.is_err() {
            abort(cx);
        }
    }
}

fn never(script: &Script) -> SavedValue {
    script.context.with(|cx| {
        let value = match faults::object(&cx, "never-ready", "never-ready", None) {
            Ok(object) => object.into_value(),
            Err(_) => cx.catch(),
        };
        Persistent::save(&cx, value)
    })
}
