//! `sedge model revoke`

use crate::model_grant::with_asker;

#[test]
fn grants_are_removed_and_the_rest_of_the_file_stays() {
    let env = with_asker();
    env.setup(&["model grant asker models=sink http=https://www.example.com"]);
    insta::assert_snapshot!(
        env.transcript(
            "model revoke asker http=https://api.example.com models --json\n\
             model revoke asker --all\n\
             model revoke asker --all",
        ),
        @r#"
    $ sedge model revoke asker http=https://api.example.com models --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "asker",
        "type": "@test/asker",
        "file": "models/asker.yaml",
        "removed": {
          "models": [
            "sink"
          ],
          "http": [
            {
              "url": "https://api.example.com",
              "methods": [
                "GET"
              ]
            }
          ]
        },
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
              "GET, HEAD https://www.example.com"
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

    $ sedge model revoke asker --all
    ------- stdout -------
    KIND      ASKS FOR                        MAY        LAST USED  WHY
    models    sink                            -          -          to note down what it found
    http      https://*.example.com GET HEAD  -          -          to look at the service
    sockets   db.example.com:5432             -          -          to look into the database
    files     inbox write                     -          -          to sort what came in
    env       ASKER_OLD                       ASKER_OLD  -          to know the region
    secrets   TOKEN https://api.example.com   -          -          to be known to the service
    commands  date                            -          -          to know the day
    ------- stderr -------
    Removed grants from models/asker.yaml.

    $ sedge model revoke asker --all
    ------- stdout -------
    KIND      ASKS FOR                        MAY        LAST USED  WHY
    models    sink                            -          -          to note down what it found
    http      https://*.example.com GET HEAD  -          -          to look at the service
    sockets   db.example.com:5432             -          -          to look into the database
    files     inbox write                     -          -          to sort what came in
    env       ASKER_OLD                       ASKER_OLD  -          to know the region
    secrets   TOKEN https://api.example.com   -          -          to be known to the service
    commands  date                            -          -          to know the day
    ------- stderr -------
    models/asker.yaml granted nothing.
    "#
    );
    insta::assert_snapshot!(env.read_file("models/asker.yaml"), @r#"
    # Looks at the service.
    name: asker
    type: "@test/asker"
      # Only the public part.
    "#);
}

#[test]
fn revocation_of_a_missing_grant_is_refused() {
    let env = with_asker();
    let before = env.read_file("models/asker.yaml");
    insta::assert_snapshot!(
        env.transcript(
            "model revoke asker http=https://www.example.com\n\
             model revoke asker env=ASKER_OLD\n\
             model revoke sink commands --json\n\
             model revoke asker\n\
             model revoke askr --all",
        ),
        @r#"
    $ sedge model revoke asker http=https://www.example.com
    ------- stderr -------
    error: the definition of `asker` does not grant `http=https://www.example.com`
    hint: models/asker.yaml grants `http=https://api.example.com`
    hint: see what the model may do: `sedge model permissions asker`
    [exit status: 3]

    $ sedge model revoke asker env=ASKER_OLD
    ------- stderr -------
    error: the definition of `asker` does not grant `env=ASKER_OLD`
    hint: all models of `@test/asker` have it: change that in sedge.yaml, or remove the plugin and add it with fewer grants
    hint: models/asker.yaml grants `http=https://api.example.com`
    hint: see what the model may do: `sedge model permissions asker`
    [exit status: 3]

    $ sedge model revoke sink commands --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "grant_missing",
        "class": "state",
        "message": "the definition of `sink` does not grant `commands`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "models/sink.yaml grants nothing"
          },
          {
            "kind": "command",
            "purpose": "see what the model may do",
            "useCase": "model_permissions",
            "arguments": {
              "name": "sink"
            }
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge model revoke asker
    ------- stderr -------
    error: the following required arguments were not provided:
      <KIND[=WHAT]>...

    Usage: sedge model revoke [OPTIONS] <NAME> <KIND[=WHAT]>...
           sedge model revoke [OPTIONS] <NAME> --all

    For more information, try '--help'.
    [exit status: 2]

    $ sedge model revoke askr --all
    ------- stderr -------
    error: no model named `askr`
    hint: did you mean `asker`?
    [exit status: 3]
    "#
    );
    assert_eq!(env.read_file("models/asker.yaml"), before);
}

/// Rights can be taken from a model whose plugin is missing.
#[test]
fn plugin_is_not_needed() {
    let env = with_asker();
    let components = env.repository().join(".sedge/plugins");
    for entry in std::fs::read_dir(components).expect("the test owns it") {
        std::fs::remove_file(entry.expect("the test owns it").path()).expect("the test owns it");
    }
    let output = env.run(["model", "revoke", "asker", "http"]);
    assert_eq!(output.code(), Some(0), "{output}");
    assert!(!env.read_file("models/asker.yaml").contains("http:"));
}
