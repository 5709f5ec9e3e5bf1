//! `sedge doctor --fix`

use std::os::unix::fs::PermissionsExt;

use sedge_test_kit::TestEnv;

use crate::secret_put::put;

/// What can be made again is repaired, and the rest is shown with what to do next.
#[test]
fn safe_repairs_are_made() {
    let env = TestEnv::with_sink_and_spawn();
    put(&env, "TOKEN", "canary 1");
    let components = env.repository().join(".sedge/plugins");
    let components = std::fs::read_dir(components).expect("the test owns it");
    for entry in components {
        std::fs::write(entry.expect("the test owns it").path(), "x").expect("the test owns it");
    }
    mode_set(&env, ".sedge/secrets/TOKEN.sealed", 0o644);
    mode_set(&env, ".sedge/secrets/key", 0o644);
    env.write_file("models/sink.yaml.0123456789abcdef.tmp", "name: si");
    env.write_file(".sedge/locks/session-0000000000000001.lock", "x");
    mode_set(&env, ".sedge/locks/session-0000000000000001.lock", 0o600);
    env.write_file("models/bad.yaml", "name: bad\n");
    insta::assert_snapshot!(
        env.transcript("doctor\ndoctor --fix\ndoctor --fix"),
        @"
    $ sedge doctor
    ------- stdout -------
    AREA       STATE
    files      warning
    datastore  ok
    secrets    fault
    plugins    fault
    cache      ok
    models     fault
    workflows  ok

    warning: 1 file in `.sedge` has other modes than Sedge sets
    caused by: secrets/TOKEN.sealed
    hint: repair it: `sedge doctor --fix`

    warning: files of 1 process that did not end properly are left in `.sedge/locks`
    hint: repair it: `sedge doctor --fix`

    warning: 1 temporary file is left by processes that were killed
    caused by: models/sink.yaml.0123456789abcdef.tmp
    hint: repair it: `sedge doctor --fix`

    fault: the secret `TOKEN` cannot be opened, so its value could not be kept out of data and logs
    caused by: the key `$ENV/repo/.sedge/secrets/key` of the secrets is open to other users
    hint: remove that permission: `chmod 600 $ENV/repo/.sedge/secrets/key`
    hint: if another user may have read the key, replace the secrets, and seal them with a new key: `sedge secret rotate`
    hint: repair it: `sedge doctor --fix`

    fault: the component of the plugin `@sedge/sink` on this machine is damaged
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `$GUESTS/sink.wasm`: `sedge plugin restore FILE`
    hint: repair it: `sedge doctor --fix`

    fault: the component of the plugin `@sedge/spawn` on this machine is damaged
    hint: restore it: `sedge plugin restore`
    hint: or get the component, which was added from `$GUESTS/spawn.wasm`: `sedge plugin restore FILE`
    hint: repair it: `sedge doctor --fix`

    fault: the key `type` is missing
     --> models/bad.yaml:1:1
      |
    1 | name: bad
      | ^^^^^^^^^ add `type:` here
    ------- stderr -------
    4 faults, 3 warnings.
    [exit status: 3]

    $ sedge doctor --fix
    ------- stdout -------
    AREA       STATE
    files      ok
    datastore  ok
    secrets    ok
    plugins    ok
    cache      ok
    models     fault
    workflows  ok

    fixed: 1 file in `.sedge` has other modes than Sedge sets
    caused by: secrets/TOKEN.sealed
    done: Set their modes.

    fixed: files of 1 process that did not end properly are left in `.sedge/locks`
    done: Released their locks, and removed the files.

    fixed: 1 temporary file is left by processes that were killed
    caused by: models/sink.yaml.0123456789abcdef.tmp
    done: Removed 1 of 1.

    fixed: the secret `TOKEN` cannot be opened, so its value could not be kept out of data and logs
    caused by: the key `$ENV/repo/.sedge/secrets/key` of the secrets is open to other users
    done: Took the rights to the key from other users. If one of them may have read it, replace the secrets, and run `sedge secret rotate`.

    fixed: the component of the plugin `@sedge/sink` on this machine is damaged
    done: Restored it from `@sedge/sink`.

    fixed: the component of the plugin `@sedge/spawn` on this machine is damaged
    done: Restored it from `@sedge/spawn`.

    fault: the key `type` is missing
     --> models/bad.yaml:1:1
      |
    1 | name: bad
      | ^^^^^^^^^ add `type:` here
    ------- stderr -------
    1 fault.
    [exit status: 3]

    $ sedge doctor --fix
    ------- stdout -------
    AREA       STATE
    files      ok
    datastore  ok
    secrets    ok
    plugins    ok
    cache      ok
    models     fault
    workflows  ok

    fault: the key `type` is missing
     --> models/bad.yaml:1:1
      |
    1 | name: bad
      | ^^^^^^^^^ add `type:` here
    ------- stderr -------
    1 fault.
    [exit status: 3]
    "
    );
    env.remove("models/bad.yaml");
    insta::assert_snapshot!(env.run(["model", "method", "run", "sink", "run", "--quiet"]), @r#"
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    "#);
}

/// Unfinished files of the datastore are removed while no call can write one.
#[test]
fn unfinished_files_are_removed() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run"]);
    let unfinished = ".sedge/store/objects/new/0123456789abcdef";
    env.write_file(unfinished, "half of a file");
    mode_set(&env, unfinished, 0o600);
    mode_set(&env, ".sedge/store/objects", 0o700);
    mode_set(&env, ".sedge/store/objects/new", 0o700);
    insta::assert_snapshot!(env.transcript("doctor --fix --json"), @r#"
    $ sedge doctor --fix --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "isSound": true,
        "areas": [
          {
            "area": "files",
            "state": "ok",
            "findings": []
          },
          {
            "area": "datastore",
            "state": "ok",
            "findings": []
          },
          {
            "area": "secrets",
            "state": "ok",
            "findings": []
          },
          {
            "area": "plugins",
            "state": "ok",
            "findings": []
          },
          {
            "area": "cache",
            "state": "ok",
            "findings": []
          },
          {
            "area": "models",
            "state": "ok",
            "findings": []
          },
          {
            "area": "workflows",
            "state": "ok",
            "findings": []
          }
        ],
        "repairs": [
          {
            "area": "datastore",
            "finding": "the datastore has 1 unfinished file of calls that did not end",
            "done": "Removed 1 of them, 14 bytes.",
            "error": null
          }
        ]
      }
    }
    "#);
    let left = env.repository().join(unfinished);
    assert!(!left.try_exists().expect("the test owns it"));
}

/// Sets the mode of a file or folder of the repository.
fn mode_set(env: &TestEnv, path: &str, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(env.repository().join(path), mode).expect("the test owns it");
}

/// The command that repairs a repository used to stop at the first file that it could not read.
#[test]
fn broken_lock_file_does_not_prevent_the_other_repairs() {
    let env = TestEnv::with_sink_and_spawn();
    let unfinished = ".sedge/store/objects/new/0123456789abcdef";
    env.write_file(unfinished, "half of a file");
    mode_set(&env, unfinished, 0o600);
    mode_set(&env, ".sedge/store/objects", 0o700);
    mode_set(&env, ".sedge/store/objects/new", 0o700);
    let lock = env.read_file("sedge.lock");
    env.write_file("sedge.lock", "{{{\n");
    insta::assert_snapshot!(env.transcript("doctor --fix\nmodel list"), @"
    $ sedge doctor --fix
    ------- stdout -------
    AREA       STATE
    files      ok
    datastore  ok
    secrets    ok
    plugins    fault
    cache      ok
    models     ok
    workflows  ok

    fixed: the datastore has 1 unfinished file of calls that did not end
    done: Removed 1 of them, 14 bytes.

    fault: the `{` has no `}`
     --> sedge.lock:1:3
      |
    1 | {{{
      |   ^
    hint: add `}` at its end
    ------- stderr -------
    1 fault.
    [exit status: 3]

    $ sedge model list
    ------- stderr -------
    error: the `{` has no `}`
     --> sedge.lock:1:3
      |
    1 | {{{
      |   ^
    hint: add `}` at its end
    [exit status: 2]
    ");
    env.write_file("sedge.lock", &lock);
    let _ = env.run(["doctor"]).succeeded();
}
