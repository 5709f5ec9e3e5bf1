//! Converts between the contract's types and the host's own. Input from guests is checked here.

mod report;

use std::collections::BTreeMap;

use sedge_lang::type_info::{
    CheckSpec, FileSpec, MethodKind, MethodSpec, OnViolation, ResourceSpec, TypeInfo, UpgradeSpec,
};
use sedge_model::backtrace::StackFrame;
use sedge_model::call::{CallError, DataKind, MethodFailure, Outcome, TargetKind, Written};
use sedge_model::lifetime::Retention;
use sedge_model::names::{SpecName, TypeName};
use sedge_model::permission::{
    CommandPermission, EnvPermission, FileAccess, FolderPermission, HttpPermission,
    ModelPermission, Permission, PermissionRequest, RevealPermission, SecretPermission,
    SocketPermission, WorkflowPermission, is_http_method,
};
use sedge_model::violation::Violation;
use serde_json::Value;

use crate::bindings::exports::sedge::model::model as guest;
use crate::bindings::sedge::model::{calls, data, types};
use crate::call::CHECK_FAILED;
use crate::host::{JSON_BYTES_MAX, VersionInfo};
use crate::json;
use crate::plugin::PluginError;
use crate::trap::{FRAME_BYTES_MAX, FRAMES_MAX};

pub(crate) use report::report_request;

/// The maximum size of a message from a guest to a user, in bytes.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// The maximum size of a failure code from a guest, in bytes. A code is a short word for programs;
/// each record and each caller up the chain stores a copy.
const CODE_BYTES_MAX: usize = 128;

/// The maximum number of tags of one version. Each tag is a row in the store.
const TAGS_MAX: usize = 64;

/// The maximum size of a tag's key and of its value, in bytes. Both are words to search for.
const TAG_KEY_BYTES_MAX: usize = 100;
const TAG_VALUE_BYTES_MAX: usize = 255;

/// The maximum size of a media type, in bytes. The longest registered one has about 80.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// The maximum number of checks that a plugin describes. All of them may run before each call.
const CHECKS_MAX: usize = 100;

/// The maximum number each of methods and labels of a check. The host compares each method with
/// those of the type, and a user reads the labels.
const CHECK_WORDS_MAX: usize = 100;

/// The maximum number of upgrades that a plugin describes. All of them may run when a definition is
/// loaded.
const UPGRADES_MAX: usize = 100;

/// The maximum number of reports that a plugin describes. All of them may be made after each call.
const REPORTS_MAX: usize = 100;

/// The maximum number each of methods, resources, files and permissions that a plugin describes:
/// about ten times as many as the largest known service has. `plugin add` checks and shows each of
/// them.
const PARTS_MAX: usize = 5000;

/// The maximum size of all texts of a description, in bytes. The host stores them and reads them
/// with the plugin.
const DESCRIPTION_BYTES_MAX: usize = 8 << 20;

pub(crate) fn type_info_from_guest(info: guest::TypeInfo) -> Result<TypeInfo, PluginError> {
    size_check(&info).map_err(PluginError::Text)?;
    Ok(TypeInfo {
        name: info.name.parse::<TypeName>()?,
        version: info.version.parse()?,
        description: info.description.into(),
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
            .collect::<Result<_, _>>()?,
        checks: info
            .checks
            .into_iter()
            .map(check_from_guest)
            .collect::<Result<_, _>>()?,
        upgrades: info
            .upgrades
            .into_iter()
            .map(upgrade_from_guest)
            .collect::<Result<_, _>>()?,
        reports: info
            .reports
            .into_iter()
            .map(report::report_spec_from_guest)
            .collect::<Result<_, _>>()?,
    })
}

/// Checks the size of a description.
fn size_check(info: &guest::TypeInfo) -> Result<(), String> {
    for (what, found, most) in [
        ("methods", info.methods.len(), PARTS_MAX),
        ("resources", info.resources.len(), PARTS_MAX),
        ("files", info.files.len(), PARTS_MAX),
        ("permissions", info.permissions.len(), PARTS_MAX),
        ("checks", info.checks.len(), CHECKS_MAX),
        ("upgrades", info.upgrades.len(), UPGRADES_MAX),
        ("reports", info.reports.len(), REPORTS_MAX),
    ] {
        if found > most {
            return Err(format!("it has {found} {what}, more than {most}"));
        }
    }
    let words = |it: &guest::CheckSpec| it.applies_to.len().max(it.labels.len());
    if info.checks.iter().map(words).any(|n| n > CHECK_WORDS_MAX) {
        return Err(format!(
            "a check has more than {CHECK_WORDS_MAX} methods or labels"
        ));
    }
    let methods = info.methods.iter();
    let methods = methods.map(|it| it.name.len() + it.description.len() + it.arguments.len());
    let resources = info.resources.iter();
    let resources = resources.map(|it| it.name.len() + it.description.len() + it.schema.len());
    let files = info.files.iter();
    let files = files.map(|it| it.name.len() + it.description.len());
    let checks = info.checks.iter().map(|it| it.description.len());
    let upgrades = info.upgrades.iter().map(|it| it.description.len());
    let parts = methods.chain(resources).chain(files);
    let reports = info.reports.iter().map(|it| it.description.len());
    let parts = parts.chain(checks).chain(upgrades).chain(reports);
    let parts = parts.sum::<usize>();
    let found = info.description.len() + info.global_arguments.len() + parts;
    if found > DESCRIPTION_BYTES_MAX {
        return Err(format!(
            "its texts have {found} bytes, more than {DESCRIPTION_BYTES_MAX}"
        ));
    }
    Ok(())
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
            types::MethodKind::Observe => MethodKind::Observe,
            types::MethodKind::Create => MethodKind::Create,
            types::MethodKind::Update => MethodKind::Update,
            types::MethodKind::Delete => MethodKind::Delete,
            types::MethodKind::Action => MethodKind::Action,
        },
        description: method.description.into(),
    })
}

fn resource_from_guest(resource: guest::ResourceSpec) -> Result<ResourceSpec, PluginError> {
    Ok(ResourceSpec {
        schema: schema(
            &format!("the schema of resource `{}`", resource.name),
            &resource.schema,
        )?,
        name: resource.name.parse::<SpecName>()?,
        description: resource.description.into(),
        on_violation: match resource.on_violation {
            guest::OnViolation::Refuse => OnViolation::Refuse,
            guest::OnViolation::Warn => OnViolation::Warn,
        },
        retention: retention_from_guest(resource.retention)?,
    })
}

fn file_from_guest(file: guest::FileSpec) -> Result<FileSpec, PluginError> {
    Ok(FileSpec {
        name: file.name.parse()?,
        description: file.description.into(),
        media_type: media_type(file.media_type).map_err(PluginError::Text)?,
        retention: retention_from_guest(file.retention)?,
    })
}

fn check_from_guest(check: guest::CheckSpec) -> Result<CheckSpec, PluginError> {
    let applies_to = check.applies_to.iter().map(|method| method.parse());
    let labels = check.labels.iter().map(|label| label.parse());
    Ok(CheckSpec {
        name: check.name.parse()?,
        description: check.description.into(),
        applies_to: applies_to.collect::<Result<_, _>>()?,
        labels: labels.collect::<Result<_, _>>()?,
    })
}

fn upgrade_from_guest(upgrade: guest::UpgradeSpec) -> Result<UpgradeSpec, PluginError> {
    Ok(UpgradeSpec {
        to_version: upgrade.to_version.parse()?,
        description: upgrade.description.into(),
    })
}

fn retention_from_guest(retention: guest::Retention) -> Result<Retention, PluginError> {
    let lifetime = retention.lifetime.map(|text| text.parse()).transpose()?;
    let keep = retention.keep.map(|text| text.parse()).transpose()?;
    Ok(Retention {
        lifetime,
        keep,
        tags: tags(retention.tags).map_err(PluginError::Text)?,
    })
}

/// Checks tags.
pub(crate) fn tags(
    tags: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, String> {
    let mut checked = BTreeMap::new();
    for (key, value) in tags {
        let is_plain = |text: &str| !text.chars().any(char::is_control);
        if key.is_empty() || key.len() > TAG_KEY_BYTES_MAX || !is_plain(&key) {
            let key = key.escape_debug();
            return Err(format!(
                "`{key}` is not a valid tag key: it takes 1 to {TAG_KEY_BYTES_MAX} bytes of text without control characters"
            ));
        }
        if value.len() > TAG_VALUE_BYTES_MAX || !is_plain(&value) {
            return Err(format!(
                "the value of the tag `{key}` is longer than {TAG_VALUE_BYTES_MAX} bytes or has control characters"
            ));
        }
        if checked.len() == TAGS_MAX {
            return Err(format!("there are more than {TAGS_MAX} tags"));
        }
        checked.insert(key, value);
    }
    Ok(checked)
}

/// Checks the syntax of a media type (RFC 6838, with parameters), because it appears on screens
/// and in headers. It need not be a registered one.
pub(crate) fn media_type(text: String) -> Result<String, String> {
    let is_plain = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let has_parts = text.split_once('/').is_some_and(|(one, other)| {
        let is_token = |part: &str| !part.is_empty() && !part.contains([' ', ';']);
        is_token(one) && is_token(other.split(';').next().unwrap_or_default())
    });
    if is_plain && has_parts && text.len() <= MEDIA_TYPE_BYTES_MAX {
        return Ok(text);
    }
    let text = text.escape_debug();
    Err(format!(
        "`{text}` is not a media type: write `type/subtype`, for example `text/plain`, of at most {MEDIA_TYPE_BYTES_MAX} bytes"
    ))
}

fn permission_from_guest(
    request: guest::PermissionRequest,
) -> Result<PermissionRequest, PluginError> {
    let permission = match request.permission {
        guest::Permission::Models(model) => Permission::Models(ModelPermission {
            model: model.parse()?,
        }),
        guest::Permission::Http(http) => Permission::Http(HttpPermission {
            url: http.url.parse()?,
            methods: http_methods(http.methods)?,
        }),
        guest::Permission::Sockets(to) => Permission::Sockets(SocketPermission { to: to.parse()? }),
        guest::Permission::Files(folder) => Permission::Files(FolderPermission {
            name: folder.name.parse()?,
            access: match folder.access {
                guest::FileAccess::Read => FileAccess::Read,
                guest::FileAccess::Write => FileAccess::Write,
            },
        }),
        guest::Permission::Env(name) => Permission::Env(EnvPermission {
            name: name.parse()?,
        }),
        guest::Permission::Secrets(secret) => Permission::Secrets(SecretPermission {
            name: secret.name.parse()?,
            hosts: secret
                .hosts
                .iter()
                .map(|host| host.parse())
                .collect::<Result<_, _>>()?,
            reveal: secret.reveal,
        }),
        guest::Permission::Commands(name) => Permission::Commands(CommandPermission {
            name: name.parse()?,
        }),
        guest::Permission::Reveal(what) => Permission::Reveal(RevealPermission {
            what: what.parse()?,
        }),
        guest::Permission::Workflows(name) => Permission::Workflows(WorkflowPermission {
            workflow: name.parse()?,
        }),
    };
    Ok(PermissionRequest {
        permission,
        reason: message_from_guest(request.reason).into(),
    })
}

fn http_methods(methods: Vec<String>) -> Result<Vec<String>, PluginError> {
    if let Some(bad) = methods.iter().find(|method| !is_http_method(method)) {
        return Err(PluginError::Text(format!(
            "`{}` is not an HTTP method: write a word in upper case, for example `GET`",
            bad.escape_debug()
        )));
    }
    Ok(methods)
}

fn schema(of: &str, text: &str) -> Result<Value, PluginError> {
    json::parse(text).map_err(|reason| PluginError::Json {
        of: of.to_owned(),
        reason,
    })
}

pub(crate) fn failure_from_guest(failure: types::Failure) -> MethodFailure {
    let details = failure.details.map(|text| {
        if text.len() > JSON_BYTES_MAX {
            return Value::String(message_from_guest(text));
        }
        json::parse(&text).unwrap_or(Value::String(text))
    });
    MethodFailure {
        code: cut(failure.code, CODE_BYTES_MAX),
        message: message_from_guest(failure.message),
        details,
        keep_writes: failure.keep_writes,
        backtrace: frames_from_guest(failure.stack),
    }
}

/// Returns the result of a check as that of a method: null, or a failure.
pub(crate) fn check_result_from_guest(
    checked: Result<(), String>,
) -> Result<String, types::Failure> {
    match checked {
        Ok(()) => Ok("null".to_owned()),
        Err(message) => Err(types::Failure {
            code: CHECK_FAILED.to_owned(),
            message,
            details: None,
            stack: Vec::new(),
            keep_writes: false,
        }),
    }
}

/// Returns the frames that a guest knows of its own stack.
fn frames_from_guest(stack: Vec<String>) -> Vec<StackFrame> {
    let frames = stack.into_iter().take(FRAMES_MAX);
    let frames = frames.map(|line| cut(line, FRAME_BYTES_MAX));
    frames.map(|line| StackFrame::parse(&line)).collect()
}

/// Truncates a guest's message to a user.
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
    calls::Outcome {
        value: outcome.value.to_string(),
        written: written_to_guest(outcome.written),
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
        model: info.model.to_string(),
        name: info.name.to_string(),
        kind: match info.kind {
            DataKind::Resource => data::DataKind::Resource,
            DataKind::File => data::DataKind::File,
        },
        spec: info.spec.to_string(),
        version: info.version,
        created_at_ms: info.created_at_ms,
        media_type: info.media_type,
        size: info.size,
        tags: tags_to_guest(info.tags),
    }
}

pub(crate) fn tags_to_guest(tags: BTreeMap<String, String>) -> Vec<data::Tag> {
    let tags = tags.into_iter();
    tags.map(|(key, value)| data::Tag { key, value }).collect()
}

pub(crate) fn written_to_guest(written: Vec<Written>) -> Vec<types::Written> {
    let written = written.into_iter();
    written
        .map(|write| types::Written {
            name: write.name.to_string(),
            version: write.version,
        })
        .collect()
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
        CallError::Deadlock {
            ours,
            theirs,
            difference,
        } => types::CallError::Deadlock(types::DeadlockChains {
            ours,
            theirs,
            difference,
        }),
        CallError::ChangedMeanwhile { name, reason } => {
            types::CallError::ChangedMeanwhile(types::ChangedData { name, reason })
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
            stack: failure.backtrace.iter().map(ToString::to_string).collect(),
            keep_writes: failure.keep_writes,
        }),
        CallError::Trapped { message, backtrace } => {
            let backtrace = backtrace.iter().map(ToString::to_string).collect();
            types::CallError::Trapped(types::Trap { message, backtrace })
        }
        CallError::ChecksFailed { failures } => {
            let failures = failures.into_iter();
            let failures = failures.map(|failure| types::CheckFailure {
                check: failure.check,
                message: failure.message,
            });
            types::CallError::ChecksFailed(failures.collect())
        }
        CallError::TimedOut { after_ms } => types::CallError::TimedOut(after_ms),
        // The host ends the guests above a call that has lost its lock, so none gets this error.
        CallError::Cancelled | CallError::LockLost => types::CallError::Cancelled,
    }
}
