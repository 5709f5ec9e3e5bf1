//! Conversions between the generated types and the SDK's own.

use crate::bindings::exports::sedge::model::model as wire_model;
use crate::bindings::sedge::model::{context, data, log, types};
use crate::{
    CallError, CheckFailure, DataError, DataKind, Failure, FileAccess, Identity, Level, MethodKind,
    Permission, TargetKind, VersionInfo, Violation, Written,
};

impl From<types::Violation> for Violation {
    fn from(wire: types::Violation) -> Self {
        Self {
            path: wire.path,
            message: wire.message,
        }
    }
}

/// Only the tests of a plugin hand a violation back.
#[cfg(not(target_arch = "wasm32"))]
impl From<Violation> for types::Violation {
    fn from(violation: Violation) -> Self {
        Self {
            path: violation.path,
            message: violation.message,
        }
    }
}

fn check_failures(wire: Vec<types::CheckFailure>) -> Vec<CheckFailure> {
    let failures = wire.into_iter();
    failures
        .map(|failure| CheckFailure {
            check: failure.check,
            message: failure.message,
        })
        .collect()
}

fn violations(wire: Vec<types::Violation>) -> Vec<Violation> {
    wire.into_iter().map(Violation::from).collect()
}

impl From<types::CallError> for CallError {
    fn from(wire: types::CallError) -> Self {
        match wire {
            types::CallError::NotFound(target) => Self::NotFound {
                kind: match target.kind {
                    types::TargetKind::Model => TargetKind::Model,
                    types::TargetKind::Method => TargetKind::Method,
                },
                name: target.name,
            },
            types::CallError::InvalidInput(wire) => Self::InvalidInput {
                violations: violations(wire),
            },
            types::CallError::Denied(reason) => Self::Denied { reason },
            types::CallError::LockTimeout(contention) => Self::LockTimeout {
                resource: contention.resource,
                holders: contention.holders,
                waited_ms: contention.waited_ms,
            },
            types::CallError::Deadlock(chains) => Self::Deadlock {
                ours: chains.ours,
                theirs: chains.theirs,
                difference: chains.difference,
            },
            types::CallError::ChangedMeanwhile(changed) => Self::ChangedMeanwhile {
                name: changed.name,
                reason: changed.reason,
            },
            types::CallError::Cycle(names) => Self::Cycle { names },
            types::CallError::Limit(limit) => Self::Limit {
                name: limit.name,
                value: limit.value,
            },
            types::CallError::Failed(failure) => Self::Failed(Failure::from(failure)),
            types::CallError::Trapped(trap) => Self::Trapped {
                message: trap.message,
                backtrace: trap.backtrace,
            },
            types::CallError::ChecksFailed(wire) => Self::ChecksFailed {
                failures: check_failures(wire),
            },
            types::CallError::TimedOut(after_ms) => Self::TimedOut { after_ms },
            types::CallError::Cancelled => Self::Cancelled,
        }
    }
}

impl From<data::DataError> for DataError {
    fn from(wire: data::DataError) -> Self {
        match wire {
            data::DataError::Undeclared(spec) => Self::Undeclared { spec },
            data::DataError::InvalidContent(wire) => Self::InvalidContent {
                violations: violations(wire),
            },
            data::DataError::InvalidName(reason) => Self::InvalidName { reason },
            data::DataError::ReadOnly => Self::ReadOnly,
            data::DataError::Denied(reason) => Self::Denied { reason },
            data::DataError::ModelNotFound(model) => Self::ModelNotFound { model },
            data::DataError::Limit(limit) => Self::Limit {
                name: limit.name,
                value: limit.value,
            },
            data::DataError::Finished => Self::Finished,
            data::DataError::StagedByAncestor(staged) => Self::StagedByAncestor {
                name: staged.name,
                call: staged.call,
            },
            data::DataError::ChangedMeanwhile(changed) => Self::ChangedMeanwhile {
                name: changed.name,
                reason: changed.reason,
            },
            data::DataError::InvalidRetention(reason) => Self::InvalidRetention { reason },
            data::DataError::InvalidQuery(fault) => Self::from(fault),
        }
    }
}

impl From<data::QueryFault> for DataError {
    fn from(wire: data::QueryFault) -> Self {
        Self::InvalidQuery {
            expression: wire.expression,
            line: wire.line,
            column: wire.column,
            message: wire.message,
            hint: wire.hint,
        }
    }
}

impl From<data::DataKind> for DataKind {
    fn from(wire: data::DataKind) -> Self {
        match wire {
            data::DataKind::Resource => Self::Resource,
            data::DataKind::File => Self::File,
        }
    }
}

impl From<data::VersionInfo> for VersionInfo {
    fn from(wire: data::VersionInfo) -> Self {
        let tags = wire.tags.into_iter().map(|tag| (tag.key, tag.value));
        Self {
            model: wire.model,
            name: wire.name,
            kind: wire.kind.into(),
            spec: wire.spec,
            version: wire.version,
            created_at_ms: wire.created_at_ms,
            media_type: wire.media_type,
            size_bytes: wire.size,
            tags: tags.collect(),
        }
    }
}

impl From<types::Written> for Written {
    fn from(wire: types::Written) -> Self {
        Self {
            name: wire.name,
            version: wire.version,
        }
    }
}

impl From<context::Identity> for Identity {
    fn from(wire: context::Identity) -> Self {
        Self {
            model: wire.model,
            model_id: wire.model_id,
            type_name: wire.type_,
            type_version: wire.type_version,
            tags: wire.tags.into_iter().collect(),
            method: wire.method,
            run: wire.run,
            call: wire.call,
            step: wire.step,
        }
    }
}

impl From<Level> for log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<MethodKind> for types::MethodKind {
    fn from(kind: MethodKind) -> Self {
        match kind {
            MethodKind::Read => Self::Read,
            MethodKind::Observe => Self::Observe,
            MethodKind::Create => Self::Create,
            MethodKind::Update => Self::Update,
            MethodKind::Delete => Self::Delete,
            MethodKind::Action => Self::Action,
        }
    }
}

impl From<Permission> for wire_model::Permission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Models { model } => Self::Models(model),
            Permission::Http { url, methods } => {
                Self::Http(wire_model::HttpAccess { url, methods })
            }
            Permission::Sockets { to } => Self::Sockets(to),
            Permission::Files { name, access } => Self::Files(wire_model::FolderAccess {
                name,
                access: match access {
                    FileAccess::Read => wire_model::FileAccess::Read,
                    FileAccess::Write => wire_model::FileAccess::Write,
                },
            }),
            Permission::Env { name } => Self::Env(name),
            Permission::Secrets {
                name,
                hosts,
                reveal,
            } => Self::Secrets(wire_model::SecretAccess {
                name,
                hosts,
                reveal,
            }),
            Permission::Commands { name } => Self::Commands(name),
            Permission::Reveal { what } => Self::Reveal(what),
            Permission::Workflows { workflow } => Self::Workflows(workflow),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(
        wire: types::CallError,
        code: &str,
        message: &str,
        details: Option<serde_json::Value>,
    ) {
        let failure = Failure::from(CallError::from(wire));
        assert_eq!(failure.code, code);
        assert_eq!(failure.message, message);
        assert_eq!(failure.details, details);
        assert!(!failure.keep_writes);
    }

    #[test]
    fn call_error_keeps_its_code_as_a_failure() {
        check(
            types::CallError::NotFound(types::MissingTarget {
                kind: types::TargetKind::Method,
                name: "rum".into(),
            }),
            "not-found",
            "no method named `rum`",
            Some(json!({"kind": "method", "name": "rum"})),
        );
        check(
            types::CallError::InvalidInput(vec![types::Violation {
                path: "/count".into(),
                message: "-1 is less than 0".into(),
            }]),
            "invalid-input",
            "the arguments do not fit the method's schema: /count: -1 is less than 0",
            Some(json!({"violations": [{"path": "/count", "message": "-1 is less than 0"}]})),
        );
        check(
            types::CallError::Denied("`spawn` may not call `sink`".into()),
            "denied",
            "`spawn` may not call `sink`",
            None,
        );
        check(
            types::CallError::TimedOut(50),
            "timed-out",
            "it was stopped after 50 ms, at its deadline",
            Some(json!({"after_ms": 50})),
        );
        check(
            types::CallError::ChecksFailed(vec![types::CheckFailure {
                check: "small".into(),
                message: "10 is more than 9".into(),
            }]),
            "checks-failed",
            "the check `small` failed: 10 is more than 9",
            Some(json!({"failures": [{"check": "small", "message": "10 is more than 9"}]})),
        );
        check(
            types::CallError::Cancelled,
            "cancelled",
            "it was cancelled",
            None,
        );
    }

    #[test]
    fn callee_failure_is_passed_on_without_keep_writes() {
        check(
            types::CallError::Failed(types::Failure {
                code: "not-reachable".into(),
                message: "the host is down".into(),
                details: Some(r#"{"tries":3}"#.into()),
                stack: vec!["connect at net.py:7".into()],
                keep_writes: true,
            }),
            "not-reachable",
            "the host is down",
            Some(json!({"tries": 3})),
        );
    }

    #[test]
    fn data_error_keeps_its_code_as_a_failure() {
        let wire = data::DataError::Limit(types::LimitReached {
            name: "json-bytes".into(),
            value: 4096,
        });
        let method = || -> Result<(), Failure> { Err(DataError::from(wire))? };
        let failure = method().expect_err("it returns the error");
        assert_eq!(failure.code, "limit");
        assert_eq!(
            failure.message,
            "the limit `json-bytes` of 4096 was reached"
        );
        assert_eq!(
            failure.details,
            Some(json!({"name": "json-bytes", "value": 4096}))
        );
    }

    #[test]
    fn invalid_name_error_shows_the_reason() {
        let reason = "a tag's key is empty";
        let error = DataError::from(data::DataError::InvalidName(reason.into()));
        assert_eq!(error.code(), "invalid-name");
        assert_eq!(error.to_string(), reason);
    }
}
