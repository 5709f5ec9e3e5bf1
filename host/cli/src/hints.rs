//! What to type next.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most errors say all there is to say; a hint is for those where there is more"
)]

use std::path::Path;

use sedge_app::data_prune::GoneError;
use sedge_app::types::{
    CallError, ChoiceError, LimitName, ModelName, PluginError, QueueError, RunStatus, SecretsError,
    StoreError, ValueError, setting,
};
use sedge_app::{
    AppError, ErrorClass, FailureReport, REAPER_FILE, Remedy, TrustError, WithinCallReason,
    safe_directories_text,
};

use crate::context::{REPO_VARIABLE, SAFE_DIRECTORIES_VARIABLE};
use crate::show;

/// What to do when others are in the way.
const LOCKED: &str = "try again; `sedge datastore lock status` shows who has what locked";

/// Returns what to do about an error, the likeliest first.
pub(crate) fn of(error: &AppError) -> Vec<String> {
    let hint = match error {
        AppError::RepositoryMissing(path) if is_by_variable(path) => Some(by_variable()),
        AppError::File(error) if is_by_variable(&error.path) => Some(by_variable()),
        AppError::PluginRefused { source, .. } | AppError::PluginBroken { source, .. } => {
            plugin(source)
        }
        AppError::Store(source) => store(source),
        AppError::PermissionsUndecided { .. } => Some(
            "say what it may do: `--grant-all`, `--grant KIND=WHAT` for some of it, or `--grant none`"
                .to_owned(),
        ),
        AppError::GrantUnknown { type_name, source } => Some(match source {
            ChoiceError::NotAsked(_) => {
                format!("`sedge plugin add FILE.wasm` without it shows what `{type_name}` asks for")
            }
            ChoiceError::SecretElsewhere { name, .. } => {
                format!("grant it for a host that it asks for: `--grant secrets={name}@https://HOST`")
            }
            ChoiceError::NoPath(_) => "say where it is: `--grant files=NAME:PATH`".to_owned(),
            _ => "`--grant KIND`, `--grant KIND=WHAT`, or `--grant none`".to_owned(),
        }),
        AppError::Trust(source) => return trust(source),
        AppError::Queue(QueueError::Busy { path, .. }) => Some(kept_lock(path)),
        AppError::Secrets(source) | AppError::SecretsClosed { source, .. } => secrets(source),
        AppError::SecretWeak(..) => Some(
            "choose another value, or put this one all the same: with `--allow-weak` it is kept \
             out of logs and outcomes, but not out of names and tags"
                .to_owned(),
        ),
        AppError::SecretValue(source) => secret_value(source),
        AppError::ReaperUnusable { reaper, .. } => Some(format!(
            "install Sedge again: the programs `sedge` and `{REAPER_FILE}` are installed together, \
             and `{}` has to be the one of this version",
            reaper.display()
        )),
        AppError::Lock(_) if error.class() == ErrorClass::Busy => Some(LOCKED.to_owned()),
        AppError::GatesUndecided {
            workflow,
            run,
            gates,
        } => {
            let hint = |gate| {
                format!(
                    "decide it: `sedge workflow approve {workflow} {gate} --run {run}` (or `reject`)"
                )
            };
            return gates.iter().map(hint).collect();
        }
        _ => missing(error)
            .or_else(|| data(error))
            .or_else(|| run(error)),
    };
    hint.into_iter().collect()
}

/// What to do about the data of models that look gone.
fn gone(error: &GoneError) -> String {
    match error {
        GoneError::Doubtful { models, .. } => {
            let models: Vec<String> = models
                .iter()
                .map(|model| format!(" --model {model}"))
                .collect();
            format!(
                "if they are gone for good: `sedge data prune --yes`, or for some of them: `sedge data prune{}`",
                models.concat()
            )
        }
        GoneError::NotGone(name) => format!("delete it first: `sedge model delete {name}`"),
        GoneError::FolderMissing => {
            "bring the folder back, or make an empty one if no model is left: `mkdir models`"
                .to_owned()
        }
    }
}

/// How to have a repository used that other users may change.
fn trust(error: &TrustError) -> Vec<String> {
    match error {
        TrustError::Owner { remedy, .. } => declare_safe(remedy, "if you trust that user"),
        TrustError::WritableByAll { path, remedy } => {
            let path = show::typed(&path.display().to_string());
            let mut hints = vec![format!("take that right away: `chmod o-w {path}`")];
            hints.extend(declare_safe(remedy, "or, if you trust all of them"));
            hints
        }
        TrustError::NoPath(_) | TrustError::NoList(_) => vec![format!(
            "write absolute paths between colons: `{SAFE_DIRECTORIES_VARIABLE}=/srv/one:/srv/two`, or in the file a list: `safeDirectories: [/srv/one, /srv/two]`"
        )],
    }
}

fn declare_safe(remedy: &Remedy, when: &str) -> Vec<String> {
    let value = show::typed(&safe_directories_text(&remedy.repository));
    let mut hints = vec![format!(
        "{when}, for one command: `{SAFE_DIRECTORIES_VARIABLE}={value} sedge …`"
    )];
    if let Some(file) = &remedy.config_file {
        // A text in JSON is one in YAML, whatever is in it.
        let path = serde_json::json!(remedy.repository.display().to_string());
        hints.push(format!(
            "for good, in {}: `safeDirectories: [{path}]`",
            file.display()
        ));
    }
    hints
}

/// Returns whether the variable of the environment names a path. An option goes before it.
fn is_by_variable(path: &Path) -> bool {
    setting(REPO_VARIABLE).as_deref() == Some(path.as_os_str())
}

fn by_variable() -> String {
    format!(
        "the environment variable {REPO_VARIABLE} names it: set it to another folder, or unset it"
    )
}

/// What to do about something that is not there, or there already.
fn missing(error: &AppError) -> Option<String> {
    Some(match error {
        AppError::RepositoryMissing(_) => {
            "make one: `sedge init`, or name one: `--repo DIR`".to_owned()
        }
        AppError::RepositoryExists(_) => {
            "use it as it is, or name another folder: `sedge init FOLDER`".to_owned()
        }
        AppError::ModelMissing { near, .. } => near_or(near, "`sedge model list` shows the models"),
        AppError::WorkflowMissing { near, .. } => {
            near_or(near, "`sedge workflow list` shows the workflows")
        }
        AppError::TypeMissing { near, .. } => near_or(
            near,
            "`sedge plugin list` shows the types, `sedge plugin add FILE.wasm` adds one",
        ),
        AppError::SecretMissing { near, .. } => {
            near_or(near, "`sedge secret list` shows the secrets")
        }
        AppError::WithinCall {
            reason: WithinCallReason::Whole,
            ..
        } => "do it when the call has ended".to_owned(),
        AppError::WithinCall {
            reason: WithinCallReason::OnlyReads,
            ..
        } => "have a method of another kind than `read` run the command".to_owned(),
        AppError::TokenVoid(variable) => {
            format!("to go on without the call: `env -u {variable} sedge …`")
        }
        AppError::FileExists(_) => "name another file, or add `--replace`".to_owned(),
        AppError::CoreDumpExists(_) => "name a file that is not there yet".to_owned(),
        AppError::StoreNotEmpty => {
            "`--replace` puts the backup in place of what there is, which is lost then".to_owned()
        }
        AppError::StoreDamaged { .. } => {
            "restore a backup: `sedge datastore restore FILE --replace`".to_owned()
        }
        AppError::ModelExists(name) => {
            format!(
                "`sedge model get {name}` shows it; edit {} to change it",
                name.file()
            )
        }
        AppError::Gone(error) => gone(error),
        AppError::MethodMissing { methods, .. } => {
            format!("its methods are {}", show::quoted(methods))
        }
        AppError::PluginGone { from, .. } => {
            format!("get the file that was added from `{from}`, then: `sedge plugin add FILE.wasm`")
        }
        AppError::Violations { type_name, .. } => {
            format!("`sedge plugin describe {type_name}` shows the schema")
        }
        _ => return None,
    })
}

/// What to do about data that is not there, or not to be changed so.
fn data(error: &AppError) -> Option<String> {
    Some(match error {
        AppError::DataMissing { model, near, .. } => {
            near_or(near, &format!("`sedge data list {model}` shows its data"))
        }
        AppError::DataRenamed { model, to, .. } => format!(
            "use the name that it has now, {}; `sedge data list {model}` shows all names",
            show::typed(to.as_str())
        ),
        AppError::PrefixEmpty => {
            "name the beginning of the names, or delete all data of the model: `--all`".to_owned()
        }
        AppError::WithinState { .. } => {
            "name a file outside of it, on another disk where that can be".to_owned()
        }
        AppError::VersionMissing { latest, .. } => format!("its latest version is {latest}"),
        _ => return None,
    })
}

/// What to do about a run that failed, or is not as wanted.
fn run(error: &AppError) -> Option<String> {
    Some(match error {
        AppError::CallFailed {
            source,
            run,
            model,
            report,
            ..
        } => limit_of(source, model)
            .or_else(|| report_limit(report))
            .unwrap_or_else(|| call(source, run.as_str(), report)),
        AppError::WorkflowFailed { .. } if error.class() == ErrorClass::Busy => LOCKED.to_owned(),
        AppError::WorkflowFailed { report, .. } if report_limit(report).is_some() => {
            return report_limit(report);
        }
        AppError::WorkflowFailed { run, report, .. } if has_backtrace(report) => {
            format!(
                "`sedge run show {run} --backtrace` shows the whole run, and where calls stopped"
            )
        }
        AppError::WorkflowFailed { run, .. } => {
            format!("`sedge run show {run}` shows the whole run")
        }
        AppError::RunsNone => {
            "`sedge model method run` and `sedge workflow run` make some".to_owned()
        }
        AppError::RunMissing(_) | AppError::RunAmbiguous(_) => {
            "`sedge run list` shows the runs".to_owned()
        }
        AppError::RunNone {
            workflow, latest, ..
        } => match latest {
            None => format!("start one: `sedge workflow run {workflow}`"),
            Some((run, RunStatus::Running)) => {
                format!("its newest run {run} is running: another process works on it")
            }
            Some((run, status)) => format!(
                "its newest run {run} {}; start another: `sedge workflow run {workflow}`",
                show::stands(*status)
            ),
        },
        AppError::RunSeveral { runs, .. } => {
            format!("name one of them with `--run`: {}", show::quoted(runs))
        }
        AppError::RunState { run, .. } => format!("`sedge run show {run}` shows it"),
        AppError::GateAmbiguous { steps, .. } => {
            format!("say which one, with its job: {}", show::quoted(steps))
        }
        AppError::GateMissing { open, .. } if open.is_empty() => {
            "no gate of the run is open".to_owned()
        }
        AppError::GateMissing { open, .. } => format!("its open gates are {}", show::quoted(open)),
        _ => return None,
    })
}

fn store(error: &StoreError) -> Option<String> {
    match error {
        StoreError::Untrusted { path, .. } | StoreError::Foreign(path) => {
            let folder = path.parent().unwrap_or(path);
            Some(format!(
                "nothing was read of it or changed; if it came with a clone, `rm -r {}` and restore a backup of your own",
                show::typed(&folder.to_string_lossy())
            ))
        }
        StoreError::Damaged(_) => {
            Some("`sedge datastore check --deep` shows all that is wrong".to_owned())
        }
        StoreError::NetworkFileSystem(_) => Some("keep the repository on a local disk".to_owned()),
        StoreError::Schema { found, known } if found > known => {
            Some("use the version of Sedge that made it, or a newer one".to_owned())
        }
        StoreError::Schema { .. } => {
            Some("use a version of Sedge between the two to bring it up to date".to_owned())
        }
        StoreError::NameTaken { model, name } => Some(format!(
            "choose another name, or delete it: `sedge data delete {model} {}`",
            show::typed(name.as_str())
        )),
        StoreError::Busy { .. } => Some("try again once the other program has ended".to_owned()),
        StoreError::DiskFull { .. } => {
            Some("make room and try again; `sedge data gc` and `sedge run gc` may help".to_owned())
        }
        StoreError::ContentMissing(_) | StoreError::ContentDamaged(_) => {
            Some("`sedge datastore check --deep` shows all that is damaged".to_owned())
        }
        StoreError::LockLost(call) => Some(format!(
            "`sedge run show {}` shows what had been written before",
            call.run()
        )),
        StoreError::QueueBusy { path, .. } => Some(kept_lock(path)),
        StoreError::Fenced(run) => Some(format!("`sedge run show {run}` shows where it stands")),
        _ => None,
    }
}

/// What to do about a lock that another process keeps.
fn kept_lock(path: &Path) -> String {
    let path = show::typed(&path.to_string_lossy());
    format!("try again; `fuser -v {path}` shows which processes have it open")
}

fn secrets(error: &SecretsError) -> Option<String> {
    Some(match error {
        SecretsError::KeyMissing(_) => {
            "put the file back; if it is lost, so are the secrets: `sedge secret delete` each, \
             and put them anew"
                .to_owned()
        }
        SecretsError::KeyOpen(path) => format!(
            "`chmod 600 {}`; if somebody may have read it, replace the secrets and `sedge secret rotate`",
            show::typed(&path.to_string_lossy())
        ),
        SecretsError::KeyForeign { path, .. } => format!(
            "have the key belong to the user of the repository: `chown USER {}`; a group cannot share secrets",
            show::typed(&path.to_string_lossy())
        ),
        SecretsError::KeyDamaged(_) => "put the file back as it was".to_owned(),
        SecretsError::KeyOther { name, .. } => format!(
            "put the key back that it was sealed by, or delete the secret: `sedge secret delete {name}`"
        ),
        SecretsError::Damaged { name, .. } => format!(
            "put the file back as it was, or delete the secret: `sedge secret delete {name}`"
        ),
        SecretsError::File(error) => format!(
            "give the user of Sedge access to `{}` and free descriptors, then try again; \
             `sedge secret list` shows the state of each secret",
            error.path.display()
        ),
        SecretsError::Newer(_) => {
            "use the version of Sedge that made it, or a newer one".to_owned()
        }
        _ => return None,
    })
}

fn secret_value(error: &ValueError) -> Option<String> {
    let hint = match error {
        ValueError::Short => {
            "a shorter value stands in too many texts to be kept out of logs; choose one of 8 bytes \
             or more"
        }
        ValueError::Long => "keep what is larger in a file, and its key as a secret",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn near_or(near: &Option<String>, otherwise: &str) -> String {
    near.as_ref().map_or_else(
        || otherwise.to_owned(),
        |near| format!("did you mean `{near}`?"),
    )
}

fn plugin(error: &PluginError) -> Option<String> {
    let hint = match error {
        PluginError::CoreModule
        | PluginError::ContractMissing
        | PluginError::ContractUnreadable { .. }
        | PluginError::NotWasm { .. } => {
            "build it with an SDK of Sedge, for the target `wasm32-wasip2`"
        }
        PluginError::ContractNewer { .. } => "use a newer Sedge, or an older version of the plugin",
        PluginError::ContractOlder { .. } => "build the plugin anew with a current SDK",
        PluginError::Digest { .. } => {
            "the file was changed after it was pinned: add it again if that was meant"
        }
        PluginError::TooLarge { limit, found, .. } => {
            let (key, value) = limit.key(*found);
            return Some(format!(
                "if you trust it, allow more in sedge.yaml: `componentLimits: {{{key}: {value}}}`"
            ));
        }
        PluginError::CompileLimit { limit, most } => {
            let (key, value) = (limit.key(), most.saturating_mul(2).max(1));
            return Some(format!(
                "if you trust it, allow more in sedge.yaml: `componentLimits: {{{key}: {value}}}`"
            ));
        }
        PluginError::Describe(CallError::TimedOut { after_ms }) => {
            let seconds = after_ms.div_ceil(1000) * 2;
            return Some(format!(
                "if it needs longer, allow it in sedge.yaml: `componentLimits: {{describeSeconds: {seconds}}}`"
            ));
        }
        PluginError::World { .. } => {
            "build it anew with an SDK of Sedge: it was made for another world"
        }
        PluginError::Describe(_)
        | PluginError::Lifetime(_)
        | PluginError::Text(_)
        | PluginError::Name(_)
        | PluginError::Json { .. }
        | PluginError::TypeInfo(_) => "this is for the plugin's author to mend",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn call(error: &CallError, run: &str, report: &FailureReport) -> String {
    // Callers pass these on with their codes.
    match error.code() {
        "lock-timeout" => return LOCKED.to_owned(),
        "deadlock" => {
            let shown = run_shown(run, report);
            return format!("try again: the others have gone on; {shown}");
        }
        _ => {}
    }
    run_shown(run, report)
}

/// What to do about the limit for which a run failed, if it did for one.
fn report_limit(report: &FailureReport) -> Option<String> {
    let origin = report.origins.first()?;
    limit_of(&origin.error, &origin.model)
}

/// What to do about a limit that a call of `model` reached, itself or by asking for too much:
/// raise it where it is for the operator to choose.
fn limit_of(error: &CallError, model: &ModelName) -> Option<String> {
    let (name, value) = match error {
        CallError::TimedOut { after_ms } => {
            let seconds = after_ms.div_ceil(1000).saturating_mul(2).max(1);
            let line = format!("limits: {{wallTimeSeconds: {seconds}}}");
            return Some(raise(&line, model, false));
        }
        CallError::Limit { name, value } => (*name, *value),
        // As SDKs pass on what a guest was told.
        CallError::Failed(failure) if failure.code == "limit" => {
            let details = failure.details.as_ref()?;
            let name: LimitName = serde_json::from_value(details["name"].clone()).ok()?;
            (name, details["value"].as_u64()?)
        }
        _ => return None,
    };
    Some(raise(&name.raised(value)?, model, name.is_of_repository()))
}

fn raise(line: &str, model: &ModelName, is_of_repository: bool) -> String {
    let place = if is_of_repository {
        "sedge.yaml".to_owned()
    } else {
        format!("{}, or in sedge.yaml for all models", model.file())
    };
    format!("if it needs more, raise the limit in {place}: `{line}`")
}

fn run_shown(run: &str, report: &FailureReport) -> String {
    let logs = format!("`sedge run logs {run}` what they logged");
    if has_backtrace(report) {
        format!("`sedge run show {run} --backtrace` shows where its calls stopped, {logs}")
    } else {
        format!("`sedge run show {run}` shows its calls, {logs}")
    }
}

fn has_backtrace(report: &FailureReport) -> bool {
    let mut failed = report.origins.iter();
    failed.any(|call| !call.error.backtrace().is_empty())
}
