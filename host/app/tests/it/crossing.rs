//! Two calls that wait for each other, so that the second one is rolled back and retried.

use sedge_app::types::CallError;
use sedge_app::{AppError, RunFailed};
use serde_json::{Value, json};

use crate::fixture::{House, until, words};
use crate::shown::Recorded;

/// The end of the call that closed the cycle.
pub(crate) struct Crossed {
    /// Its result.
    pub(crate) ended: Result<Value, CallError>,
    /// Its run.
    pub(crate) run: Recorded,
}

impl Crossed {
    /// Returns how often the calls of the run were rolled back.
    pub(crate) fn n_rollbacks(&self) -> u32 {
        self.run.calls.iter().map(|it| it.n_rollbacks).sum()
    }

    /// Returns the result of a call that was retried.
    pub(crate) fn value(&self) -> &Value {
        match &self.ended {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the error of a call that was not retried: a deadlock.
    pub(crate) fn deadlock(&self) -> &CallError {
        match &self.ended {
            Ok(value) => panic!("it was retried: {value}"),
            Err(error) => {
                assert_eq!(error.code(), "deadlock", "{error}");
                error
            }
        }
    }
}

/// Makes a call of the model `left` and one of the model `right` wait for each other.
///
/// Each performs its steps, the last of which requests the lock of the other model. `left` closes the
/// cycle: when it performs its last step, `right` waits for it already. Both guests and `signal` have
/// to know the steps `await` and `write`.
pub(crate) async fn crossed(house: &House, left: &[Value], right: &[Value]) -> Crossed {
    let has_begun = |model: &str| {
        let locks = house.locks();
        locks
            .iter()
            .any(|it| it.held && it.model.as_deref() == Some(model))
    };
    let n_waiting = || house.locks().iter().filter(|it| !it.held).count();
    let signal = |name: &str| json!({"steps": [{"write": [name, 1]}]});
    let steer = async {
        until("both have begun", || {
            has_begun("left") && has_begun("right")
        })
        .await;
        house.value("signal", "run", signal("meet")).await;
        until("`right` waits for `left`", || n_waiting() == 1).await;
        house.value("signal", "run", signal("go")).await;
    };
    let (left, right, ()) = tokio::join!(
        house.run("left", "run", steps_after("go", left)),
        house.run("right", "run", steps_after("meet", right)),
        steer,
    );
    right.unwrap_or_else(|error| panic!("`right` had only to wait: {}", words(&error)));
    match left {
        Ok(report) => Crossed {
            ended: Ok(report.value),
            run: house.show(&report.run),
        },
        Err(AppError::Failed(RunFailed::Call(failed))) => Crossed {
            run: house.show(&failed.run),
            ended: Err(failed.source),
        },
        Err(other) => panic!("{}", words(&other)),
    }
}

/// Returns the arguments of a call that waits for a signal before its last step.
fn steps_after(signal: &str, steps: &[Value]) -> Value {
    let (last, before) = steps.split_last().expect("a step that crosses");
    let mut steps = before.to_vec();
    steps.push(json!({"await": ["signal", signal]}));
    steps.push(last.clone());
    json!({"steps": steps})
}
