//! `sedge model create`

use sedge_test_kit::TestEnv;

#[test]
fn model_is_a_readable_file() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["model", "create", "@sedge/sink", "tub"]), @"
    ------- stderr -------
    Created the model tub in models/tub.yaml
    hint: `sedge plugin describe @sedge/sink` shows its methods
    ");
    insta::assert_snapshot!(env.read_file("models/tub.yaml"), @r#"
    # yaml-language-server: $schema=../.sedge/schemas/definition.json
    name: tub
    type: "@sedge/sink"
    typeVersion: "2026.11.23.1"
    globalArguments: {}
    "#);
}

#[test]
fn global_arguments_are_written() {
    let env = with_reader();
    insta::assert_snapshot!(env.run(["model", "create", "@test/reader", "reader", "--global-argument", "greeting=ho: \"ho\""]), @"
    ------- stderr -------
    Created the model reader in models/reader.yaml
    reader may call and read models: sink (as may every @test/reader)
    hint: `sedge plugin describe @test/reader` shows its methods
    ");
    insta::assert_snapshot!(env.read_file("models/reader.yaml"), @r#"
    # yaml-language-server: $schema=../.sedge/schemas/definition.json
    name: reader
    type: "@test/reader"
    typeVersion: "2026.11.23.1"
    globalArguments:
      greeting: "ho: \"ho\""
    "#);
}

#[test]
fn as_json() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.transcript("model create @sedge/sink tub --json\nmodel create @sedge/sink tub --json"), @r#"
    $ sedge model create @sedge/sink tub --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "tub",
        "type": "@sedge/sink",
        "file": "models/tub.yaml",
        "inherited": []
      }
    }

    $ sedge model create @sedge/sink tub --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "model_exists",
        "class": "state",
        "message": "a model named `tub` exists already",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "see it",
            "useCase": "model_get",
            "arguments": {
              "name": "tub"
            }
          },
          {
            "kind": "command",
            "purpose": "edit models/tub.yaml to change it",
            "useCase": "model_edit",
            "arguments": {
              "name": "tub"
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn invalid_model_is_refused_and_not_written() {
    let env = with_reader();
    let before = env.state();
    insta::assert_snapshot!(env.transcript("
        model create @test/reader reader --global-argument greeting=hello --global-argument greting=ho
        model create @sedge/snik tub
        model create @sedge/sink sink
        model create @sedge/sink no/name
        model create @sedge/sink -- -tub
        model create @sedge/sink tub --global-argument verbose
        model create sink tub
        model create tub
    "), @"
    $ sedge model create @test/reader reader --global-argument greeting=hello --global-argument greting=ho
    ------- stderr -------
    error: the global arguments of `reader` do not fit the schema
    caused by: there is no `greting`
    hint: see the schema: `sedge plugin describe @test/reader`
    [exit status: 2]

    $ sedge model create @sedge/snik tub
    ------- stderr -------
    error: no plugin provides the type `@sedge/snik`
    hint: did you mean `@sedge/sink`?
    [exit status: 3]

    $ sedge model create @sedge/sink sink
    ------- stderr -------
    error: a model named `sink` exists already
    hint: see it: `sedge model get sink`
    hint: edit models/sink.yaml to change it: `sedge model edit sink`
    [exit status: 3]

    $ sedge model create @sedge/sink no/name
    ------- stderr -------
    error: `no/name` is not a model name: it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter or digit, or it is `@scope/name` (further `/parts` may follow) of at most 64 lower-case letters, digits, `.`, `-` and `_`
    [exit status: 2]

    $ sedge model create @sedge/sink -- -tub
    ------- stderr -------
    error: `-tub` is not a model name: it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter or digit, or it is `@scope/name` (further `/parts` may follow) of at most 64 lower-case letters, digits, `.`, `-` and `_`
    [exit status: 2]

    $ sedge model create @sedge/sink tub --global-argument verbose
    ------- stderr -------
    error: invalid value 'verbose' for '--global-argument <KEY=VALUE>': it is neither of the form KEY=VALUE nor a JSON object

    For more information, try '--help'.
    [exit status: 2]

    $ sedge model create sink tub
    ------- stderr -------
    error: no plugin provides the type `sink`
    hint: did you mean `@sedge/sink`?
    [exit status: 3]

    $ sedge model create tub
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME>

    Usage: sedge model create [OPTIONS] <TYPE> <NAME>
           sedge model create <NAME> --from-direct

    For more information, try '--help'.
    [exit status: 2]
    ");
    assert_eq!(env.state(), before);
}

fn with_reader() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["plugin add $GUESTS/reader.wasm --grant-all"]);
    env
}

#[test]
fn name_before_the_type_is_refused() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["model", "create", "sink", "@sedge/sink"]), @"
    ------- stderr -------
    error: the type comes before the name of the model
    hint: did you mean `sedge model create @sedge/sink sink`?
    [exit status: 2]
    ");
}
