//! Workflows that methods run: the denial and the grant, and the runs in the faces.

use sedge_test_kit::TestEnv;

const PLAIN: &str = "\
name: plain
jobs:
  - name: main
    steps:
      - {name: sink, task: {type: model_method, modelIdOrName: sink, methodName: run}}
";

const GATED: &str = "\
name: gated
jobs:
  - name: main
    steps:
      - {name: gate, task: {type: manual_approval, prompt: Go on?}}
";

/// Returns a repository with the model `starter`, whose plugin asks for all workflows, and two
/// workflows.
fn with_starter() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/starter.wasm --grant models",
        "model create @test/starter starter",
    ]);
    env.write_file("workflows/plain.yaml", PLAIN);
    env.write_file("workflows/gated.yaml", GATED);
    env
}

/// The command that runs a workflow by `starter`, which fails unless the workflow succeeds.
fn require(workflow: &str) -> [String; 7] {
    let inputs = format!("{{\"steps\": [{{\"require\": [\"{workflow}\", {{}}]}}]}}");
    [
        "model",
        "method",
        "run",
        "starter",
        "run",
        "--inputs-json",
        &inputs,
    ]
    .map(str::to_owned)
}

#[test]
fn denial_shows_the_lines_that_grant_it() {
    let env = with_starter();
    insta::assert_snapshot!(env.run(require("plain")), @"
    ------- stderr -------
    Run [run]
      starter.run: warn: `starter` may not run the workflow `plain`: no grant allows it; to allow it, set this in models/starter.yaml
        grants:
          workflows:
          - plain
    error: `run` of `starter` failed
    caused by: `starter` may not run the workflow `plain`: no grant allows it; to allow it, set this in models/starter.yaml (plugin/denied)
      grants:
        workflows:
        - plain
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    insta::assert_snapshot!(env.transcript("
        model grant starter workflows=plain
        model revoke starter workflows=gated
    "), @"
    $ sedge model grant starter workflows=plain
    ------- stdout -------
    KIND       ASKS FOR  MAY    LAST USED  WHY
    models     *         *      -          to call other models and to read their data
    workflows  *         plain  -          to run them
    ------- stderr -------
    Added grants to models/starter.yaml.

    $ sedge model revoke starter workflows=gated
    ------- stderr -------
    error: the definition of `starter` does not grant `workflows=gated`
    hint: models/starter.yaml grants `workflows=plain`
    hint: see what the model may do: `sedge model permissions starter`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.read_file("models/starter.yaml"), @r#"
    # yaml-language-server: $schema=../.sedge/schemas/definition.json
    name: starter
    type: "@test/starter"
    typeVersion: "2026.12.01.1"
    globalArguments: {}
    grants:
      workflows:
        - plain
    "#);
}

#[test]
fn runs_are_shown_below_their_calls() {
    let env = with_starter();
    env.setup(&["model grant starter workflows"]);
    insta::assert_snapshot!(env.run(require("plain")), @r#"
    ------- stdout -------
    [
      {
        "main/sink": {
          "note": null,
          "run": "[run 2]",
          "call": "[run 2]/1"
        }
      }
    ]
    ------- stderr -------
    Run [run]
    Call [run]/1: started the run [run 2] of the workflow plain.
    Step main/sink: started.
    Step main/sink: succeeded after [took].
    Succeeded after [took].
    "#);
    let shown = env.run_json(["run", "list"]);
    let runs = shown["data"].as_array().expect("two runs");
    let root = runs.iter().find(|run| run["parent"].is_null());
    let root = root.expect("the user started one")["id"].as_str();
    let root = root.expect("an id").to_owned();
    let child = runs.iter().find(|run| !run["parent"].is_null());
    let child = child.expect("the call started one")["id"].as_str();
    let child = child.expect("an id").to_owned();
    insta::assert_snapshot!(env.run(["run", "show", &root]), @"
    ------- stdout -------
    run [run] of starter.run: succeeded after [took], started [time] by tester
    └─ starter.run: succeeded after [took]
       └─ run [run 2] of plain: succeeded: `sedge run show [run 2]`
    ");
    insta::assert_snapshot!(env.run(["run", "show", &child]), @"
    ------- stdout -------
    run [run 2] of workflow plain: succeeded after [took], started [time] by tester, started by the call [run]/1
    └─ step main/sink: succeeded after [took]
       └─ sink.run: succeeded after [took], wrote `record` version 1
    ");
}

#[test]
fn run_that_waits_is_decided_and_continued_by_a_user() {
    let env = with_starter();
    env.setup(&["model grant starter workflows"]);
    let failed = env.run_json(require("gated"));
    assert!(
        failed.to_string().contains("workflow-suspended"),
        "{failed:#}"
    );
    insta::assert_snapshot!(env.transcript("
        workflow approvals
        workflow approve gated gate
        workflow resume gated
    "), @"
    $ sedge workflow approvals
    ------- stdout -------
    main/gate of the workflow gated, run [run], waits since [time]
      prompt: Go on?
      started by: the call [run 2]/1
      digest: [sha256]
      hint: `sedge workflow approve gated main/gate --run [run]` (or `reject`)

    $ sedge workflow approve gated gate
    ------- stderr -------
    The gate `main/gate` of run [run] is approved.
    The run has succeeded.

    $ sedge workflow resume gated
    ------- stderr -------
    error: the workflow `gated` has no run that could be resumed
    hint: its newest run `[run]` has succeeded
    hint: start another: `sedge workflow run gated`
    [exit status: 3]
    ");
}
