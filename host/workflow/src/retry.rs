//! Whether and when a failed step is tried again.

use std::time::Duration;

use sedge_lang::workflow::Retry;
use sedge_model::call::CallError;
use sedge_model::run::{RunStatus, StepError};

/// The pause after the first attempt, unless the file sets another one.
const BACKOFF: Duration = Duration::from_secs(1);

/// The longest pause, unless the file sets another one.
const BACKOFF_MAX: Duration = Duration::from_mins(1);

/// The failures after which a step is tried again, unless the file lists others.
const ON: [&str; 4] = ["failed", "trapped", "timed-out", "busy"];

/// What happens after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPlan {
    n_attempts: u32,
    backoff: Duration,
    backoff_max: Duration,
    has_jitter: bool,
    /// The words and codes; `None` stands for [`ON`].
    on: Option<Vec<String>>,
}

impl RetryPlan {
    pub(crate) fn new(retry: &Retry) -> Self {
        let backoff = retry.backoff.as_ref();
        let backoff = backoff.map_or(BACKOFF, |it| Duration::from_millis(it.value.ms()));
        let most = retry.backoff_max.as_ref();
        Self {
            n_attempts: retry.attempts,
            backoff,
            backoff_max: most.map_or(BACKOFF_MAX.max(backoff), |it| {
                Duration::from_millis(it.value.ms())
            }),
            has_jitter: retry.has_jitter,
            on: retry
                .on
                .as_ref()
                .map(|on| on.iter().map(|it| it.value.clone()).collect()),
        }
    }

    /// Returns how many attempts there are at most, with the first one.
    #[must_use]
    pub fn n_attempts(&self) -> u32 {
        self.n_attempts
    }

    /// Returns how long the step pauses after the attempt with the number `attempt` failed with
    /// `error`; `None` if there is no further attempt.
    ///
    /// `random` is evenly distributed. The pause is that part of its full length, unless the file
    /// says `jitter: false`.
    #[must_use]
    pub fn next_pause(&self, attempt: u32, error: &StepError, random: u64) -> Option<Duration> {
        if attempt >= self.n_attempts || !self.is_on(error) {
            return None;
        }
        let full = self.pause_full(attempt);
        if !self.has_jitter {
            return Some(full);
        }
        let part = (full.as_millis() * u128::from(random)) >> 64;
        let part = u64::try_from(part).expect("a part of a pause is shorter than the pause");
        Some(Duration::from_millis(part))
    }

    /// Returns the pause after an attempt: it doubles after each, up to the longest.
    fn pause_full(&self, attempt: u32) -> Duration {
        let n_doubled = attempt.saturating_sub(1);
        let factor = 1_u32.checked_shl(n_doubled).unwrap_or(u32::MAX);
        let pause = self.backoff.checked_mul(factor);
        pause.map_or(self.backoff_max, |it| it.min(self.backoff_max))
    }

    fn is_on(&self, error: &StepError) -> bool {
        let (word, code) = words(error);
        let is_listed = |it: &str| match &self.on {
            Some(on) => on.iter().any(|on| on == it),
            None => ON.contains(&it),
        };
        word.is_some_and(is_listed) || code.is_some_and(is_listed)
    }
}

/// Returns the word of an error in the list `on`, and the code that a plugin chose for it. An error
/// without either is never tried again: another attempt would end in the same way, or a user has
/// stopped the step.
fn words(error: &StepError) -> (Option<&'static str>, Option<&str>) {
    match error {
        StepError::Call(error) => match error {
            CallError::Failed(failure) => (Some("failed"), Some(&failure.code)),
            CallError::Trapped { .. } => (Some("trapped"), None),
            CallError::TimedOut { .. } => (Some("timed-out"), None),
            CallError::LockTimeout { .. } | CallError::Deadlock { .. } => (Some("busy"), None),
            CallError::NotFound { .. }
            | CallError::InvalidInput { .. }
            | CallError::Denied { .. }
            | CallError::Cycle { .. }
            | CallError::Limit { .. }
            | CallError::ChecksFailed { .. }
            | CallError::ChangedMeanwhile { .. }
            | CallError::Cancelled
            | CallError::LockLost => (None, None),
        },
        StepError::Assert { .. }
        | StepError::Child {
            status: RunStatus::Failed,
            ..
        } => (Some("failed"), None),
        StepError::Child {
            status:
                RunStatus::Running
                | RunStatus::Suspended
                | RunStatus::Succeeded
                | RunStatus::Cancelled
                | RunStatus::Interrupted,
            ..
        }
        | StepError::Expression { .. }
        | StepError::GateExpired => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::diagnostic::SourceFile;
    use sedge_lang::workflow::Workflow;
    use sedge_model::call::{LimitName, MethodFailure};
    use sedge_model::names::RunId;
    use sedge_model::run::AssertSeverity;

    use super::*;

    fn plan(retry: &str) -> RetryPlan {
        let text = format!(
            "name: w\njobs:\n- name: j\n  steps:\n  - name: a\n    retry: {retry}\n    \
             task: {{type: model_method, modelIdOrName: m, methodName: r}}\n"
        );
        let workflow = Workflow::parse(&SourceFile::new("w.yaml", text)).expect("a workflow");
        let step = workflow.steps().next().expect("a step");
        RetryPlan::new(&step.retry.as_ref().expect("a retry").value)
    }

    fn failed(code: &str) -> StepError {
        StepError::Call(CallError::Failed(MethodFailure {
            code: code.to_owned(),
            message: String::new(),
            details: None,
            keep_writes: false,
            backtrace: Vec::new(),
        }))
    }

    fn seconds(plan: &RetryPlan, attempt: u32) -> Option<f32> {
        let pause = plan.next_pause(attempt, &failed("c"), u64::MAX);
        pause.map(|it| it.as_secs_f32())
    }

    #[test]
    fn pause_doubles_up_to_the_longest() {
        let no_jitter = plan("{attempts: 100, jitter: false}");
        for (attempt, expect) in [
            (1, 1.0),
            (2, 2.0),
            (6, 32.0),
            (7, 60.0),
            (40, 60.0),
            (99, 60.0),
        ] {
            assert_eq!(seconds(&no_jitter, attempt), Some(expect), "{attempt}");
        }
        assert_eq!(seconds(&no_jitter, 100), None);
        let set = plan("{attempts: 9, jitter: false, backoff: 5m, maxBackoff: 7m}");
        assert_eq!(seconds(&set, 1), Some(300.0));
        assert_eq!(seconds(&set, 2), Some(420.0));
        let long = plan("{attempts: 9, jitter: false, backoff: 5m}");
        assert_eq!(
            seconds(&long, 2),
            Some(300.0),
            "the longest is not shorter than the first"
        );
    }

    #[test]
    fn pause_with_jitter_is_a_part_of_its_length() {
        let plan = plan("3");
        let pause = |random| plan.next_pause(2, &failed("c"), random);
        assert_eq!(pause(0), Some(Duration::ZERO));
        assert_eq!(pause(u64::MAX / 2 + 1), Some(Duration::from_secs(1)));
        assert_eq!(pause(u64::MAX), Some(Duration::from_millis(1_999)));
    }

    #[test]
    fn list_says_which_failures_are_tried_again() {
        let errors = [
            ("failed", failed("not-reachable")),
            (
                "trapped",
                StepError::Call(CallError::Trapped {
                    message: String::new(),
                    backtrace: Vec::new(),
                }),
            ),
            (
                "timed-out",
                StepError::Call(CallError::TimedOut { after_ms: 1 }),
            ),
            (
                "busy",
                StepError::Call(CallError::Deadlock {
                    ours: Vec::new(),
                    theirs: Vec::new(),
                    difference: None,
                }),
            ),
            (
                "busy",
                StepError::Call(CallError::LockTimeout {
                    resource: String::new(),
                    holders: Vec::new(),
                    waited_ms: 1,
                }),
            ),
            (
                "failed",
                StepError::Child {
                    run: RunId::from_bits(1),
                    status: RunStatus::Failed,
                },
            ),
            (
                "failed",
                StepError::Assert {
                    message: String::new(),
                    severity: AssertSeverity::High,
                },
            ),
        ];
        for (word, error) in &errors {
            let is_tried = |on: &str| {
                let plan = plan(&format!("{{attempts: 2{on}}}"));
                plan.next_pause(1, error, 0).is_some()
            };
            assert!(is_tried(""), "{error:?}");
            for on in ON {
                assert_eq!(
                    is_tried(&format!(", on: [{on}]")),
                    on == *word,
                    "{on} {error:?}"
                );
            }
        }
        let own = plan("{attempts: 2, on: [not-reachable]}");
        assert!(own.next_pause(1, &failed("not-reachable"), 0).is_some());
        assert!(own.next_pause(1, &failed("other"), 0).is_none());
    }

    #[test]
    fn error_that_would_repeat_is_not_tried_again() {
        for error in [
            StepError::Call(CallError::Cancelled),
            StepError::Call(CallError::Denied {
                reason: String::new(),
            }),
            StepError::Call(CallError::Limit {
                name: LimitName::MemoryBytes,
                value: 1,
            }),
            StepError::Expression {
                message: String::new(),
            },
            StepError::GateExpired,
            StepError::Child {
                run: RunId::from_bits(1),
                status: RunStatus::Cancelled,
            },
        ] {
            assert_eq!(plan("2").next_pause(1, &error, 0), None, "{error:?}");
        }
    }
}
