//! Commands: a pinned program runs as its pin allows, and leaves no process behind.

pub(crate) use sedge_test_artifacts::RUNNER as runner;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::model::MethodRunView;
use sedge_app::audit::list::{AuditListRequest, audit_list};
use sedge_app::datastore::compact::datastore_compact;
use sedge_app::datastore::lock_release::datastore_lock_release;
use sedge_app::model::delete::model_delete;
use sedge_app::model::permissions::model_permissions;
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::secret::put::secret_put;
use sedge_app::types::{CallError, SecretValue};
use sedge_app::{AppError, Event, Settings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::command_processes::{endless, lives, numbers, three_started_and_are_dead};
use crate::fixture::{House, ada, cx_of, run_in, settings, until, words};
use crate::shown::collected;
use crate::uses::words_of;

/// The pins of the commands that `runner` requests: a shell that runs any script, and a program
/// that prints its arguments.
const PINS: &str = "
  sh:
    program: /bin/sh
    arguments: ['-c', ...]
    environment: [PATH]
  printf:
    program: /usr/bin/printf
    arguments: ['<%s>', '*', 'literal', '--x=*', ...]
";

const GRANTS: &str = "grants: {commands: [sh, printf, missing]}\n";

/// Returns a repository in which `runner` may run these pins.
async fn house(pins: &str) -> House {
    let mut house = House::new();
    house.model("runner", "@test/runner", GRANTS);
    house.write("sedge.yaml", &format!("version: 1\ncommands:{pins}"));
    house.reopen().await;
    house
}

pub(crate) fn script(text: &str) -> Value {
    json!({"command": "sh", "arguments": ["-c", text]})
}

async fn ran(house: &House, arguments: Value) -> Value {
    house.value("runner", "run", arguments).await
}

/// Returns the code and the message of `runner`'s failure.
async fn failed(house: &House, arguments: Value) -> (String, String) {
    let (error, _) = house.failure("runner", "run", arguments).await;
    let CallError::Failed(failure) = error else {
        panic!("{error:?}")
    };
    (failure.code, failure.message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_gets_only_its_arguments_and_stdin() {
    let house = house(PINS).await;
    let meant = ["$(id)", "literal", "--x=;y", "a  b", "*", "|"];
    let mut arguments = vec!["<%s>"];
    arguments.extend(meant);
    let got = ran(&house, json!({"command": "printf", "arguments": arguments})).await;
    assert_eq!(got["stdout"], "<$(id)><literal><--x=;y><a  b><*><|>");
    let mut cat = script("cat; cat >&2; exit 7");
    cat["stdin"] = json!("one\ntwo");
    let got = ran(&house, cat).await;
    assert_eq!(got["stdout"], "one\ntwo");
    assert_eq!((&got["stderr"], &got["exit"]), (&json!(""), &json!(7)));
    assert_eq!(ran(&house, script("cat")).await["stdout"], "");
    assert_eq!(ran(&house, script("kill -KILL $$")).await["signal"], 9);
    let lines = house.seen.lines();
    let expect = "ran the command `sh`: it ended with 7";
    assert!(lines.iter().any(|line| line == expect), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_gets_only_what_its_pin_names() {
    let house = house(PINS).await;
    let names = ran(&house, script("exec env")).await;
    let names = names["stdout"].as_str().expect("text").lines();
    let mut names: Vec<&str> = names.filter_map(|line| line.split('=').next()).collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["PATH", "SEDGE_LINEAGE"]);
    let folder = ran(&house, script("pwd; ls -A")).await;
    let folder = folder["stdout"].as_str().expect("text").trim();
    assert!(!Path::new(folder).exists(), "{folder}");
    // The datastore, locks and pipes are open.
    let open = ran(&house, script("exec ls -l /proc/self/fd")).await;
    let open = open["stdout"].as_str().expect("text");
    assert!(open.contains(" 2 -> "), "{open}");
    assert_eq!(opened_here(open), [""; 0]);
}

/// Returns the open descriptors from the output of `ls`, except stdin, stdout, stderr, those of
/// `ls` itself, and those that this process inherited.
fn opened_here(shown: &str) -> Vec<&str> {
    let parent = std::os::unix::process::parent_id();
    let is_opened_here = |line: &&str| {
        let Some((front, target)) = line.split_once(" -> ") else {
            return false;
        };
        let number = front.rsplit(' ').next().unwrap_or_default();
        let of_parent = fs::read_link(format!("/proc/{parent}/fd/{number}"));
        let is_inherited = of_parent.is_ok_and(|of_parent| of_parent == Path::new(target));
        !["0", "1", "2"].contains(&number) && !target.starts_with("/proc/") && !is_inherited
    };
    shown.lines().filter(is_opened_here).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_outside_of_the_pin_are_refused() {
    let house = house(PINS).await;
    for arguments in [
        json!([]),
        json!(["<%s>", "a"]),
        json!(["%s", "a", "literal", "--x=1"]),
        json!(["<%s>", "-v", "literal", "--x=1"]),
        json!(["<%s>", "a", "Literal", "--x=1"]),
        json!(["<%s>", "a", "literal", "--y=1"]),
        json!(["<%s>", "a", "literal", "--x=1", "--more"]),
        json!(["<%s>", "a\0b", "literal", "--x=1"]),
    ] {
        let ask = json!({"command": "printf", "arguments": arguments});
        let (code, message) = failed(&house, ask).await;
        assert_eq!(code, "arguments-refused", "{arguments}: {message}");
    }
    let (code, message) = failed(&house, json!({"command": "missing"})).await;
    assert_eq!(code, "not-pinned", "{message}");
    let (_, lines) = message.split_once("would pin it\n").expect("lines");
    let lines = lines.replace("/path/of/it", "/no/such/program");
    let house = self::house(lines.strip_prefix("commands:").expect("the key")).await;
    let (code, message) = failed(&house, json!({"command": "missing"})).await;
    assert_eq!(code, "not-started", "{message}");
    assert!(message.contains("/no/such/program"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denial_of_a_command_has_the_lines_that_grant_it() {
    let house = house(PINS).await;
    house.model("runner", "@test/runner", "");
    let (code, message) = failed(&house, script("exit 0")).await;
    assert_eq!(code, "denied", "{message}");
    let (_, lines) = message.split_once(".yaml\n").expect("lines");
    house.model("runner", "@test/runner", &format!("{lines}\n"));
    assert_eq!(ran(&house, script("exit 0")).await["exit"], 0);
    let (code, message) = failed(&house, json!({"command": "printf"})).await;
    assert_eq!(code, "denied", "{message}");
    let (code, message) = failed(&house, json!({"command": "unasked"})).await;
    assert_eq!(code, "denied", "{message}");
    assert!(message.contains("does not request it"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn used_commands_are_recorded() {
    let house = house(PINS).await;
    ran(&house, script("exit 0")).await;
    failed(&house, json!({"command": "printf"})).await;
    let report = model_permissions(&house.cx(), "runner").await;
    let used = report.expect("a model").permissions.into_iter();
    let used = used.filter(|it| it.last_used.is_some());
    let used: Vec<String> = used.map(|it| words_of(&it.permission)).collect();
    assert_eq!(
        used,
        ["commands sh"],
        "refused arguments do not count as a use"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_output_is_cut_and_drained() {
    let house = house(&format!("{PINS}    outputKibibytes: 8\n").replace(
        "    environment: [PATH]\n",
        "    environment: [PATH]\n    outputKibibytes: 64\n",
    ))
    .await;
    let flood = "head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait";
    let got = ran(&house, script(flood)).await;
    assert_eq!(
        (&got["exit"], &got["cut"]),
        (&json!(0), &json!([true, true]))
    );
    assert_eq!(
        (&got["n_stdout"], &got["n_stderr"]),
        (&json!(65536), &json!(65536))
    );
    let got = ran(&house, script("head -c 65536 /dev/zero")).await;
    assert_eq!(
        (&got["n_stdout"], &got["cut"]),
        (&json!(65536), &json!([false, false]))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_command_is_killed_with_its_processes() {
    // Other tests run at the same time, so a short limit may not be enough for all three to start.
    for seconds in [2, 8, 32] {
        let pins = PINS.replace(
            "environment: [PATH]\n",
            &format!("environment: [PATH]\n    timeoutSeconds: {seconds}\n"),
        );
        let house = house(&pins).await;
        let file = house.path().join("numbers");
        let (code, message) = failed(&house, endless(&file)).await;
        assert_eq!(code, "timed-out", "{message}");
        if three_started_and_are_dead(&file).await {
            return;
        }
    }
    panic!("they never began");
}

/// The pin cannot extend the deadline of the call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_is_killed_with_its_processes_at_the_end_of_its_call() {
    for seconds in [2, 8, 32] {
        let house = house(PINS).await;
        house.model(
            "runner",
            "@test/runner",
            &format!("limits: {{wallTimeSeconds: {seconds}}}\n{GRANTS}"),
        );
        let file = house.path().join("numbers");
        let (error, _) = house.failure("runner", "run", endless(&file)).await;
        assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
        if three_started_and_are_dead(&file).await {
            return;
        }
    }
    panic!("they never began");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_call_leaves_no_process_behind() {
    let house = house(PINS).await;
    let file = house.path().join("numbers");
    let (repository, seen) = (Arc::clone(&house.repository), Arc::clone(&house.seen));
    let arguments = endless(&file);
    let run =
        tokio::spawn(async move { run_in(&repository, &seen, ("runner", "run"), arguments).await });
    let numbers = numbers(&file, 3).await;
    assert!(numbers.iter().all(|number| lives(number)), "{numbers:?}");
    run.abort();
    until("the call has ended", || house.n_running() == 0).await;
    for number in numbers {
        until("it is dead", || !lives(&number)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_left_by_a_command_is_killed() {
    let house = house(PINS).await;
    let file = house.path().join("numbers");
    fs::write(&file, "").expect("it is made");
    let path = file.display();
    let daemon = format!(
        "setsid sh -c 'echo $$ >> {path}; exec sleep 3600' &\n\
         while [ $(wc -l < {path}) -lt 1 ]; do :; done"
    );
    assert_eq!(ran(&house, script(&daemon)).await["exit"], 0);
    for number in numbers(&file, 1).await {
        until("it is dead", || !lives(&number)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_runs_in_the_folder_of_its_pin() {
    let pins = PINS.replace(
        "environment: [PATH]\n",
        "environment: [PATH]\n    cwd: models\n",
    );
    let house = house(&pins).await;
    let seen = ran(&house, script("ls; echo text > out.txt")).await;
    let names = seen["stdout"].as_str().expect("text");
    assert!(names.lines().any(|it| it == "runner.yaml"), "{names}");
    let written = fs::read_to_string(house.path().join("models/out.txt"));
    assert_eq!(written.expect("it was written"), "text\n");
}

/// Two calls have run commands and then wait for each other. A rollback would run the command
/// twice, so one of them gets an error instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_ran_a_command_is_not_rolled_back() {
    let house = house(PINS).await;
    for name in ["one", "two"] {
        house.model(name, "@test/runner", GRANTS);
    }
    let file = house.path().join("met");
    fs::write(&file, "").expect("it is made");
    let path = file.display();
    // Each waits until both have started.
    let meet = script(&format!(
        "echo . >> {path}; while [ $(wc -l < {path}) -lt 2 ]; do :; done"
    ));
    let then = |target: &str| json!({"first": meet, "target": target, "second": script("exit 0")});
    let (one, two) = tokio::join!(
        run_in(&house.repository, &house.seen, ("one", "then"), then("two")),
        run_in(&house.repository, &house.seen, ("two", "then"), then("one")),
    );
    let (good, bad): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 1));
    let error = bad.into_iter().find_map(Result::err).expect("one of them");
    let error = words(&error);
    assert!(error.contains("wait for each other"), "{error}");
    let is_rolled_back = |event: &Event| matches!(event, Event::CallRolledBack { .. });
    assert!(!house.seen.events().iter().any(is_rolled_back));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), ".\n.\n");
}

/// A call of `runner` that is running a command, and the settings of a `sedge` that this command
/// starts. Another handle stands for that process, which is equivalent for locks.
struct Midway {
    settings: Settings,
    go: PathBuf,
    run: JoinHandle<Result<MethodRunView, AppError>>,
}

impl Midway {
    async fn of(house: &House, method: &'static str) -> Self {
        let path = house.path().to_owned();
        let here = path.display();
        let wait = script(&format!(
            "echo $SEDGE_LINEAGE > {here}/new; mv {here}/new {here}/token\n\
             while [ ! -e {here}/go ]; do sleep 0.01; done"
        ));
        let (repository, seen) = (Arc::clone(&house.repository), Arc::clone(&house.seen));
        let run =
            tokio::spawn(async move { run_in(&repository, &seen, ("runner", method), wait).await });
        until("it has a token", || path.join("token").exists()).await;
        let tokens = fs::read_to_string(path.join("token")).expect("it is there");
        let settings = Settings {
            lineage_tokens: Some(tokens.trim().to_owned()),
            ..settings()
        };
        let go = path.join("go");
        Self { settings, go, run }
    }

    async fn end(self) -> Result<MethodRunView, AppError> {
        fs::write(&self.go, "").expect("it is made");
        self.run.await.expect("no panic")
    }
}

async fn empty_script_run_by(
    house: &House,
    settings: &Settings,
    method: &str,
) -> Result<MethodRunView, AppError> {
    let other = house.other_process_with(settings.clone());
    run_in(&other, &house.seen, ("runner", method), script("exit 0")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_with_the_token_of_a_command_works_below_its_call() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "run").await;
    let settings = midway.settings.clone();
    let joined = empty_script_run_by(&house, &settings, "run").await;
    joined.unwrap_or_else(|error| panic!("{}", words(&error)));
    let stranger = Settings {
        lock_timeout: Some(Duration::from_millis(100)),
        lineage_tokens: None,
        ..settings.clone()
    };
    let error = empty_script_run_by(&house, &stranger, "run").await;
    let error = error.expect_err("it is locked");
    assert_eq!(error.code(), ErrorCode::LockTimeout, "{}", words(&error));
    let ended = midway.end().await;
    ended.unwrap_or_else(|error| panic!("{}", words(&error)));
    let error = empty_script_run_by(&house, &settings, "run").await;
    let error = error.expect_err("the command has ended");
    assert_eq!(error.code(), ErrorCode::TokenVoid, "{}", words(&error));
}

/// The audit says that a command did it, and for which call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audit_names_the_call_of_a_command() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "run").await;
    let run = house.newest().run.id;
    let other = house.other_process_with(midway.settings.clone());
    let value = SecretValue::new(b"a value that is long enough".to_vec()).expect("it is not empty");
    let name = "TOKEN".parse().expect("a name");
    let cx = house.cx_in(&other).with_actor(ada());
    secret_put(&cx, &name, &value, true).expect("it can be put");
    let ended = midway.end().await;
    ended.unwrap_or_else(|error| panic!("{}", words(&error)));
    secret_put(&cx, &name, &value, true).expect("it can be put");
    let request = AuditListRequest {
        actor: Some("ada".to_owned()),
        ..AuditListRequest::default()
    };
    let entries = collected(|take| audit_list(&house.cx(), &request, take));
    let actors: Vec<&str> = entries.iter().map(|it| it.actor.as_str()).collect();
    let [late, early] = actors[..] else {
        panic!("two secrets were put: {entries:?}");
    };
    assert!(
        early.starts_with("ada, by a command of the call "),
        "{early}"
    );
    assert!(early.contains(run.as_str()), "{early}");
    assert_eq!(late, "ada, by a command of a call that has ended");
}

/// Otherwise a method of kind `read` could write by a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_of_a_read_method_cannot_write() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "look").await;
    let refused = [("run", "read"), ("observe", "read")];
    command_only_looks(&house, &midway, &["look"], &refused).await;
    let ended = midway.end().await;
    ended.unwrap_or_else(|error| panic!("{}", words(&error)));
}

/// Checks what a command of the call can do: it runs the methods that are allowed, no others, and
/// deletes no model. Each refused method is followed by the kind of the call that refuses it.
async fn command_only_looks(
    house: &House,
    midway: &Midway,
    allowed: &[&str],
    refused: &[(&str, &str)],
) {
    for method in allowed {
        let looked = empty_script_run_by(house, &midway.settings, method).await;
        looked.unwrap_or_else(|error| panic!("`{method}`: {}", words(&error)));
    }
    for (method, kind) in refused {
        let error = empty_script_run_by(house, &midway.settings, method).await;
        let message = words(&error.expect_err("it may change something"));
        let expect = format!("of kind `{kind}` may not call `{method}` of `runner`");
        assert!(message.contains(&expect), "{message}");
    }
    let other = house.other_process_with(midway.settings.clone());
    let deleted = model_delete(&house.cx_in(&other), "runner").await;
    let message = words(&deleted.expect_err("it writes"));
    assert!(message.contains("the call only looks"), "{message}");
}

/// Otherwise a method of kind `observe` could change something by a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_of_an_observation_can_only_look() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "observe").await;
    let refused = [("run", "observe")];
    command_only_looks(&house, &midway, &["look", "observe"], &refused).await;
    let ended = midway.end().await;
    ended.unwrap_or_else(|error| panic!("{}", words(&error)));
}

/// The staged changes of a call are not data yet, so a compaction below the call would remove them
/// as garbage, and the lock of the call would not prevent it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operation_on_the_whole_datastore_is_refused_below_a_call() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "run").await;
    let other = house.other_process_with(midway.settings.clone());
    let error = datastore_compact(&house.cx_in(&other), false).await;
    let message = words(&error.expect_err("a call is at work"));
    assert!(
        message.contains("`datastore compact` cannot be done by a command of the call"),
        "{message}"
    );
    let ended = midway.end().await;
    ended.unwrap_or_else(|error| panic!("{}", words(&error)));
    let other = house.other_process_with(Settings::default());
    let compacted = datastore_compact(&house.cx_in(&other), false).await;
    compacted.unwrap_or_else(|error| panic!("{}", words(&error)));
}

/// Its run is not the run of the call, but it works for a command of the call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn released_lock_fences_off_the_work_below_the_call() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "run").await;
    let other = house.other_process_with(midway.settings.clone());
    let (seen, path) = (house.seen.clone(), house.path().to_owned());
    let slow = script(&format!(
        "touch {0}/inside; while [ ! -e {0}/go ]; do sleep 0.01; done",
        path.display()
    ));
    let below = tokio::spawn(async move { run_in(&other, &seen, ("runner", "run"), slow).await });
    until("it is inside", || path.join("inside").exists()).await;
    let released = house.other_process();
    let taken = datastore_lock_release(&cx_of(&released), Some("runner")).expect("a table");
    assert_eq!(
        taken.released.len(),
        4,
        "its model and its intent, of both: {taken:?}"
    );
    let ended = [midway.end().await, below.await.expect("no panic")];
    for error in ended.map(|ended| ended.expect_err("it lost its lock")) {
        assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
    }
}

/// A command that starts `sedge` after its call was fenced off must not write, because another call
/// has the lock by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn released_lock_fences_off_what_a_command_starts_later() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "run").await;
    let caller = format!("{}/1", house.newest().run.id);
    let n_runs = || collected(|take| run_list(&house.cx(), &RunListRequest::default(), take)).len();
    let before = n_runs();
    let breaks = house.other_process();
    let taken = datastore_lock_release(&cx_of(&breaks), Some("runner")).expect("a table");
    assert_eq!(taken.released.len(), 2, "its model, and its intent");
    let check = |error: AppError| {
        assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
        let expect = format!("the lock of the call `{caller}` was released by force");
        assert!(words(&error).contains(&expect), "{}", words(&error));
    };
    let late = house.other_process_with(midway.settings.clone());
    let ran = run_in(&late, &house.seen, ("counter", "add"), json!({})).await;
    check(ran.expect_err("its caller lost its lock"));
    let deleted = model_delete(&house.cx_in(&late), "runner").await;
    check(deleted.expect_err("its caller lost its lock"));
    assert_eq!(n_runs(), before, "no run was created");
    assert_eq!(house.versions("counter", "count"), Vec::<u64>::new());
    let error = midway.end().await.expect_err("it lost its lock");
    assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
}

/// A process that waits for its first lock while the lock of its caller is released is refused when
/// its turn comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn released_lock_fences_off_a_process_that_waits_below_the_call() {
    let house = house(PINS).await;
    let midway = Midway::of(&house, "run").await;
    let below = house.other_process_with(midway.settings.clone());
    let holds = house.value("one", "run", json!({"steps": [{"until": "two"}]}));
    let waits = async {
        until("the holder has its locks", || house.locks().len() == 4).await;
        run_in(&below, &house.seen, ("one", "add"), json!({})).await
    };
    let breaks = async {
        let is_waiting = || house.locks().iter().any(|it| !it.held);
        until("the process waits", is_waiting).await;
        let other = house.other_process();
        datastore_lock_release(&cx_of(&other), Some("runner")).expect("a table");
        house.value("two", "add", json!({})).await
    };
    let (_, refused, _) = tokio::join!(holds, waits, breaks);
    let error = refused.expect_err("its caller lost its lock");
    assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
    assert!(
        words(&error).contains("was released by force"),
        "{}",
        words(&error)
    );
    assert_eq!(house.versions("one", "count"), Vec::<u64>::new());
    let error = midway.end().await.expect_err("it lost its lock");
    assert_eq!(error.code(), ErrorCode::Fenced, "{}", words(&error));
}
