//! The cache of compiled code, which is outside of the repository and has to belong to the user.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sedge_test_kit::TestEnv;

/// Returns a repository like a fresh clone: every plugin is pinned, and none is compiled.
fn clone() -> TestEnv {
    let mut env = TestEnv::with_sink_and_spawn();
    for name in ["SEDGE_CACHE_DIR", "XDG_STATE_HOME"] {
        env.variable_unset(name);
    }
    env
}

#[test]
fn fresh_clone_compiles_each_called_plugin_once() {
    let env = clone();
    insta::assert_snapshot!(env.transcript("
        model method run spawn run
        model method run spawn run
    "), @r#"
    $ sedge model method run spawn run
    ------- stdout -------
    {
      "ok": 1,
      "failed": 0,
      "elapsed_ms": "[ms]"
    }
    ------- stderr -------
    Compiled @sedge/spawn in [took].
    Run [run]
    Compiled @sedge/sink in [took].
    Succeeded after [took], wrote `calls` version 1.

    $ sedge model method run spawn run
    ------- stdout -------
    {
      "ok": 1,
      "failed": 0,
      "elapsed_ms": "[ms]"
    }
    ------- stderr -------
    Run [run 2]
    Succeeded after [took], wrote `calls` version 2.
    "#);
    let home = fs::read_dir(env.repository().join("../user/.cache/sedge"));
    // An entry has several files, and exactly one note.
    let files = home
        .expect("it was made")
        .map(|file| file.expect("it can be read").path());
    let n_entries = files.filter(|path| path.extension().is_some_and(|it| it == "note"));
    assert_eq!(n_entries.count(), 2);
    let in_repository = fs::exists(env.repository().join(".sedge/cache"));
    assert!(!in_repository.expect("it can be looked for"));
}

#[test]
fn process_without_a_home_compiles_and_warns() {
    let mut env = clone();
    env.variable_unset("HOME");
    insta::assert_snapshot!(env.transcript("
        model method run sink run
        model method run sink run
    "), @r#"
    $ sedge model method run sink run
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    ------- stderr -------
    warning: the cache of compiled code cannot be used: no folder is known for its key; set XDG_STATE_HOME to a folder that only you may write to
    Compiled @sedge/sink in [took].
    Run [run]
    Succeeded after [took], wrote `record` version 1.

    $ sedge model method run sink run
    ------- stdout -------
    {
      "note": null,
      "run": "[run 2]",
      "call": "[run 2]/1"
    }
    ------- stderr -------
    warning: the cache of compiled code cannot be used: no folder is known for its key; set XDG_STATE_HOME to a folder that only you may write to
    Compiled @sedge/sink in [took].
    Run [run 2]
    Succeeded after [took], wrote `record` version 2.
    "#);
    // With `--json` there is nothing on stderr.
    let _ = env.run_json(["model", "method", "run", "sink", "run"]);
    // By the specification of these variables, a relative path counts as unset.
    env.variable("XDG_STATE_HOME", "state");
    env.variable("SEDGE_CACHE_DIR", "");
    let warned = env.run(["model", "method", "run", "sink", "run"]).stderr;
    assert!(
        warned.contains("no folder is known for its key"),
        "{warned}"
    );
}

#[test]
fn process_with_a_read_only_home_compiles_and_warns() {
    let env = clone();
    let line = "unshare --map-root-user --mount sh -c \
                'mount -t tmpfs -o ro none $ENV/user && sedge model method run sink run'";
    insta::assert_snapshot!(env.shell(line), @r#"
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    ------- stderr -------
    warning: the cache of compiled code cannot be used: failed to create `$ENV/user/.local/state/sedge`: Read-only file system (os error 30); set XDG_STATE_HOME to a folder that only you may write to
    Compiled @sedge/sink in [took].
    Run [run]
    Succeeded after [took], wrote `record` version 1.
    "#);
}

#[test]
fn cache_that_others_may_write_to_is_not_used() {
    let mut env = clone();
    env.variable("SEDGE_CACHE_DIR", "$ENV/shared");
    let shared = env.repository().join("../shared");
    fs::create_dir(&shared).expect("the test owns it");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("the test owns it");
    insta::assert_snapshot!(env.transcript("model method run sink run"), @r#"
    $ sedge model method run sink run
    ------- stdout -------
    {
      "note": null,
      "run": "[run]",
      "call": "[run]/1"
    }
    ------- stderr -------
    warning: the cache of compiled code cannot be used: other users may write to `$ENV/shared` (its mode is 777); set SEDGE_CACHE_DIR to a folder that only you may write to
    Compiled @sedge/sink in [took].
    Run [run]
    Succeeded after [took], wrote `record` version 1.
    "#);
    fs::remove_dir(&shared).expect("it is empty");
    std::os::unix::fs::symlink("home", &shared).expect("the test owns it");
    let warned = env.run(["model", "method", "run", "sink", "run"]).stderr;
    assert!(
        warned.contains("/shared` is a symbolic link; set SEDGE_CACHE_DIR"),
        "{warned}"
    );
}

#[test]
fn key_that_others_may_read_is_not_used() {
    let env = clone();
    env.setup(&["model method run sink run"]);
    let key = env
        .repository()
        .join("../user/.local/state/sedge/cache.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("the test owns it");
    insta::assert_snapshot!(env.transcript("model method run sink run"), @r#"
    $ sedge model method run sink run
    ------- stdout -------
    {
      "note": null,
      "run": "[run 2]",
      "call": "[run 2]/1"
    }
    ------- stderr -------
    warning: the cache of compiled code cannot be used: other users may read or write to `$ENV/user/.local/state/sedge/cache.key` (its mode is 644); set XDG_STATE_HOME to a folder that only you may write to
    Compiled @sedge/sink in [took].
    Run [run 2]
    Succeeded after [took], wrote `record` version 2.
    "#);
}
