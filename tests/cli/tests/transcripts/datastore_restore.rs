//! `sedge datastore restore`

#![expect(
    clippy::disallowed_methods,
    reason = "a test creates a pipe with the usual program"
)]

use sedge_test_kit::wait_until;

use crate::datastore_lock_status::n_locks;
use crate::fixtures::with_files;

#[test]
fn datastore_equals_the_backup() {
    let env = with_files();
    env.setup(&[
        "model method run files record --input count=2",
        "model method run files write --input bytes=100000",
        "datastore backup b.tar",
        "data delete files --all",
        "model method run files record --input name=later",
        "data gc",
    ]);
    insta::assert_snapshot!(
        env.transcript(
            "datastore restore b.tar\n\
             datastore restore b.tar --replace\n\
             data list\n\
             datastore check --deep\n\
             model method run files read --json",
        ),
        @r#"
    $ sedge datastore restore b.tar
    ------- stderr -------
    error: the datastore is not empty
    hint: replace the existing data and runs by the backup: `--replace`
    [exit status: 3]

    $ sedge datastore restore b.tar --replace
    ------- stderr -------
    Restored the datastore of [time]: 3 versions, 1 file, 2 runs.

    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE      WRITTEN
    files  blob    file      1       97.7 KiB  [time]
    files  record  resource  2       7 B       [time]

    $ sedge datastore check --deep
    ------- stderr -------
    The datastore is intact: 3 versions, 1 file. All 97.7 KiB were read.

    $ sedge model method run files read --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "run": "[run 4]",
        "value": {
          "size": 100000,
          "media_type": "application/octet-stream",
          "first": "��\u001d{9� ��e��j�xnOE\t�",
          "lines": 364,
          "sum": 2475300754,
          "info": {
            "model": "files",
            "name": "blob",
            "kind": "file",
            "spec": "blob",
            "version": 1,
            "media_type": "application/octet-stream",
            "size_bytes": 100000,
            "tags": {}
          }
        },
        "written": {
          "count": 0,
          "first": []
        },
        "elapsedMs": "[ms]"
      }
    }
    "#
    );
}

#[test]
fn invalid_backup_changes_nothing() {
    let env = with_files();
    env.setup(&["model method run files record", "datastore backup b.tar"]);
    let backup = std::fs::read(env.repository().join("b.tar")).expect("it was made");
    env.write_file("cut.tar", &backup[..backup.len() / 2]);
    let mut flipped = backup.clone();
    let at = backup.len() / 2;
    flipped[at] ^= 1;
    env.write_file("flipped.tar", flipped);
    env.write_file("text.tar", "this is no archive");
    insta::assert_snapshot!(
        env.transcript(
            "datastore restore none.tar --replace\n\
             datastore restore text.tar --replace\n\
             datastore restore cut.tar --replace\n\
             datastore restore flipped.tar --replace --json\n\
             data list\n\
             datastore check --deep",
        ),
        @r#"
    $ sedge datastore restore none.tar --replace
    ------- stderr -------
    error: failed to open `none.tar`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge datastore restore text.tar --replace
    ------- stderr -------
    error: `text.tar` is not a backup that can be restored: it is no archive
    hint: name a backup file that `sedge` wrote
    [exit status: 2]

    $ sedge datastore restore cut.tar --replace
    ------- stderr -------
    error: `cut.tar` is not a backup that can be restored: its database is damaged
    hint: name a backup file that `sedge` wrote
    [exit status: 2]

    $ sedge datastore restore flipped.tar --replace --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_backup",
        "class": "usage",
        "message": "`flipped.tar` is not a backup that can be restored: its database is damaged",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "name a backup file that `sedge` wrote"
          }
        ]
      }
    }
    [exit status: 2]

    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    files  record  resource  1       7 B   [time]

    $ sedge datastore check --deep
    ------- stderr -------
    The datastore is intact: 1 version, 0 files. All 7 B were read.
    "#
    );
}

#[test]
fn backup_is_read_through_a_link_or_from_stdin() {
    let env = with_files();
    env.setup(&["model method run files record", "datastore backup b.tar"]);
    let backup = std::fs::read(env.repository().join("b.tar")).expect("it was made");
    std::fs::create_dir(env.repository().join("links")).expect("made");
    let link = env.repository().join("links/latest");
    std::os::unix::fs::symlink("../b.tar", link).expect("linked");
    env.setup(&["data delete files --all"]);
    insta::assert_snapshot!(env.run(["datastore", "restore", "links/latest", "--replace"]), @"
    ------- stderr -------
    Restored the datastore of [time]: 1 version, 0 files, 1 run.
    ");
    env.setup(&["data delete files --all"]);
    let restored = env.run_with_stdin(["datastore", "restore", "-", "--replace"], backup);
    insta::assert_snapshot!(restored, @"
    ------- stderr -------
    Restored the datastore of [time]: 1 version, 0 files, 1 run.
    ");
    insta::assert_snapshot!(env.run_with_stdin(["datastore", "restore", "-", "--replace"], "text"), @"
    ------- stderr -------
    error: `stdin` is not a backup that can be restored: it is no archive
    hint: name a backup file that `sedge` wrote
    [exit status: 2]
    ");
}

/// The first signal stops it, even while it waits for the backup on a pipe.
#[test]
fn interrupted_restore_stops_and_leaves_no_file() {
    let env = with_files();
    env.setup(&["model method run files record"]);
    let pipe = env.repository().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("it is installed").success());
    let restore = env.spawn(["datastore", "restore", "pipe", "--replace"]);
    wait_until("it has the datastore", || n_locks(&env) == 1);
    restore.interrupt();
    let interrupted = restore.wait();
    assert_eq!(interrupted.code(), Some(130), "{interrupted}");
    let left = std::fs::read_dir(env.repository().join(".sedge/store/restore"));
    assert_eq!(left.map_or(0, Iterator::count), 0);
    insta::assert_snapshot!(env.run(["data", "list"]), @"
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    files  record  resource  1       7 B   [time]
    ");
}

/// A clone may contain such a link, and SQLite would write to the target of the link.
#[test]
fn database_that_is_a_link_is_refused() {
    let env = with_files();
    env.setup(&["model method run files record"]);
    let store = env.repository().join(".sedge/store");
    let elsewhere = env.repository().join("elsewhere.db");
    std::fs::rename(store.join("sedge.db"), &elsewhere).expect("it is there");
    std::os::unix::fs::symlink(&elsewhere, store.join("sedge.db")).expect("linked");
    for command in [
        &["data", "list"][..],
        &["model", "method", "run", "files", "record"],
    ] {
        let refused = env.run(command);
        assert_eq!(refused.code(), Some(3), "{refused}");
        let says =
            "differs from what Sedge writes, so nothing in it is used: it is not a regular file";
        assert!(refused.stderr.contains(says), "{refused}");
    }
}
