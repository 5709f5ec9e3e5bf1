//! Inputs of workflows: given, checked, stored and shown; and one run for each item of stdin.

use sedge_test_kit::TestEnv;
use serde_json::{Value, json};

use crate::fixtures::with_workflows;

const DEPLOY: &str = r#"
name: deploy
inputs:
  region: {type: string, enum: [eu, us], default: eu}
  replicas: {type: integer, minimum: 1, required: true}
  server: {type: object, properties: {port: {type: integer}}}
  token: {type: string, minLength: 4, sensitive: true}
jobs:
  - name: main
    steps:
      - name: note
        task:
          type: model_method
          modelIdOrName: sink
          methodName: run
          inputs: {note: "${{ inputs.replicas }} in ${{ inputs.region }}"}
"#;

fn with_deploy() -> TestEnv {
    let env = with_workflows();
    env.write_file("workflows/deploy.yaml", DEPLOY);
    env
}

fn note(env: &TestEnv) -> Value {
    env.run_json(["data", "get", "sink", "record"])["data"]["content"]["note"].clone()
}

fn stored(env: &TestEnv) -> Value {
    env.run_json(["run", "show"])["data"]["inputs"].clone()
}

#[test]
fn inputs_are_given_in_every_form_and_stored() {
    let env = with_deploy();
    env.write_file("in.yaml", "replicas: 2\nserver: {port: 80, host: h}\n");
    env.write_file("in.json", "{\"replicas\": 3}");
    env.write_file("region.txt", "us");
    let check = |arguments: &[&str], expect: Value, shown: &str| {
        let run = ["workflow", "run", "deploy"];
        let _ = env.run([&run, arguments].concat()).succeeded();
        assert_eq!(stored(&env), expect, "{arguments:?}");
        assert_eq!(note(&env), json!(shown), "{arguments:?}");
    };
    check(
        &["--input", "replicas=2"],
        json!({"region": "eu", "replicas": 2}),
        "2 in eu",
    );
    check(
        &["--input-file", "in.yaml", "--input", "server.port=81"],
        json!({"region": "eu", "replicas": 2, "server": {"port": 81, "host": "h"}}),
        "2 in eu",
    );
    check(
        &["--input-file", "in.json", "-i", "region=@region.txt"],
        json!({"region": "us", "replicas": 3}),
        "3 in us",
    );
    check(
        &["--input", "{\"replicas\": \"4\", \"region\": \"us\"}"],
        json!({"region": "us", "replicas": 4}),
        "4 in us",
    );
    insta::assert_snapshot!(env.run(["run", "show"]), @r#"
    ------- stdout -------
    run [run 4] of workflow deploy: succeeded after [took], started [time] by tester
    ├─ inputs
    │  ├─ replicas: 4
    │  └─ region: "us"
    └─ step main/note: succeeded after [took]
       └─ sink.run: succeeded after [took], wrote `record` version 4
    "#);
}

#[test]
fn all_faults_of_inputs_are_shown_and_nothing_runs() {
    let env = with_deploy();
    insta::assert_snapshot!(env.transcript("
        workflow run deploy --input replicas=0 --input regoin=us --input region=de
        workflow run deploy
        workflow run deploy --input replicas=1 --input token=abc
        workflow run A --input replicas=1
        workflow run deploy --input replicas=1 --input replicas=2
        workflow run deploy --input replicas
    "), @r#"
    $ sedge workflow run deploy --input replicas=0 --input regoin=us --input region=de
    ------- stderr -------
    error: the inputs of the workflow `deploy` do not fit its schema
    caused by: /region: it is not one of "eu" or "us"; `"de"` was given
    caused by: /regoin: there is no such input; did you mean `region`?
    caused by: /replicas: it is less than the minimum of 1; `0` was given
    hint: see its inputs: `sedge workflow get deploy`
    [exit status: 2]

    $ sedge workflow run deploy
    ------- stderr -------
    error: the inputs of the workflow `deploy` do not fit its schema
    caused by: /replicas: it is required, and was not given
    hint: see its inputs: `sedge workflow get deploy`
    [exit status: 2]

    $ sedge workflow run deploy --input replicas=1 --input token=abc
    ------- stderr -------
    error: the inputs of the workflow `deploy` do not fit its schema
    caused by: /token: it does not fit the schema; it is not shown, because it is sensitive
    hint: see its inputs: `sedge workflow get deploy`
    [exit status: 2]

    $ sedge workflow run A --input replicas=1
    ------- stderr -------
    error: the workflow `A` declares no inputs
    caused by: `replicas` was given
    hint: declare it, in workflows/A.yaml:
      inputs:
        "replicas": {type: string}
    [exit status: 2]

    $ sedge workflow run deploy --input replicas=1 --input replicas=2
    ------- stderr -------
    error: the input `replicas` cannot be used: it is given twice
    hint: give each input once
    [exit status: 2]

    $ sedge workflow run deploy --input replicas
    ------- stderr -------
    error: invalid value '…' for '--input <KEY=VALUE>': it is neither of the form KEY=VALUE nor a JSON object

    For more information, try '--help'.
    [exit status: 2]
    "#);
    let failed = env.run_json([
        "workflow",
        "run",
        "deploy",
        "--input",
        "replicas=0",
        "--input",
        "regoin=us",
    ]);
    let violations = &failed["error"]["details"]["violations"];
    assert_eq!(violations.as_array().map(Vec::len), Some(2), "{failed}");
    assert_eq!(env.run_json(["run", "list"])["count"], 0);
}

#[test]
fn sensitive_input_is_stored_sealed_and_not_shown() {
    let env = with_deploy();
    env.run_json([
        "workflow",
        "run",
        "deploy",
        "--input",
        "replicas=1",
        "--input",
        "token=hunter2",
    ]);
    assert_eq!(stored(&env)["token"], "[sealed]");
    let planned = env.run_json([
        "workflow",
        "run",
        "deploy",
        "--dry-run",
        "--input",
        "replicas=1",
        "--input",
        "token=hunter2",
    ]);
    assert_eq!(planned["data"]["inputs"]["token"], "[sealed]");
}

#[test]
fn file_of_inputs_with_a_fault_has_its_place() {
    let env = with_deploy();
    env.write_file("in.yaml", "replicas: 2\nreplicas: 3\n");
    env.write_file("list.yaml", "- replicas: 2\n");
    insta::assert_snapshot!(env.transcript("
        workflow run deploy --input-file in.yaml
        workflow run deploy --input-file list.yaml
        workflow run deploy --input-file none.yaml
    "), @"
    $ sedge workflow run deploy --input-file in.yaml
    ------- stderr -------
    error: the key `replicas` is given twice
     --> in.yaml:2:1
    hint: the first one is in line 1; remove one of them
    [exit status: 2]

    $ sedge workflow run deploy --input-file list.yaml
    ------- stderr -------
    error: expected inputs as keys with values, found a list
     --> list.yaml:1:1
    hint: a list of items, with one run for each, is read from stdin as a JSON array, JSON lines, or YAML documents between `---`
    [exit status: 2]

    $ sedge workflow run deploy --input-file none.yaml
    ------- stderr -------
    error: failed to read `none.yaml`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]
    ");
}

/// Inputs may be secret, and systems for continuous integration keep what a program prints.
#[test]
fn faults_of_inputs_do_not_show_values() {
    let env = with_deploy();
    let check = |arguments: &[&str], stdin: &str, expect: &str| {
        let run = [&["workflow", "run", "deploy"], arguments].concat();
        let ended = env.run_with_stdin(run, stdin).to_string();
        assert!(ended.contains(expect), "{ended}");
        assert!(ended.contains("[exit status: 2]"), "{ended}");
        assert!(!ended.contains("hunter2"), "{ended}");
    };
    let aliased = "`…` stands for a value marked with `&`, and there is none";
    for (text, expect) in [
        ("token: [hunter2\n", "the `[` has no `]`"),
        ("token: *hunter2\n", aliased),
        ("hunter2\n", "found the text `…`"),
        (
            "token: a\ntoken: hunter2\n",
            "the key `token` is given twice",
        ),
    ] {
        env.write_file("in.yaml", text);
        check(&["--input-file", "in.yaml"], "", expect);
        check(&["--input-file", "in.yaml", "--json"], "", expect);
        check(&["--stdin"], text, expect);
    }
    let broken = "invalid value '…' for '--input <KEY=VALUE>'";
    for input in ["{\"token\": \"hunter2", "hunter2"] {
        check(&["-i", input], "", broken);
        check(&["-i", input, "--json"], "", broken);
    }
    check(&["-i", "token:json={hunter2"], "", "it is not JSON");
    check(
        &["token=hunter2"],
        "",
        "an input is given as `--input token=…`",
    );
    check(
        &["token=hunter2", "--json"],
        "",
        "unexpected argument 'token=…' found",
    );
}

#[test]
fn input_with_the_value_of_a_secret_is_refused() {
    let env = with_deploy();
    let put = env.run_with_stdin(["secret", "put", "API"], "correct-horse-battery");
    let _ = put.succeeded();
    env.write_file(
        "workflows/any.yaml",
        DEPLOY
            .replace("name: deploy", "name: any")
            .replace(", enum: [eu, us]", ""),
    );
    let run = [
        "workflow",
        "run",
        "any",
        "-i",
        "replicas=1",
        "-i",
        "region=correct-horse-battery",
    ];
    insta::assert_snapshot!(env.run(run), @r#"
    ------- stderr -------
    error: the input `region` contains the value of a secret, and would be stored with the run
    hint: leave the input out, and use `${{ secret("NAME") }}` where the value is needed
    [exit status: 2]
    "#);
    assert_eq!(env.run_json(["run", "list"])["count"], 0);
}

#[test]
fn each_item_of_stdin_is_a_run() {
    let env = with_deploy();
    let run = ["workflow", "run", "deploy", "--stdin"];
    for stdin in [
        "{\"replicas\": 1}\n{\"replicas\": 2}\n",
        "[{\"replicas\": 1}, {\"replicas\": 2}]",
        "replicas: 1\n---\nreplicas: 2\n",
    ] {
        let before = env.run_json(["run", "list"])["count"].as_u64();
        let _ = env.run_with_stdin(run, stdin).succeeded();
        let after = env.run_json(["run", "list"])["count"].as_u64();
        assert_eq!(after, before.map(|it| it + 2), "{stdin}");
        assert_eq!(note(&env), json!("2 in eu"));
    }
    insta::assert_snapshot!(env.run_with_stdin(run, "replicas: 1\n---\nreplicas: 2\n"), @"
    ------- stderr -------
    Item 1:
    Run [run 7]
    Step main/note: started.
    Step main/note: succeeded after [took].
    The workflow `deploy` succeeded.
    hint: `sedge run show [run 7]` shows its calls
    Item 2:
    Run [run 8]
    Step main/note: started.
    Step main/note: succeeded after [took].
    The workflow `deploy` succeeded.
    hint: `sedge run show [run 8]` shows its calls
    All 2 runs succeeded.
    ");
    let json = [&run[..], &["--input", "region=us", "--json"]].concat();
    insta::assert_snapshot!(env.run_with_stdin(json, "{\"replicas\": 1}{\"replicas\": 2}"), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "item": 1,
          "ok": true,
          "data": {
            "status": "succeeded",
            "run": "[run 9]",
            "workflow": "deploy",
            "failedSteps": []
          },
          "error": null
        },
        {
          "item": 2,
          "ok": true,
          "data": {
            "status": "succeeded",
            "run": "[run 10]",
            "workflow": "deploy",
            "failedSteps": []
          },
          "error": null
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": false,
      "succeeded": 2,
      "suspended": 0,
      "failed": 0
    }
    "#);
    let lines = [&run[..], &["--json-lines"]].concat();
    insta::assert_snapshot!(env.run_with_stdin(lines, "{\"replicas\": 1}{\"replicas\": 2}"), @r#"
    ------- stdout -------
    {"item":1,"ok":true,"data":{"status":"succeeded","run":"[run 11]","workflow":"deploy","failedSteps":[]},"error":null}
    {"item":2,"ok":true,"data":{"status":"succeeded","run":"[run 12]","workflow":"deploy","failedSteps":[]},"error":null}
    ------- stderr -------
    Run [run 11]
    Step main/note: started.
    Step main/note: succeeded after [took].
    Run [run 12]
    Step main/note: started.
    Step main/note: succeeded after [took].
    All 2 runs succeeded.
    "#);
    let none = env.run_with_stdin(run, "");
    insta::assert_snapshot!(none, @"
    ------- stderr -------
    Stdin has no items, so nothing was run.
    ");
}

#[test]
fn failed_item_ends_the_command_unless_it_keeps_going() {
    let env = with_deploy();
    let items = "{\"replicas\": 1}\n{\"replicas\": 0}\n{\"replicas\": 3}\n";
    let run = ["workflow", "run", "deploy", "--stdin"];
    insta::assert_snapshot!(env.run_with_stdin(run, items), @"
    ------- stderr -------
    Item 1:
    Run [run]
    Step main/note: started.
    Step main/note: succeeded after [took].
    The workflow `deploy` succeeded.
    hint: `sedge run show [run]` shows its calls
    Item 2:
    error: the inputs of the workflow `deploy` do not fit its schema
    caused by: /replicas: it is less than the minimum of 1; `0` was given
    hint: see its inputs: `sedge workflow get deploy`
    error: the run of item 2 failed, and no later item was run
    hint: `--keep-going` runs the other items as well
    [exit status: 2]
    ");
    assert_eq!(note(&env), json!("1 in eu"));
    let going = [&run[..], &["--keep-going"]].concat();
    insta::assert_snapshot!(env.run_with_stdin(&going, items), @"
    ------- stderr -------
    Item 1:
    Run [run 2]
    Step main/note: started.
    Step main/note: succeeded after [took].
    The workflow `deploy` succeeded.
    hint: `sedge run show [run 2]` shows its calls
    Item 2:
    error: the inputs of the workflow `deploy` do not fit its schema
    caused by: /replicas: it is less than the minimum of 1; `0` was given
    hint: see its inputs: `sedge workflow get deploy`
    Item 3:
    Run [run 3]
    Step main/note: started.
    Step main/note: succeeded after [took].
    The workflow `deploy` succeeded.
    hint: `sedge run show [run 3]` shows its calls
    error: 1 of 3 runs failed
    [exit status: 2]
    ");
    assert_eq!(note(&env), json!("3 in eu"));
    let json = [&going[..], &["--json"]].concat();
    insta::assert_snapshot!(env.run_with_stdin(json, items), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "item": 1,
          "ok": true,
          "data": {
            "status": "succeeded",
            "run": "[run 4]",
            "workflow": "deploy",
            "failedSteps": []
          },
          "error": null
        },
        {
          "item": 2,
          "ok": false,
          "data": null,
          "error": {
            "code": "invalid_input",
            "class": "usage",
            "message": "the inputs of the workflow `deploy` do not fit its schema",
            "causes": [
              "/replicas: it is less than the minimum of 1; `0` was given"
            ],
            "help": [
              {
                "kind": "command",
                "purpose": "see its inputs",
                "useCase": "workflow_get",
                "arguments": {
                  "name": "deploy"
                }
              }
            ],
            "details": {
              "violations": [
                {
                  "path": "/replicas",
                  "message": "it is less than the minimum of 1; `0` was given"
                }
              ]
            }
          }
        },
        {
          "item": 3,
          "ok": true,
          "data": {
            "status": "succeeded",
            "run": "[run 5]",
            "workflow": "deploy",
            "failedSteps": []
          },
          "error": null
        }
      ],
      "ok": false,
      "count": 3,
      "error": {
        "code": "invalid_input",
        "class": "usage",
        "message": "1 of 3 runs failed",
        "causes": [],
        "help": []
      }
    }
    [exit status: 2]
    "#);
    // The rest of stdin cannot be split after this.
    insta::assert_snapshot!(env.run_with_stdin(&going, "{\"replicas\": 1}, {\"replicas\": 2}"), @"
    ------- stderr -------
    Item 1:
    Run [run 6]
    Step main/note: started.
    Step main/note: succeeded after [took].
    The workflow `deploy` succeeded.
    hint: `sedge run show [run 6]` shows its calls
    error: no item after item 1 was run, because stdin cannot be used: item 2 should be a JSON object, but begins with `,`
    hint: give a JSON object, a JSON array of objects, JSON lines, or YAML documents between `---`
    [exit status: 2]
    ");
}

#[test]
fn exit_code_is_that_of_the_worst_run() {
    let env = with_deploy();
    env.write_file(
        "workflows/gated.yaml",
        "name: gated\ninputs: {n: integer}\njobs:\n  - name: main\n    steps:\n      - name: gate\n        task: {type: manual_approval}\n",
    );
    let run = ["workflow", "run", "gated", "--stdin", "--keep-going"];
    let suspended = env.run_with_stdin(run, "{\"n\": 1}{\"n\": 2}");
    assert_eq!(suspended.code(), Some(4), "{suspended}");
    let worse = env.run_with_stdin(run, "{\"n\": 1}{\"n\": \"x\"}");
    assert_eq!(worse.code(), Some(2), "{worse}");
}
