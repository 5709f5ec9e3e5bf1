//! Command lines that run no command: requests for the help or the version, and commands that do not
//! exist.

use sedge_test_kit::TestEnv;

#[test]
fn unknown_command_lists_those_that_exist() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        foo
        version
        run n
        data lst
        model rum
        model run sink
        datastore lock
    "), @"
    $ sedge foo
    ------- stderr -------
    error: there is no command `sedge foo`
    hint: the commands of `sedge` are init, status, doctor, validate, eval, schema, plugin, import, model, data, datastore, secret, workflow, run, audit
    [exit status: 2]

    $ sedge version
    ------- stderr -------
    error: there is no command `sedge version`
    hint: `sedge --version` shows the version
    hint: the commands of `sedge` are init, status, doctor, validate, eval, schema, plugin, import, model, data, datastore, secret, workflow, run, audit
    [exit status: 2]

    $ sedge run n
    ------- stderr -------
    error: there is no command `sedge run n`
    hint: `sedge workflow run n` runs a workflow of this name, and `sedge model method run n METHOD` a method of a model
    hint: the commands of `sedge run` are cancel, gc, list, logs, show, watch
    [exit status: 2]

    $ sedge data lst
    ------- stderr -------
    error: there is no command `sedge data lst`
    hint: did you mean `sedge data list`?
    hint: the commands of `sedge data` are delete, diff, gc, get, list, prune, query, rename, restore, search, versions
    [exit status: 2]

    $ sedge model rum
    ------- stderr -------
    error: there is no command `sedge model rum`
    hint: the commands of `sedge model` are create, delete, edit, evaluate, get, grant, list, permissions, revoke, upgrade, validate, method
    [exit status: 2]

    $ sedge model run sink
    ------- stderr -------
    error: there is no command `sedge model run`
    hint: `sedge model method run NAME METHOD` runs a method of a model
    hint: the commands of `sedge model` are create, delete, edit, evaluate, get, grant, list, permissions, revoke, upgrade, validate, method
    [exit status: 2]

    $ sedge datastore lock
    ------- stderr -------
    Show and release locks

    Usage: sedge datastore lock [OPTIONS] <COMMAND>

    Commands:
      release  Release the locks of calls that still hold them
      status   Show the locks, their holders and their waiters

    Options:
      -h, --help  Print help

    Global options:
          --repo <DIR>    Use the repository in this folder or above it [default: here] [env:
                          SEDGE_REPO]
          --json          Write one JSON document to stdout and nothing to stderr
          --color <WHEN>  Use colours: always, never, or on terminals [env: NO_COLOR]
      -q, --quiet         Write nothing to stderr but errors
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run(["data", "lst", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "there is no command `sedge data lst`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `sedge data list`?"
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

/// Users of swamp know its commands.
#[test]
fn command_of_swamp_names_the_command_of_sedge() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        vault put TOKEN
        extension pull @acme/http
        model type search
        datastore setup
        repo init
        model output
        workflow search
    "), @"
    $ sedge vault put TOKEN
    ------- stderr -------
    error: there is no command `sedge vault`
    hint: swamp's `vault put` is `sedge secret put` here
    hint: the commands of `sedge` are init, status, doctor, validate, eval, schema, plugin, import, model, data, datastore, secret, workflow, run, audit
    [exit status: 2]

    $ sedge extension pull @acme/http
    ------- stderr -------
    error: there is no command `sedge extension`
    hint: swamp's `extension pull` is `sedge plugin add` here
    hint: the commands of `sedge` are init, status, doctor, validate, eval, schema, plugin, import, model, data, datastore, secret, workflow, run, audit
    [exit status: 2]

    $ sedge model type search
    ------- stderr -------
    error: there is no command `sedge model type`
    hint: swamp's `model type` is `sedge plugin describe` here
    hint: the commands of `sedge model` are create, delete, edit, evaluate, get, grant, list, permissions, revoke, upgrade, validate, method
    [exit status: 2]

    $ sedge datastore setup
    ------- stderr -------
    error: there is no command `sedge datastore setup`
    hint: swamp's `datastore setup` is `sedge init` here
    hint: the commands of `sedge datastore` are backup, check, compact, lock, restore, status
    [exit status: 2]

    $ sedge repo init
    ------- stderr -------
    error: there is no command `sedge repo`
    hint: swamp's `repo` is `sedge init` here
    hint: the commands of `sedge` are init, status, doctor, validate, eval, schema, plugin, import, model, data, datastore, secret, workflow, run, audit
    [exit status: 2]

    $ sedge model output
    ------- stderr -------
    error: there is no command `sedge model output`
    hint: swamp's `model output` is `sedge data get` here
    hint: the commands of `sedge model` are create, delete, edit, evaluate, get, grant, list, permissions, revoke, upgrade, validate, method
    [exit status: 2]

    $ sedge workflow search
    ------- stderr -------
    error: there is no command `sedge workflow search`
    hint: swamp's `workflow search` is `sedge workflow list` here
    hint: the commands of `sedge workflow` are approvals, approve, cancel, evaluate, get, graph, history, list, reject, resume, run, validate
    [exit status: 2]
    ");
}

#[test]
fn alias_runs_the_command() {
    let env = TestEnv::with_sink_and_spawn();
    for (alias, command) in [
        ("model ls", "model list"),
        ("plugin ls", "plugin list"),
        ("model show sink", "model get sink"),
        ("model describe sink", "model get sink"),
        ("plugin show @sedge/sink", "plugin describe @sedge/sink"),
    ] {
        let [alias, command] = [alias, command].map(|it| env.run(it.split(' ')).succeeded());
        assert_eq!(alias.stdout, command.stdout);
    }
}

#[test]
fn help_is_a_command_too() {
    let env = TestEnv::with_repository();
    let [one, other] = ["help data list", "data list --help"].map(|it| env.run(it.split(' ')));
    assert_eq!(one.succeeded().stdout, other.succeeded().stdout);
    let nested = env.run(["help", "model", "method", "run"]).succeeded();
    assert!(
        nested.stdout.contains("Usage: sedge model method run"),
        "{nested}"
    );
}

#[test]
fn help_and_version_as_json() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["--version", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "version": "0.1.0",
        "contract": "0.4.0"
      }
    }
    "#);
    insta::assert_snapshot!(env.run(["secret", "list", "--help", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "command": "sedge secret list",
        "about": "List secrets, with the user who put each and the call that last used it",
        "usage": "sedge secret list [OPTIONS]",
        "commands": [],
        "arguments": [],
        "options": [
          {
            "name": "--limit",
            "short": "-n",
            "value": "N",
            "about": "Show at most N items [default: 1000 in a table, else all]"
          },
          {
            "name": "--json-lines",
            "about": "Write one JSON document per line to stdout while items are found"
          },
          {
            "name": "--repo",
            "value": "DIR",
            "about": "Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]"
          },
          {
            "name": "--json",
            "about": "Write one JSON document to stdout and nothing to stderr"
          },
          {
            "name": "--color",
            "value": "WHEN",
            "about": "Use colours: always, never, or on terminals [env: NO_COLOR]",
            "values": [
              "auto",
              "always",
              "never"
            ]
          },
          {
            "name": "--quiet",
            "short": "-q",
            "about": "Write nothing to stderr but errors"
          },
          {
            "name": "--help",
            "short": "-h",
            "about": "Print help"
          }
        ]
      }
    }
    "#);
    insta::assert_snapshot!(env.run(["secret", "--help", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "command": "sedge secret",
        "about": "Manage secrets",
        "usage": "sedge secret [OPTIONS] <COMMAND>",
        "commands": [
          {
            "name": "delete",
            "about": "Delete a secret permanently"
          },
          {
            "name": "list",
            "about": "List secrets, with the user who put each and the call that last used it"
          },
          {
            "name": "put",
            "about": "Store a secret, or replace its value"
          },
          {
            "name": "rotate",
            "about": "Seal all secrets with a new key"
          }
        ],
        "arguments": [],
        "options": [
          {
            "name": "--repo",
            "value": "DIR",
            "about": "Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]"
          },
          {
            "name": "--json",
            "about": "Write one JSON document to stdout and nothing to stderr"
          },
          {
            "name": "--color",
            "value": "WHEN",
            "about": "Use colours: always, never, or on terminals [env: NO_COLOR]",
            "values": [
              "auto",
              "always",
              "never"
            ]
          },
          {
            "name": "--quiet",
            "short": "-q",
            "about": "Write nothing to stderr but errors"
          },
          {
            "name": "--help",
            "short": "-h",
            "about": "Print help"
          }
        ]
      }
    }
    "#);
    let [one, other] = ["help secret list --json", "secret list --help --json"]
        .map(|it| env.run(it.split(' ')).succeeded().stdout);
    assert_eq!(one, other);
}
