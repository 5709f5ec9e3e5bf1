//! `sedge datastore backup`

use crate::fixtures::with_files;

#[test]
fn a_backup_is_made_once_unless_told_otherwise() {
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
    hint: name another file, or add `--replace`
    [exit status: 3]

    $ sedge datastore backup none/b.tar
    ------- stderr -------
    error: failed to open `none`
    caused by: No such file or directory (os error 2)
    [exit status: 3]

    $ sedge datastore backup ..
    ------- stderr -------
    error: `..` is no name of a file
    [exit status: 2]
    "
    );
    let again = env.run(["datastore", "backup", "b.tar", "--replace"]);
    assert_eq!(again.code(), Some(0), "{again}");
}
