//! `sedge model validate`

use sedge_test_kit::TestEnv;

use crate::validate::findings;

fn with_faults() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/a.yaml", "name: a\ntype: \"@sedge/sinc\"\n");
    env.write_file(
        "models/b.yaml",
        "name: b\ntype: \"@sedge/spawn\"\nglobalArgument: {}\n",
    );
    env.write_file("workflows/W.yaml", "name: W\njobs: []\n");
    env
}

#[test]
fn one_model_is_checked_by_its_name() {
    let env = with_faults();
    let found = findings(&env, "model validate a");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("error unknown-name models/a.yaml:2:7 "),
        "{found:#?}"
    );
    insta::assert_snapshot!(env.transcript("model validate sink\nmodel validate snik"), @"
    $ sedge model validate sink
    ------- stderr -------
    Checked 1 definition: nothing is wrong.

    $ sedge model validate snik
    ------- stderr -------
    error: no model named `snik`
    hint: did you mean `sink`?
    [exit status: 3]
    ");
}

#[test]
fn all_models_are_checked_without_a_name() {
    let found = findings(&with_faults(), "model validate");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|it| it.contains(" models/")), "{found:#?}");
}

#[test]
fn arguments_are_checked_as_far_as_they_are_known() {
    let env = TestEnv::with_sink_and_spawn();
    let check = |arguments: &str, expect: usize| {
        let text = format!(
            "name: m\ntype: \"@sedge/spawn\"\ninputs: {{n: {{type: integer}}}}\nmethods: {{run: {{arguments: {arguments}}}}}\n"
        );
        env.write_file("models/m.yaml", text);
        let found = findings(&env, "model validate m");
        assert_eq!(found.len(), expect, "{arguments}: {found:#?}");
    };
    check("{count: 2}", 0);
    check("{count: 0}", 1);
    check("{count: '${{ inputs.n }}'}", 0);
    check("{count: '${{ inputs.m }}'}", 1);
    check("{count: '${{ inputs.n }}', cuont: 1}", 1);
}

#[test]
fn each_unknown_argument_has_its_place() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "models/m.yaml",
        "name: m\ntype: \"@sedge/spawn\"\nmethods:\n  run:\n    arguments:\n      count: 2\n      cuont: 1\n      countt: 1\n",
    );
    let found = findings(&env, "model validate m");
    assert_eq!(found.len(), 2, "{found:#?}");
    for (found, place) in found.iter().zip(["7:7", "8:7"]) {
        let expect = format!("error schema models/m.yaml:{place} the arguments of `run`");
        assert!(found.starts_with(&expect), "{found}");
        assert!(found.ends_with("did you mean `count`?"), "{found}");
    }
}

#[test]
fn expression_that_names_no_model_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "models/m.yaml",
        "name: m\ntype: \"@sedge/sink\"\nmethods: {run: {arguments: {note: '${{ model.sinc.definition.type }}'}}}\n",
    );
    let found = findings(&env, "model validate m");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].ends_with("no model named `sinc`"), "{found:#?}");
}

#[test]
fn keys_without_effect_of_a_valid_definition_are_notes() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "models/sink.yaml",
        "name: sink\ntype: \"@sedge/sink\"\nreports: {require: [daily]}\n",
    );
    insta::assert_snapshot!(env.transcript("model validate sink\nmodel validate sink --json"), @r#"
    $ sedge model validate sink
    ------- stdout -------
    note: `reports` has no effect yet: this version makes no reports
     --> models/sink.yaml:3:1
      |
    3 | reports: {require: [daily]}
      | ^^^^^^^
    hint: the methods of the model run in the same way with it and without it
    ------- stderr -------
    Checked 1 definition: 1 note.

    $ sedge model validate sink --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "isValid": true,
        "checked": {
          "definitions": 1,
          "workflows": 0,
          "plugins": 0
        },
        "errors": 0,
        "warnings": 0,
        "notes": 1,
        "findings": [
          {
            "file": "models/sink.yaml",
            "line": 3,
            "column": 1,
            "endLine": 3,
            "endColumn": 8,
            "code": "not-supported",
            "severity": "note",
            "message": "`reports` has no effect yet: this version makes no reports",
            "help": [
              {
                "kind": "advice",
                "text": "the methods of the model run in the same way with it and without it"
              }
            ]
          }
        ]
      }
    }
    "#);
}

#[test]
fn all_faults_of_a_definition_are_shown() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "models/sink.yaml",
        "name: sink\ntype: \"@sedge/sink\"\nid: abc\nneeds: [a]\nglobalArgumets: {}\nlimits: {openFiles: many}\n",
    );
    insta::assert_snapshot!(env.transcript("model validate sink\nmodel validate none"), @"
    $ sedge model validate sink
    ------- stdout -------
    error: `abc` is not a UUID: it has 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, as in `5d4a6b0e-9f7c-4a37-8d0e-[run]`
     --> models/sink.yaml:3:5
      |
    3 | id: abc
      |     ^^^

    error: unknown key `needs` in a definition
     --> models/sink.yaml:4:1
      |
    4 | needs: [a]
      | ^^^^^
    hint: `needs` is a key of other tools; a workflow, a file in workflows/, has `dependsOn: [{job: NAME}]`

    error: unknown key `globalArgumets` in a definition
     --> models/sink.yaml:5:1
      |
    5 | globalArgumets: {}
      | ^^^^^^^^^^^^^^
    hint: did you mean `globalArguments`?

    error: expected a whole number, 0 or more, found the text `many`
     --> models/sink.yaml:6:21
      |
    6 | limits: {openFiles: many}
      |                     ^^^^
    ------- stderr -------
    Checked 1 definition: 4 errors.
    [exit status: 2]

    $ sedge model validate none
    ------- stderr -------
    error: no model named `none`
    hint: see the models: `sedge model list`
    [exit status: 3]
    ");
}

#[test]
fn name_is_the_key_and_not_the_stem() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("models/@sedge/sink/deep.yml", "name: \"@acme/deep\"\n");
    env.write_file(
        "models/twin.yaml",
        "name: sink\ntype: \"@sedge/sink\"\nid: 5d4a6b0e-0000-4000-8000-000000000000\n",
    );
    insta::assert_snapshot!(env.transcript("
        model validate @acme/deep
        model validate deep
        model list
        model validate twin
        model validate 5d4a6b0e-0000-4000-8000-000000000000
    "), @"
    $ sedge model validate @acme/deep
    ------- stderr -------
    Checked 1 definition: nothing is wrong.

    $ sedge model validate deep
    ------- stderr -------
    error: no model named `deep`
    hint: see the models: `sedge model list`
    [exit status: 3]

    $ sedge model list
    ------- stdout -------
    NAME        TYPE          DESCRIPTION
    @acme/deep  @sedge/sink
    sink        ?             error: models/sink.yaml:2:7: another file defines the model `sink`, too: models/twin.yaml
    sink        ?             error: models/twin.yaml:1:7: another file defines the model `sink`, too: models/sink.yaml
    spawn       @sedge/spawn

    $ sedge model validate twin
    ------- stderr -------
    error: the file defines `sink`
     --> models/twin.yaml:1:7
      |
    1 | name: sink
      |       ^^^^
    hint: name it `twin`, or use the model by its name `sink`
    [exit status: 2]

    $ sedge model validate 5d4a6b0e-0000-4000-8000-000000000000
    ------- stdout -------
    error: another file defines the model `sink`, too: models/sink.yaml
     --> models/twin.yaml:1:7
      |
    1 | name: sink
      |       ^^^^
    hint: give one of them another name, or delete one of the files
    ------- stderr -------
    Checked 1 definition: 1 error.
    [exit status: 2]
    ");
}
