//! Messages about invalid requests for data and secrets, and about invalid command lines.

use sedge_test_kit::TestEnv;

#[test]
fn invalid_requests_for_data() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run",
        "model method run sink run",
        "data rename sink record kept",
    ]);
    insta::assert_snapshot!(env.transcript("
        data get sink kep
        data get sink unlike
        data get sink kept --version 7
        data delete sink record
        data delete sink --prefix=
        data query modle==1
        data query size(
        data query 1
        data get sink kept --output .
        data get sink kept --output - --json
        data query modle==1 --json
    "), @r#"
    $ sedge data get sink kep
    ------- stderr -------
    error: the model `sink` has no data named `kep`
    hint: did you mean `kept`?
    [exit status: 3]

    $ sedge data get sink unlike
    ------- stderr -------
    error: the model `sink` has no data named `unlike`
    hint: see the data of the model: `sedge data list sink`
    [exit status: 3]

    $ sedge data get sink kept --version 7
    ------- stderr -------
    error: `kept` of the model `sink` has no version 7
    hint: its latest version is 2
    hint: see its versions: `sedge data versions sink kept`
    [exit status: 3]

    $ sedge data delete sink record
    ------- stderr -------
    error: `record` of the model `sink` was renamed to `kept`
    hint: use its current name, `kept`
    hint: see all names: `sedge data list sink`
    [exit status: 3]

    $ sedge data delete sink --prefix=
    ------- stderr -------
    error: the prefix is empty, so it matches every name
    hint: give the beginning of the names
    hint: or delete all data of the model: `--all`
    [exit status: 2]

    $ sedge data query modle==1
    ------- stderr -------
    error: there is no variable `modle`
     --> predicate:1:1
      |
    1 | modle==1
      | ^^^^^
    hint: did you mean `model`?
    [exit status: 2]

    $ sedge data query size(
    ------- stderr -------
    error: something is missing at its end
     --> predicate:1:6
      |
    1 | size(
      |      ^
    [exit status: 2]

    $ sedge data query 1
    ------- stderr -------
    error: the predicate is never true or false
     --> predicate:1:1
      |
    1 | 1
      | ^
    hint: compare it with something: `name == "record"`
    [exit status: 2]

    $ sedge data get sink kept --output .
    ------- stderr -------
    error: failed to write `.`
    caused by: is a directory
    hint: check what is at the path: a file, a folder, or links that lead in a circle
    [exit status: 3]

    $ sedge data get sink kept --output - --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "`--output -` and `--json` cannot both write to stdout",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "name a file, or omit `--json`"
          }
        ]
      }
    }
    [exit status: 2]

    $ sedge data query modle==1 --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_query",
        "class": "usage",
        "message": "there is no variable `modle`",
        "causes": [],
        "place": {
          "file": "predicate",
          "line": 1,
          "column": 1,
          "endLine": 1,
          "endColumn": 6
        },
        "faults": [
          {
            "file": "predicate",
            "line": 1,
            "column": 1,
            "endLine": 1,
            "endColumn": 6,
            "code": "expression",
            "message": "there is no variable `modle`",
            "help": "did you mean `model`?"
          }
        ],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `model`?"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn invalid_secrets() {
    let env = TestEnv::with_repository();
    let put = |name: &str, value: &str| env.run_with_stdin(["secret", "put", name], value);
    insta::assert_snapshot!(put("token", "abc"), @"
    ------- stderr -------
    error: the value has fewer than 4 bytes
    hint: choose a longer value: a shorter one occurs in too many texts to be kept out of logs
    [exit status: 2]
    ");
    insta::assert_snapshot!(put("token", "password"), @"
    ------- stderr -------
    error: the value of `token` is weak: it is an everyday word
    hint: choose another value
    hint: or use this one: it is kept out of logs and outcomes, but not out of names and tags: `--allow-weak`
    [exit status: 2]
    ");
    insta::assert_snapshot!(put("no/name", "a value of some length"), @"
    ------- stderr -------
    error: `no/name` is not a name of a secret: it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter, digit or `_`
    [exit status: 2]
    ");
    let _ = put("token", "a value of some length").succeeded();
    insta::assert_snapshot!(env.transcript("
        secret put token value
        secret delete tokne
        secret delete unlike
    "), @"
    $ sedge secret put token value
    ------- stderr -------
    error: the value of a secret is never an argument: other programs can read it there, and shells store it
    hint: type it at the prompt of `sedge secret put token`, or pass it on stdin
    [exit status: 2]

    $ sedge secret delete tokne
    ------- stderr -------
    error: no secret named `tokne`
    hint: did you mean `token`?
    [exit status: 3]

    $ sedge secret delete unlike
    ------- stderr -------
    error: no secret named `unlike`
    hint: see the secrets: `sedge secret list`
    [exit status: 3]
    ");
}

#[test]
fn invalid_command_lines() {
    let mut env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        run lits
        run list --limt 3
        data get sink
        run list --limit many
        run list --limit many --json
    "), @r#"
    $ sedge run lits
    ------- stderr -------
    error: there is no command `sedge run lits`
    hint: did you mean `sedge run list`?
    hint: the commands of `sedge run` are cancel, gc, list, logs, show, watch
    [exit status: 2]

    $ sedge run list --limt 3
    ------- stderr -------
    error: unexpected argument '--limt' found

      tip: a similar argument exists: '--limit'

    Usage: sedge run list --limit <N>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data get sink
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME>

    Usage: sedge data get <MODEL> <NAME>

    For more information, try '--help'.
    [exit status: 2]

    $ sedge run list --limit many
    ------- stderr -------
    error: invalid value 'many' for '--limit <N>': it is not a whole number from 0 to 18446744073709551615

    For more information, try '--help'.
    [exit status: 2]

    $ sedge run list --limit many --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "invalid value 'many' for '--limit <N>': it is not a whole number from 0 to 18446744073709551615",
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
    env.variable("SEDGE_LOCK_TIMEOUT", "soon");
    insta::assert_snapshot!(env.transcript("data gc"), @"
    $ sedge data gc
    ------- stderr -------
    error: the environment variable SEDGE_LOCK_TIMEOUT is `soon`: it is not a number of seconds, such as 60 or 0.5
    hint: set it to something else, or unset it: `unset SEDGE_LOCK_TIMEOUT`
    [exit status: 2]
    ");
    env.variable_unset("SEDGE_LOCK_TIMEOUT");
    env.variable("SEDGE_LOG", "=");
    insta::assert_snapshot!(env.transcript("run list"), @"
    $ sedge run list
    ------- stderr -------
    error: the environment variable SEDGE_LOG is `=`: invalid filter directive
    hint: set it to something else, or unset it: `unset SEDGE_LOG`
    [exit status: 2]
    ");
    env.variable_unset("SEDGE_LOG");
    env.variable("SEDGE_REPO", "/nowhere");
    insta::assert_snapshot!(env.transcript("run list"), @"
    $ sedge run list
    ------- stderr -------
    error: failed to open `/nowhere`
    caused by: No such file or directory (os error 2)
    hint: the environment variable SEDGE_REPO names it: set it to another folder, or unset it
    [exit status: 3]
    ");
}
