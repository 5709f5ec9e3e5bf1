//! Bad input: every message fits a screen and has a place and a hint, the exit code shows the class
//! of the error, and nothing is written.

use crate::fixtures::{A, refused, with_workflows};

#[test]
fn misspelt_key_is_refused() {
    let env = with_workflows();
    env.write_file(
        "workflows/A.yaml",
        A.replace("modelIdOrName", "modelIdOrNam"),
    );
    insta::assert_snapshot!(refused(&env, "workflow run A"), @"
    ------- stderr -------
    error: unknown key `modelIdOrNam` in a task of type `model_method`
     --> workflows/A.yaml:9:11
      |
    9 |           modelIdOrNam: spawn
      |           ^^^^^^^^^^^^
    hint: did you mean `modelIdOrName`?
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "workflow run A --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_file",
        "class": "usage",
        "message": "unknown key `modelIdOrNam` in a task of type `model_method`",
        "causes": [],
        "place": {
          "file": "workflows/A.yaml",
          "line": 9,
          "column": 11,
          "endLine": 9,
          "endColumn": 23
        },
        "faults": [
          {
            "file": "workflows/A.yaml",
            "line": 9,
            "column": 11,
            "endLine": 9,
            "endColumn": 23,
            "code": "unknown-key",
            "message": "unknown key `modelIdOrNam` in a task of type `model_method`",
            "help": "did you mean `modelIdOrName`?"
          }
        ],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `modelIdOrName`?"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    env.write_file(
        "models/sink.yaml",
        "name: sink\ntype: \"@sedge/sink\"\nglobalArgument: {}\n",
    );
    insta::assert_snapshot!(refused(&env, "model method run sink run"), @"
    ------- stderr -------
    error: unknown key `globalArgument` in a definition
     --> models/sink.yaml:3:1
      |
    3 | globalArgument: {}
      | ^^^^^^^^^^^^^^
    hint: did you mean `globalArguments`?
    [exit status: 2]
    ");
    env.write_file("sedge.yaml", "version: 1\nlimit: {}\n");
    // Now the existing models cannot be listed either.
    insta::assert_snapshot!(env.run(["run", "list"]), @"
    ------- stderr -------
    error: unknown key `limit`
     --> sedge.yaml:2:1
      |
    2 | limit: {}
      | ^^^^^
    hint: did you mean `limits`?
    [exit status: 2]
    ");
}

#[test]
fn invalid_yaml_is_refused() {
    let env = with_workflows();
    env.write_file("workflows/A.yaml", "name: A\njobs: [\n");
    insta::assert_snapshot!(refused(&env, "workflow run A"), @"
    ------- stderr -------
    error: the `[` has no `]`
     --> workflows/A.yaml:2:7
      |
    2 | jobs: [
      |       ^
    hint: add `]` at its end
    [exit status: 2]
    ");
    env.write_file("workflows/A.yaml", "name: A\nname: B\n");
    insta::assert_snapshot!(refused(&env, "workflow run A"), @"
    ------- stderr -------
    error: the key `name` is given twice
     --> workflows/A.yaml:2:1
      |
    2 | name: B
      | ^^^^
    hint: the first one is in line 1; remove one of them
    [exit status: 2]
    ");
    env.write_file("workflows/A.yaml", "");
    insta::assert_snapshot!(refused(&env, "workflow run A"), @"
    ------- stderr -------
    error: the file is empty
     --> workflows/A.yaml:1:1
      |
    1 |
      | ^
    [exit status: 2]
    ");
}

#[test]
fn missing_component_is_refused() {
    let mut env = with_workflows();
    env.variable("SEDGE_CACHE_DIR", "$ENV/empty-cache");
    env.remove(".sedge");
    insta::assert_snapshot!(refused(&env, "model method run sink run"), @"
    ------- stderr -------
    error: the component of the plugin `@sedge/sink` is not on this machine
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `$GUESTS/sink.wasm`: `sedge plugin restore FILE`
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, "workflow run A"), @"
    ------- stderr -------
    error: the component of the plugin `@sedge/spawn` is not on this machine
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `$GUESTS/spawn.wasm`: `sedge plugin restore FILE`
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, "workflow run A --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_gone",
        "class": "state",
        "message": "the component of the plugin `@sedge/spawn` is not on this machine",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "restore it",
            "useCase": "plugin_restore",
            "arguments": {}
          },
          {
            "kind": "command",
            "purpose": "or get the component, which was added from `$GUESTS/spawn.wasm`",
            "useCase": "plugin_restore",
            "arguments": {
              "file": null
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn unknown_plugin_is_refused() {
    let env = with_workflows();
    env.write_file("models/tub.yaml", "name: tub\ntype: \"@sedge/snik\"\n");
    insta::assert_snapshot!(refused(&env, "model method run tub run"), @r#"
    ------- stderr -------
    error: no plugin provides the type `@sedge/snik`
     --> models/tub.yaml:2:7
      |
    2 | type: "@sedge/snik"
      |       ^^^^^^^^^^^^^
    hint: did you mean `@sedge/sink`?
    [exit status: 2]
    "#);
    insta::assert_snapshot!(refused(&env, "model method run tub run --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_file",
        "class": "usage",
        "message": "no plugin provides the type `@sedge/snik`",
        "causes": [],
        "place": {
          "file": "models/tub.yaml",
          "line": 2,
          "column": 7,
          "endLine": 2,
          "endColumn": 20
        },
        "faults": [
          {
            "file": "models/tub.yaml",
            "line": 2,
            "column": 7,
            "endLine": 2,
            "endColumn": 20,
            "code": "invalid-value",
            "message": "no plugin provides the type `@sedge/snik`"
          }
        ],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `@sedge/sink`?"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    env.write_file(
        "workflows/A.yaml",
        A.replace("modelIdOrName: spawn", "modelIdOrName: tub"),
    );
    insta::assert_snapshot!(refused(&env, "workflow run A"), @r#"
    ------- stderr -------
    error: no plugin provides the type `@sedge/snik`
     --> models/tub.yaml:2:7
      |
    2 | type: "@sedge/snik"
      |       ^^^^^^^^^^^^^
    hint: did you mean `@sedge/sink`?
    [exit status: 2]
    "#);
}

#[test]
fn unknown_method_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(refused(&env, "model method run sink rnu"), @"
    ------- stderr -------
    error: the type `@sedge/sink` of the model `sink` has no method named `rnu`
    hint: its methods are `run`, `latest`
    [exit status: 3]
    ");
}

#[test]
fn arguments_that_violate_the_schema_are_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(refused(&env, "model method run spawn run --input count=0 --input paralel=true"), @"
    ------- stderr -------
    error: the arguments of `run` of `spawn` do not fit the schema
    caused by: /count: 0 is less than the minimum of 1
    caused by: there is no `paralel`
    hint: see the schema: `sedge plugin describe @sedge/spawn`
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "model method run spawn run --input count=0 --input paralel=true --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "invalid_input",
        "class": "usage",
        "message": "the arguments of `run` of `spawn` do not fit the schema",
        "causes": [
          "/count: 0 is less than the minimum of 1",
          "there is no `paralel`"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "see the schema",
            "useCase": "plugin_describe",
            "arguments": {
              "type": "@sedge/spawn"
            }
          }
        ],
        "details": {
          "violations": [
            {
              "path": "/count",
              "message": "0 is less than the minimum of 1"
            },
            {
              "path": "",
              "message": "there is no `paralel`"
            }
          ]
        }
      }
    }
    [exit status: 2]
    "#);
    insta::assert_snapshot!(refused(&env, "model method run spawn run --input count=many"), @r#"
    ------- stderr -------
    error: the arguments of `run` of `spawn` do not fit the schema
    caused by: /count: it has to be a whole number; `"many"` was given
    hint: see the schema: `sedge plugin describe @sedge/spawn`
    [exit status: 2]
    "#);
    env.write_file(
        "workflows/A.yaml",
        format!("{A}          inputs: {{count: many}}\n"),
    );
    insta::assert_snapshot!(refused(&env, "workflow run A"), @r#"
    ------- stderr -------
    error: the arguments of `run` of `spawn` do not fit the schema
      --> workflows/A.yaml:11:27
       |
    11 |           inputs: {count: many}
       |                           ^^^^ /count: it has to be a whole number; `"many"` was given
    hint: see the schema: `sedge plugin describe @sedge/spawn`
    [exit status: 2]
    "#);
    insta::assert_snapshot!(refused(&env, "workflow run A --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_file",
        "class": "usage",
        "message": "the arguments of `run` of `spawn` do not fit the schema",
        "causes": [
          "/count: it has to be a whole number; `\"many\"` was given"
        ],
        "place": {
          "file": "workflows/A.yaml",
          "line": 11,
          "column": 27,
          "endLine": 11,
          "endColumn": 31
        },
        "faults": [
          {
            "file": "workflows/A.yaml",
            "line": 11,
            "column": 27,
            "endLine": 11,
            "endColumn": 31,
            "code": "schema",
            "message": "the arguments of `run` of `spawn` do not fit the schema: /count: it has to be a whole number; `\"many\"` was given"
          }
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "see the schema",
            "useCase": "plugin_describe",
            "arguments": {
              "type": "@sedge/spawn"
            }
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn unknown_flag_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(refused(&env, "model method run sink run --inptu note=x"), @"
    ------- stderr -------
    error: unexpected argument '--inptu' found

      tip: a similar argument exists: '--input'

    Usage: sedge model method run --input <KEY=VALUE> <MODEL> <METHOD>

    For more information, try '--help'.
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "model method run sink run --inptu note=x --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "unexpected argument '--inptu' found",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "a similar argument exists: '--input'"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    insta::assert_snapshot!(refused(&env, "model method rnu sink run"), @"
    ------- stderr -------
    error: there is no command `sedge model method rnu`
    hint: the commands of `sedge model method` are direct, run
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "modle method run sink run --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "there is no command `sedge modle`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `sedge model`?"
          },
          {
            "kind": "advice",
            "text": "the commands of `sedge` are init, status, doctor, validate, eval, schema, plugin, import, model, data, datastore, secret, workflow, run, audit"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    insta::assert_snapshot!(refused(&env, "workflow run A B"), @"
    ------- stderr -------
    error: unexpected argument 'B' found

    Usage: sedge workflow run [OPTIONS] <NAME>

    For more information, try '--help'.
    [exit status: 2]
    ");
}

#[test]
fn invalid_inputs_are_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(refused(&env, "model method run sink run --input note"), @"
    ------- stderr -------
    error: invalid value '…' for '--input <KEY=VALUE>': it is neither of the form KEY=VALUE nor a JSON object

    For more information, try '--help'.
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "model method run sink run --input =x --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "invalid value '…' for '--input <KEY=VALUE>': it is neither of the form KEY=VALUE nor a JSON object",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "see `sedge --help`"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    insta::assert_snapshot!(refused(&env, "model method run sink run --inputs-json {note:1}"), @"
    ------- stderr -------
    error: `--inputs-json` cannot be used: it is not JSON: it cannot be read from line 1, column 2 on
    hint: give one JSON object, `@FILE`, or `-` for stdin
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "model method run sink run --inputs-json [1]"), @"
    ------- stderr -------
    error: `--inputs-json` cannot be used: it is JSON, but not an object
    hint: give one JSON object, `@FILE`, or `-` for stdin
    [exit status: 2]
    ");
}
