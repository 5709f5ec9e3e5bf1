//! Programs that a guest starts and serves: their streams, their end, and what their pin allows.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use sedge_app::types::CallError;
use serde_json::{Value, json};

use crate::command_processes::lives;
use crate::fixture::{House, until, words};
use crate::pending::perform;

/// The pin of a shell that runs any script.
const PINS: &str = "
  sh:
    program: /bin/sh
    arguments: ['-c', '*']
    environment: [PATH]
";

/// Returns a repository in which `looper` may run these pins.
async fn house(pins: &str) -> House {
    let mut house = House::new();
    house.model("looper", "@test/looper", "grants: {commands: ['*']}\n");
    house.write("sedge.yaml", &format!("version: 1\ncommands:{pins}"));
    house.reopen().await;
    house
}

fn script(text: &str) -> Value {
    json!({"command": "sh", "arguments": ["-c", text]})
}

/// The step that starts a script.
fn start(name: &str, text: &str) -> Value {
    json!({"command": [name, script(text)]})
}

/// A script that prints a line when it and a process of another session have written their process
/// ids to a file, and then never ends.
fn endless(file: &Path) -> String {
    let path = file.display();
    format!(
        "setsid sh -c 'echo $$ >> {path}; exec sleep 3600' &\n\
         echo $$ >> {path}\n\
         while [ $(wc -l < {path}) -lt 2 ]; do sleep 0.01; done\n\
         echo begun\n\
         while :; do sleep 1; done"
    )
}

/// Checks that both processes of an endless script have begun and are dead.
fn are_dead(file: &Path) {
    let numbers = fs::read_to_string(file).expect("they have begun");
    assert_eq!(numbers.lines().count(), 2, "{numbers:?}");
    for number in numbers.lines() {
        assert!(!lives(number), "{number} lives");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_talks_with_a_program() {
    let house = house(PINS).await;
    let got = perform(
        &house,
        json!([
            start("p", "while read -r line; do echo \"<$line>\"; done; echo over >&2; exit 3"),
            {"say": ["p", "one"]},
            {"hear": "p"},
            {"say": ["p", "two  $(id)"]},
            {"hear": "p"},
            {"get": "p"},
            {"close-stdin": "p"},
            {"hear": "p"},
            {"poll": 60_000},
            {"get": "p"},
            {"wait": "p"},
        ]),
    )
    .await;
    assert_eq!(
        (&got[2], &got[4]),
        (&json!("<one>\n"), &json!("<two  $(id)>\n"))
    );
    assert_eq!((&got[5], &got[7]), (&Value::Null, &json!("")));
    assert_eq!(got[8], json!(["p"]));
    assert_eq!((&got[9], &got[10]), (&json!("exit 3"), &json!("exit 3")));
    let lines = house.seen.lines();
    for line in [
        "started the command `sh`",
        "the command `sh` is over: it ended with 3",
    ] {
        assert_eq!(
            lines.iter().filter(|it| *it == line).count(),
            1,
            "{lines:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_waits_for_programs_calls_and_the_clock_at_once() {
    let house = house(PINS).await;
    let got = perform(
        &house,
        json!([
            start("slow", "sleep 3600"),
            start("quick", "exit 0"),
            {"call": ["blocked", "one", "run", {"steps": [{"until": "two"}]}]},
            {"poll": 60_000},
            {"drop": "quick"},
            {"poll": 20},
            {"cancel": "slow"},
            {"poll": 60_000},
            {"get": "slow"},
            start("again", "sleep 3600"),
            {"drop-subscribed": "again"},
        ]),
    )
    .await;
    assert_eq!((&got[3], &got[5]), (&json!(["quick"]), &json!(["clock"])));
    assert_eq!((&got[7], &got[8]), (&json!(["slow"]), &json!("signal 9")));
    let lines = house.seen.lines();
    let killed = "the command `sh` was killed, because the plugin did not wait for its end";
    assert_eq!(
        lines.iter().filter(|it| *it == killed).count(),
        1,
        "{lines:?}"
    );
}

/// The output that was printed before can still be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_program_is_dead_with_its_processes() {
    let house = house(PINS).await;
    let file = house.path().join("numbers");
    let text = endless(&file).replace("echo begun", "printf 'begun\\nmore\\n'");
    let check = format!(
        "for n in $(cat {}); do kill -0 $n 2>/dev/null && echo $n; done",
        file.display()
    );
    let got = perform(
        &house,
        json!([
            start("p", &text),
            {"hear": "p"},
            {"cancel": "p"},
            {"run": script(&check)},
            {"hear": "p"},
            {"hear": "p"},
            {"wait": "p"},
        ]),
    )
    .await;
    assert_eq!(got[3]["stdout"], "", "they are dead when `kill` returns");
    assert_eq!((&got[4], &got[5]), (&json!("more\n"), &json!("")));
    assert_eq!(got[6], "signal 9");
    are_dead(&file);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_are_dead_when_their_call_has_ended() {
    let house = house(PINS).await;
    let begun = |file: &Path| json!([start("p", &endless(file)), {"hear": "p"}]);
    let returned = house.path().join("returned");
    perform(&house, begun(&returned)).await;
    are_dead(&returned);
    let dropped = house.path().join("dropped");
    let mut steps = begun(&dropped);
    steps
        .as_array_mut()
        .expect("a list")
        .push(json!({"drop": "p"}));
    perform(&house, steps).await;
    are_dead(&dropped);
    let trapped = house.path().join("trapped");
    let mut steps = begun(&trapped);
    steps.as_array_mut().expect("a list").push(json!("trap"));
    house
        .failure("looper", "run", json!({"steps": steps}))
        .await;
    are_dead(&trapped);
    // The caller cancels the call whose program it is.
    let cancelled = house.path().join("cancelled");
    let inner = json!({"steps": [start("p", &endless(&cancelled)), {"wait": "p"}]});
    let wait = format!(
        "while [ $(wc -l < {}) -lt 2 ]; do sleep 0.01; done",
        cancelled.display()
    );
    fs::write(&cancelled, "").expect("it is made");
    let steps = json!([
        {"call": ["inner", "looper", "run", inner]},
        {"run": script(&wait)},
        {"cancel": "inner"},
        {"poll": 60_000},
    ]);
    perform(&house, steps).await;
    are_dead(&cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn program_is_killed_at_the_end_of_its_time() {
    let house = house(&format!("{PINS}    timeoutSeconds: 1\n")).await;
    // The guest waits for the program, or does something else meanwhile.
    let got = perform(
        &house,
        json!([
            start("p", "sleep 3600"),
            {"wait": "p"},
            start("q", "sleep 3600"),
            {"drain": "q"},
            {"drop": "p"},
            {"poll": 60_000},
            {"get": "q"},
        ]),
    )
    .await;
    let message = "the command `sh` was killed after 1000 ms, the time limit of its pin";
    for answer in [&got[1], &got[6]] {
        assert_eq!(*answer, json!({"error": "timed-out", "message": message}));
    }
    let lines = house.seen.lines();
    assert_eq!(
        lines.iter().filter(|it| *it == message).count(),
        2,
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_fails_at_the_limit_of_the_pin() {
    let house = house(&format!("{PINS}    outputKibibytes: 64\n")).await;
    let got = perform(
        &house,
        json!([
            start("p", "exec head -c 65536 /dev/zero"),
            {"drain": "p"},
            start("q", "exec cat /dev/zero"),
            {"drain": "q"},
            {"wait": "q"},
        ]),
    )
    .await;
    assert_eq!(got[1], json!({"bytes": 65536, "error": null}));
    assert_eq!(got[3]["bytes"], 65536);
    let error = got[3]["error"].as_str().expect("a text");
    assert!(
        error.contains("longer than 65536 bytes, its limit"),
        "{error}"
    );
    assert_eq!(got[4], "signal 13", "no process reads it any more");
    // Without a limit, as much can be read as the program prints.
    let house = self::house(PINS).await;
    let got = perform(
        &house,
        json!([start("p", "exec head -c 3000000 /dev/zero"), {"drain": "p"}, {"wait": "p"}]),
    )
    .await;
    assert_eq!(got[1], json!({"bytes": 3_000_000, "error": null}));
    assert_eq!(got[2], "exit 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn program_that_is_not_there_is_an_error_of_its_end() {
    let house = house("\n  sh: {program: /no/such/program, arguments: ['-c', '*']}\n").await;
    let got = perform(
        &house,
        json!([start("p", "exit 0"), {"wait": "p"}, {"get": "p"}]),
    )
    .await;
    assert_eq!(got[1]["error"], "not-started", "{}", got[1]);
    assert_eq!(got[1], got[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_runs_a_limited_number_of_programs() {
    let house = house(PINS).await;
    let got = perform(
        &house,
        json!([
            {"commands": [20, script("sleep 3600")]},
            start("more", "exit 0"),
            {"cancel": "3"},
            start("more", "exit 0"),
            {"wait": "more"},
            start("another", "sleep 3600"),
            {"drop": "4"},
            start("more", "sleep 3600"),
        ]),
    )
    .await;
    assert_eq!(got[0], 4, "16 may run at once");
    assert_eq!(got[1]["error"], "limit", "{}", got[1]);
    assert_eq!(got[4], "exit 0", "a place is free");
    assert_eq!((&got[5], &got[7]), (&Value::Null, &Value::Null));
    let lines = house.seen.lines();
    let line = "the command `sh` was not started: the limit `parallel-commands` of 16 was reached";
    assert!(lines.iter().any(|it| it == line), "{lines:?}");
}

/// The pins of a shell in the folder `work`, with and without folders below it.
fn pins_with_folder(more: &str) -> String {
    format!("{PINS}    cwd: work\n{more}")
}

/// The step that prints the folder that a script runs in.
fn pwd(folder: Value) -> Value {
    json!({"run": {"command": "sh", "arguments": ["-c", "pwd -P"], "folder": folder}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_chooses_a_folder_below_that_of_the_pin() {
    let house = house(&pins_with_folder("    subfolders: true\n")).await;
    let work = house.path().join("work");
    fs::create_dir_all(work.join("a/b")).expect("it can be made");
    fs::create_dir(house.path().join("outside")).expect("it can be made");
    fs::write(work.join("file"), "x").expect("it can be written");
    symlink("../outside", work.join("out")).expect("a link can be made");
    symlink("a", work.join("in")).expect("a link can be made");
    let work = work.canonicalize().expect("it is there");
    let ran = perform(
        &house,
        json!([pwd(json!("a/b")), pwd(json!(".")), pwd(json!(null))]),
    )
    .await;
    for (got, expect) in ran.iter().zip(["a/b", "", ""]) {
        let expect = work.join(expect);
        let shown = got["stdout"].as_str().expect("a text").trim();
        assert_eq!(Path::new(shown), expect.components().as_path(), "{got}");
    }
    let long = "a/".repeat(3000);
    let escapes = [
        "..", "a/../..", "/tmp", "out", "out/x", "in", "in/b", "file", "no", "", "a\0", &long,
    ];
    let steps: Vec<Value> = escapes.iter().map(|it| pwd(json!(it))).collect();
    for (folder, got) in escapes.iter().zip(perform(&house, json!(steps)).await) {
        assert_eq!(got["error"], "options-refused", "{folder}: {got}");
        let message = got["message"].as_str().expect("a text");
        assert!(message.len() < 500, "{folder}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pin_decides_whether_a_guest_chooses_the_folder() {
    for (pins, needs) in [
        (
            pins_with_folder(""),
            "`subfolders: true` in the pin would allow it",
        ),
        (
            PINS.to_owned(),
            "`cwd: FOLDER` and `subfolders: true` in the pin would allow it",
        ),
    ] {
        let house = house(&pins).await;
        fs::create_dir_all(house.path().join("work/a")).expect("it can be made");
        let got = perform(&house, json!([pwd(json!("a"))])).await;
        assert_eq!(got[0]["error"], "options-refused", "{}", got[0]);
        let message = got[0]["message"].as_str().expect("a text");
        assert!(message.ends_with(needs), "{message}");
    }
}

/// Otherwise a model could write a file that the command then executes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_model_writes_below_a_folder_that_guests_choose_from() {
    let house = house(&pins_with_folder("    subfolders: true\n")).await;
    fs::create_dir_all(house.path().join("work/a/shared")).expect("it can be made");
    let grants = "grants: {files: [{name: inbox, path: work/a/shared, access: write}]}\n";
    house.model("actor", "@test/actor", grants);
    let acts = json!({"acts": [{"create": "inbox/new"}]});
    let error = house.run("actor", "run", acts).await;
    let message = words(&error.expect_err("the folder controls a command"));
    assert!(
        message.contains("controls the command `sh` of sedge.yaml"),
        "{message}"
    );
}

/// The step that prints the environment of a script that sets these variables.
fn env(variables: &[(&str, &str)]) -> Value {
    let script = "env | grep -E '^(TZ|LANG|PATH|HOME)='";
    json!({"run": {"command": "sh", "arguments": ["-c", script], "variables": variables}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_sets_the_variables_that_the_pin_lists() {
    let house = house(&format!("{PINS}    variables: [TZ, LANG]\n")).await;
    let odd = "a b=c; $(id) 'é'";
    let long = "x".repeat(40_000);
    let got = perform(
        &house,
        json!([
            env(&[("TZ", odd), ("LANG", "")]),
            env(&[("HOME", "/tmp")]),
            env(&[("EDITOR", "vi")]),
            env(&[("PATH", "/tmp")]),
            env(&[("LD_PRELOAD", "/tmp/x.so")]),
            env(&[("SEDGE_LINEAGE", "x")]),
            env(&[("A=B", "x")]),
            env(&[("TZ", "a\0b")]),
            env(&[("TZ", &long)]),
            env(&[("TZ", "a"), ("TZ", "b")]),
        ]),
    )
    .await;
    let shown = got[0]["stdout"].as_str().expect("a text");
    assert!(shown.contains(&format!("TZ={odd}\n")), "{shown}");
    assert!(shown.contains("LANG=\n"), "{shown}");
    for refused in &got[1..] {
        assert_eq!(refused["error"], "options-refused", "{refused}");
    }
    let message = |at: usize| got[at]["message"].as_str().expect("a text").to_owned();
    assert!(
        message(2).ends_with("would allow it\nvariables: [TZ, LANG, EDITOR]"),
        "{}",
        message(2)
    );
    for at in [1, 3, 4, 5] {
        assert!(
            message(at).contains("no model may set it"),
            "{}",
            message(at)
        );
    }
    // The line that the refusal proposes allows it.
    let house = self::house(&format!("{PINS}    variables: [TZ, LANG, EDITOR]\n")).await;
    let got = perform(&house, json!([env(&[("EDITOR", "vi"), ("TZ", "UTC")])])).await;
    assert_eq!(
        got[0]["stdout"]
            .as_str()
            .expect("a text")
            .lines()
            .filter(|it| it.starts_with("TZ="))
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pin_takes_several_forms_of_arguments() {
    let pins = |forms: &str| format!("\n  echo: {{program: /bin/echo, arguments: {forms}}}\n");
    let run = |arguments: &[&str]| json!({"run": {"command": "echo", "arguments": arguments}});
    let house = house(&pins("[[], [-n, one], [two, ...]]")).await;
    let steps = json!([
        run(&[]),
        run(&["-n", "one"]),
        run(&["two", "a"]),
        run(&["-n", "two"])
    ]);
    let got = perform(&house, steps.clone()).await;
    for (at, expect) in ["\n", "one", "two a\n"].into_iter().enumerate() {
        assert_eq!(got[at]["stdout"], expect, "{}", got[at]);
    }
    assert_eq!(got[3]["error"], "arguments-refused", "{}", got[3]);
    let message = got[3]["message"].as_str().expect("a text");
    assert!(
        message.contains("they fit none of its 3 forms: `no arguments` (there are 2)"),
        "{message}"
    );
    // The line that the refusal proposes allows exactly what was tried.
    let (_, line) = message.split_once("\narguments: ").expect("a line");
    let house = self::house(&pins(line)).await;
    let got = perform(&house, steps).await;
    assert_eq!(got[3]["stdout"], "two", "{}", got[3]);
    let got = perform(&house, json!([run(&["-n", "three"])])).await;
    assert_eq!(got[0]["error"], "arguments-refused", "{}", got[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_method_starts_programs_and_unasked_ones_are_denied() {
    let house = house(PINS).await;
    let steps = json!({"steps": [start("p", "echo $SEDGE_LINEAGE"), {"hear": "p"}, {"wait": "p"}]});
    let got = house.value("looper", "look", steps.clone()).await;
    assert_eq!(got[2], "exit 0");
    assert!(
        got[1].as_str().is_some_and(|it| it.len() > 1),
        "it has a token: {got}"
    );
    house.model("looper", "@test/looper", "");
    let got = house
        .value("looper", "run", json!({"steps": [start("p", "exit 0")]}))
        .await;
    assert_eq!(got[0]["error"], "denied", "{got}");
    let wrong = json!({"steps": [{"command": ["p", {"command": "nothing"}]}]});
    house.model("looper", "@test/looper", "grants: {commands: ['*']}\n");
    let got = house.value("looper", "run", wrong).await;
    assert_eq!(got[0]["error"], "not-pinned", "{got}");
}

/// Its processes are in the way of nothing: they are killed before the call's locks are released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadline_of_the_call_kills_its_programs() {
    for seconds in [2, 8, 32] {
        let house = house(PINS).await;
        let limits =
            format!("limits: {{wallTimeSeconds: {seconds}}}\ngrants: {{commands: ['*']}}\n");
        house.model("looper", "@test/looper", &limits);
        let file = house.path().join("numbers");
        fs::write(&file, "").expect("it is made");
        let steps = json!({"steps": [start("p", &endless(&file)), {"poll": 3_600_000}]});
        let (error, _) = house.failure("looper", "run", steps).await;
        assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
        let numbers = fs::read_to_string(&file).expect("it is there");
        for number in numbers.lines() {
            until("it is dead", || !lives(number)).await;
        }
        if numbers.lines().count() == 2 {
            return;
        }
    }
    panic!("they never began");
}
