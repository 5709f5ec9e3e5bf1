//! The help: what a person reads first.

use sedge_test_kit::TestEnv;

#[test]
fn the_program_says_what_it_can_do() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.run(["--help"]), @"
    ------- stdout -------
    Run automation models as sandboxed WebAssembly components

    Usage: sedge [OPTIONS] <COMMAND>

    Commands:
      init       Make a repository
      doctor     Look at the repository, and say what is wrong and what to do
      plugin     Add and inspect plugins, which provide types
      model      Make, inspect, run and delete models
      data       Read, find and clear away the data that models wrote
      datastore  Look after the datastore that processes share
      secret     Keep what plugins use and nobody is to see: tokens, passwords, keys
      workflow   Run workflows and decide their gates
      run        Inspect and forget what has run

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors

    Exit codes: 0 done; 1 the method or workflow failed; 2 usage or a bad file; 3 no such thing, or
    wrong state; 75 busy, try again; 130 interrupted; 70 a bug.
    ");
}

#[test]
fn each_noun_says_what_it_can_do() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("plugin --help\nmodel --help\nmodel method --help\ndata --help\nworkflow --help\nrun --help"), @"
    $ sedge plugin --help
    ------- stdout -------
    Add and inspect plugins, which provide types

    Usage: sedge plugin [OPTIONS] <COMMAND>

    Commands:
      add       Add a plugin, or replace it by another version
      describe  Show what a plugin says of its type
      list      List plugins

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors

    $ sedge model --help
    ------- stdout -------
    Make, inspect, run and delete models

    Usage: sedge model [OPTIONS] <COMMAND>

    Commands:
      create       Make a model of a type
      delete       Delete a model, and keep its data
      get          Show a model
      list         List models
      permissions  Explain what a model may do: what is asked for, granted, and when it was last used
      method       Run the methods of models

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors

    $ sedge model method --help
    ------- stdout -------
    Run the methods of models

    Usage: sedge model method [OPTIONS] <COMMAND>

    Commands:
      run  Run one method of a model

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors

    $ sedge data --help
    ------- stdout -------
    Read, find and clear away the data that models wrote

    Usage: sedge data [OPTIONS] <COMMAND>

    Commands:
      delete    Delete data of a model for good
      gc        Remove versions that are kept no longer
      get       Print the content of one version
      list      List data
      prune     Delete the data of models that are gone
      query     Find data by an expression over all that is known of it and what is in it
      rename    Give data another name, with all its versions
      search    Find data by what is known of it
      versions  List the versions of one piece of data, the newest first

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors

    $ sedge workflow --help
    ------- stdout -------
    Run workflows and decide their gates

    Usage: sedge workflow [OPTIONS] <COMMAND>

    Commands:
      approvals  List the gates that wait for a decision
      approve    Approve a gate
      get        Show a workflow
      list       List workflows
      reject     Reject a gate
      resume     Go on with a run whose gates are decided, or that was interrupted
      run        Run a workflow
      validate   Check a workflow without running it

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors

    $ sedge run --help
    ------- stdout -------
    Inspect and forget what has run

    Usage: sedge run [OPTIONS] <COMMAND>

    Commands:
      gc    Forget runs that ended long ago
      list  List runs, newest first
      logs  Show what the calls of a run logged
      show  Show a run as a tree of steps and calls

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors
    ");
}

#[test]
fn a_verb_says_what_it_needs() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("plugin add --help\nmodel method run --help\nworkflow approve --help"), @"
    $ sedge plugin add --help
    ------- stdout -------
    Add a plugin, or replace it by another version

    The component is checked, compiled and pinned by its digest in sedge.lock. Calls never compile. What
    it asks for is shown, and granted to all models of its type if you say so; a version that asks for
    more than was decided on is not added without a new decision.

    Usage: sedge plugin add [OPTIONS] <FILE.wasm>

    Arguments:
      <FILE.wasm>
              The component, a file built with an SDK of Sedge

    Options:
          --grant-all
              Grant everything that it asks for, except folders, whose place only you know

          --grant <KIND[=WHAT]>
              Grant some of it: `models`, `http=https://api.example.com`, `files=NAME:PATH`,
              `secrets=NAME@https://api.example.com`, `none`

      -h, --help
              Print help (see a summary with '-h')

    Global options:
          --repo <DIR>
              Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]

          --json
              Write one JSON document to stdout and nothing to stderr

      -q, --quiet
              Write nothing to stderr but errors

    $ sedge model method run --help
    ------- stdout -------
    Run one method of a model

    Prints what the method returned. What it wrote is data of the model: see `sedge data`.

    Usage: sedge model method run [OPTIONS] <MODEL> <METHOD>

    Arguments:
      <MODEL>
              The model

      <METHOD>
              The method

    Options:
      -i, --input <KEY=VALUE>
              Give an argument; may be repeated. @FILE stands for what is in a file, @@ for an @

          --inputs-json <JSON>
              Give arguments as one JSON object, from a file (@FILE) or stdin (-); --input is laid over
              it

          --core-dump <FILE>
              Write what the first guest that traps has in memory to a new file

          --lock-timeout <SECONDS>
              Wait so long for each lock [default: 60, or as sedge.yaml says] [env: SEDGE_LOCK_TIMEOUT]

          --concurrency <N>
              Execute at most so many guests at once [default: 4 for each core, or as sedge.yaml says]

      -h, --help
              Print help (see a summary with '-h')

    Global options:
          --repo <DIR>
              Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]

          --json
              Write one JSON document to stdout and nothing to stderr

      -q, --quiet
              Write nothing to stderr but errors

    $ sedge workflow approve --help
    ------- stdout -------
    Approve a gate

    Usage: sedge workflow approve [OPTIONS] <WORKFLOW> <GATE>

    Arguments:
      <WORKFLOW>  The workflow
      <GATE>      The gate; JOB/GATE if two jobs of the workflow have a step of that name

    Options:
          --run <ID>        The run, or the beginning of its id [default: the one that waits]
      -c, --comment <TEXT>  Say why; it is kept in the run's log
      -h, --help            Print help

    Global options:
          --repo <DIR>  Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
          --json        Write one JSON document to stdout and nothing to stderr
      -q, --quiet       Write nothing to stderr but errors
    ");
}

#[test]
fn nothing_asked_is_a_question_too() {
    let env = TestEnv::default();
    let help = env.run(["--help"]).stdout;
    let output = env.run::<&str>([]);
    assert_eq!((output.code(), output.stderr), (Some(2), help));
    insta::assert_snapshot!(env.transcript("data --json\n--json\ndata got\ndata got --json"), @r#"
    $ sedge data --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "'sedge data' requires a subcommand but one was not provided [subcommands: delete, gc, get, list, prune, query, rename, search, versions]",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "Usage: sedge data [OPTIONS] <COMMAND>"
          }
        ]
      }
    }
    [exit status: 2]

    $ sedge --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "'sedge' requires a subcommand but one was not provided [subcommands: init, doctor, plugin, model, data, datastore, secret, workflow, run]",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "Usage: sedge [OPTIONS] <COMMAND>"
          }
        ]
      }
    }
    [exit status: 2]

    $ sedge data got
    ------- stderr -------
    error: unrecognized subcommand 'got'

      tip: a similar subcommand exists: 'get'

    Usage: sedge data [OPTIONS] <COMMAND>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data got --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "unrecognized subcommand 'got'",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "a similar subcommand exists: 'get'"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn the_version_is_one_line() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.run(["--version"]), @"
    ------- stdout -------
    sedge 0.1.0
    ");
}
