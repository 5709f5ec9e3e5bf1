//! `sedge model permissions`

use sedge_test_kit::TestEnv;

#[test]
fn permissions_are_shown_with_reasons() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/asker.wasm --grant env",
        "model create @test/asker asker",
    ]);
    let file = env.read_file("models/asker.yaml");
    env.write_file(
        "models/asker.yaml",
        file + "grants:\n  http: [{url: \"https://api.example.com\"}]\n  files: [{name: inbox, path: in}]\n",
    );
    env.write_file(
        "sedge.yaml",
        "version: 1\nplugins: {\"@test/asker\": {grants: {models: [\"*\"], secrets: [{name: TOKEN, hosts: [\"https://*.example.com\"]}]}}}\n",
    );
    insta::assert_snapshot!(env.transcript("
        model permissions asker
        model permissions asker --json
        model permissions spawn
        model permissions sink
        model permissions askr
    "), @r#"
    $ sedge model permissions asker
    ------- stdout -------
    KIND      ASKS FOR                        MAY                                LAST USED  WHY
    models    sink                            sink                               -          to note down what it found
    http      https://*.example.com GET HEAD  GET, HEAD https://api.example.com  -          to look at the service
    sockets   db.example.com:5432             -                                  -          to look into the database
    files     inbox write                     read in                            -          to sort what came in
    env       ASKER_OLD                       ASKER_OLD                          -          to know the region
    secrets   TOKEN https://api.example.com   to https://api.example.com         -          to be known to the service
    commands  date                            -                                  -          to know the day
    ------- stderr -------
    hint: grant what is missing under `grants:` in models/asker.yaml, or under `plugins: {"@test/asker": {grants: ...}}` in sedge.yaml for all models of the type

    $ sedge model permissions asker --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "asker",
        "type": "@test/asker",
        "permissions": [
          {
            "permission": {
              "kind": "models",
              "model": "sink"
            },
            "reason": "to note down what it found",
            "effective": [
              "sink"
            ],
            "lastUsed": null
          },
          {
            "permission": {
              "kind": "http",
              "url": "https://*.example.com",
              "methods": [
                "GET",
                "HEAD"
              ]
            },
            "reason": "to look at the service",
            "effective": [
              "GET, HEAD https://api.example.com"
            ],
            "lastUsed": null
          },
          {
            "permission": {
              "kind": "sockets",
              "to": "db.example.com:5432"
            },
            "reason": "to look into the database",
            "effective": [],
            "lastUsed": null
          },
          {
            "permission": {
              "kind": "files",
              "name": "inbox",
              "access": "write"
            },
            "reason": "to sort what came in",
            "effective": [
              "read in"
            ],
            "lastUsed": null
          },
          {
            "permission": {
              "kind": "env",
              "name": "ASKER_OLD"
            },
            "reason": "to know the region",
            "effective": [
              "ASKER_OLD"
            ],
            "lastUsed": null
          },
          {
            "permission": {
              "kind": "secrets",
              "name": "TOKEN",
              "hosts": [
                "https://api.example.com"
              ],
              "reveal": false
            },
            "reason": "to be known to the service",
            "effective": [
              "to https://api.example.com"
            ],
            "lastUsed": null
          },
          {
            "permission": {
              "kind": "commands",
              "name": "date"
            },
            "reason": "to know the day",
            "effective": [],
            "lastUsed": null
          }
        ]
      }
    }

    $ sedge model permissions spawn
    ------- stdout -------
    KIND    ASKS FOR  MAY  LAST USED  WHY
    models  *         *    -          to call the model that its arguments name
    ------- stderr -------
    Everything that @sedge/spawn requests is granted.

    $ sedge model permissions sink
    ------- stderr -------
    @sedge/sink requests no permission, so its models have no access outside of their sandbox.

    $ sedge model permissions askr
    ------- stderr -------
    error: no model named `askr`
    hint: did you mean `asker`?
    [exit status: 3]
    "#);
}

/// Each invalid grant in a file is reported with its place.
#[test]
fn invalid_grant_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    let file = env.read_file("models/sink.yaml");
    let mut all = String::new();
    for grants in [
        "{http: [{url: example.com}]}",
        "{http: [{url: \"https://example.com\", method: [GET]}]}",
        "{http: [{url: \"https://example.com\", addresses: [10.0.0.0/99]}]}",
        "{env: [1A]}",
        "{network: [all]}",
        "[all]",
    ] {
        env.write_file("models/sink.yaml", format!("{file}grants: {grants}\n"));
        all += &env.transcript("model permissions sink");
    }
    insta::assert_snapshot!(all, @r#"
    $ sedge model permissions sink
    ------- stderr -------
    error: `example.com` is not a web origin: it is `https://HOST` or `http://HOST`, optionally with `:PORT`, or `:*` for every port; HOST is a name in lower case, `*.` and the end of one, `*` for every one, or an address
     --> models/sink.yaml:6:23
      |
    6 | grants: {http: [{url: example.com}]}
      |                       ^^^^^^^^^^^
    [exit status: 2]

    $ sedge model permissions sink
    ------- stderr -------
    error: unknown key `method` in a grant of HTTP requests
     --> models/sink.yaml:6:46
      |
    6 | grants: {http: [{url: "https://example.com", method: [GET]}]}
      |                                              ^^^^^^
    hint: write `methods: [GET]`
    [exit status: 2]

    $ sedge model permissions sink
    ------- stderr -------
    error: `10.0.0.0/99` is not a range of addresses: write `10.0.0.0/8`, or one address
     --> models/sink.yaml:6:58
      |
    6 | grants: {http: [{url: "https://example.com", addresses: [10.0.0.0/99]}]}
      |                                                          ^^^^^^^^^^^
    [exit status: 2]

    $ sedge model permissions sink
    ------- stderr -------
    error: `1A` is not a name of an environment variable: it takes 1 to 255 letters, digits and `_` of ASCII, and does not begin with a digit
     --> models/sink.yaml:6:16
      |
    6 | grants: {env: [1A]}
      |                ^^
    [exit status: 2]

    $ sedge model permissions sink
    ------- stderr -------
    error: unknown key `network` in the grants
     --> models/sink.yaml:6:10
      |
    6 | grants: {network: [all]}
      |          ^^^^^^^
    hint: write `http: [{url: "https://HOST"}]`, or `sockets: [{to: "HOST:PORT"}]`
    [exit status: 2]

    $ sedge model permissions sink
    ------- stderr -------
    error: expected keys with values: `key: value`, found a list
     --> models/sink.yaml:6:9
      |
    6 | grants: [all]
      |         ^^^^^
    hint: the keys of the grants are `models`, `workflows`, `http`, `sockets`, `files`, `env`, `secrets`, `commands`, `reveal`
    [exit status: 2]
    "#);
}

/// Without a grant, the call fails and its error shows the lines that grant it. With these lines,
/// the call succeeds.
#[test]
fn lines_of_a_denial_grant_the_request() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/asker.wasm --grant none",
        "model create @test/asker asker",
    ]);
    insta::assert_snapshot!(env.transcript("model method run asker call"), @"
    $ sedge model method run asker call
    ------- stderr -------
    Run [run]
    error: `call` of `asker` failed
    caused by: `asker` may not call the model `sink`: no grant allows it; to allow it, set this in models/asker.yaml (plugin/denied)
      grants:
        models:
        - sink
    note: asker.call called sink.run, which could not begin: `asker` may not call the model `sink`: no grant allows it; to allow it, set this in models/asker.yaml
      grants:
        models:
        - sink
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    let file = env.read_file("models/asker.yaml");
    env.write_file(
        "models/asker.yaml",
        file + "grants:\n  models:\n    - sink\n",
    );
    insta::assert_snapshot!(env.transcript("model method run asker call"), @r#"
    $ sedge model method run asker call
    ------- stdout -------
    {
      "note": null,
      "run": "[run 2]",
      "call": "[run 2]/1/1"
    }
    ------- stderr -------
    Run [run 2]
    Succeeded after [took].
    "#);
}

/// A grant of a name is a grant of its program, so the program is shown.
#[test]
fn program_of_a_command_is_shown() {
    let env = TestEnv::with_repository();
    env.setup(&[
        "plugin add $GUESTS/shell.wasm --grant commands=log",
        "model create @sedge/shell one --global-argument command=log",
        "model create @sedge/shell every --global-argument command=log",
    ]);
    insta::assert_snapshot!(env.transcript("model permissions one"), @"
    $ sedge model permissions one
    ------- stdout -------
    KIND      ASKS FOR  MAY              LAST USED  WHY
    commands  *         log: not pinned  -          to run the command that a model names
    ------- stderr -------
    Everything that @sedge/shell requests is granted.
    ");
    let file = env.read_file("models/every.yaml");
    env.write_file("models/every.yaml", file + "grants: {commands: [\"*\"]}\n");
    env.write_file(
        "sedge.yaml",
        "version: 1\ncommands:\n  log: {program: /usr/bin/git, arguments: [log, ...]}\n  any: {program: /bin/sh, arguments: [\"-c\", \"*\"]}\n",
    );
    insta::assert_snapshot!(env.transcript("
        model permissions one
        model permissions every
    "), @"
    $ sedge model permissions one
    ------- stdout -------
    KIND      ASKS FOR  MAY                        LAST USED  WHY
    commands  *         log: /usr/bin/git log ...  -          to run the command that a model names
    ------- stderr -------
    Everything that @sedge/shell requests is granted.

    $ sedge model permissions every
    ------- stdout -------
    KIND      ASKS FOR  MAY                                           LAST USED  WHY
    commands  *         any: /bin/sh -c *, log: /usr/bin/git log ...  -          to run the command that a model names
    ------- stderr -------
    Everything that @sedge/shell requests is granted.
    ");
}

/// A denied request is not a use.
#[test]
fn used_permission_is_shown_with_its_time() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/asker.wasm --grant models --grant env",
        "model create @test/asker asker",
        "model method run asker call",
        "model method run spawn run",
    ]);
    insta::assert_snapshot!(env.transcript("
        model method run asker look --input path=a
        model permissions asker
        model permissions spawn --json
    "), @r#"
    $ sedge model method run asker look --input path=a
    ------- stderr -------
    Run [run 3]
      asker.look: warn: `asker` may not use the folder `inbox`: no grant allows it; to allow it, set this in models/asker.yaml
        grants:
          files:
          - name: inbox
            path: PATH
            access: write
    error: `look` of `asker` failed
    caused by: `asker` may not use the folder `inbox`: no grant allows it; to allow it, set this in models/asker.yaml (plugin/denied)
      grants:
        files:
        - name: inbox
          path: PATH
          access: write
    hint: see the calls of the run: `sedge run show [run 3]`
    hint: see what they logged: `sedge run logs [run 3]`
    [exit status: 1]

    $ sedge model permissions asker
    ------- stdout -------
    KIND      ASKS FOR                        MAY        LAST USED             WHY
    models    sink                            sink       [time]                to note down what it found
    http      https://*.example.com GET HEAD  -          -                     to look at the service
    sockets   db.example.com:5432             -          -                     to look into the database
    files     inbox write                     -          -                     to sort what came in
    env       ASKER_OLD                       ASKER_OLD  -                     to know the region
    secrets   TOKEN https://api.example.com   -          -                     to be known to the service
    commands  date                            -          -                     to know the day
    ------- stderr -------
    hint: grant what is missing under `grants:` in models/asker.yaml, or under `plugins: {"@test/asker": {grants: ...}}` in sedge.yaml for all models of the type

    $ sedge model permissions spawn --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "spawn",
        "type": "@sedge/spawn",
        "permissions": [
          {
            "permission": {
              "kind": "models",
              "model": "*"
            },
            "reason": "to call the model that its arguments name",
            "effective": [
              "*"
            ],
            "lastUsed": "[time]"
          }
        ]
      }
    }
    "#);
}
