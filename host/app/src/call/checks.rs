//! The checks of a type, which decide whether a method may run.
//!
//! They run after the call has its locks and its record has begun. So their results still hold when
//! the method begins, and a failure is in the record of the call.
//!
//! A check runs in a sandbox of its own, like the method, and may only read: see
//! `Permissions::for_check`. Its host calls have no external effect, so the call can still be
//! rolled back afterwards.

use std::sync::Arc;

use sedge_lang::definition::CheckSelection;
use sedge_lang::type_info::{CheckSpec, MethodKind, TypeInfo};
use sedge_model::call::{
    CallError, CheckFailure, LogLevel, LogLine, MethodFailure, Outcome, Refusals,
};
use sedge_model::permission::FileAccess;
use sedge_model::permission::effective::Permissions;
use sedge_model::run::CheckSkips;
use sedge_runtime::{
    BoxFuture, CHECK_FAILED, CallIdentity, CallPart, CallReport, CallSpec, CalleeError, CallsPort,
    Ports, RequestFault, Staging, StagingAbove,
};
use serde_json::Value;

use super::fault::AttemptFault;
use super::sealed::SealedSeen;
use super::{ReadyCall, part_run};
use crate::error::{AppError, ModelError};
use crate::repository::near_one;
use crate::run::cx::RunCx;

/// The maximum size of the message of one check in the record of a call, in bytes.
///
/// The plugin chooses the text, and the record has the messages of all checks that failed.
const CHECK_MESSAGE_BYTES_MAX: usize = 2 << 10;

/// The maximum number of log lines of all checks of one call that are recorded.
///
/// The checks come before the method, so a plugin could otherwise fill the log of the call several
/// times. The user sees all lines while the checks run.
const CHECK_LOG_LINES_MAX: usize = 1000;

/// Checks that each name and each label of checks to skip exists in one of the types.
///
/// # Errors
/// The first name or label that does not exist.
pub(crate) fn check_skips_known<'a>(
    skips: &CheckSkips,
    types: impl IntoIterator<Item = &'a TypeInfo>,
) -> Result<(), AppError> {
    if skips.names.is_empty() && skips.labels.is_empty() {
        return Ok(());
    }
    let (mut names, mut labels) = (Vec::new(), Vec::new());
    for check in types.into_iter().flat_map(|info| &info.checks) {
        names.push(check.name.to_string());
        labels.extend(check.labels.iter().map(ToString::to_string));
    }
    let known = [
        ("check", &skips.names, names),
        ("label of checks", &skips.labels, labels),
    ];
    for (what, given, mut known) in known {
        known.sort();
        known.dedup();
        if let Some(unknown) = given.iter().find(|it| !known.contains(it)) {
            return Err(AppError::from(ModelError::CheckMissing {
                what,
                near: near_one(unknown, &known),
                name: unknown.clone(),
                known,
            }));
        }
    }
    Ok(())
}

/// Returns whether the user skips a check.
fn is_skipped_by_user(skips: &CheckSkips, check: &CheckSpec) -> bool {
    let is_labelled = |label: &String| check.labels.iter().any(|it| it.as_str() == label);
    skips.all
        || skips.names.iter().any(|it| it == check.name.as_str())
        || skips.labels.iter().any(is_labelled)
}

/// Why a check does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skipped {
    /// The definition skips it. That is the normal state of the model.
    ByDefinition,
    /// The user skips it for this run.
    ByUser,
}

/// Returns why a check does not run; `None` if it runs. A check that the definition skips never
/// runs, also if the definition requires it. A check that the definition requires runs although the
/// user skips it.
fn skipped(check: &CheckSpec, chosen: &CheckSelection, skips: &CheckSkips) -> Option<Skipped> {
    let name = check.name.as_str();
    if chosen.skip.iter().any(|it| it.value == name) {
        return Some(Skipped::ByDefinition);
    }
    if chosen.require.iter().any(|it| it.value == name) {
        return None;
    }
    is_skipped_by_user(skips, check).then_some(Skipped::ByUser)
}

/// The results of the checks of a call.
#[derive(Debug, Default)]
pub(super) struct CheckResults {
    failures: Vec<CheckFailure>,
    log: Vec<LogLine>,
    /// The attempts of the failed checks that the host refused.
    refusals: Refusals,
    /// The error of a call that the host stopped while a check ran.
    stopped: Option<CallError>,
}

impl CheckResults {
    /// Returns the report of the call if a check failed or the call was stopped, and `None` if the
    /// method may run.
    pub(super) fn refused(&mut self) -> Option<CallReport> {
        if let Some(stopped) = self.stopped.take() {
            return Some(CallReport {
                log: std::mem::take(&mut self.log),
                ..CallReport::refused(stopped)
            });
        }
        if self.failures.is_empty() {
            return None;
        }
        let failures = std::mem::take(&mut self.failures);
        Some(CallReport {
            log: std::mem::take(&mut self.log),
            refusals: std::mem::take(&mut self.refusals),
            ..CallReport::refused(CallError::ChecksFailed { failures })
        })
    }

    /// Returns the log of the checks followed by that of the method.
    pub(super) fn log_before(self, of_method: Vec<LogLine>) -> Vec<LogLine> {
        let mut log = self.log;
        log.extend(of_method);
        log
    }

    fn log_add(&mut self, lines: impl IntoIterator<Item = LogLine>) {
        let room = CHECK_LOG_LINES_MAX.saturating_sub(self.log.len());
        self.log.extend(lines.into_iter().take(room));
    }
}

/// Runs the checks of a call, one after the other, and returns the results of all of them. `method`
/// is the call of the method that they decide on, and `sealed` has the sealed fields that it has
/// seen.
///
/// # Errors
/// The host itself failed.
pub(super) async fn checks_run(
    cx: &RunCx,
    ready: &ReadyCall,
    method: &CallSpec,
    sealed: &SealedSeen,
) -> Result<CheckResults, AttemptFault> {
    let mut results = CheckResults::default();
    let info = ready.model.plugin.type_info();
    let Some(spec) = info.method(ready.method.as_str()) else {
        return Ok(results);
    };
    for check in info.checks_of(spec) {
        match skipped(check, &ready.model.definition.checks, cx.check_skips()) {
            Some(Skipped::ByDefinition) => continue,
            Some(Skipped::ByUser) => {
                results.log_add([skip_line(check)]);
                continue;
            }
            None => {}
        }
        let spec = check_spec(method, check);
        let report = part_run(cx, &ready.model, spec, sealed).await?;
        results.log_add(report.log.into_iter().map(|line| of_check(line, check)));
        let Err(error) = report.result else {
            continue;
        };
        if error == CallError::Cancelled {
            // The host stops the call, whatever its checks would have decided.
            results.stopped = Some(error);
            break;
        }
        results.failures.push(failure(check, &error));
        if !report.refusals.is_empty() {
            results.refusals = report.refusals;
        }
        // The checks share the time of the call, so the others would not end either.
        if let CallError::TimedOut { .. } = error {
            break;
        }
    }
    Ok(results)
}

/// Returns the parameters of a check: those of the method, without anything that could change
/// something.
fn check_spec(method: &CallSpec, check: &CheckSpec) -> CallSpec {
    let identity = &method.identity;
    let permissions = Arc::new(identity.permissions.for_check());
    let mut surroundings = method.surroundings.clone();
    for folder in &mut surroundings.folders {
        folder.access = FileAccess::Read;
    }
    let ports = Ports {
        calls: Some(Arc::new(NoCalls(Arc::clone(&permissions)))),
        commands: None,
        // Without this port, the host does not mark the call as one that has had an effect.
        effects: None,
        ..method.ports.clone()
    };
    CallSpec {
        identity: Arc::new(CallIdentity {
            model: identity.model.clone(),
            model_id: identity.model_id.clone(),
            tags: identity.tags.clone(),
            method: identity.method.clone(),
            kind: MethodKind::Read,
            lineage: identity.lineage.clone(),
            step: identity.step.clone(),
            permissions,
            uses: Arc::clone(&identity.uses),
            begin: identity.begin,
            deadline: identity.deadline,
            limits: identity.limits,
        }),
        part: CallPart::Check(check.name.clone()),
        arguments: Arc::clone(&method.arguments),
        global_arguments: Arc::clone(&method.global_arguments),
        surroundings,
        staging: Staging::new(
            identity.model.clone(),
            identity.lineage.clone(),
            StagingAbove::Caller(Arc::clone(&method.staging)),
            0,
        ),
        ports,
        secrets: method.secrets.clone(),
        admission: None,
        first_executed: method.first_executed.clone(),
    }
}

/// Refuses the nested calls of a check.
struct NoCalls(Arc<Permissions>);

impl CallsPort for NoCalls {
    fn call(
        &self,
        _: u32,
        target: String,
        _: String,
        _: Value,
    ) -> BoxFuture<Result<Outcome, RequestFault<CalleeError>>> {
        let reason = match self.0.model(&target, "call") {
            Err(denial) => denial.to_string(),
            Ok(()) => "a check may not call methods".to_owned(),
        };
        let refused = CalleeError::refused(CallError::Denied { reason });
        Box::pin(async { Err(RequestFault::Guest(refused)) })
    }
}

/// Returns the failure of a check. An error that is not the check's own says that it did not end.
fn failure(check: &CheckSpec, error: &CallError) -> CheckFailure {
    let mut message = match error {
        CallError::Failed(MethodFailure { code, message, .. }) if code == CHECK_FAILED => {
            message.clone()
        }
        CallError::Failed(_)
        | CallError::NotFound { .. }
        | CallError::InvalidInput { .. }
        | CallError::Denied { .. }
        | CallError::LockTimeout { .. }
        | CallError::Deadlock { .. }
        | CallError::ChangedMeanwhile { .. }
        | CallError::Cycle { .. }
        | CallError::Limit { .. }
        | CallError::Trapped { .. }
        | CallError::ChecksFailed { .. }
        | CallError::TimedOut { .. }
        | CallError::Cancelled
        | CallError::LockLost => format!("it could not be decided: {error}"),
    };
    if message.len() > CHECK_MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(CHECK_MESSAGE_BYTES_MAX));
        message.push_str(" [cut]");
    }
    CheckFailure {
        check: check.name.to_string(),
        message,
    }
}

/// Adds the name of its check to a log line.
fn of_check(mut line: LogLine, check: &CheckSpec) -> LogLine {
    let name = Value::String(check.name.to_string());
    line.fields.push(("check".to_owned(), name));
    line
}

fn skip_line(check: &CheckSpec) -> LogLine {
    LogLine {
        level: LogLevel::Warn,
        message: format!("the check `{}` was skipped", check.name),
        fields: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::yaml::Located;

    use super::*;

    fn check_of(name: &str, labels: &[&str]) -> CheckSpec {
        CheckSpec {
            name: name.parse().expect("a name"),
            description: "Checks it".into(),
            applies_to: Vec::new(),
            labels: labels
                .iter()
                .map(|it| it.parse().expect("a label"))
                .collect(),
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn chosen(require: &str, skip: &str) -> CheckSelection {
        let located = |text: &str| {
            let located = |value| Located { value, span: 0..0 };
            words(text).into_iter().map(located).collect()
        };
        CheckSelection {
            require: located(require),
            skip: located(skip),
        }
    }

    #[test]
    fn definition_decides_before_the_user() {
        let small = check_of("small", &["policy"]);
        let check = |chosen: CheckSelection, skips: CheckSkips, expect: Option<Skipped>| {
            assert_eq!(
                skipped(&small, &chosen, &skips),
                expect,
                "{chosen:?} {skips:?}"
            );
        };
        let all = || CheckSkips {
            all: true,
            ..CheckSkips::default()
        };
        let named = |names: &str, labels: &str| CheckSkips {
            all: false,
            names: words(names),
            labels: words(labels),
        };
        check(chosen("", ""), CheckSkips::default(), None);
        check(chosen("", ""), all(), Some(Skipped::ByUser));
        check(chosen("", ""), named("small", ""), Some(Skipped::ByUser));
        check(chosen("", ""), named("", "policy"), Some(Skipped::ByUser));
        check(chosen("", ""), named("other", "network"), None);
        check(chosen("small", ""), all(), None);
        check(chosen("small", ""), named("small", "policy"), None);
        check(chosen("small", "small"), all(), Some(Skipped::ByDefinition));
        check(
            chosen("", "small"),
            CheckSkips::default(),
            Some(Skipped::ByDefinition),
        );
    }

    #[test]
    fn message_of_a_check_is_cut() {
        let small = check_of("small", &[]);
        let failed = |code: &str, message: String| {
            failure(
                &small,
                &CallError::Failed(MethodFailure {
                    code: code.to_owned(),
                    message,
                    details: None,
                    keep_writes: false,
                    backtrace: Vec::new(),
                }),
            )
        };
        let long = failed(CHECK_FAILED, "é".repeat(CHECK_MESSAGE_BYTES_MAX));
        assert!(long.message.len() < CHECK_MESSAGE_BYTES_MAX + 10);
        assert!(long.message.ends_with("é [cut]"));
        assert_eq!(failed(CHECK_FAILED, "no".to_owned()).message, "no");
        assert_eq!(
            failed("panic", "no".to_owned()).message,
            "it could not be decided: no"
        );
    }
}
