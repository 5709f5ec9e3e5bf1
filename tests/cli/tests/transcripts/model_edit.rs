//! `sedge model edit`

use sedge_test_kit::TestEnv;

const GOOD: &str = "name: sink\ntype: \"@sedge/sink\"\ndescription: the sink\n";

#[test]
fn definition_is_replaced_by_a_checked_text() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "sink"], GOOD), @"
    ------- stderr -------
    Changed the model sink in models/sink.yaml
    ");
    assert_eq!(env.read_file("models/sink.yaml"), GOOD);
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "sink", "--json"], GOOD), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "sink",
        "type": "@sedge/sink",
        "file": "models/sink.yaml",
        "changed": false
      }
    }
    "#);
}

#[test]
fn refused_text_is_kept_and_the_definition_stays() {
    let env = TestEnv::with_sink_and_spawn();
    let before = env.read_file("models/sink.yaml");
    let bad = "name: sink\ntype: \"@sedge/sink\"\nneeds: [a]\n";
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "sink"], bad), @"
    ------- stderr -------
    error: unknown key `needs` in a definition
     --> models/sink.yaml:3:1
      |
    3 | needs: [a]
      | ^^^^^
    hint: `needs` is a key of other tools; a workflow, a file in workflows/, has `dependsOn: [{job: NAME}]`
    hint: your text is kept in .sedge/edits/sink.yaml
    [exit status: 2]
    ");
    assert_eq!(env.read_file("models/sink.yaml"), before);
    assert_eq!(env.read_file(".sedge/edits/sink.yaml"), bad);
    let renamed = GOOD.replace("name: sink", "name: tub");
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "sink"], &renamed), @"
    ------- stderr -------
    error: the new text names the model `tub`
     --> models/sink.yaml:1:7
      |
    1 | name: tub
      |       ^^^
    hint: name it `sink`: its data belongs to this name; `sedge model create` makes another model
    hint: your text is kept in .sedge/edits/sink.yaml
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "none"], GOOD), @"
    ------- stderr -------
    error: no model named `none`
    hint: see the models: `sedge model list`
    [exit status: 3]
    ");
}

/// The type of a model is that of its data, so an edit must not change it by the way.
#[test]
fn type_of_a_model_with_data_stays() {
    let env = TestEnv::with_sink_and_spawn();
    let other = GOOD.replace("@sedge/sink", "@sedge/spawn");
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "sink"], &other), @"
    ------- stderr -------
    Changed the model sink in models/sink.yaml
    ");
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "sink"], GOOD), @"
    ------- stderr -------
    Changed the model sink in models/sink.yaml
    ");
    env.setup(&["model method run sink run"]);
    insta::assert_snapshot!(env.run_with_stdin(["model", "edit", "sink"], &other), @"
    ------- stderr -------
    error: the new text changes the type of `sink` from `@sedge/sink` to `@sedge/spawn`, and the model has data
    hint: create another model of that type: `sedge model create @sedge/spawn NAME`
    hint: or delete the data first: `sedge data delete sink --all`
    hint: your text is kept in .sedge/edits/sink.yaml
    [exit status: 3]
    ");
    assert_eq!(env.read_file("models/sink.yaml"), GOOD);
}
