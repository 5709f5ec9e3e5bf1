//! Messages about the state of a repository, a run or the machine: each says what failed, on what,
//! why, and what to do next.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use sedge_test_kit::TestEnv;

use crate::fixtures::{newest_run, with_hostile, with_suspended, with_workflows};

#[test]
fn runs_in_the_wrong_state() {
    let env = with_workflows();
    insta::assert_snapshot!(env.transcript("
        run show
        run show zzzzzzzzzzzz
        run logs unlike
        workflow resume A
        workflow resume a
    "), @"
    $ sedge run show
    ------- stderr -------
    error: there are no runs yet
    hint: run a method: `sedge model method run MODEL METHOD`
    hint: or a workflow: `sedge workflow run NAME`
    [exit status: 3]

    $ sedge run show zzzzzzzzzzzz
    ------- stderr -------
    error: no run with the id `[run]`
    hint: see the runs: `sedge run list`
    [exit status: 3]

    $ sedge run logs unlike
    ------- stderr -------
    error: no run with the id `unlike`
    hint: see the runs: `sedge run list`
    [exit status: 3]

    $ sedge workflow resume A
    ------- stderr -------
    error: the workflow `A` has no run that could be resumed
    hint: start one: `sedge workflow run A`
    [exit status: 3]

    $ sedge workflow resume a
    ------- stderr -------
    error: no workflow named `a`
    hint: did you mean `A`?
    [exit status: 3]
    ");
    let _ = env.run(["workflow", "run", "A"]).succeeded();
    insta::assert_snapshot!(env.transcript("
        workflow resume A
        workflow approve A main/spawn
    "), @"
    $ sedge workflow resume A
    ------- stderr -------
    error: the workflow `A` has no run that could be resumed
    hint: its newest run `[run 2]` has succeeded
    hint: start another: `sedge workflow run A`
    [exit status: 3]

    $ sedge workflow approve A main/spawn
    ------- stderr -------
    error: the workflow `A` has no run that could be approved or rejected
    hint: its newest run `[run 2]` has succeeded
    hint: start another: `sedge workflow run A`
    [exit status: 3]
    ");
    let run = newest_run(&env);
    insta::assert_snapshot!(env.run(["workflow", "resume", "A", "--run", &run]), @"
    ------- stderr -------
    error: the run `[run 2]` has succeeded: there is nothing left to do
    hint: see the run: `sedge run show [run 2]`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.run(["workflow", "resume", "B", "--run", &run]), @"
    ------- stderr -------
    error: the run `[run 2]` is not one of the workflow `B`
    hint: see the run: `sedge run show [run 2]`
    [exit status: 3]
    ");
}

#[test]
fn gates_that_cannot_be_decided() {
    let env = with_suspended();
    insta::assert_snapshot!(env.transcript("
        workflow resume B
        workflow approve B main/spawn
        workflow approve B gaet
        workflow resume B --json
    "), @r#"
    $ sedge workflow resume B
    ------- stderr -------
    error: the run `[run]` of `B` waits for a decision
    hint: approve it: `sedge workflow approve B main/gate --run [run]`
    hint: or reject it: `sedge workflow reject B main/gate --run [run]`
    [exit status: 3]

    $ sedge workflow approve B main/spawn
    ------- stderr -------
    error: the run `[run]` of `B` has no open gate named `main/spawn`
    hint: its open gates are `main/gate`
    [exit status: 3]

    $ sedge workflow approve B gaet
    ------- stderr -------
    error: the run `[run]` of `B` has no open gate named `gaet`
    hint: its open gates are `main/gate`
    [exit status: 3]

    $ sedge workflow resume B --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "gates_undecided",
        "class": "state",
        "message": "the run `[run]` of `B` waits for a decision",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "approve it",
            "useCase": "workflow_approve",
            "arguments": {
              "gate": "main/gate",
              "run": "[run]",
              "workflow": "B"
            }
          },
          {
            "kind": "command",
            "purpose": "or reject it",
            "useCase": "workflow_reject",
            "arguments": {
              "gate": "main/gate",
              "run": "[run]",
              "workflow": "B"
            }
          }
        ],
        "details": {
          "run": "[run]",
          "gates": [
            "main/gate"
          ]
        }
      }
    }
    [exit status: 3]
    "#);
    let _ = env.run(["workflow", "reject", "B", "gate"]).succeeded();
    insta::assert_snapshot!(env.transcript("workflow resume B\nworkflow approve B gate"), @"
    $ sedge workflow resume B
    ------- stderr -------
    error: the workflow `B` has no run that could be resumed
    hint: its newest run `[run]` has failed
    hint: begin it again from a step: `sedge workflow resume B --from JOB/STEP --run [run]`
    hint: or start another: `sedge workflow run B`
    [exit status: 3]

    $ sedge workflow approve B gate
    ------- stderr -------
    error: the gate `main/gate` of the run `[run]` was rejected by tester at [time]
    hint: see the run: `sedge run show [run]`
    [exit status: 3]
    ");
}

#[test]
fn unusable_backups_and_datastores() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run", "datastore backup one.tar"]);
    env.write_file("other.tar", "not a backup");
    insta::assert_snapshot!(env.transcript("
        datastore backup one.tar
        datastore backup .sedge/two.tar
        datastore restore one.tar
        datastore restore other.tar --replace
        datastore restore gone.tar --replace
        datastore lock release --model unlike --force
    "), @"
    $ sedge datastore backup one.tar
    ------- stderr -------
    error: `one.tar` exists already
    hint: name another file
    hint: or replace the file: `--replace`
    [exit status: 3]

    $ sedge datastore backup .sedge/two.tar
    ------- stderr -------
    error: `.sedge/two.tar` is inside `$ENV/repo/.sedge`, where Sedge keeps its own files
    hint: name a file outside of it, if possible on another disk
    [exit status: 2]

    $ sedge datastore restore one.tar
    ------- stderr -------
    error: the datastore is not empty
    hint: replace the existing data and runs by the backup: `--replace`
    [exit status: 3]

    $ sedge datastore restore other.tar --replace
    ------- stderr -------
    error: `other.tar` is not a backup that can be restored: it is no archive
    hint: name a backup file that `sedge` wrote
    [exit status: 2]

    $ sedge datastore restore gone.tar --replace
    ------- stderr -------
    error: failed to open `gone.tar`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge datastore lock release --model unlike --force
    ------- stderr -------
    The model `unlike` is not locked.
    ");
    let database = env.repository().join(".sedge/store/sedge.db");
    fs::write(
        &database,
        "not a database, and long enough to be looked at".repeat(400),
    )
    .expect("written");
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{beside}", database.display()));
    }
    insta::assert_snapshot!(env.transcript("
        run list
        doctor
    "), @"
    $ sedge run list
    ------- stderr -------
    error: `$ENV/repo/.sedge/store/sedge.db` is not a datastore of Sedge
    hint: none of its content was used or changed; if it came with a clone, `rm -r $ENV/repo/.sedge/store` and restore a backup of your own
    [exit status: 3]

    $ sedge doctor
    ------- stdout -------
    AREA       STATE
    files      ok
    datastore  fault
    secrets    ok
    plugins    ok
    cache      ok
    models     ok
    workflows  ok

    fault: `$ENV/repo/.sedge/store/sedge.db` is not a datastore of Sedge
    hint: none of its content was used or changed; if it came with a clone, `rm -r $ENV/repo/.sedge/store` and restore a backup of your own
    ------- stderr -------
    1 fault.
    [exit status: 3]
    ");
}

#[test]
fn models_whose_files_are_missing() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run", "model method run spawn run"]);
    insta::assert_snapshot!(env.transcript("data prune --model sink"), @"
    $ sedge data prune --model sink
    ------- stderr -------
    error: the model `sink` is not gone: its file `models/sink.yaml` exists
    hint: delete it first: `sedge model delete sink`
    [exit status: 3]
    ");
    env.remove("models/sink.yaml");
    env.remove("models/spawn.yaml");
    insta::assert_snapshot!(env.transcript("data prune"), @"
    $ sedge data prune
    ------- stderr -------
    error: the data of models that may not be gone was not deleted: the folder `models` contains no definition
    hint: if all of them were deleted on purpose: `sedge data prune --yes`
    hint: or if only some of them were: `sedge data prune --model sink --model spawn`
    [exit status: 3]
    ");
    fs::remove_dir(env.repository().join("models")).expect("it is empty");
    insta::assert_snapshot!(env.transcript("
        data prune
        data gc
    "), @"
    $ sedge data prune
    ------- stderr -------
    error: the data of models that may not be gone was not deleted: the folder `models` is missing
    hint: if all of them were deleted on purpose: `sedge data prune --yes`
    hint: or if only some of them were: `sedge data prune --model sink --model spawn`
    [exit status: 3]

    $ sedge data gc
    ------- stderr -------
    error: the folder `models` is missing, so Sedge does not know how long data is retained
    hint: restore the folder, or create an empty one if no model is left: `mkdir models`
    [exit status: 3]
    ");
}

#[test]
fn secrets_that_cannot_be_opened() {
    let env = TestEnv::with_sink_and_spawn();
    let put = env.run_with_stdin(["secret", "put", "token"], "a value of some length");
    let _ = put.succeeded();
    let key = env.repository().join(".sedge/secrets/key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("the test owns it");
    insta::assert_snapshot!(env.transcript("
        model method run sink run
        model method run sink run --json
    "), @r#"
    $ sedge model method run sink run
    ------- stderr -------
    error: the secret `token` cannot be opened, so its value could not be kept out of data and logs
    caused by: the key `$ENV/repo/.sedge/secrets/key` of the secrets is open to other users
    hint: remove that permission: `chmod 600 $ENV/repo/.sedge/secrets/key`
    hint: if another user may have read the key, replace the secrets, and seal them with a new key: `sedge secret rotate`
    [exit status: 3]

    $ sedge model method run sink run --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "secrets_closed",
        "class": "state",
        "message": "the secret `token` cannot be opened, so its value could not be kept out of data and logs",
        "causes": [
          "the key `$ENV/repo/.sedge/secrets/key` of the secrets is open to other users"
        ],
        "help": [
          {
            "kind": "advice",
            "text": "remove that permission: `chmod 600 $ENV/repo/.sedge/secrets/key`"
          },
          {
            "kind": "command",
            "purpose": "if another user may have read the key, replace the secrets, and seal them with a new key",
            "useCase": "secret_rotate",
            "arguments": {}
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("the test owns it");
    let sealed = env.repository().join(".sedge/secrets/token.sealed");
    fs::write(&sealed, "damaged").expect("written");
    insta::assert_snapshot!(env.transcript("model method run sink run"), @"
    $ sedge model method run sink run
    ------- stderr -------
    error: the secret `token` cannot be opened, so its value could not be kept out of data and logs
    caused by: the secret `token` is damaged: `$ENV/repo/.sedge/secrets/token.sealed`
    hint: restore the file of the secret from a copy
    hint: or delete the secret: `sedge secret delete token`
    [exit status: 3]
    ");
    fs::remove_file(&key).expect("it is there");
    insta::assert_snapshot!(env.transcript("model method run sink run"), @"
    $ sedge model method run sink run
    ------- stderr -------
    error: the secret `token` cannot be opened, so its value could not be kept out of data and logs
    caused by: the key `$ENV/repo/.sedge/secrets/key` of the secrets is missing
    hint: restore the key file from a copy
    hint: if the key is lost, the secrets cannot be opened: delete each of them, and put it again: `sedge secret delete NAME`
    [exit status: 3]
    ");
}

#[test]
fn repository_that_other_users_may_write_to() {
    let mut env = TestEnv::with_repository();
    fs::set_permissions(env.repository(), Permissions::from_mode(0o777)).expect("the test owns it");
    insta::assert_snapshot!(env.transcript("
        run list
        run list --json
    "), @r#"
    $ sedge run list
    ------- stderr -------
    error: every local user may write to `$ENV/repo`
    hint: remove that permission: `chmod o-w $ENV/repo`
    hint: or, if you trust all of them, for one command: `SEDGE_SAFE_DIRECTORIES=$ENV/repo sedge …`
    hint: or permanently, in $ENV/user/.config/sedge/config.yaml: `safeDirectories: ["$ENV/repo"]`
    [exit status: 3]

    $ sedge run list --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "repository_untrusted",
        "class": "state",
        "message": "every local user may write to `$ENV/repo`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "remove that permission: `chmod o-w $ENV/repo`"
          },
          {
            "kind": "again",
            "purpose": "or, if you trust all of them, for one command",
            "arguments": {
              "safeDirectories": "$ENV/repo"
            }
          },
          {
            "kind": "edit",
            "purpose": "or permanently",
            "file": "$ENV/user/.config/sedge/config.yaml",
            "yaml": "safeDirectories: [\"$ENV/repo\"]"
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    env.variable("SEDGE_SAFE_DIRECTORIES", "here");
    insta::assert_snapshot!(env.transcript("run list"), @"
    $ sedge run list
    ------- stderr -------
    error: `here` is declared safe, but it is neither `*` nor an absolute path
    hint: write absolute paths between colons: `SEDGE_SAFE_DIRECTORIES=/srv/one:/srv/two sedge …`
    hint: or a list in the file: `safeDirectories: [/srv/one, /srv/two]`
    [exit status: 2]
    ");
}

#[test]
fn calls_that_failed() {
    let env = with_hostile();
    env.write_file(
        "models/small.yaml",
        "name: small\ntype: \"@test/hostile\"\nlimits: {wallTimeSeconds: 1, callDepth: 1}\n",
    );
    env.write_file("dump.wasm", "");
    insta::assert_snapshot!(env.transcript("
        model method run hostile trap
        model method run small spin
        model method run spawn run --inputs-json {\"target\":\"hostile\",\"method\":\"trap\"}
        model method run spawn run --inputs-json {\"target\":\"gone\"}
        model method run hostile trap --core-dump dump.wasm
    "), @r#"
    $ sedge model method run hostile trap
    ------- stderr -------
    Run [run]
    error: `trap` of `hostile` failed
    caused by: wasm trap: wasm `unreachable` instruction executed
      in hostile::trap
    note: of hostile.trap, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run] --backtrace`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]

    $ sedge model method run small spin
    ------- stderr -------
    Run [run 2]
    error: `spin` of `small` failed
    caused by: it was stopped after [took], at its deadline
    note: of small.spin, 1 change was rolled back: `mark`
    hint: raise the limit if it needs more, in models/small.yaml: `limits: {wallTimeSeconds: 2}`
    hint: or raise it for all models, in sedge.yaml: `limits: {wallTimeSeconds: 2}`
    [exit status: 1]

    $ sedge model method run spawn run --inputs-json {"target":"hostile","method":"trap"}
    ------- stderr -------
    Run [run 3]
    error: `run` of `spawn` failed
    caused by: 1 of 1 calls failed, the first with trapped: wasm trap: wasm `unreachable` instruction executed (plugin/calls-failed)
    note: spawn.run > hostile.trap failed: wasm trap: wasm `unreachable` instruction executed
      in hostile::trap
    note: of spawn.run, 1 version was kept: `calls` version 1
    note: of spawn.run > hostile.trap, 1 change was rolled back: `mark`
    hint: see the calls of the run: `sedge run show [run 3] --backtrace`
    hint: see what they logged: `sedge run logs [run 3]`
    [exit status: 1]

    $ sedge model method run spawn run --inputs-json {"target":"gone"}
    ------- stderr -------
    Run [run 4]
    error: `run` of `spawn` failed
    caused by: 1 of 1 calls failed, the first with not-found: no model named `gone` (plugin/calls-failed)
    note: spawn.run called gone.run, which could not begin: no model named `gone`
    note: of spawn.run, 1 version was kept: `calls` version 2
    hint: see the calls of the run: `sedge run show [run 4]`
    hint: see what they logged: `sedge run logs [run 4]`
    [exit status: 1]

    $ sedge model method run hostile trap --core-dump dump.wasm
    ------- stderr -------
    error: `dump.wasm` exists already, and a core dump does not replace a file
    hint: name a file that does not exist
    [exit status: 3]
    "#);
    insta::assert_snapshot!(env.transcript(
        "model method run hostile fail --json --inputs-json {\"code\":\"no\",\"message\":\"not_today\",\"keep\":true}",
    ), @r#"
    $ sedge model method run hostile fail --json --inputs-json {"code":"no","message":"not_today","keep":true}
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "class": "failed",
        "message": "`fail` of `hostile` failed",
        "causes": [
          "not_today (plugin/no)"
        ],
        "notes": [
          "of hostile.fail, 1 version was kept: `mark` version 1"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "see the calls of the run",
            "useCase": "run_show",
            "arguments": {
              "run": "[run 5]"
            }
          },
          {
            "kind": "command",
            "purpose": "see what they logged",
            "useCase": "run_logs",
            "arguments": {
              "run": "[run 5]"
            }
          }
        ],
        "details": {
          "run": "[run 5]",
          "model": "hostile",
          "method": "fail",
          "call": {
            "code": "plugin/no",
            "message": "not_today"
          },
          "failed": [
            {
              "call": "[run 5]/1",
              "step": null,
              "chain": [
                "hostile.fail"
              ],
              "model": "hostile",
              "method": "fail",
              "error": {
                "code": "plugin/no",
                "message": "not_today"
              },
              "kept": {
                "count": 1,
                "first": [
                  {
                    "name": "mark",
                    "version": 1
                  }
                ]
              }
            }
          ],
          "failedCount": 1,
          "kept": [
            {
              "call": "[run 5]/1",
              "step": null,
              "chain": [
                "hostile.fail"
              ],
              "model": "hostile",
              "method": "fail",
              "error": {
                "code": "plugin/no",
                "message": "not_today"
              },
              "kept": {
                "count": 1,
                "first": [
                  {
                    "name": "mark",
                    "version": 1
                  }
                ]
              }
            }
          ],
          "keptCount": 1,
          "rolledBack": [],
          "rolledBackCount": 0
        }
      }
    }
    [exit status: 1]
    "#);
}
