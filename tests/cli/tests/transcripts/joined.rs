//! A `sedge` process that a command of a call starts. In the program that Sedge is modelled on,
//! such a process waited for a lock of the call that waited for the process. In Sedge, the process
//! receives a token of that call, and its own calls are children of it.

use sedge_test_kit::{TestEnv, processes, sedge, wait_until};
use serde_json::{Value, json};

use crate::fixtures::b;

/// Returns an environment with a model `tool` of `@sedge/shell`, whose command is pinned with these
/// lines: `program: …` and more.
fn with_tool(pin: &[&str]) -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/shell.wasm --grant-all",
        "model create @sedge/shell tool --global-argument command=tool",
    ]);
    repin(&env, pin);
    env
}

fn repin(env: &TestEnv, pin: &[&str]) {
    let mut text = "version: 1\nlockTimeoutSeconds: 1\ncommands:\n  tool:\n".to_owned();
    for line in pin {
        let line = line.replace("$SEDGE", sedge().to_str().expect("plain text"));
        text.push_str(&format!("    {line}\n"));
    }
    env.write_file("sedge.yaml", text);
}

/// The pin of `sedge` itself, which allows it to run any method.
const METHODS: [&str; 4] = [
    "program: $SEDGE",
    "arguments: [model, method, run, '*', '*', '--inputs-json=*', ...]",
    "environment: [HOME, USER, SEDGE_CACHE_DIR, XDG_STATE_HOME]",
    "cwd: .",
];

/// Returns the arguments of a command that runs a method.
fn method(model: &str, method: &str, inputs: &Value) -> Value {
    let inputs = format!("--inputs-json={inputs}");
    json!(["model", "method", "run", model, method, inputs])
}

/// Returns the arguments that run the command of `tool`.
fn tool_run(inputs: &str) -> [&str; 7] {
    [
        "model",
        "method",
        "run",
        "tool",
        "run",
        "--inputs-json",
        inputs,
    ]
}

/// Runs the command of `tool`, and returns the document that it prints.
fn tool(env: &TestEnv, arguments: &Value) -> Value {
    let inputs = json!({"arguments": arguments, "expectExit": [0, 3, 75]});
    let document = env.run_json(tool_run(&inputs.to_string()));
    document["data"]["value"].clone()
}

/// There are two levels: `tool` starts `sedge`, which runs `tool`, which starts `sedge`, which runs
/// `sink`. The first call of `tool` holds its lock while it waits.
#[test]
fn command_of_a_model_can_call_that_model() {
    let env = with_tool(&METHODS);
    let innermost = method("sink", "run", &json!({}));
    let inputs = json!({"arguments": innermost, "name": "inner"});
    let ended = tool(&env, &method("tool", "run", &inputs));
    assert_eq!(ended["exitCode"], 0, "{ended:#}");
    insta::assert_snapshot!(env.transcript("
        run list
        data list
    "), @"
    $ sedge run list
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 2]  sink.run  succeeded  [time]  [took]  tester, by a command of the call [run 3]/1
    [run 3]  tool.run  succeeded  [time]  [took]  tester, by a command of the call [run]/1
    [run]  tool.run  succeeded  [time]  [took]  tester

    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE   WRITTEN
    sink   record  resource  1       58 B   [time]
    tool   inner   resource  1       323 B  [time]
    tool   result  resource  1       880 B  [time]
    ");
}

/// A script that starts `sedge` writes a name that the call of the script has read. The call cannot
/// overwrite that without reading it again.
#[test]
fn call_cannot_overwrite_what_its_command_has_written() {
    let env = with_tool(&METHODS);
    env.setup(&[
        "plugin add $GUESTS/nester.wasm --grant-all",
        "model create @test/nester a",
    ]);
    let run = |steps: Value| {
        let inputs = json!({ "steps": steps }).to_string();
        let command = ["model", "method", "run", "a", "run", "--inputs-json"];
        env.run_json(command.into_iter().chain([inputs.as_str()]))
    };
    let writes = json!({"steps": [{"write": ["x", 1]}]});
    let command = json!({"command": ["tool", method("a", "run", &writes)]});
    let failed = run(json!([{"read": "x"}, command, {"write": ["x", 2]}])).to_string();
    assert!(failed.contains("changed-meanwhile"), "{failed}");
    let staged_before = run(json!([{"write": ["x", 2]}, command])).to_string();
    assert!(
        staged_before.contains("changed-meanwhile"),
        "{staged_before}"
    );
    let read_again = run(json!([{"read": "x"}, command, {"read": "x"}, {"write": ["x", 3]}]));
    assert_eq!(read_again["data"]["value"][1], 0, "{read_again:#}");
    let versions = env.run_json(["data", "versions", "a", "x"]);
    let versions = versions["data"].as_array().map(Vec::len);
    assert_eq!(versions, Some(4));
}

/// A command of an observation may observe the same model, and may not change it. An observation that
/// has read before what its command has observed runs again, once, and so does its command.
#[test]
fn command_of_an_observation_observes_and_does_not_change() {
    let env = with_tool(&METHODS);
    env.setup(&[
        "plugin add $GUESTS/nester.wasm --grant-all",
        "model create @test/nester a",
    ]);
    let run = |steps: Value| {
        let inputs = json!({ "steps": steps }).to_string();
        let command = ["model", "method", "run", "a", "observe", "--inputs-json"];
        env.run_json(command.into_iter().chain([inputs.as_str()]))
    };
    let n_versions = || {
        let versions = env.run_json(["data", "versions", "a", "x"]);
        versions["data"].as_array().map(Vec::len)
    };
    let writes = json!({"steps": [{"write": ["x", 1]}]});
    let observes = json!({"command": ["tool", method("a", "observe", &writes)]});
    let changes = json!({"command": ["tool", method("a", "run", &writes)]});
    let done = run(json!([observes, {"read": "x"}, {"write": ["x", 2]}]));
    assert_eq!(done["data"]["value"], json!([0, 1, null]), "{done:#}");
    assert_eq!(n_versions(), Some(2));
    let refused = run(json!([changes]));
    assert_ne!(refused["data"]["value"][0], 0, "{refused:#}");
    assert_eq!(refused["ok"], true, "{refused:#}");
    assert_eq!(n_versions(), Some(2));
    let stale = json!({"steps": [{"read": "x"}, observes, {"write": ["x", 3]}]}).to_string();
    let stale = env.run([
        "model",
        "method",
        "run",
        "a",
        "observe",
        "--inputs-json",
        &stale,
    ]);
    for part in [
        "/1: rolled back and retried alone: the call `",
        "/1` wrote version 3 of `x` after this call had read it",
        "/1` wrote version 4 of `x` after this call had read it",
    ] {
        assert!(stale.stderr.contains(part), "{part}: {stale}");
    }
    assert_eq!(stale.code(), Some(1), "{stale}");
    assert_eq!(n_versions(), Some(4), "only what the commands have written");
    let call = stale.stderr.lines().find_map(|it| it.strip_prefix("Call "));
    let run = call.and_then(|it| it.split_once('/')).expect("a call").0;
    let shown = env.run(["run", "show", run]);
    assert!(shown.stdout.contains("retried once"), "{shown}");
}

/// The pin of a program that starts any program with other variables, as a script can.
const ANY: [&str; 4] = [
    "program: /usr/bin/env",
    "arguments: ['SEDGE_LINEAGE=*', ...]",
    "environment: [HOME, USER, SEDGE_CACHE_DIR, XDG_STATE_HOME]",
    "cwd: .",
];

/// Runs `sink` from `tool`, by a `sedge` process with another token.
fn with_token(env: &TestEnv, token: &str) -> Value {
    let sedge = sedge().to_str().expect("plain text");
    let token = format!("SEDGE_LINEAGE={token}");
    let command = json!([token, sedge, "model", "method", "run", "sink", "run"]);
    tool(env, &command)
}

#[test]
fn used_or_invented_token_is_refused() {
    let env = with_tool(&["program: /usr/bin/env"]);
    let printed = tool(&env, &json!([]));
    let printed = printed["stdout"]["text"].as_str().expect("text");
    let mut variables = printed.lines();
    let used_up = variables.find_map(|it| it.strip_prefix("SEDGE_LINEAGE="));
    let used_up = used_up.expect("it was given one");
    repin(&env, &ANY);
    let guessed = format!("{}{}", &used_up[..32], "0".repeat(32));
    for token in [used_up, &guessed] {
        let ended = with_token(&env, token);
        assert_eq!(ended["exitCode"], 3, "{token}: {ended:#}");
        let stderr = ended["stderr"]["text"].as_str().expect("text");
        insta::allow_duplicates! {
            insta::assert_snapshot!(stderr, @"
            error: `SEDGE_LINEAGE` contains the token of a command that has ended, so nothing can run for it
            hint: unset the environment variable `SEDGE_LINEAGE` to work independently of the call
            ");
        }
    }
    // A token that no call of this repository issued has no effect.
    let ended = with_token(&env, "");
    assert_eq!(ended["exitCode"], 0, "{ended:#}");
}

/// This also works through another repository, whose call adds a token of its own.
#[test]
fn command_can_work_in_its_repository_through_another_one() {
    let [env, other] = [(), ()].map(|()| with_tool(&METHODS));
    let arguments = "arguments: [--repo, '*', model, method, run, '*', '*', '--inputs-json=*']";
    for env in [&env, &other] {
        repin(env, &["program: $SEDGE", arguments, METHODS[2]]);
    }
    let within = |env: &TestEnv, model: &str, inputs: &Value| {
        let Value::Array(arguments) = method(model, "run", inputs) else {
            panic!("arguments are a list")
        };
        let repository = env.repository();
        let repository = repository.to_str().expect("plain text");
        let mut all = vec![json!("--repo"), json!(repository)];
        all.extend(arguments);
        Value::Array(all)
    };
    let back = json!({"arguments": within(&env, "sink", &json!({})), "name": "there"});
    let back = json!({"arguments": within(&env, "tool", &back), "name": "here"});
    let ended = tool(&env, &within(&other, "tool", &back));
    assert_eq!(ended["exitCode"], 0, "{ended:#}");
}

/// Returns the processes that run a program and were started by `id`.
fn started_by(id: u32, program: &str) -> Vec<u32> {
    let processes = processes().into_iter();
    let is_it = |it: &sedge_test_kit::Process| {
        it.parent == id && it.program.as_ref().is_some_and(|it| it.ends_with(program))
    };
    processes.filter(is_it).map(|it| it.id).collect()
}

/// Returns the processes that run a program as a command of `id`. A reaper starts each of them.
fn commands_of(id: u32, program: &str) -> Vec<u32> {
    let reapers = started_by(id, "sedge-reaper").into_iter();
    let commands = reapers.flat_map(|reaper| started_by(reaper, program));
    commands.collect()
}

fn runs(id: u32) -> bool {
    processes()
        .iter()
        .any(|it| it.id == id && it.program.is_some())
}

#[test]
fn command_ends_with_the_program_that_started_it() {
    let env = with_tool(&["program: /usr/bin/sleep", "arguments: [...]"]);
    let inputs = json!({"arguments": ["3600"]}).to_string();
    for is_killed in [false, true] {
        let mut running = env.spawn(tool_run(&inputs));
        wait_until("it sleeps", || {
            !commands_of(running.id(), "sleep").is_empty()
        });
        let sleeping = commands_of(running.id(), "sleep");
        if is_killed {
            running.kill();
        } else {
            running.interrupt();
        }
        let expect = if is_killed { None } else { Some(130) };
        assert_eq!(running.wait().code(), expect);
        for id in sleeping {
            wait_until("it is dead", || !runs(id));
        }
    }
}

/// A gate is there so that a person decides. A plugin cannot, by whatever command.
#[test]
fn command_of_a_call_cannot_decide_a_gate() {
    let env = with_tool(&[
        "program: $SEDGE",
        "arguments: [workflow, ...]",
        "environment: [HOME, USER, SEDGE_CACHE_DIR, XDG_STATE_HOME]",
        "cwd: .",
    ]);
    env.write_file("workflows/B.yaml", b(1));
    env.setup(&["workflow run B"]);
    for verb in ["approve", "reject"] {
        let ended = tool(&env, &json!(["workflow", verb, "B", "gate"]));
        assert_eq!(ended["exitCode"], 3, "{ended:#}");
        let stderr = ended["stderr"]["text"].as_str().expect("text");
        assert!(
            stderr.contains("a user decides at a gate, and not a plugin"),
            "{stderr}"
        );
    }
    let gates = env.run_json(["workflow", "approvals"]);
    assert_eq!(gates["count"], 1, "{gates:#}");
}
