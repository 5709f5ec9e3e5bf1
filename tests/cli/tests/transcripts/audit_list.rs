//! `sedge audit list`

use sedge_test_kit::{TestEnv, wait_until};

use crate::fixtures::{newest_run, with_suspended};
use crate::secret_put::put;

/// Returns a repository in which a user has put and deleted secrets, and granted permissions.
fn with_changes() -> TestEnv {
    let env = TestEnv::with_repository();
    put(&env, "TOKEN", "canary of a token");
    put(&env, "TOKEN", "another canary");
    env.setup(&[
        "secret delete TOKEN",
        "plugin add $GUESTS/asker.wasm --grant none",
        "model create @test/asker asker",
        "model grant asker models=sink http=https://www.example.com",
        "model revoke asker models",
        "model delete asker --yes",
    ]);
    env
}

#[test]
fn entries_are_listed_newest_first() {
    let env = with_changes();
    insta::assert_snapshot!(env.run(["audit", "list"]), @"
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  model-deleted  asker  models/asker.yaml
    [time]  tester  grants-removed  asker  models=sink
    [time]  tester  grants-added  asker  models=sink, http=https://www.example.com GET HEAD
    [time]  tester  model-created  asker  of the type @test/asker
    [time]  tester  plugin-added  @test/asker  version 2026.11.26.1, sha256 [sha256]
    [time]  tester  secret-deleted  TOKEN
    [time]  tester  secret-put  TOKEN  version 2
    [time]  tester  secret-put  TOKEN  version 1
    ");
    insta::assert_snapshot!(env.run(["audit", "list", "-n", "1"]), @"
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  model-deleted  asker  models/asker.yaml
    ------- stderr -------
    … (7 more): `--limit N` shows N of them, `--json-lines` shows all.
    ");
}

#[test]
fn table_fits_a_narrow_terminal() {
    let env = with_changes();
    let shown = env
        .spawn_on_terminal("stty cols 80; sedge audit list")
        .wait();
    let lines: Vec<&str> = shown.stdout.lines().map(str::trim_end).collect();
    assert_eq!(lines.len(), 9, "{shown}");
    let is_narrow = |line: &&str| line.chars().count() <= 80;
    assert!(lines.iter().all(is_narrow), "{shown}");
}

#[test]
fn as_json() {
    let env = with_changes();
    insta::assert_snapshot!(env.run(["audit", "list", "--limit", "2", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "seq": 8,
          "at": "[time]",
          "actor": "tester",
          "uid": "[uid]",
          "what": "model-deleted",
          "on": "asker",
          "detail": "models/asker.yaml"
        },
        {
          "seq": 7,
          "at": "[time]",
          "actor": "tester",
          "uid": "[uid]",
          "what": "grants-removed",
          "on": "asker",
          "detail": "models=sink"
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": true
    }
    "#);
    let lines = env.run(["audit", "list", "--json-lines"]);
    assert_eq!(lines.stdout.lines().count(), 8, "{lines}");
}

#[test]
fn entries_are_filtered() {
    let env = with_changes();
    insta::assert_snapshot!(env.transcript("
        audit list --what secret-put
        audit list --on asker --what grants-added
        audit list --on @test/asker --since 1h
        audit list --since 2100-01-01T00:00:00Z
        audit list --actor nobody-of-this-name
        audit list --actor nobody-of-this-name --json
    "), @r#"
    $ sedge audit list --what secret-put
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  secret-put  TOKEN  version 2
    [time]  tester  secret-put  TOKEN  version 1

    $ sedge audit list --on asker --what grants-added
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  grants-added  asker  models=sink, http=https://www.example.com GET HEAD

    $ sedge audit list --on @test/asker --since 1h
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  plugin-added  @test/asker  version 2026.11.26.1, sha256 [sha256]

    $ sedge audit list --since 2100-01-01T00:00:00Z
    ------- stderr -------
    No entry of the audit matches.

    $ sedge audit list --actor nobody-of-this-name
    ------- stderr -------
    No entry of the audit matches.

    $ sedge audit list --actor nobody-of-this-name --json
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false
    }
    "#);
}

/// The run alone also stands for its gates.
#[test]
fn run_and_its_decisions_are_found_by_the_run() {
    let env = with_suspended();
    env.setup(&["workflow approve B gate --comment fine"]);
    let run = newest_run(&env);
    insta::assert_snapshot!(env.run(["audit", "list", "--on", &run]), @"
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  gate-approved  [run] main/gate  fine
    [time]  tester  run-started  [run]  B
    ");
}

/// A user who edits a definition by hand with `model edit` grants as well.
#[test]
fn grants_of_an_edit_are_recorded() {
    let env = TestEnv::with_sink_and_spawn();
    let text = env.read_file("models/spawn.yaml") + "grants: {env: [REGION]}\n";
    let edited = env.run_with_stdin(["model", "edit", "spawn"], &text);
    let _ = edited.succeeded();
    insta::assert_snapshot!(env.run(["audit", "list", "--on", "spawn", "-n", "1"]), @"
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  grants-added  spawn  env=REGION
    ------- stderr -------
    … (2 more): `--limit N` shows N of them, `--json-lines` shows all.
    ");
}

/// Nothing that a user deletes leaves without a trace.
#[test]
fn deletions_are_recorded() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run",
        "model method run sink run",
        "data delete sink --all --yes",
        "model method run sink run",
        "model delete sink --yes",
        "data prune --yes",
        "plugin remove @sedge/sink --force",
    ]);
    wait_until("the runs are old enough", || {
        env.setup(&["run gc --older-than 1s"]);
        let listed = env.run(["audit", "list", "--json-lines"]);
        listed.stdout.contains("runs-deleted")
    });
    let listed = env
        .run(["audit", "list", "--json-lines"])
        .succeeded()
        .stdout;
    for what in [
        "data-deleted",
        "model-deleted",
        "data-pruned",
        "runs-deleted",
        "plugin-removed",
    ] {
        let word = format!("\"what\":\"{what}\"");
        assert!(listed.contains(&word), "{what}: {listed}");
    }
}

/// What changes data, a definition or the datastore outside of a call is recorded.
#[test]
fn changes_outside_of_calls_are_recorded() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run",
        "model method run sink run",
        "data restore sink record --version 1",
        "data rename sink record note",
        "datastore compact",
    ]);
    let text = env.read_file("models/sink.yaml") + "# edited\n";
    let edited = env.run_with_stdin(["model", "edit", "sink"], &text);
    let _ = edited.succeeded();
    insta::assert_snapshot!(env.run(["audit", "list", "--on", "sink"]), @"
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  model-edited  sink  models/sink.yaml
    [time]  tester  data-renamed  sink  record to note
    [time]  tester  data-restored  sink  version 1 of record, as version 3
    [time]  tester  model-created  sink  of the type @sedge/sink
    ");
    let listed = env.run(["audit", "list", "--what", "datastore-compacted"]);
    assert!(listed.stdout.contains("bytes, then"), "{listed}");
    // Neither a plan nor an edit that changes nothing is a change.
    env.setup(&["datastore compact --dry-run"]);
    let same = env.run_with_stdin(["model", "edit", "sink"], &text);
    let _ = same.succeeded();
    let listed = env.run(["audit", "list", "--json-lines"]);
    for what in ["model-edited", "datastore-compacted"] {
        let word = format!("\"what\":\"{what}\"");
        assert_eq!(listed.stdout.matches(&word).count(), 1, "{what}: {listed}");
    }
}

/// A value of a secret is in no entry.
#[test]
fn values_of_secrets_are_not_recorded() {
    let env = with_changes();
    let listed = env.run(["audit", "list", "--json"]);
    assert!(!listed.stdout.contains("canary"), "{listed}");
}

/// The secret is stored before its entry is written, so the error says that it is.
#[test]
fn action_without_an_entry_is_an_error_that_says_so() {
    let env = TestEnv::with_repository();
    let foreign = "not a database, and long enough to be looked at".repeat(400);
    env.write_file(".sedge/store/sedge.db", foreign);
    for beside in ["-wal", "-shm"] {
        let file = format!(".sedge/store/sedge.db{beside}");
        let _ = std::fs::remove_file(env.repository().join(file));
    }
    insta::assert_snapshot!(env.run_with_stdin(["secret", "put", "TOKEN"], "canary 1"), @"
    ------- stderr -------
    error: the action was done, but could not be recorded in the audit: `secret-put` of `TOKEN`
    caused by: `$ENV/repo/.sedge/store/sedge.db` is not a datastore of Sedge
    hint: do not repeat the action, and keep this message with your records
    hint: none of its content was used or changed; if it came with a clone, `rm -r $ENV/repo/.sedge/store` and restore a backup of your own
    [exit status: 3]
    ");
    let listed = env.run(["secret", "list", "--json"]);
    assert!(listed.stdout.contains("\"name\": \"TOKEN\""), "{listed}");
}

#[test]
fn empty_audit_shows_a_note() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["audit", "list"]), @"
    ------- stderr -------
    The audit has no entries yet.
    ");
}

#[test]
fn bad_filters_are_refused() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        audit list --what secret-seen
        audit list --since yesterday
        audit list --limit many
    "), @"
    $ sedge audit list --what secret-seen
    ------- stderr -------
    error: invalid value 'secret-seen' for '--what <WORD>'
      [possible values: data-collected, data-deleted, data-pruned, data-renamed, data-restored, datastore-compacted, datastore-restored, gate-approved, gate-rejected, grants-added, grants-removed, locks-released, model-created, model-deleted, model-edited, model-upgraded, plugin-added, plugin-removed, run-cancelled, run-resumed, run-started, runs-deleted, secret-deleted, secret-put, secrets-rotated]

      tip: a similar value exists: 'secret-deleted'

    For more information, try '--help'.
    [exit status: 2]

    $ sedge audit list --since yesterday
    ------- stderr -------
    error: invalid value 'yesterday' for '--since <TIME>': it is neither an age (5m, 1h, 7d, 2w, 1mo, 1y) nor a time ([time])

    For more information, try '--help'.
    [exit status: 2]

    $ sedge audit list --limit many
    ------- stderr -------
    error: invalid value 'many' for '--limit <N>': it is not a whole number from 0 to 18446744073709551615

    For more information, try '--help'.
    [exit status: 2]
    ");
}
