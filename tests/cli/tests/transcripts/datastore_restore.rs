//! `sedge datastore restore`

use crate::fixtures::with_files;

#[test]
fn everything_is_as_it_was() {
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
    hint: `--replace` puts the backup in place of what there is, which is lost then
    [exit status: 3]

    $ sedge datastore restore b.tar --replace
    ------- stderr -------
    The datastore is as it was on [time]: 3 versions, 1 file, 2 runs.

    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE      WRITTEN
    files  blob    file      1       97.7 KiB  [time]
    files  record  resource  2       7 B       [time]

    $ sedge datastore check --deep
    ------- stderr -------
    The datastore is sound: 3 versions, 1 file. All 97.7 KiB were read.

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
        "written": [],
        "elapsedMs": "[ms]"
      }
    }
    "#
    );
}

#[test]
fn what_is_no_backup_changes_nothing() {
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
    error: `none.tar` is no backup that can be restored: there is no such file
    [exit status: 2]

    $ sedge datastore restore text.tar --replace
    ------- stderr -------
    error: `text.tar` is no backup that can be restored: it is no archive
    [exit status: 2]

    $ sedge datastore restore cut.tar --replace
    ------- stderr -------
    error: `cut.tar` is no backup that can be restored: its database is damaged
    [exit status: 2]

    $ sedge datastore restore flipped.tar --replace --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_backup",
        "message": "`flipped.tar` is no backup that can be restored: its database is damaged",
        "causes": [],
        "hint": null
      }
    }
    [exit status: 2]

    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    files  record  resource  1       7 B   [time]

    $ sedge datastore check --deep
    ------- stderr -------
    The datastore is sound: 1 version, 0 files. All 7 B were read.
    "#
    );
}
