//! Between the contract's types and our own. What comes from a guest is checked here.

use sedge_model::call::{CallError, Failure, Outcome, TargetKind};
use sedge_model::names::{SpecName, TypeName};
use sedge_model::schema::Violation;
use sedge_model::type_info::{
    FileAccess, FileSpec, MethodKind, MethodSpec, Permission, PermissionRequest, ResourceSpec,
    TypeInfo,
};
use serde_json::Value;

use crate::bindings::exports::sedge::model::model as guest;
use crate::bindings::sedge::model::{calls, data, types};
use crate::host::{JSON_BYTES_MAX, VersionInfo};
use crate::json;
use crate::plugin::PluginError;

/// The most bytes of a message that a guest gives for a person.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// The most bytes of a code that a guest gives for programs: it is to be one short word,
/// and every record and caller above gets a copy.
const CODE_BYTES_MAX: usize = 128;

pub(crate) fn type_info_from_guest(info: guest::TypeInfo) -> Result<TypeInfo, PluginError> {
    Ok(TypeInfo {
        name: info.name.parse::<TypeName>()?,
        version: info.version.parse()?,
        description: info.description,
        global_arguments: schema("the schema of the global arguments", &info.global_arguments)?,
        methods: info
            .methods
            .into_iter()
            .map(method_from_guest)
            .collect::<Result<_, _>>()?,
        resources: info
            .resources
            .into_iter()
            .map(resource_from_guest)
            .collect::<Result<_, _>>()?,
        files: info
            .files
            .into_iter()
            .map(file_from_guest)
            .collect::<Result<_, _>>()?,
        permissions: info
            .permissions
            .into_iter()
            .map(permission_from_guest)
            .collect(),
    })
}

fn method_from_guest(method: guest::MethodSpec) -> Result<MethodSpec, PluginError> {
    Ok(MethodSpec {
        arguments: schema(
            &format!("the schema of method `{}`", method.name),
            &method.arguments,
        )?,
        name: method.name.parse()?,
        kind: match method.kind {
            types::MethodKind::Read => MethodKind::Read,
            types::MethodKind::Create => MethodKind::Create,
            types::MethodKind::Update => MethodKind::Update,
            types::MethodKind::Delete => MethodKind::Delete,
            types::MethodKind::Action => MethodKind::Action,
        },
        description: method.description,
    })
}

fn resource_from_guest(resource: guest::ResourceSpec) -> Result<ResourceSpec, PluginError> {
    Ok(ResourceSpec {
        schema: schema(
            &format!("the schema of resource `{}`", resource.name),
            &resource.schema,
        )?,
        name: resource.name.parse::<SpecName>()?,
        description: resource.description,
    })
}

fn file_from_guest(file: guest::FileSpec) -> Result<FileSpec, PluginError> {
    Ok(FileSpec {
        name: file.name.parse()?,
        description: file.description,
        media_type: file.media_type,
    })
}

fn permission_from_guest(request: guest::PermissionRequest) -> PermissionRequest {
    let permission = match request.permission {
        guest::Permission::Models(model) => Permission::Models { model },
        guest::Permission::Http(http) => Permission::Http {
            scheme: http.scheme,
            host: http.host,
            port: http.port,
            methods: http.methods,
        },
        guest::Permission::Files(folder) => Permission::Files {
            name: folder.name,
            access: match folder.access {
                guest::FileAccess::Read => FileAccess::Read,
                guest::FileAccess::Write => FileAccess::Write,
            },
        },
        guest::Permission::Env(name) => Permission::Env { name },
        guest::Permission::Secrets(name) => Permission::Secrets { name },
        guest::Permission::Commands(name) => Permission::Commands { name },
    };
    PermissionRequest {
        permission,
        reason: request.reason,
    }
}

fn schema(of: &str, text: &str) -> Result<Value, PluginError> {
    json::parse(text).map_err(|reason| PluginError::Json {
        of: of.to_owned(),
        reason,
    })
}

pub(crate) fn failure_from_guest(failure: types::Failure) -> Failure {
    let details = failure.details.map(|text| {
        if text.len() > JSON_BYTES_MAX {
            return Value::String(message_from_guest(text));
        }
        json::parse(&text).unwrap_or(Value::String(text))
    });
    Failure {
        code: cut(failure.code, CODE_BYTES_MAX),
        message: message_from_guest(failure.message),
        details,
        keep_writes: failure.keep_writes,
    }
}

/// Cuts what a guest says to a person to its bound.
pub(crate) fn message_from_guest(message: String) -> String {
    cut(message, MESSAGE_BYTES_MAX)
}

fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push_str(" [cut]");
    }
    text
}

pub(crate) fn outcome_to_guest(outcome: Outcome) -> calls::Outcome {
    let written = outcome.written.into_iter();
    calls::Outcome {
        value: outcome.value.to_string(),
        written: written
            .map(|write| calls::Written {
                name: write.name.to_string(),
                version: write.version,
            })
            .collect(),
    }
}

pub(crate) fn violations_to_guest(violations: Vec<Violation>) -> Vec<types::Violation> {
    let violations = violations.into_iter();
    violations
        .map(|at| types::Violation {
            path: at.path,
            message: at.message,
        })
        .collect()
}

pub(crate) fn version_info_to_guest(info: VersionInfo) -> data::VersionInfo {
    data::VersionInfo {
        version: info.version,
        created_at_ms: info.created_at_ms,
        size: info.size,
    }
}

pub(crate) fn call_error_to_guest(error: CallError) -> types::CallError {
    match error {
        CallError::NotFound { target, name } => types::CallError::NotFound(types::MissingTarget {
            kind: match target {
                TargetKind::Model => types::TargetKind::Model,
                TargetKind::Method => types::TargetKind::Method,
            },
            name,
        }),
        CallError::InvalidInput { violations } => {
            types::CallError::InvalidInput(violations_to_guest(violations))
        }
        CallError::Denied { reason } => types::CallError::Denied(reason),
        CallError::LockTimeout {
            resource,
            holders,
            waited_ms,
        } => types::CallError::LockTimeout(types::Contention {
            resource,
            holders,
            waited_ms,
        }),
        CallError::Deadlock { ours, theirs } => {
            types::CallError::Deadlock(types::DeadlockChains { ours, theirs })
        }
        CallError::Cycle { names } => types::CallError::Cycle(names),
        CallError::Limit { name, value } => types::CallError::Limit(types::LimitReached {
            name: name.as_str().to_owned(),
            value,
        }),
        CallError::Failed(failure) => types::CallError::Failed(types::Failure {
            code: failure.code,
            message: failure.message,
            details: failure.details.map(|details| details.to_string()),
            keep_writes: failure.keep_writes,
        }),
        CallError::Trapped { message, backtrace } => {
            types::CallError::Trapped(types::Trap { message, backtrace })
        }
        CallError::TimedOut { after_ms } => types::CallError::TimedOut(after_ms),
        CallError::Cancelled => types::CallError::Cancelled,
    }
}
