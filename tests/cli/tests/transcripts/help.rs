//! The help of the program, its nouns and its commands.

use sedge_test_kit::TestEnv;

#[test]
fn program_help_lists_nouns() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.run(["--help"]), @"
    ------- stdout -------
    Run automation models as sandboxed WebAssembly components

    Usage: sedge [OPTIONS] <COMMAND>

    Commands:
      init       Create a repository
      status     Show what waits, runs, failed or is missing
      doctor     Check the repository, and show how to fix each fault
      validate   Check all files of the repository without running anything
      eval       Try an expression
      schema     Print the JSON Schema of a kind of files, for editors
      plugin     Add, inspect, restore, remove and write plugins, which provide types
      import     Take over what another tool has made
      model      Create, inspect, run and delete models
      data       Read, search and delete the data that models wrote
      datastore  Inspect and maintain the datastore
      secret     Manage secrets
      workflow   Run workflows, and approve or reject their gates
      run        Inspect runs, and delete old ones
      audit      Show what users did: grants, secrets, gates, runs and more
      help       Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors

    Exit codes: 0 success; 1 the method or workflow failed; 2 a usage error or a bad file; 3 not found,
    or in the wrong state; 75 busy, try again; 130 interrupted; 70 a bug.
    ");
}

#[test]
fn noun_help_lists_commands() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("plugin --help\nmodel --help\nmodel method --help\ndata --help\nworkflow --help\nrun --help"), @"
    $ sedge plugin --help
    ------- stdout -------
    Add, inspect, restore, remove and write plugins, which provide types

    Usage: sedge plugin [OPTIONS] <COMMAND>

    Commands:
      add           Add plugins, or replace them with other versions
      build         Build the component of a plugin
      describe      Show the type that a plugin provides
      dev           Build, add and run a plugin each time a file changes
      import-swamp  Build the models of a swamp extension as plugins
      list          List plugins
      new           Write the project of a new plugin
      remove        Remove a plugin, and what was granted to all models of its type
      restore       Restore the components of pinned plugins, as after a clone
      test          Run the tests of a plugin

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors

    $ sedge model --help
    ------- stdout -------
    Create, inspect, run and delete models

    Usage: sedge model [OPTIONS] <COMMAND>

    Commands:
      create       Create a model of a type, or write the file of an unsaved model
      delete       Delete a model, and keep its data
      edit         Edit the definition of a model
      evaluate     Show a definition with its expressions evaluated
      get          Show a model
      grant        Grant permissions to one model, in its definition
      list         List models
      permissions  Show the permissions of a model: requested, granted and last used
      revoke       Revoke permissions that the definition of a model grants
      upgrade      Upgrade definitions to the version of their type
      validate     Check the definition of a model, or of all models
      method       Run the methods of models

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors

    $ sedge model method --help
    ------- stdout -------
    Run the methods of models

    Usage: sedge model method [OPTIONS] <COMMAND>

    Commands:
      direct  Run one method of a type, on a model that need not exist
      run     Run one method of a model

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors

    $ sedge data --help
    ------- stdout -------
    Read, search and delete the data that models wrote

    Usage: sedge data [OPTIONS] <COMMAND>

    Commands:
      delete    Delete data of a model permanently
      diff      Show the difference between two versions
      gc        Remove expired versions and unused files
      get       Print the content of one version
      list      List data
      prune     Delete the data of deleted models
      query     Find data by an expression over its metadata and content
      rename    Rename data, with all its versions
      restore   Restore an earlier version of data, as a new version
      search    Find data by its metadata
      versions  List the versions of data, newest first

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors

    $ sedge workflow --help
    ------- stdout -------
    Run workflows, and approve or reject their gates

    Usage: sedge workflow [OPTIONS] <COMMAND>

    Commands:
      approvals  List the gates that wait for a decision, with what to know before deciding
      approve    Approve a gate
      cancel     Cancel a run of a workflow, as `sedge run cancel` does
      evaluate   Show a workflow with its expressions evaluated
      get        Show a workflow
      graph      Draw the graph of a workflow
      history    List the runs of workflows, newest first, as `sedge run list` does
      list       List workflows
      reject     Reject a gate
      resume     Resume a run whose gates are decided, that was interrupted, or that failed
      run        Run a workflow
      validate   Check a workflow, or all, without running them

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors

    $ sedge run --help
    ------- stdout -------
    Inspect runs, and delete old ones

    Usage: sedge run [OPTIONS] <COMMAND>

    Commands:
      cancel  Cancel a run
      gc      Delete runs that ended or were interrupted long ago
      list    List runs, newest first
      logs    Show the logs of the calls of a run
      show    Show a run as a tree of steps and calls
      watch   Follow a run until it ends, waits for a decision, or is interrupted

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors
    ");
}

#[test]
fn command_help_lists_arguments_and_options() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("plugin add --help\nmodel method run --help\nworkflow approve --help"), @"
    $ sedge plugin add --help
    ------- stdout -------
    Add plugins, or replace them with other versions

    Each component is checked, compiled and pinned by its digest in sedge.lock. A call compiles it only
    if the cache of compiled code does not have it. The command shows the permissions that a component
    requests, and you decide which of them all models of its type have. A version that requests more
    permissions than before needs a new decision. If one of several components cannot be added, none is.

    Usage: sedge plugin add [OPTIONS] <FILE.wasm>...

    Arguments:
      <FILE.wasm>...
              A component: a file built with a Sedge SDK, its URL (HTTPS only), or a plugin that comes
              with Sedge, such as @sedge/http

    Options:
          --grant-all
              Grant everything that they request, except folders, whose paths only you know

          --grant <KIND[=WHAT]>
              Grant one permission to a single plugin; may be repeated: `models`,
              `http=https://api.example.com`, `files=NAME:PATH`, `secrets=NAME@https://api.example.com`,
              `none`

          --vendor
              Keep the component in the repository's folder `plugins`, so that a clone has it [default:
              as `vendorPlugins` in sedge.yaml]

          --locked
              Accept only components that sedge.lock pins

          --replace
              Replace a component that has the same version and other content

          --downgrade
              Replace a component that has a newer version

          --allow-private-address <RANGE>
              Allow downloads from this address, or range of addresses, although it is not public:
              10.1.2.3, 10.0.0.0/8; may be repeated

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

    $ sedge model method run --help
    ------- stdout -------
    Run one method of a model

    Prints the value that the method returned. `sedge data` shows the data that it wrote.

    Usage: sedge model method run [OPTIONS] <MODEL> <METHOD>

    Arguments:
      <MODEL>
              The model

      <METHOD>
              The method

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

    $ sedge workflow approve --help
    ------- stdout -------
    Approve a gate

    With --resume, exits with 4 if the run then waits for another decision.

    Usage: sedge workflow approve [OPTIONS] <WORKFLOW> <GATE>

    Arguments:
      <WORKFLOW>
              The workflow

      <GATE>
              The gate: JOB/STEP, JOB/STEP/JOB/STEP in a nested workflow, or STEP if one step has the
              name

    Options:
          --run <ID>
              The run, or a prefix of its id [default: the waiting run]

      -c, --comment <TEXT>
              Give a reason, which is stored in the run's log

          --digest <DIGEST>
              Decide only if the gate still asks for what `sedge workflow approvals` showed with this
              digest

          --resume
              Resume the run at once, and work on it until it ends or waits again

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
    ");
}

#[test]
fn missing_or_unknown_command_is_a_usage_error() {
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
        "message": "`sedge data` needs a command",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "the commands of `sedge data` are delete, diff, gc, get, list, prune, query, rename, restore, search, versions"
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
        "message": "`sedge` needs a command",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "the commands of `sedge` are init, status, doctor, validate, eval, schema, plugin, import, model, data, datastore, secret, workflow, run, audit"
          }
        ]
      }
    }
    [exit status: 2]

    $ sedge data got
    ------- stderr -------
    error: there is no command `sedge data got`
    hint: did you mean `sedge data get`?
    hint: the commands of `sedge data` are delete, diff, gc, get, list, prune, query, rename, restore, search, versions
    [exit status: 2]

    $ sedge data got --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "there is no command `sedge data got`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `sedge data get`?"
          },
          {
            "kind": "advice",
            "text": "the commands of `sedge data` are delete, diff, gc, get, list, prune, query, rename, restore, search, versions"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn version_is_one_line() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.run(["--version"]), @"
    ------- stdout -------
    sedge 0.1.0
    ");
}
