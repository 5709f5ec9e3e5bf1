//! `sedge model upgrade`

use sedge_test_kit::TestEnv;

use crate::validate::findings;

const DEFINITION: &str = "\
# What may be set.
name: guarded
type: \"@test/guarded\"
typeVersion: 2026.11.10.1
globalArguments:
  # The largest value.
  max: 2 # by agreement
  mischief: null
";

fn with_guarded() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["plugin add $GUESTS/guarded.wasm --grant none"]);
    env.write_file("models/guarded.yaml", DEFINITION);
    env
}

#[test]
fn run_says_that_it_upgrades_and_upgrade_saves_it() {
    let env = with_guarded();
    insta::assert_snapshot!(
        env.transcript(
            "model method run guarded set --input value=1\n\
             model upgrade guarded --dry-run\n\
             model upgrade --all\n\
             model upgrade guarded",
        ),
        @r#"
        $ sedge model method run guarded set --input value=1
        ------- stdout -------
        1
        ------- stderr -------
        Run [run]
        The definition of guarded names version 2026.11.10.1 of @test/guarded, and is used as upgraded to 2026.11.30.1; `sedge model upgrade guarded` saves that.
          guarded.set: looking for 1
        Succeeded after [took], wrote `value` version 1.

        $ sedge model upgrade guarded --dry-run
        ------- stdout -------
        models/guarded.yaml from 2026.11.10.1 to 2026.11.30.1
          2026.11.20.1: `max` is now `limit`
          2026.11.30.1: `names` is now the text `label`
        @@ -1,8 +1,8 @@
         # What may be set.
         name: guarded
         type: "@test/guarded"
        -typeVersion: 2026.11.10.1
        +typeVersion: "2026.11.30.1"
         globalArguments:
           # The largest value.
        -  max: 2 # by agreement
           mischief: null
        +  limit: 2
        ------- stderr -------
        Would upgrade 1 definition.

        $ sedge model upgrade --all
        ------- stdout -------
        models/guarded.yaml from 2026.11.10.1 to 2026.11.30.1
          2026.11.20.1: `max` is now `limit`
          2026.11.30.1: `names` is now the text `label`
        @@ -1,8 +1,8 @@
         # What may be set.
         name: guarded
         type: "@test/guarded"
        -typeVersion: 2026.11.10.1
        +typeVersion: "2026.11.30.1"
         globalArguments:
           # The largest value.
        -  max: 2 # by agreement
           mischief: null
        +  limit: 2
        ------- stderr -------
        Upgraded 1 definition.

        $ sedge model upgrade guarded
        ------- stderr -------
        The definition is up to date.
        "#
    );
    insta::assert_snapshot!(env.read_file("models/guarded.yaml"), @r#"
    # What may be set.
    name: guarded
    type: "@test/guarded"
    typeVersion: "2026.11.30.1"
    globalArguments:
      # The largest value.
      mischief: null
      limit: 2
    "#);
}

#[test]
fn upgrade_as_json() {
    let env = with_guarded();
    insta::assert_snapshot!(env.run(["model", "upgrade", "guarded", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "models": [
          {
            "name": "guarded",
            "file": "models/guarded.yaml",
            "from": "2026.11.10.1",
            "to": "2026.11.30.1",
            "steps": [
              {
                "toVersion": "2026.11.20.1",
                "description": "`max` is now `limit`"
              },
              {
                "toVersion": "2026.11.30.1",
                "description": "`names` is now the text `label`"
              }
            ],
            "diff": "@@ -1,8 +1,8 @@\n # What may be set.\n name: guarded\n type: \"@test/guarded\"\n-typeVersion: 2026.11.10.1\n+typeVersion: \"2026.11.30.1\"\n globalArguments:\n   # The largest value.\n-  max: 2 # by agreement\n   mischief: null\n+  limit: 2\n"
          }
        ],
        "currentCount": 0,
        "isDryRun": false
      }
    }
    "#);
}

#[test]
fn check_notes_the_upgrade_of_an_older_version_only() {
    let env = with_guarded();
    let n_notes = || {
        let found = findings(&env, "model validate guarded");
        let notes = found.iter().filter(|it| it.contains(" type-version "));
        notes.count()
    };
    assert_eq!(n_notes(), 1);
    let unversioned = "name: guarded\ntype: \"@test/guarded\"\n";
    env.write_file("models/guarded.yaml", unversioned);
    assert_eq!(n_notes(), 0, "the upgrades may change nothing");
}

#[test]
fn definition_that_is_too_new_or_not_clear_is_refused() {
    let env = with_guarded();
    let unclear = "name: guarded\ntype: \"@test/guarded\"\nglobalArguments:\n  names: [a, b]\n";
    env.write_file("models/guarded.yaml", unclear);
    insta::assert_snapshot!(env.run(["model", "upgrade", "guarded"]), @r"
    ------- stderr -------
    error: the global arguments cannot be upgraded to version 2026.11.30.1
     --> models/guarded.yaml:4:3
      |
    4 |   names: [a, b]
      |   ^^^^^^^^^^^^^ `names` has 2 names, and must have one
    hint: write the arguments as version 2026.11.30.1 of `@test/guarded` takes them, and set `typeVersion: 2026.11.30.1`
    [exit status: 2]
    ");
    let newer = "name: guarded\ntype: \"@test/guarded\"\ntypeVersion: 2027.01.01.1\n";
    env.write_file("models/guarded.yaml", newer);
    insta::assert_snapshot!(env.run(["model", "method", "run", "guarded", "get"]), @r"
    ------- stderr -------
    error: the definition is written for version 2027.01.01.1 of `@test/guarded`, and the plugin has 2026.11.30.1
     --> models/guarded.yaml:3:14
      |
    3 | typeVersion: 2027.01.01.1
      |              ^^^^^^^^^^^^
    hint: add the plugin `@test/guarded` in version 2027.01.01.1 or newer
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run(["model", "upgrade"]), @"
    ------- stderr -------
    error: the following required arguments were not provided:
      <NAME>

    Usage: sedge model upgrade <NAME>

    For more information, try '--help'.
    [exit status: 2]
    ");
}
