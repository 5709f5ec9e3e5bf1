//! The repository in which the cases of one language run.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sedge_api::view::run::LogLevelView;
use sedge_app::plugin::add::{AddRequest, plugin_add};
use sedge_app::secret::put::secret_put;
use sedge_app::types::{CallError, Choice, SecretName, SecretValue};
use sedge_app::{AppError, RunFailed};
use sedge_test_kit::Server;
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use crate::case::{Case, CaseCall, Expected};
use crate::fixture::text::{gate, step};
use crate::fixture::{House, run_in, until, words};
use crate::shown::log_of;
use crate::value::{difference, filled, filled_text};

/// How long five requests may take together that are answered after 400 ms each. Elsewhere the
/// machine may be busy with other tests, so that the bound only shows that they were not sent one
/// after the other.
const FETCH_MANY_MS: u64 = 450;
const FETCH_MANY_BUSY_MS: u64 = 1200;

/// Set to hold the shorter bound.
const QUIET: &str = "SEDGE_TEST_QUIET";

const PINS: &str = "version: 1
lockTimeoutSeconds: 2
commands:
  cat: {program: /bin/cat}
  sh: {program: /bin/sh, arguments: ['-c', '*'], environment: [PATH], outputKibibytes: 1}
  sleep: {program: /bin/sleep, arguments: ['*'], timeoutSeconds: 1}
";

const SECRETS: [(&str, &str); 2] = [
    ("TOKEN", "the-token-of-the-test"),
    ("SHOWN", "the-shown-of-the-test"),
];

/// A repository with a guest, a server, and what the cases need.
pub(crate) struct Stage {
    house: House,
    server: Server,
    names: Vec<(&'static str, String)>,
}

impl Stage {
    pub(crate) async fn new(component: &str, type_name: &str) -> Self {
        let mut house = House::new();
        let server = Server::plain();
        files(&house);
        let broken = house.path().join("broken");
        let broken = format!("  broken: {{program: '{}'}}\n", broken.display());
        house.write("sedge.yaml", &format!("{PINS}{broken}"));
        house.reopen().await;
        plugin_add_without_grants(&house, component).await;
        house.reopen().await;
        models(&house, type_name, &server);
        workflows(&house);
        for (name, value) in SECRETS {
            let name: SecretName = name.parse().expect("a name");
            let value = SecretValue::new(value.as_bytes().to_vec()).expect("a value");
            secret_put(&house.cx(), &name, &value, false).expect("it can be put");
        }
        let fetch_many_ms = match std::env::var_os(QUIET) {
            Some(_) => FETCH_MANY_MS,
            None => FETCH_MANY_BUSY_MS,
        };
        let origin = server.origin();
        let names = vec![
            ("authority", origin.replace("http://", "")),
            ("server", origin),
            ("type", type_name.to_owned()),
            ("mebibyte", "x".repeat(1 << 20)),
            ("fetch_many_ms", fetch_many_ms.to_string()),
        ];
        Self {
            house,
            server,
            names,
        }
    }

    /// Runs a case.
    ///
    /// # Errors
    /// What differs from its expectations.
    pub(crate) async fn run(&self, case: &Case) -> Result<(), String> {
        let beside = match &case.beside {
            Some(call) => Some(self.begin(call).await?),
            None => None,
        };
        let since = Instant::now();
        let ended = self.call(&case.call).await;
        let elapsed_ms = since.elapsed().as_millis();
        let checked = self.check_end(case, &ended);
        if let Some(beside) = beside {
            beside.abort();
            // It must have ended before the next case needs its lock.
            let ended = beside.await;
            drop(ended);
        }
        checked?;
        if case.differs && self.call(&case.call).await == ended {
            return Err("two calls return the same".to_owned());
        }
        if let Some(most) = case.within_ms.filter(|most| elapsed_ms > *most) {
            return Err(format!(
                "it took {elapsed_ms} ms, at most {most} are allowed"
            ));
        }
        for (name, expect) in &case.versions {
            let found = self.house.versions(&case.call.model, name);
            if found != *expect {
                return Err(format!(
                    "`{name}` has the versions {found:?}, not {expect:?}"
                ));
            }
        }
        if let Some(expect) = &case.logs {
            let run = self.house.newest().run.id.to_string();
            self.differs(&self.logs(&run), expect)?;
        }
        match &case.received {
            Some(part) => self.received(part),
            None => Ok(()),
        }
    }

    /// Starts a call as another process would, and waits until it has its lock.
    ///
    /// # Errors
    /// It has ended before.
    async fn begin(&self, call: &CaseCall) -> Result<JoinHandle<String>, String> {
        let n_locks = self.house.locks().len();
        let process = self.house.other_process();
        let seen = Arc::clone(&self.house.seen);
        let (model, method) = (call.model.clone(), call.method.clone());
        let arguments = call.arguments.clone();
        let running = tokio::spawn(async move {
            match run_in(&process, &seen, (&model, &method), arguments).await {
                Ok(ran) => format!("it returned {}", ran.value),
                Err(error) => words(&error),
            }
        });
        until("the other call has its locks", || {
            running.is_finished() || self.house.locks().len() > n_locks
        })
        .await;
        match running.is_finished() {
            true => Err(running.await.expect("no panic")),
            false => Ok(running),
        }
    }

    async fn call(&self, call: &CaseCall) -> Result<Value, Value> {
        let arguments = filled(&call.arguments, &self.names);
        match Box::pin(self.house.run(&call.model, &call.method, arguments)).await {
            Ok(ran) => Ok(ran.value),
            Err(AppError::Failed(RunFailed::Call(failed))) => Err(error(&failed.source)),
            Err(other) => Err(json!({"code": "refused", "message": words(&other)})),
        }
    }

    fn check_end(&self, case: &Case, ended: &Result<Value, Value>) -> Result<(), String> {
        match (&case.expect, ended) {
            (Expected::Returns(Value::Array(expect)), Ok(Value::Array(found)))
                if case.in_any_order =>
            {
                self.same_items(found, expect)
            }
            (Expected::Returns(expect), Ok(found)) => self.differs(found, expect),
            (Expected::Fails(expect), Err(found)) => {
                // Only what is expected is compared: not every case is about the message.
                let keys = expect.as_object().expect("an error is an object").keys();
                let pick = |key: &String| (key.clone(), found[key].clone());
                let found: Map<String, Value> = keys.map(pick).collect();
                self.differs(&Value::Object(found), expect)
            }
            (Expected::Returns(_), Err(found)) => Err(format!("it failed: {found}")),
            (Expected::Fails(_), Ok(found)) => Err(format!("it returned {found}")),
        }
    }

    fn same_items(&self, found: &[Value], expect: &[Value]) -> Result<(), String> {
        let mut left: Vec<&Value> = found.iter().collect();
        for item in expect {
            let item = filled(item, &self.names);
            let fits = left.iter().position(|it| difference(it, &item).is_none());
            let Some(at) = fits else {
                return Err(format!("{found:?}, expected {item}"));
            };
            left.remove(at);
        }
        match left.is_empty() {
            true => Ok(()),
            false => Err(format!("unexpected: {left:?}")),
        }
    }

    fn differs(&self, found: &Value, expect: &Value) -> Result<(), String> {
        match difference(found, &filled(expect, &self.names)) {
            Some(difference) => Err(difference),
            None => Ok(()),
        }
    }

    fn logs(&self, run: &str) -> Value {
        let lines = log_of(&self.house.repository, Some(run)).into_iter();
        lines
            .map(|line| {
                let level = match line.level {
                    LogLevelView::Trace => "trace",
                    LogLevelView::Debug => "debug",
                    LogLevelView::Info => "info",
                    LogLevelView::Warn => "warn",
                    LogLevelView::Error => "error",
                };
                let fields = line.fields.into_iter().map(|it| (it.key, it.value));
                let fields: Map<String, Value> = fields.collect();
                json!({"level": level, "message": line.message, "fields": fields})
            })
            .collect()
    }

    fn received(&self, part: &str) -> Result<(), String> {
        let part = filled_text(part, &self.names);
        let requests = self.server.requests();
        let last = requests.last().map(String::as_str).unwrap_or_default();
        match last.contains(&part) {
            true => Ok(()),
            false => Err(format!("the server received {last}, expected {part}")),
        }
    }
}

/// Adds a plugin whose models have only what their own definitions grant.
async fn plugin_add_without_grants(house: &House, component: &str) {
    crate::fixture::typescript::built(component);
    let mut request = AddRequest::from(Path::new(component));
    // The fixture has it already.
    request.options.may_replace = true;
    let added = plugin_add(&house.cx(), request).await;
    let added = added.expect("a sound plugin");
    added.pin(&[Choice::None]).expect("it can be pinned");
}

fn files(house: &House) {
    for folder in ["inbox", "outbox"] {
        fs::create_dir(house.path().join(folder)).expect("a folder can be made");
    }
    house.write("inbox/a.txt", "from the inbox\n");
    // It can be executed, and is no program.
    house.write("broken", "\0");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(house.path().join("broken"), mode).expect("it is ours");
}

fn models(house: &House, type_name: &str, server: &Server) {
    let grants = format!(
        "grants:
  models: ['*']
  workflows: ['*']
  http: [{{url: '{}'}}]
  files: [{{name: inbox, path: inbox, access: read}}, {{name: outbox, path: outbox, access: write}}]
  env: [CARGO_PKG_NAME, SEDGE_CONFORMANCE_UNSET]
  secrets:
  - {{name: TOKEN, hosts: ['{}']}}
  - {{name: MISSING, hosts: ['{}']}}
  - {{name: SHOWN, hosts: ['{}'], reveal: true}}
  commands: [cat, sh, sleep, unpinned, broken]
",
        server.origin(),
        server.origin(),
        server.origin(),
        server.origin(),
    );
    let small = "limits: {memoryMebibytes: 64, cpuSeconds: 1, hostCalls: 500, stagedMebibytes: 1, \
                 fileMebibytes: 1, callDepth: 8}\n";
    for (name, more) in [
        (
            "conf",
            "typeVersion: 2026.12.01.1\ntags: {team: core}\nglobalArguments: {label: hello}\n",
        ),
        ("other", ""),
        ("left", ""),
        ("right", ""),
        ("busy", ""),
        ("small", small),
        ("hurried", "limits: {wallTimeSeconds: 1}\n"),
        ("lonely", "limits: {callsPerRun: 1}\n"),
        (
            "old",
            "typeVersion: 2026.11.01.1\nglobalArguments: {name: before}\n",
        ),
    ] {
        house.model(name, type_name, &format!("{grants}{more}"));
    }
    house.model("bare", type_name, "");
    let http = format!("grants: {{http: [{{url: '{}'}}]}}\n", server.origin());
    house.model("unsent", type_name, &http);
    house.model("faulty", type_name, "grants: 7\n");
}

fn workflows(house: &House) {
    let of = |name: &str, head: &str, steps: &str| {
        let text = format!("name: {name}\n{head}jobs:\n  - name: main\n    steps:\n{steps}");
        house.write(&format!("workflows/{name}.yaml"), &text);
    };
    let echo = step("echo", "other.echo", "{value: \"${{ inputs.text }}\"}", "");
    let inputs = "inputs:\n  text: {type: string}\n";
    of("echoes", inputs, &echo);
    let broken = "{code: broken, message: it broke, write: w}";
    of("fails", "", &step("fail", "other.fail", broken, ""));
    of("waits", "", &gate("gate", ""));
    let echo = step("echo", "other.echo", "{value: 1}", "");
    of("exclusive", "exclusive: true\n", &echo);
}

/// Returns the error of a call as a case expects it.
fn error(error: &CallError) -> Value {
    let details = match error {
        CallError::Failed(failure) => {
            return json!({
                "code": failure.code,
                "message": failure.message,
                "details": failure.details,
            });
        }
        CallError::Limit { name, value } => json!({"name": name.as_str(), "value": value}),
        CallError::TimedOut { after_ms } => json!({"after_ms": after_ms}),
        CallError::ChecksFailed { failures } => {
            let failures = failures.iter();
            let failures: Vec<Value> = failures
                .map(|it| json!({"check": it.check.to_string(), "message": it.message}))
                .collect();
            json!({"failures": failures})
        }
        CallError::NotFound { .. }
        | CallError::InvalidInput { .. }
        | CallError::Denied { .. }
        | CallError::LockTimeout { .. }
        | CallError::Deadlock { .. }
        | CallError::ChangedMeanwhile { .. }
        | CallError::Cycle { .. }
        | CallError::Trapped { .. }
        | CallError::Cancelled
        | CallError::LockLost => Value::Null,
    };
    let code = match error {
        CallError::Limit { .. } => "limit",
        CallError::TimedOut { .. } => "timed-out",
        CallError::ChecksFailed { .. } => "checks-failed",
        CallError::InvalidInput { .. } => "invalid-input",
        CallError::Trapped { .. } => "trapped",
        CallError::Failed(_)
        | CallError::NotFound { .. }
        | CallError::Denied { .. }
        | CallError::LockTimeout { .. }
        | CallError::Deadlock { .. }
        | CallError::ChangedMeanwhile { .. }
        | CallError::Cycle { .. }
        | CallError::Cancelled
        | CallError::LockLost => "unexpected",
    };
    json!({"code": code, "message": error.to_string(), "details": details})
}
