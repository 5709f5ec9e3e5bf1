//! `sedge datastore backup`

use std::os::unix::fs::symlink;

use crate::fixtures::with_files;

#[test]
fn existing_backup_is_replaced_only_with_replace() {
    let env = with_files();
    env.setup(&[
        "model method run files record",
        "model method run files write --input bytes=100000",
    ]);
    let made = env.run_json(["datastore", "backup", "b.tar"]);
    assert_eq!(made["data"]["versions"], 2);
    assert_eq!(made["data"]["files"], 1);
    insta::assert_snapshot!(
        env.transcript("datastore backup b.tar\ndatastore backup none/b.tar\ndatastore backup .."),
        @"
    $ sedge datastore backup b.tar
    ------- stderr -------
    error: `b.tar` exists already
    hint: name another file
    hint: or replace the file: `--replace`
    [exit status: 3]

    $ sedge datastore backup none/b.tar
    ------- stderr -------
    error: failed to open `none`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge datastore backup ..
    ------- stderr -------
    error: `..` is not a file name
    hint: name a file, not only a folder
    [exit status: 2]
    "
    );
    let again = env.run(["datastore", "backup", "b.tar", "--replace"]);
    assert_eq!(again.code(), Some(0), "{again}");
}

/// In its own folder, a backup would be lost together with the datastore, or overwrite it.
#[test]
fn backup_into_the_state_folder_is_refused() {
    let env = with_files();
    env.setup(&["model method run files record"]);
    symlink(".sedge/store", env.repository().join("link")).expect("a link can be made");
    symlink(".sedge/store/sedge.db", env.repository().join("b.tar")).expect("a link can be made");
    insta::assert_snapshot!(
        env.transcript(
            "datastore backup .sedge/b.tar\n\
             datastore backup link/b.tar --json\n\
             datastore backup b.tar --replace",
        ),
        @r#"
    $ sedge datastore backup .sedge/b.tar
    ------- stderr -------
    error: `.sedge/b.tar` is inside `$ENV/repo/.sedge`, where Sedge keeps its own files
    hint: name a file outside of it, if possible on another disk
    [exit status: 2]

    $ sedge datastore backup link/b.tar --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "within_state",
        "class": "usage",
        "message": "`link/b.tar` is inside `$ENV/repo/.sedge`, where Sedge keeps its own files",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "name a file outside of it, if possible on another disk"
          }
        ]
      }
    }
    [exit status: 2]

    $ sedge datastore backup b.tar --replace
    ------- stderr -------
    error: `b.tar` is inside `$ENV/repo/.sedge`, where Sedge keeps its own files
    hint: name a file outside of it, if possible on another disk
    [exit status: 2]
    "#
    );
    assert!(!env.repository().join(".sedge/b.tar").exists());
    env.setup(&["data get files record", "datastore check"]);
}

/// A locked file would belong to a running process; here no file is locked.
#[test]
fn leftovers_of_killed_commands_are_removed() {
    let env = with_files();
    env.setup(&["model method run files record"]);
    let left = [
        "b.tar.0123456789abcdef.tmp",
        "b.tar.0123456789abcdef.db.tmp",
        "out.json.0123456789abcdef.tmp",
        "sedge.lock.0123456789abcdef.tmp",
    ];
    left.iter().for_each(|name| env.write_file(name, "left"));
    env.write_file("b.tar.mine.tmp", "a person's");
    env.setup(&[
        "datastore backup b.tar",
        "data get files record --output out.json",
    ]);
    let has = |name: &str| env.repository().join(name).symlink_metadata().is_ok();
    assert_eq!(left.map(has), [false, false, false, true]);
    assert!(has("b.tar.mine.tmp") && has("b.tar") && has("out.json"));
}
