//! `sedge run logs`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_hostile;

#[test]
fn logs_of_calls_are_stored() {
    let env = with_hostile();
    env.setup(&[
        "model method run hostile log --input lines=2",
        "model method run hostile print --input lines=1",
    ]);
    insta::assert_snapshot!(env.transcript("run logs"), @"
    $ sedge run logs
    ------- stdout -------
    1  hostile.print: stdout line 1
    1  hostile.print: warn: stderr line 1
    ");
    insta::assert_snapshot!(env.run(["run", "logs", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "call": "[run 2]/1",
          "step": null,
          "model": "hostile",
          "method": "print",
          "level": "info",
          "message": "stdout line 1",
          "fields": []
        },
        {
          "call": "[run 2]/1",
          "step": null,
          "model": "hostile",
          "method": "print",
          "level": "warn",
          "message": "stderr line 1",
          "fields": []
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": false,
      "run": "[run 2]"
    }
    "#);
}

/// Steps run at the same time, so the name of a model does not say which one logged a line.
#[test]
fn line_of_a_step_has_its_name() {
    let env = with_hostile();
    let workflow = "\
name: chatty
description: One step, which logs a line
jobs:
  - name: main
    steps:
      - name: first
        task:
          type: model_method
          modelIdOrName: hostile
          methodName: log
          inputs: {lines: 1}
";
    env.write_file("workflows/chatty.yaml", workflow);
    insta::assert_snapshot!(env.transcript("workflow run chatty\nrun logs"), @"
    $ sedge workflow run chatty
    ------- stderr -------
    Run [run]
    Step main/first: started.
      main/first hostile.log: line 1
    Step main/first: succeeded after [took].
    The workflow `chatty` succeeded.
    hint: `sedge run show [run]` shows its calls

    $ sedge run logs
    ------- stdout -------
    1  main/first hostile.log: line 1
    ");
    let document = env.run_json(["run", "logs"]);
    assert_eq!(document["data"][0]["step"], "main/first");
}

#[test]
fn log_of_a_failed_call_is_stored() {
    let env = with_hostile();
    let definition = env.read_file("models/hostile.yaml");
    env.write_file(
        "models/hostile.yaml",
        definition + "limits: {memoryMebibytes: 32}\n",
    );
    assert_eq!(
        env.run(["model", "method", "run", "hostile", "memory"])
            .code(),
        Some(1)
    );
    insta::assert_snapshot!(env.run(["run", "logs"]), @"
    ------- stdout -------
    1  hostile.memory: warn: memory allocation of 1048576 bytes failed
    1  hostile.memory: warn: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
    ");
}

#[test]
fn empty_log_shows_a_note() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run"]);
    insta::assert_snapshot!(env.transcript("run logs\nrun logs --json"), @r#"
    $ sedge run logs
    ------- stderr -------
    Nothing was logged in run [run].

    $ sedge run logs --json
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false,
      "run": "[run]"
    }
    "#);
}

#[test]
fn unknown_run_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("run logs\nrun logs uuuu\nrun logs uuuu --json"), @r#"
    $ sedge run logs
    ------- stderr -------
    error: there are no runs yet
    hint: run a method: `sedge model method run MODEL METHOD`
    hint: or a workflow: `sedge workflow run NAME`
    [exit status: 3]

    $ sedge run logs uuuu
    ------- stderr -------
    error: no run with the id `uuuu`
    hint: see the runs: `sedge run list`
    [exit status: 3]

    $ sedge run logs uuuu --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "run_missing",
        "class": "state",
        "message": "no run with the id `uuuu`",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "see the runs",
            "useCase": "run_list",
            "arguments": {}
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn lines_of_one_step_are_shown() {
    let env = with_hostile();
    let step = |name| {
        format!(
            "      - {{name: {name}, task: {{type: model_method, modelIdOrName: hostile, methodName: log, inputs: {{lines: 1}}}}}}\n"
        )
    };
    let workflow = format!(
        "name: chatty\njobs:\n  - name: main\n    steps:\n{}{}",
        step("first"),
        step("second")
    );
    env.write_file("workflows/chatty.yaml", workflow);
    env.setup(&["workflow run chatty"]);
    insta::assert_snapshot!(env.transcript("
        run logs --step main/first
        run logs --step second
        run logs --step secnod
    "), @"
    $ sedge run logs --step main/first
    ------- stdout -------
    1  main/first hostile.log: line 1

    $ sedge run logs --step second
    ------- stdout -------
    2  main/second hostile.log: line 1

    $ sedge run logs --step secnod
    ------- stderr -------
    error: the run `[run]` has no step named `secnod`
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
}
