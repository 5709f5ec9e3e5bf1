//! `sedge model method direct`, in the form `sedge model TYPE method run`

use sedge_test_kit::TestEnv;

fn with_guarded() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["plugin add $GUESTS/guarded.wasm --grant none"]);
    env
}

#[test]
fn model_is_unsaved_until_its_file_is_written() {
    let env = with_guarded();
    insta::assert_snapshot!(env.transcript("
        model @test/guarded method run set web --input value=2 --input limit=2
        model @test/guarded method run set web --input value=3
        model @test/guarded method run set web --input value=3 --input limit=5
        model method run web get
        model list
        model get web
        model get web --json
        model edit web
        model grant web env=HOME
        model create @sedge/sink web
        data prune --dry-run
        model create web --from-direct
        model create web --from-direct
        model list
        model method run web get
    "), @r#"
    $ sedge model @test/guarded method run set web --input value=2 --input limit=2
    ------- stdout -------
    2
    ------- stderr -------
    Run [run]
      web.set: looking for 2
    Succeeded after [took], wrote `value` version 1.

    $ sedge model @test/guarded method run set web --input value=3
    ------- stderr -------
    Run [run 2]
      web.set: looking for 3
    error: `set` of `web` failed
    caused by: a check failed, so the method did not run
      `small`: 3 is more than 2
    hint: see the calls of the run: `sedge run show [run 2]`
    hint: see what they logged: `sedge run logs [run 2]`
    [exit status: 1]

    $ sedge model @test/guarded method run set web --input value=3 --input limit=5
    ------- stdout -------
    3
    ------- stderr -------
    Run [run 3]
      web.set: looking for 3
    Succeeded after [took], wrote `value` version 2.

    $ sedge model method run web get
    ------- stdout -------
    3
    ------- stderr -------
    Run [run 4]
    Succeeded after [took].

    $ sedge model list
    ------- stdout -------
    NAME   TYPE           DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    web    @test/guarded  unsaved

    $ sedge model get web
    ------- stdout -------
    # yaml-language-server: $schema=../.sedge/schemas/definition.json
    name: web
    type: "@test/guarded"
    typeVersion: "2026.11.30.1"
    globalArguments:
      limit: 5
    ------- stderr -------
    hint: it is unsaved; `sedge model create web --from-direct` writes its file

    $ sedge model get web --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "web",
        "id": null,
        "type": "@test/guarded",
        "typeVersion": "2026.11.30.1",
        "description": null,
        "tags": {},
        "globalArguments": {
          "limit": 5
        },
        "limits": {},
        "file": null,
        "unsaved": true
      }
    }

    $ sedge model edit web
    ------- stderr -------
    error: the model `web` is unsaved, so its definition has no file that could be changed
    hint: write its definition to a file: `sedge model create web --from-direct`
    [exit status: 3]

    $ sedge model grant web env=HOME
    ------- stderr -------
    error: `web` cannot be granted that
    caused by: it does not request `env=HOME`
    hint: see what its plugin requests: `sedge model permissions web`
    [exit status: 2]

    $ sedge model create @sedge/sink web
    ------- stderr -------
    error: an unsaved model named `web` exists already
    hint: write its definition to a file: `sedge model create web --from-direct`
    [exit status: 3]

    $ sedge data prune --dry-run
    ------- stderr -------
    Every model that has data exists.

    $ sedge model create web --from-direct
    ------- stderr -------
    Created the model web in models/web.yaml
    hint: `sedge plugin describe @test/guarded` shows its methods

    $ sedge model create web --from-direct
    ------- stderr -------
    error: a model named `web` exists already
    hint: see it: `sedge model get web`
    hint: edit models/web.yaml to change it: `sedge model edit web`
    [exit status: 3]

    $ sedge model list
    ------- stdout -------
    NAME   TYPE           DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    web    @test/guarded

    $ sedge model method run web get
    ------- stdout -------
    3
    ------- stderr -------
    Run [run 5]
    Succeeded after [took].
    "#);
    insta::assert_snapshot!(env.read_file("models/web.yaml"), @r#"
    # yaml-language-server: $schema=../.sedge/schemas/definition.json
    name: web
    type: "@test/guarded"
    typeVersion: "2026.11.30.1"
    globalArguments:
      limit: 5
    "#);
}

#[test]
fn as_json() {
    let env = with_guarded();
    insta::assert_snapshot!(env.transcript("
        --json model @test/guarded method run set web --input value=2
        model delete web --json
    "), @r#"
    $ sedge --json model @test/guarded method run set web --input value=2
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run]",
        "value": 2,
        "written": {
          "count": 1,
          "first": [
            {
              "name": "value",
              "version": 1
            }
          ]
        },
        "elapsedMs": "[ms]"
      }
    }

    $ sedge model delete web --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "web",
        "file": null,
        "dataKept": 1
      }
    }
    "#);
}

#[test]
fn unsaved_model_is_deleted() {
    let env = with_guarded();
    insta::assert_snapshot!(env.transcript("
        model @test/guarded method run set web --input value=2
        model delete web
        model list
        data list
    "), @"
    $ sedge model @test/guarded method run set web --input value=2
    ------- stdout -------
    2
    ------- stderr -------
    Run [run]
      web.set: looking for 2
    Succeeded after [took], wrote `value` version 1.

    $ sedge model delete web
    ------- stderr -------
    Deleted the unsaved model web
    hint: its data is kept; `sedge data delete web --all` deletes 1 name

    $ sedge model list
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn

    $ sedge data list
    ------- stdout -------
    MODEL  NAME   KIND      LATEST  SIZE  WRITTEN
    web    value  resource  1       11 B  [time]
    ");
}

#[test]
fn unsaved_model_ends_with_its_last_run() {
    let env = with_guarded();
    env.setup(&["model @test/guarded method run get web"]);
    sedge_test_kit::wait_until("its run is older than a second", || {
        let would = env.run_json(["run", "gc", "--older-than", "1s", "--dry-run"]);
        would["data"]["models"]
            .as_array()
            .is_some_and(|models| models.len() == 1)
    });
    insta::assert_snapshot!(env.transcript("run gc --older-than 1s\nmodel list"), @"
    $ sedge run gc --older-than 1s
    ------- stdout -------
    RUN           OF       STATUS     ENDED
    [run]         web.get  succeeded  [time]
    ------- stderr -------
    Removed 1 run and 1 unsaved model.

    $ sedge model list
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    ");
}

#[test]
fn bad_requests_store_nothing() {
    let env = with_guarded();
    insta::assert_snapshot!(env.transcript("
        model @test/guarded method run set web --input value=2 --input limt=2
        model @test/guarded method run set web --input value=x
        model @test/guarded method run set web --input value=2 --input limit=x
        model @test/guarded method run sett web
        model @test/guarded method run set sink --input value=2
        model @test/gaurded method run set web --input value=2
        model @test/guarded method run set no/name --input value=2
        model @test/guarded method run set
        model @test/guarded method run
        model @test/guarded get
        model create web --from-direct
        model create @test/guarded web --from-direct
        model list
    "), @r#"
    $ sedge model @test/guarded method run set web --input value=2 --input limt=2
    ------- stderr -------
    error: the arguments of `set` of `web` do not fit the schema
    caused by: /limt: there is no such argument of the method, and no such global argument; did you mean `limit`?
    hint: see the schema: `sedge plugin describe @test/guarded`
    [exit status: 2]

    $ sedge model @test/guarded method run set web --input value=x
    ------- stderr -------
    error: the arguments of `set` of `web` do not fit the schema
    caused by: /value: it has to be a whole number; `"x"` was given
    hint: see the schema: `sedge plugin describe @test/guarded`
    [exit status: 2]

    $ sedge model @test/guarded method run set web --input value=2 --input limit=x
    ------- stderr -------
    error: `limit`: it has to be a whole number; `"x"` was given
     --> unsaved:web:6:10
      |
    6 |   limit: x
      |          ^ the schema of `@test/guarded` does not admit it
    [exit status: 2]

    $ sedge model @test/guarded method run sett web
    ------- stderr -------
    error: the type `@test/guarded` of the model `web` has no method named `sett`
    hint: its methods are `set`, `clear`, `get`, `note`
    [exit status: 3]

    $ sedge model @test/guarded method run set sink --input value=2
    ------- stderr -------
    error: the model `sink` in models/sink.yaml has the type `@sedge/sink`, so no method of `@test/guarded` runs on it
    hint: choose a name that no model has; this one is: `sedge model get sink`
    [exit status: 3]

    $ sedge model @test/gaurded method run set web --input value=2
    ------- stderr -------
    error: no plugin provides the type `@test/gaurded`
    hint: did you mean `@test/guarded`?
    [exit status: 3]

    $ sedge model @test/guarded method run set no/name --input value=2
    ------- stderr -------
    error: `no/name` is not a model name: it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter or digit, or it is `@scope/name` (further `/parts` may follow) of at most 64 lower-case letters, digits, `.`, `-` and `_`
    [exit status: 2]

    $ sedge model @test/guarded method run set
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME>

    Usage: sedge model <TYPE> method run [OPTIONS] <METHOD> <NAME>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge model @test/guarded method run
    ------- stderr -------
    error: the following required arguments were not provided:
      <METHOD>
      <NAME>

    Usage: sedge model <TYPE> method run [OPTIONS] <METHOD> <NAME>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge model @test/guarded get
    ------- stderr -------
    error: there is no command `sedge model @test/guarded`
    hint: `sedge model @test/guarded method run METHOD NAME` runs a method of this type
    hint: the commands of `sedge model` are create, delete, edit, evaluate, get, grant, list, permissions, revoke, upgrade, validate, method
    [exit status: 2]

    $ sedge model create web --from-direct
    ------- stderr -------
    error: no model named `web`
    hint: see the models: `sedge model list`
    [exit status: 3]

    $ sedge model create @test/guarded web --from-direct
    ------- stderr -------
    error: the argument '[NAME]' cannot be used with '--from-direct'

    Usage: sedge model create [OPTIONS] <TYPE> <NAME>
           sedge model create <NAME> --from-direct

    For more information, try '--help'.
    [exit status: 2]

    $ sedge model list
    ------- stdout -------
    NAME   TYPE          DESCRIPTION
    sink   @sedge/sink
    spawn  @sedge/spawn
    "#);
}

#[test]
fn item_of_stdin_is_data_and_no_expression() {
    let env = with_guarded();
    let run = [
        "model",
        "@test/guarded",
        "method",
        "run",
        "set",
        "web",
        "--stdin",
    ];
    let items = "{\"value\": 1, \"label\": \"${{ env.HOME }}\"}\n{\"value\": 2, \"label\": {\"secret\": \"TOKEN\"}}\n";
    insta::assert_snapshot!(env.run_with_stdin(run, items), @"
    ------- stdout -------
    1
    ------- stderr -------
    Item 1:
    Run [run]
      web.set: looking for 1
    Succeeded after [took], wrote `value` version 1.
    Item 2:
    error: the arguments of `set` of `web` do not fit the schema
    caused by: /label: a reference to a secret is not taken from a file or a stream
    hint: see the schema: `sedge plugin describe @test/guarded`
    error: the run of item 2 failed, and no later item was run
    hint: `--keep-going` runs the other items as well
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run(["model", "get", "web"]), @r#"
    ------- stdout -------
    # yaml-language-server: $schema=../.sedge/schemas/definition.json
    name: web
    type: "@test/guarded"
    typeVersion: "2026.11.30.1"
    globalArguments:
      label: $${{ env.HOME }}
    ------- stderr -------
    hint: it is unsaved; `sedge model create web --from-direct` writes its file
    "#);
}

#[test]
fn help_names_the_usual_form() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        model @sedge/sink method run --help
        model create --help
    "), @"
    $ sedge model @sedge/sink method run --help
    ------- stdout -------
    Run one method of a type, on a model that need not exist

    A model that does not exist is created in the datastore, without a file, and keeps the global
    arguments that it is given; `sedge model create NAME --from-direct` writes its file. A key of
    --input is an argument of the method, or else a global argument. On a model with a file, given
    global arguments are used for this run only. The usual form has the type before the verb.

    Usage: sedge model <TYPE> method run [OPTIONS] <METHOD> <NAME>

    Arguments:
      <TYPE>
              The type, for example @sedge/sink

      <METHOD>
              The method

      <NAME>
              The model

    Options:
      -i, --input <KEY=VALUE>
              Pass an input: KEY=VALUE, KEY=@FILE for the content of a file, KEY:json=JSON, or one JSON
              object; may be repeated. A key with dots leads into a map

          --input-file <FILE>
              Read inputs from a JSON or YAML file; --input overrides them

          --stdin
              Run once for each item on stdin: a JSON object or array, JSON lines, or YAML documents;
              --input overrides each

          --keep-going
              With --stdin, run the other items after one that failed

          --json-lines
              With --stdin, write one JSON document per line to stdout when a run ends

          --core-dump <FILE>
              Write the memory of the first guest that traps to a new file

          --skip-check <NAME>
              Skip a check, unless the definition requires it; may be repeated

          --skip-check-label <LABEL>
              Skip the checks with a label, unless the definition requires them; may be repeated

          --skip-checks
              Skip all checks that the definition does not require

          --lock-timeout <SECONDS>
              Limit the wait for each lock [default: 60, or as in sedge.yaml] [env: SEDGE_LOCK_TIMEOUT]

          --concurrency <N>
              Run at most N guests at once [default: 4 for each core, or as in sedge.yaml]

      -h, --help
              Print help (see a summary with '-h')

    Global options:
          --repo <DIR>
              Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]

          --json
              Write one JSON document to stdout and nothing to stderr

          --color <WHEN>
              Use colours: always, never, or on terminals [env: NO_COLOR]

      -q, --quiet
              Write nothing to stderr but errors

    $ sedge model create --help
    ------- stdout -------
    Create a model of a type, or write the file of an unsaved model

    Usage: sedge model create [OPTIONS] <TYPE> <NAME>
           sedge model create <NAME> --from-direct

    Arguments:
      <TYPE>  The type, for example @sedge/sink
      [NAME]  The name of the new model

    Options:
          --from-direct                  Write the definition of a model that `sedge model TYPE method
                                         run` created to a file; the model's name is given without a
                                         type
          --global-argument <KEY=VALUE>  Set a global argument: KEY=VALUE, KEY=@FILE for the content of
                                         a file, or KEY:json=JSON; may be repeated. A key with dots
                                         leads into a map [alias: --global-arg]
          --description <TEXT>           Describe the purpose of the model
          --tag <KEY=VALUE>              Label all data that the model writes; may be repeated
          --grant <KIND[=WHAT]>          Grant a permission that the plugin requests, to this model
                                         only; may be repeated
      -h, --help                         Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors
    ");
}
