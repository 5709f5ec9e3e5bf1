//! `sedge datastore check`

use crate::fixtures::with_files;

#[test]
fn damage_is_found_and_a_sound_datastore_passes() {
    let env = with_files();
    env.setup(&[
        "model method run files record --input count=3",
        "model method run files write --input bytes=100000",
    ]);
    insta::assert_snapshot!(
        env.transcript("datastore check\ndatastore check --deep\ndatastore check --json"),
        @r#"
    $ sedge datastore check
    ------- stderr -------
    The datastore is intact: 4 versions, 1 file.

    $ sedge datastore check --deep
    ------- stderr -------
    The datastore is intact: 4 versions, 1 file. All 97.7 KiB were read.

    $ sedge datastore check --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "deep": false,
        "versions": 4,
        "files": 1,
        "hashedBytes": 0,
        "leftovers": []
      }
    }
    "#
    );
    let object = object(&env);
    let content = std::fs::read(&object).expect("it is there");
    std::fs::write(&object, vec![0; content.len()]).expect("it can be written");
    insta::assert_snapshot!(
        env.transcript("datastore check\ndatastore check --deep\ndata get files blob --output copy"),
        @"
    $ sedge datastore check
    ------- stderr -------
    The datastore is intact: 4 versions, 1 file.

    $ sedge datastore check --deep
    ------- stderr -------
    error: the datastore is damaged
    caused by: version 1 of `blob` of `files`: the content `[sha256]` is damaged: its bytes do not match the digest
    hint: restore a backup: `sedge datastore restore FILE --replace`
    [exit status: 1]

    $ sedge data get files blob --output copy
    ------- stderr -------
    error: the content `[sha256]` is damaged: its bytes do not match the digest
    hint: see all that is damaged: `sedge datastore check --deep`
    hint: restore a backup: `sedge datastore restore FILE --replace`
    [exit status: 3]
    "
    );
    std::fs::remove_file(&object).expect("it is there");
    insta::assert_snapshot!(
        env.transcript("datastore check\ndata get files blob --output copy"),
        @"
    $ sedge datastore check
    ------- stderr -------
    error: the datastore is damaged
    caused by: version 1 of `blob` of `files`: the file of its content `[sha256]` is missing
    hint: restore a backup: `sedge datastore restore FILE --replace`
    [exit status: 1]

    $ sedge data get files blob --output copy
    ------- stderr -------
    error: the file of the content `[sha256]` is missing
    hint: see all that is damaged: `sedge datastore check --deep`
    hint: restore a backup: `sedge datastore restore FILE --replace`
    [exit status: 3]
    "
    );
}

#[test]
fn leftovers_are_listed() {
    let env = with_files();
    env.setup(&[
        "model method run files write --input bytes=100000",
        "data delete files blob",
    ]);
    insta::assert_snapshot!(
        env.transcript("datastore check\ndata gc\ndatastore check"),
        @"
    $ sedge datastore check
    ------- stdout -------
    nothing refers to the file `[sha256]` (100000 bytes)
    ------- stderr -------
    The listed leftovers only take up space; `sedge data gc` removes them.
    The datastore is intact: 0 versions, 1 file.

    $ sedge data gc
    ------- stderr -------
    Removed 1 unused file (97.7 KiB).

    $ sedge datastore check
    ------- stderr -------
    The datastore is intact: 0 versions, 0 files.
    "
    );
}

/// Returns the path of the only file of large content.
fn object(env: &sedge_test_kit::TestEnv) -> std::path::PathBuf {
    let objects = env.repository().join(".sedge/store/objects");
    let mut open = vec![objects];
    while let Some(path) = open.pop() {
        if path.is_file() {
            return path;
        }
        let entries = std::fs::read_dir(path).expect("a folder");
        open.extend(entries.map(|entry| entry.expect("readable").path()));
    }
    panic!("there is no file")
}
