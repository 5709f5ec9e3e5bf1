//! `sedge model grant`

use sedge_test_kit::{TestEnv, wait_until};

const DEFINITION: &str = "\
# Looks at the service.
name: asker
type: \"@test/asker\"
grants:
  # Only the public part.
  http: [{url: \"https://api.example.com\", methods: [GET]}]   # read only
";

/// Returns a repository with the model `asker`, which has one grant of its own and one of its type.
pub(crate) fn with_asker() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["plugin add $GUESTS/asker.wasm --grant env"]);
    env.write_file("models/asker.yaml", DEFINITION);
    env
}

#[test]
fn grants_are_added_and_the_rest_of_the_file_stays() {
    let env = with_asker();
    insta::assert_snapshot!(
        env.run(["model", "grant", "asker", "models=sink", "files=inbox:/srv/in", "http=https://www.example.com"]),
        @"
    ------- stdout -------
    KIND      ASKS FOR                        MAY                                                             LAST USED  WHY
    models    sink                            sink                                                            -          to note down what it found
    http      https://*.example.com GET HEAD  GET https://api.example.com; GET, HEAD https://www.example.com  -          to look at the service
    sockets   db.example.com:5432             -                                                               -          to look into the database
    files     inbox write                     write /srv/in                                                   -          to sort what came in
    env       ASKER_OLD                       ASKER_OLD                                                       -          to know the region
    secrets   TOKEN https://api.example.com   -                                                               -          to be known to the service
    commands  date                            -                                                               -          to know the day
    ------- stderr -------
    Added grants to models/asker.yaml.
    "
    );
    insta::assert_snapshot!(env.read_file("models/asker.yaml"), @r#"
    # Looks at the service.
    name: asker
    type: "@test/asker"
    grants:
      # Only the public part.
      http: [{url: "https://api.example.com", methods: [GET]}, {url: "https://www.example.com", methods: [GET, HEAD]}]   # read only
      models:
        - sink
      files:
        - {name: inbox, path: "/srv/in", access: write}
    "#);
}

/// What the model or its type has already is not written again.
#[test]
fn existing_grants_are_reported() {
    let env = with_asker();
    insta::assert_snapshot!(env.transcript("model grant asker env=ASKER_OLD --json"), @r#"
    $ sedge model grant asker env=ASKER_OLD --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "asker",
        "type": "@test/asker",
        "file": "models/asker.yaml",
        "added": {},
        "already": [
          {
            "kind": "env",
            "name": "ASKER_OLD"
          }
        ],
        "permissions": [
          {
            "permission": {
              "kind": "models",
              "model": "sink"
            },
            "reason": "to note down what it found",
            "effective": [],
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
              "GET https://api.example.com"
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
            "effective": [],
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
            "effective": [],
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
    "#);
    let output = env.run(["model", "grant", "asker", "env", "commands=date"]);
    assert_eq!(
        output.stderr,
        "asker may already read the environment variable ASKER_OLD.\nAdded grants to models/asker.yaml.\n"
    );
    let once = env.read_file("models/asker.yaml");
    let _ = env.run(["model", "grant", "asker", "commands"]).succeeded();
    assert_eq!(env.read_file("models/asker.yaml"), once);
}

#[test]
fn invalid_grant_is_refused() {
    let env = with_asker();
    insta::assert_snapshot!(
        env.transcript(
            "model grant asker http=https://example.org\n\
             model grant asker planets=mars\n\
             model grant asker none\n\
             model grant askr env\n\
             model grant asker",
        ),
        @"
    $ sedge model grant asker http=https://example.org
    ------- stderr -------
    error: `asker` cannot be granted that
    caused by: it does not request `http=https://example.org`
    hint: see what its plugin requests: `sedge model permissions asker`
    [exit status: 2]

    $ sedge model grant asker planets=mars
    ------- stderr -------
    error: invalid value 'planets=mars' for '[KIND[=WHAT]]...': `planets` is not a kind of permission: write models, workflows, http, sockets, files, env, secrets, commands, reveal, or none

    For more information, try '--help'.
    [exit status: 2]

    $ sedge model grant asker none
    ------- stderr -------
    error: `none` grants nothing
    hint: to revoke permissions: `sedge model revoke asker --all`
    [exit status: 2]

    $ sedge model grant askr env
    ------- stderr -------
    error: no model named `askr`
    hint: did you mean `asker`?
    [exit status: 3]

    $ sedge model grant asker
    ------- stderr -------
    error: no permission is named, and there is no terminal to ask on
    hint: see what `asker` lacks: `sedge model permissions asker`
    hint: name what to grant: `sedge model grant asker KIND=WHAT`
    [exit status: 2]
    "
    );
    assert_eq!(env.read_file("models/asker.yaml"), DEFINITION);
}

/// A form that is not edited is refused with the lines to write.
#[test]
fn other_form_is_left_alone() {
    let env = with_asker();
    let definition = "name: asker\ntype: \"@test/asker\"\ngrants: {http: [{url: \"https://api.example.com\"}]}\n";
    env.write_file("models/asker.yaml", definition);
    insta::assert_snapshot!(env.run(["model", "grant", "asker", "models=sink"]), @r#"
    ------- stderr -------
    error: the grants in models/asker.yaml cannot be edited
    caused by: `grants:` is written in braces
    hint: write the grants by hand, in models/asker.yaml:
      grants:
        models:
          - sink
        http:
          - {url: "https://api.example.com"}
    [exit status: 3]
    "#);
    assert_eq!(env.read_file("models/asker.yaml"), definition);
}

/// Only what the model lacks is asked about.
#[test]
fn terminal_asks_about_each_permission_that_is_lacking() {
    let env = with_asker();
    let question = "Grant it? [yes/no/show/quit]";
    let answers = [
        (question, "yes"),
        (question, "no"),
        (question, "no"),
        (question, "yes"),
        ("Where is the folder `inbox`? [nowhere]", "in"),
        (question, "no"),
        (question, "no"),
    ];
    let mut child = env.spawn_on_terminal("sedge model grant asker");
    let mut at = 0;
    for (question, answer) in answers {
        wait_until("a question", || {
            child.stdout_so_far()[at..].trim_end().ends_with(question)
        });
        at = child.stdout_so_far().len();
        child.send(format!("{answer}\n"));
    }
    let output = child.wait();
    let shown = output.stdout.replace('\r', "");
    assert_eq!(output.code(), Some(0), "{shown}");
    for part in [
        "asker lacks 6 permissions that its plugin requests.",
        "1 of 6: call and read the model `sink`",
        "6 of 6: run the command `date`",
        "Added grants to models/asker.yaml.",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let file = env.read_file("models/asker.yaml");
    let added = "  models:\n    - sink\n  files:\n    - {name: inbox, path: in, access: write}\n";
    assert_eq!(file, format!("{DEFINITION}{added}"));
}

/// The user who quits has changed nothing.
#[test]
fn quit_changes_nothing() {
    let env = with_asker();
    let mut child = env.spawn_on_terminal("sedge model grant asker");
    for answer in ["yes", "quit"] {
        let at = child.stdout_so_far().len();
        wait_until("a question", || {
            child.stdout_so_far()[at..]
                .trim_end()
                .ends_with("show/quit]")
        });
        child.send(format!("{answer}\n"));
    }
    let output = child.wait();
    assert_eq!(output.code(), Some(3), "{}", output.stdout);
    assert_eq!(env.read_file("models/asker.yaml"), DEFINITION);
}
