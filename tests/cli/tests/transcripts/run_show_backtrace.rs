//! `sedge run show --backtrace`: where a call failed, as its plugin's code sees it.

use sedge_test_kit::TestEnv;

#[test]
fn frames_of_a_script_are_shown() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/witness.wasm --grant none",
        "model create @test/witness witness",
    ]);
    let stack = "stack:json=[\"parse at app.py:7\",\"run at app.py:12\",\"<module>\\u001b[2J\"]";
    let failed = env.run([
        "model", "method", "run", "witness", "fail", "--input", stack,
    ]);
    insta::assert_snapshot!(failed, @r"
    ------- stderr -------
    Run [run]
    error: `fail` of `witness` failed
    caused by: no number (plugin/script-error)
      in parse at app.py:7
    hint: see the calls of the run: `sedge run show [run] --backtrace`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    insta::assert_snapshot!(env.run(["run", "show", "--backtrace"]), @r"
    ------- stdout -------
    run [run] of witness.fail: failed after [took], started [time] by tester
    └─ witness.fail: failed after [took]
       └─ no number (plugin/script-error)
          in parse at app.py:7
          in run at app.py:12
          in <module>␛[2J
    ");
    let json = env.run(["run", "show", "--json"]).to_string();
    let backtrace: Vec<&str> = json
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("\"backtrace\""))
        .take_while(|line| !line.starts_with(']'))
        .collect();
    insta::assert_snapshot!(backtrace.join("\n"), @r#"
    "backtrace": [
    {
    "function": "parse",
    "place": "app.py:7"
    },
    {
    "function": "run",
    "place": "app.py:12"
    },
    {
    "function": "<module>\u001b[2J"
    }
    "#);
}

#[test]
fn backtrace_has_functions_and_lines() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/hostile_lines.wasm --grant-all",
        "model create @test/hostile hostile",
    ]);
    let command = "model method run spawn run --input target=hostile --input method=trap";
    assert_eq!(env.run(command.split(' ')).code(), Some(1));
    // The other frames belong to the compiler and to the standard library.
    let shown = env.run(["run", "show", "--backtrace"]).to_string();
    let own = shown
        .lines()
        .filter(|line| !line.contains(" in ") || line.contains("hostile"));
    insta::assert_snapshot!(own.collect::<Vec<_>>().join("\n"), @r#"
    ------- stdout -------
    run [run] of spawn.run: failed after [took], started [time] by tester
    └─ spawn.run: failed after [took], kept `calls` version 1
       ├─ hostile.trap: failed after [took]
       │  ├─ wasm trap: wasm `unreachable` instruction executed
       │  │  in hostile_lines::hostile::trap at tests/guests/examples/hostile.rs:[place]
       │  │  in sedge_sdk::model::Model::method::{{closure}} at tests/guests/examples/hostile.rs:[place]
       │  └─ 1 change was rolled back: `mark`
       ├─ 1 of 1 calls failed, the first with trapped: wasm trap: wasm `unreachable` instruction executed (plugin/calls-failed)
       └─ details from the plugin: {"ok":0,"failed":1,"elapsed_ms":"[ms]"}
    "#);
    let few = env.run(["run", "show"]).to_string();
    let n_frames = |text: &str| text.lines().filter(|line| line.contains(" in ")).count();
    assert!(n_frames(&few) < n_frames(&shown), "{few}\n{shown}");
}
