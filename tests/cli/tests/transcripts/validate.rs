//! `sedge validate`

use std::fs;

use sedge_test_kit::TestEnv;
use serde_json::Value;

use crate::fixtures::with_workflows;

/// Returns the findings of a check as `SEVERITY CODE FILE:LINE:COLUMN MESSAGE`.
#[track_caller]
pub(crate) fn findings(env: &TestEnv, command: &str) -> Vec<String> {
    let document = env.run_json(command.split(' '));
    let findings = document["data"]["findings"].as_array();
    let findings = findings.unwrap_or_else(|| panic!("{command}: {document:#}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = |it: &Value| {
        let place = format!("{}:{}:{}", text(&it["file"]), it["line"], it["column"]);
        let (severity, code) = (text(&it["severity"]), text(&it["code"]));
        format!("{severity} {code} {place} {}", text(&it["message"]))
    };
    findings.iter().map(shown).collect()
}

#[test]
fn valid_repository_passes() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("validate"), @"
    $ sedge validate
    ------- stderr -------
    Checked 2 definitions, 2 workflows, 2 plugins: nothing is wrong.
    ");
    let document = env.run_json(["validate"]);
    let checked = serde_json::json!({"definitions": 2, "workflows": 2, "plugins": 2});
    assert_eq!(document["data"]["isValid"], true);
    assert_eq!(document["data"]["checked"], checked);
}

#[test]
fn all_faults_of_all_files_are_found() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/a.yaml", "name: a\ntype: \"@sedge/sinc\"\n");
    env.write_file(
        "models/b.yaml",
        "name: b\ntype: \"@sedge/spawn\"\nglobalArgument: {}\nlimit: {}\n",
    );
    env.write_file(
        "models/c.yaml",
        "name: c\ntype: \"@sedge/spawn\"\nmethods:\n  rnu: {arguments: {}}\n  run:\n    arguments:\n      cuont: 1\n",
    );
    env.write_file(
        "workflows/W.yaml",
        "name: W\njobs:\n  - name: main\n    steps:\n      - name: one\n        task:\n          type: model_method\n          modelIdOrName: sinc\n          methodName: run\n      - name: two\n        task:\n          type: model_method\n          modelIdOrName: sink\n          methodName: rnu\n      - name: three\n        task:\n          type: model_method\n          modelIdOrName: spawn\n          methodName: run\n          inputs: {count: 0}\n",
    );
    let found = findings(&env, "validate");
    let expect = [
        "error unknown-name models/a.yaml:2:7 no plugin provides the type `@sedge/sinc`",
        "error unknown-key models/b.yaml:3:1 ",
        "error unknown-key models/b.yaml:4:1 ",
        "error unknown-name models/c.yaml:4:3 the type `@sedge/spawn` has no method named `rnu`",
        "error schema models/c.yaml:7:7 ",
        "error unknown-name workflows/W.yaml:8:26 no model named `sinc`",
        "error unknown-name workflows/W.yaml:14:23 the type `@sedge/sink` has no method named `rnu`",
        "error schema workflows/W.yaml:20:27 ",
    ];
    assert_eq!(found.len(), expect.len(), "{found:#?}");
    for (found, expect) in found.iter().zip(expect) {
        assert!(found.starts_with(expect), "{found}, not {expect}");
    }
    assert_eq!(env.run(["validate"]).code(), Some(2));
}

#[test]
fn finding_is_shown_with_its_line() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/sink.yaml", "name: sink\ntype: \"@sedge/sinc\"\n");
    insta::assert_snapshot!(env.transcript("validate"), @r#"
    $ sedge validate
    ------- stdout -------
    error: no plugin provides the type `@sedge/sinc`
     --> models/sink.yaml:2:7
      |
    2 | type: "@sedge/sinc"
      |       ^^^^^^^^^^^^^
    hint: did you mean `@sedge/sink`?
    ------- stderr -------
    Checked 2 definitions, 2 plugins: 1 error.
    [exit status: 2]
    "#);
}

#[test]
fn what_expressions_refer_to_is_checked() {
    let env = TestEnv::with_sink_and_spawn();
    for (name, other) in [("d", "e"), ("e", "d")] {
        env.write_file(
            &format!("models/{name}.yaml"),
            format!(
                "name: {name}\ntype: \"@sedge/sink\"\nglobalArguments:\n  note: \"${{{{ model.{other}.input.name }}}}\"\n"
            ),
        );
    }
    env.write_file(
        "models/f.yaml",
        "name: f\ntype: \"@sedge/sink\"\nmethods:\n  run:\n    arguments:\n      note: \"${{ data.latest('sinc', 'record').name + env.PLACE }}\"\n      value: \"${{ data.findBySpec('sink', 'recrd') }}\"\n",
    );
    // Other definitions do not evaluate that of `g`, which lacks an input.
    env.write_file(
        "models/g.yaml",
        "name: g\ntype: \"@sedge/sink\"\ninputs: {properties: {x: {type: string}}, required: [x]}\nglobalArguments:\n  note: \"${{ inputs.x + model.h.input.name + model.sink.input.name }}\"\n",
    );
    env.write_file(
        "models/h.yaml",
        "name: h\ntype: \"@sedge/sink\"\nglobalArguments:\n  note: \"${{ model.g.input.name }}\"\n",
    );
    let found = findings(&env, "validate");
    let of_g = found
        .iter()
        .filter(|it| it.contains("the definition of `g` needs itself"));
    assert_eq!(of_g.count(), 1, "{found:#?}");
    let expect = [
        "error cycle models/d.yaml:4:20 the definition of `d` needs itself",
        "error cycle models/e.yaml:4:20 the definition of `e` needs itself",
        "error cycle models/g.yaml:5:",
        "error unknown-name models/f.yaml:6:30 no model named `sinc`",
        "error expression models/f.yaml:6:59 sedge.yaml does not grant `PLACE` to expressions",
        "warning unknown-name models/f.yaml:7:43 the type `@sedge/sink` writes no data named `recrd`",
    ];
    for expect in expect {
        let is_found = found.iter().any(|it| it.starts_with(expect));
        assert!(is_found, "{expect}: {found:#?}");
    }
}

#[test]
fn two_files_of_one_name_are_an_error() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/other.yaml", "name: sink\ntype: \"@sedge/sink\"\n");
    let found = findings(&env, "validate");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("error duplicate-name models/sink.yaml:2:7 "),
        "{found:#?}"
    );
    assert!(found[0].contains("models/other.yaml"), "{found:#?}");
}

#[test]
fn warnings_and_notes_do_not_fail() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "models/sink.yaml",
        "name: sink\ntype: \"@sedge/sink\"\ngrants:\n  env: [HOME]\n  http:\n    - url: https://example.com\nreports:\n  require: [summary]\n",
    );
    let found = findings(&env, "validate");
    let expect = [
        "warning unused-grant models/sink.yaml:4:9 the grant `env=HOME` has no effect",
        "warning unused-grant models/sink.yaml:6:7 the grant `http=https://example.com` has no",
        "note not-supported models/sink.yaml:7:1 ",
    ];
    assert_eq!(found.len(), expect.len(), "{found:#?}");
    for expect in expect {
        assert!(
            found.iter().any(|it| it.starts_with(expect)),
            "{expect}: {found:#?}"
        );
    }
    assert_eq!(env.run(["validate"]).code(), Some(0));
}

#[test]
fn request_that_is_not_granted_is_a_note() {
    let env = TestEnv::with_repository();
    env.setup(&[
        "plugin add $GUESTS/spawn.wasm --grant none",
        "model create @sedge/spawn spawn",
    ]);
    let found = findings(&env, "validate");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("note not-granted models/spawn.yaml:3:7 "),
        "{found:#?}"
    );
}

#[test]
fn missing_component_is_an_error_in_the_lock_file() {
    let env = TestEnv::with_sink_and_spawn();
    let _ = env.shell("rm .sedge/plugins/*.wasm").succeeded();
    let found = findings(&env, "validate");
    assert_eq!(found.len(), 2, "{found:#?}");
    for found in found {
        assert!(found.starts_with("error component sedge.lock:"), "{found}");
        assert!(found.ends_with("is not on this machine"), "{found}");
    }
}

#[test]
fn file_that_cannot_be_read_is_a_finding() {
    let env = TestEnv::with_sink_and_spawn();
    let _ = env
        .shell("printf 'name: \\377' > models/bytes.yaml")
        .succeeded();
    let found = findings(&env, "validate");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("error unreadable models/bytes.yaml:1:1 "),
        "{found:#?}"
    );
}

#[test]
fn nothing_is_written_and_no_lock_is_taken() {
    let env = TestEnv::with_sink_and_spawn();
    // A reader of the datastore updates the memory that SQLite shares between processes.
    let listed = "find . -path ./.sedge/plugins -prune -o -type f ! -name '*-shm' -printf '%p %s %T@\\n' | sort";
    let before = env.shell(listed).stdout;
    let _ = env.run(["validate"]).succeeded();
    assert_eq!(env.shell(listed).stdout, before);
}

#[test]
fn sarif_has_each_finding_with_its_place() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/sink.yaml", "name: sink\ntype: \"@sedge/sinc\"\n");
    let output = env.run(["validate", "--format", "sarif"]);
    assert_eq!(output.code(), Some(2), "{output}");
    let log: Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "unknown-name");
    assert_eq!(result["level"], "error");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "models/sink.yaml");
    let region =
        serde_json::json!({"startLine": 2, "startColumn": 7, "endLine": 2, "endColumn": 20});
    assert_eq!(place["region"], region);
    // From the folder above, the files are named as seen from there.
    let above = env.shell("cd .. && sedge --repo repo validate --format sarif");
    assert!(
        above.stdout.contains("\"repo/models/sink.yaml\""),
        "{above}"
    );
    insta::assert_snapshot!(env.transcript("validate --json --format sarif"), @r#"
    $ sedge validate --json --format sarif
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "the argument '--json' cannot be used with '--format <FORMAT>'",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "Usage: sedge validate --json"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

/// Without the datastore, unsaved models used to be left out, and references to them to be faults.
#[test]
fn datastore_that_cannot_be_read_is_an_error() {
    let env = TestEnv::with_sink_and_spawn();
    let folder = env.repository().join(".sedge/store");
    fs::create_dir_all(&folder).expect("the test owns it");
    for beside in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.join(format!("sedge.db{beside}")));
    }
    let foreign = "not a database, and long enough to be looked at".repeat(400);
    fs::write(folder.join("sedge.db"), foreign).expect("it can be written");
    insta::assert_snapshot!(env.transcript("validate"), @"
    $ sedge validate
    ------- stderr -------
    error: `$ENV/repo/.sedge/store/sedge.db` is not a datastore of Sedge
    hint: none of its content was used or changed; if it came with a clone, `rm -r $ENV/repo/.sedge/store` and restore a backup of your own
    [exit status: 3]
    ");
}
