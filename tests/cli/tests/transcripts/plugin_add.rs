//! `sedge plugin add`

use sedge_test_kit::TestEnv;

#[test]
fn plugin_is_added_and_pinned() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["plugin", "add", "$GUESTS/sink.wasm"]), @"
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it
    ");
    let lock = env.read_file("sedge.lock");
    assert!(lock.contains("\"@sedge/sink\":"), "{lock}");
}

/// The user has to decide on all requests before the plugin is added: no grant is a default.
#[test]
fn requests_of_a_plugin_need_a_decision() {
    let env = TestEnv::with_repository();
    let before = env.read_file("sedge.yaml");
    insta::assert_snapshot!(env.transcript("
        plugin add $GUESTS/asker.wasm
        plugin add $GUESTS/asker.wasm --json
        plugin list
        plugin add $GUESTS/asker.wasm --grant-all
        plugin add $GUESTS/asker.wasm
    "), @r#"
    $ sedge plugin add $GUESTS/asker.wasm
    ------- stderr -------
    error: `@test/asker` requests permissions that were not decided on
    caused by: it requests permission to call and read the model `sink`: to note down what it found
    caused by: it requests permission to send GET, HEAD to https://*.example.com: to look at the service
    caused by: it requests permission to connect to db.example.com:5432: to look into the database
    caused by: it requests permission to read and write the folder `inbox`: to sort what came in
    caused by: it requests permission to read the environment variable ASKER_OLD: to know the region
    caused by: it requests permission to send the secret `TOKEN` to https://api.example.com: to be known to the service
    caused by: it requests permission to run the command `date`: to know the day
    hint: grant everything that it requests: `--grant-all`
    hint: or only a part of it: `--grant KIND=WHAT`
    hint: or nothing: `--grant none`
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "permissions_undecided",
        "class": "usage",
        "message": "`@test/asker` requests permissions that were not decided on",
        "causes": [
          "it requests permission to call and read the model `sink`: to note down what it found",
          "it requests permission to send GET, HEAD to https://*.example.com: to look at the service",
          "it requests permission to connect to db.example.com:5432: to look into the database",
          "it requests permission to read and write the folder `inbox`: to sort what came in",
          "it requests permission to read the environment variable ASKER_OLD: to know the region",
          "it requests permission to send the secret `TOKEN` to https://api.example.com: to be known to the service",
          "it requests permission to run the command `date`: to know the day"
        ],
        "help": [
          {
            "kind": "again",
            "purpose": "grant everything that it requests",
            "arguments": {
              "grantAll": true
            }
          },
          {
            "kind": "again",
            "purpose": "or only a part of it",
            "arguments": {
              "grant": "KIND=WHAT"
            }
          },
          {
            "kind": "again",
            "purpose": "or nothing",
            "arguments": {
              "grant": "none"
            }
          }
        ],
        "details": {
          "permissions": [
            {
              "permission": {
                "kind": "models",
                "model": "sink"
              },
              "reason": "to note down what it found"
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
              "reason": "to look at the service"
            },
            {
              "permission": {
                "kind": "sockets",
                "to": "db.example.com:5432"
              },
              "reason": "to look into the database"
            },
            {
              "permission": {
                "kind": "files",
                "name": "inbox",
                "access": "write"
              },
              "reason": "to sort what came in"
            },
            {
              "permission": {
                "kind": "env",
                "name": "ASKER_OLD"
              },
              "reason": "to know the region"
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
              "reason": "to be known to the service"
            },
            {
              "permission": {
                "kind": "commands",
                "name": "date"
              },
              "reason": "to know the day"
            }
          ]
        }
      }
    }
    [exit status: 2]

    $ sedge plugin list
    ------- stderr -------
    No plugins yet; `sedge plugin add FILE.wasm` adds one.

    $ sedge plugin add $GUESTS/asker.wasm --grant-all
    ------- stderr -------
    Added @test/asker 2026.11.26.1
    It may call and read the model `sink`: to note down what it found
    It may send GET, HEAD to https://*.example.com: to look at the service
    It may connect to db.example.com:5432: to look into the database
    Not granted: read and write the folder `inbox`: to sort what came in
    It may read the environment variable ASKER_OLD: to know the region
    It may send the secret `TOKEN` to https://api.example.com: to be known to the service
    It may run the command `date`: to know the day
    hint: `sedge model create @test/asker NAME` creates a model of it

    $ sedge plugin add $GUESTS/asker.wasm
    ------- stderr -------
    Already added: @test/asker 2026.11.26.1
    It may call and read the model `sink`: to note down what it found
    It may send GET, HEAD to https://*.example.com: to look at the service
    It may connect to db.example.com:5432: to look into the database
    Not granted: read and write the folder `inbox`: to sort what came in
    It may read the environment variable ASKER_OLD: to know the region
    It may send the secret `TOKEN` to https://api.example.com: to be known to the service
    It may run the command `date`: to know the day
    hint: `sedge model create @test/asker NAME` creates a model of it
    "#);
    assert_eq!(env.read_file("sedge.yaml"), before);
    insta::assert_snapshot!(lock_text(&env), @r#"
    # Written by `sedge plugin add`. Keep it in version control.
    version: 1
    plugins:
      "@test/asker":
        version: "2026.11.26.1"
        contract: "0.4.0"
        source: $GUESTS/asker.wasm
        asked:
        - commands date
        - env ASKER_OLD
        - files inbox write
        - http https://*.example.com GET HEAD
        - models sink
        - secrets TOKEN https://api.example.com
        - sockets db.example.com:5432
        grants:
          models:
          - sink
          http:
          - url: https://*.example.com
            methods:
            - GET
            - HEAD
          sockets:
          - to: db.example.com:5432
          env:
          - ASKER_OLD
          secrets:
          - name: TOKEN
            hosts:
            - https://api.example.com
          commands:
          - date
    "#);
}

#[test]
fn some_requests_are_granted() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        plugin add $GUESTS/asker.wasm --grant env --grant http=https://api.example.com --grant files=inbox:in
        plugin add $GUESTS/asker.wasm --grant commands=date
        plugin add $GUESTS/asker.wasm --grant none
    "), @"
    $ sedge plugin add $GUESTS/asker.wasm --grant env --grant http=https://api.example.com --grant files=inbox:in
    ------- stderr -------
    Added @test/asker 2026.11.26.1
    Not granted: call and read the model `sink`: to note down what it found
    Granted in part: send GET, HEAD to https://*.example.com: to look at the service
    Not granted: connect to db.example.com:5432: to look into the database
    It may read and write the folder `inbox`: to sort what came in
    It may read the environment variable ASKER_OLD: to know the region
    Not granted: send the secret `TOKEN` to https://api.example.com: to be known to the service
    Not granted: run the command `date`: to know the day
    hint: `sedge model create @test/asker NAME` creates a model of it

    $ sedge plugin add $GUESTS/asker.wasm --grant commands=date
    ------- stderr -------
    Already added: @test/asker 2026.11.26.1
    Not granted: call and read the model `sink`: to note down what it found
    Granted in part: send GET, HEAD to https://*.example.com: to look at the service
    Not granted: connect to db.example.com:5432: to look into the database
    It may read and write the folder `inbox`: to sort what came in
    It may read the environment variable ASKER_OLD: to know the region
    Not granted: send the secret `TOKEN` to https://api.example.com: to be known to the service
    It may run the command `date`: to know the day
    hint: `sedge model create @test/asker NAME` creates a model of it

    $ sedge plugin add $GUESTS/asker.wasm --grant none
    ------- stderr -------
    Already added: @test/asker 2026.11.26.1
    Not granted: call and read the model `sink`: to note down what it found
    Not granted: send GET, HEAD to https://*.example.com: to look at the service
    Not granted: connect to db.example.com:5432: to look into the database
    Not granted: read and write the folder `inbox`: to sort what came in
    Not granted: read the environment variable ASKER_OLD: to know the region
    Not granted: send the secret `TOKEN` to https://api.example.com: to be known to the service
    Not granted: run the command `date`: to know the day
    hint: `sedge model create @test/asker NAME` creates a model of it
    ");
    insta::assert_snapshot!(lock_text(&env), @r#"
    # Written by `sedge plugin add`. Keep it in version control.
    version: 1
    plugins:
      "@test/asker":
        version: "2026.11.26.1"
        contract: "0.4.0"
        source: $GUESTS/asker.wasm
        asked:
        - commands date
        - env ASKER_OLD
        - files inbox write
        - http https://*.example.com GET HEAD
        - models sink
        - secrets TOKEN https://api.example.com
        - sockets db.example.com:5432
    "#);
}

#[test]
fn grant_without_a_request_is_refused() {
    let env = TestEnv::with_repository();
    let before = env.state();
    insta::assert_snapshot!(env.transcript("
        plugin add $GUESTS/asker.wasm --grant env=HOME
        plugin add $GUESTS/asker.wasm --grant http=https://example.com
        plugin add $GUESTS/asker.wasm --grant models=*
        plugin add $GUESTS/asker.wasm --grant files=inbox
        plugin add $GUESTS/asker.wasm --grant network
        plugin add $GUESTS/asker.wasm --grant none --grant env
        plugin add $GUESTS/asker.wasm --grant-all --grant env
        plugin add $GUESTS/asker.wasm --grant secrets=TOKEN@https://evil.test
        plugin add $GUESTS/asker.wasm --grant secrets=OTHER@https://api.example.com
        plugin add $GUESTS/asker.wasm --grant secrets=TOKEN@api.example.com
    "), @"
    $ sedge plugin add $GUESTS/asker.wasm --grant env=HOME
    ------- stderr -------
    error: `@test/asker` cannot be granted that
    caused by: it does not request `env=HOME`
    hint: leave the option out to see what the plugin requests
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant http=https://example.com
    ------- stderr -------
    error: `@test/asker` cannot be granted that
    caused by: it does not request `http=https://example.com`
    hint: leave the option out to see what the plugin requests
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant models=*
    ------- stderr -------
    error: `@test/asker` cannot be granted that
    caused by: it does not request `models=*`
    hint: leave the option out to see what the plugin requests
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant files=inbox
    ------- stderr -------
    error: invalid value 'files=inbox' for '--grant <KIND[=WHAT]>': `files=inbox` does not say where the folder is: write `files=NAME:PATH`

    For more information, try '--help'.
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant network
    ------- stderr -------
    error: invalid value 'network' for '--grant <KIND[=WHAT]>': `network` is not a kind of permission: write models, workflows, http, sockets, files, env, secrets, commands, reveal, or none

    For more information, try '--help'.
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant none --grant env
    ------- stderr -------
    error: `@test/asker` cannot be granted that
    caused by: `none` cannot be combined with other choices
    hint: grant something that it requests: `--grant KIND=WHAT`
    hint: or nothing: `--grant none`
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant-all --grant env
    ------- stderr -------
    error: the argument '--grant-all' cannot be used with '--grant <KIND[=WHAT]>'

    Usage: sedge plugin add --grant-all <FILE.wasm>...

    For more information, try '--help'.
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant secrets=TOKEN@https://evil.test
    ------- stderr -------
    error: `@test/asker` cannot be granted that
    caused by: it does not request permission to send the secret `TOKEN` to `https://evil.test`, but to `https://api.example.com`
    hint: grant it for a host that the plugin requests: `--grant secrets=TOKEN@https://HOST`
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant secrets=OTHER@https://api.example.com
    ------- stderr -------
    error: `@test/asker` cannot be granted that
    caused by: it does not request `secrets=OTHER@https://api.example.com`
    hint: leave the option out to see what the plugin requests
    [exit status: 2]

    $ sedge plugin add $GUESTS/asker.wasm --grant secrets=TOKEN@api.example.com
    ------- stderr -------
    error: invalid value 'secrets=TOKEN@api.example.com' for '--grant <KIND[=WHAT]>': `api.example.com` is not a web origin: it is `https://HOST` or `http://HOST`, optionally with `:PORT`, or `:*` for every port; HOST is a name in lower case, `*.` and the end of one, `*` for every one, or an address

    For more information, try '--help'.
    [exit status: 2]
    ");
    assert_eq!(env.state(), before);
}

#[test]
fn version_that_asks_for_more_needs_a_decision() {
    let env = TestEnv::with_repository();
    env.setup(&["plugin add $GUESTS/asker.wasm --grant-all"]);
    let wants_more = changed(sedge_test_artifacts::ASKER, b"ASKER_OLD", b"ASKER_NEW");
    env.write_file("asker.wasm", wants_more);
    let before = env.read_file("sedge.lock");
    insta::assert_snapshot!(env.transcript("plugin add asker.wasm --replace"), @"
    $ sedge plugin add asker.wasm --replace
    ------- stderr -------
    error: `@test/asker` requests permissions that were not decided on
    caused by: it requests permission to read the environment variable ASKER_NEW: to know the region
    hint: grant everything that it requests: `--grant-all`
    hint: or only a part of it: `--grant KIND=WHAT`
    hint: or nothing: `--grant none`
    [exit status: 2]
    ");
    assert_eq!(env.read_file("sedge.lock"), before);
    insta::assert_snapshot!(env.transcript("
        plugin add asker.wasm --grant none --replace
        plugin add asker.wasm --grant env
    "), @"
    $ sedge plugin add asker.wasm --grant none --replace
    ------- stderr -------
    Replaced @test/asker 2026.11.26.1, which had the digest [sha256], by the component with [sha256]
    It may call and read the model `sink`: to note down what it found
    It may send GET, HEAD to https://*.example.com: to look at the service
    It may connect to db.example.com:5432: to look into the database
    Not granted: read and write the folder `inbox`: to sort what came in
    Not granted: read the environment variable ASKER_NEW: to know the region
    It may send the secret `TOKEN` to https://api.example.com: to be known to the service
    It may run the command `date`: to know the day
    hint: `sedge model create @test/asker NAME` creates a model of it

    $ sedge plugin add asker.wasm --grant env
    ------- stderr -------
    Already added: @test/asker 2026.11.26.1
    It may call and read the model `sink`: to note down what it found
    It may send GET, HEAD to https://*.example.com: to look at the service
    It may connect to db.example.com:5432: to look into the database
    Not granted: read and write the folder `inbox`: to sort what came in
    It may read the environment variable ASKER_NEW: to know the region
    It may send the secret `TOKEN` to https://api.example.com: to be known to the service
    It may run the command `date`: to know the day
    hint: `sedge model create @test/asker NAME` creates a model of it
    ");
    insta::assert_snapshot!(lock_text(&env), @r#"
    # Written by `sedge plugin add`. Keep it in version control.
    version: 1
    plugins:
      "@test/asker":
        version: "2026.11.26.1"
        contract: "0.4.0"
        source: asker.wasm
        asked:
        - commands date
        - env ASKER_NEW
        - files inbox write
        - http https://*.example.com GET HEAD
        - models sink
        - secrets TOKEN https://api.example.com
        - sockets db.example.com:5432
        grants:
          models:
          - sink
          http:
          - url: https://*.example.com
            methods:
            - GET
            - HEAD
          sockets:
          - to: db.example.com:5432
          env:
          - ASKER_OLD
          - ASKER_NEW
          secrets:
          - name: TOKEN
            hosts:
            - https://api.example.com
          commands:
          - date
    "#);
}

/// Returns the lock file without the digests, which change with every build.
fn lock_text(env: &TestEnv) -> String {
    let text = env.read_file("sedge.lock");
    // The path of a component depends on the machine, and a long one has a line of its own.
    let text = text.replace(">-\n      /", "/");
    let lines = text.lines().filter(|line| !line.contains("sha256"));
    let lines = lines.map(|line| match line.split_once("source: /") {
        Some((indent, path)) => {
            let file = path.rsplit('/').next().unwrap_or(path);
            format!("{indent}source: $GUESTS/{file}")
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn as_json() {
    let env = TestEnv::with_repository();
    let added = env.run_json(["plugin", "add", "$GUESTS/sink.wasm"]);
    let described = env.run_json(["plugin", "describe", "@sedge/sink"]);
    let mut expect = described["data"].clone();
    expect["change"] = "added".into();
    expect["before"] = serde_json::Value::Null;
    expect["grants"] = serde_json::json!({});
    expect["granted"] = serde_json::json!([]);
    assert_eq!(added["data"]["plugins"], serde_json::json!([expect]));
}

#[test]
fn same_version_changes_nothing() {
    let env = TestEnv::with_sink_and_spawn();
    let before = env.state();
    insta::assert_snapshot!(env.run(["plugin", "add", "$GUESTS/sink.wasm"]), @"
    ------- stderr -------
    Already added: @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it
    ");
    assert_eq!(env.state(), before);
    assert_eq!(
        env.run_json(["plugin", "add", "$GUESTS/sink.wasm"])["data"]["plugins"][0]["before"]["version"],
        "2026.11.23.1"
    );
}

#[test]
fn other_version_replaces_the_first() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("sink.wasm", newer_sink());
    insta::assert_snapshot!(env.transcript("plugin add sink.wasm\nplugin list"), @"
    $ sedge plugin add sink.wasm
    ------- stderr -------
    Replaced @sedge/sink 2026.11.23.1 with 2026.11.24.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin list
    ------- stdout -------
    TYPE          VERSION       CONTRACT  SHA256        COMPONENT  GRANTED
    @sedge/sink   2026.11.24.1  0.4.0     [sha256]      present    -
    @sedge/spawn  2026.11.23.1  0.4.0     [sha256]      present    1 of 1
    ");
}

#[test]
fn missing_file_is_refused() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("plugin add snik.wasm\nplugin add snik.wasm --json\nplugin add models\nplugin add"), @r#"
    $ sedge plugin add snik.wasm
    ------- stderr -------
    error: failed to read `snik.wasm`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge plugin add snik.wasm --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "file_missing",
        "class": "state",
        "message": "failed to read `snik.wasm`",
        "causes": [
          "No such file or directory (os error 2)"
        ],
        "help": [
          {
            "kind": "advice",
            "text": "check the path: it does not exist"
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge plugin add models
    ------- stderr -------
    error: failed to read `models`
    caused by: is a directory
    hint: check what is at the path: a file, a folder, or links that lead in a circle
    [exit status: 3]

    $ sedge plugin add
    ------- stderr -------
    error: the following required arguments were not provided:
      <FILE.wasm>...

    Usage: sedge plugin add <FILE.wasm>...

    For more information, try '--help'.
    [exit status: 2]
    "#);
}

/// Returns `sink` with the version of the next day.
fn newer_sink() -> Vec<u8> {
    changed(sedge_test_artifacts::SINK, b"2026.11.23.1", b"2026.11.24.1")
}

/// Returns a component whose data has `new` in place of `old`.
fn changed(component: &str, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut component = TestEnv::component(component);
    let place = component.windows(old.len()).position(|it| it == old);
    let place = place.expect("it is in its data");
    component[place..place + old.len()].copy_from_slice(new);
    component
}

/// A name without its collective used to be a file that does not exist.
#[test]
fn name_of_a_plugin_that_comes_with_sedge_is_suggested() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("plugin add sink\nplugin add snik"), @"
    $ sedge plugin add sink
    ------- stderr -------
    error: no file named `sink`
    hint: add the plugin that comes with Sedge: `sedge plugin add @sedge/sink`
    [exit status: 3]

    $ sedge plugin add snik
    ------- stderr -------
    error: no file named `snik`
    hint: add the plugin that comes with Sedge: `sedge plugin add @sedge/sink`
    [exit status: 3]
    ");
}
