//! `sedge data rename`

use crate::fixtures::with_files;

#[test]
fn former_name_refers_to_the_renamed_data() {
    let env = with_files();
    env.setup(&["model method run files record --input count=2"]);
    insta::assert_snapshot!(
        env.transcript(
            "data rename files record place\n\
             data list files\n\
             data get files record\n\
             data versions files record\n\
             data rename files record again\n\
             data delete files record\n\
             data rename files place record --no-forward --json",
        ),
        @r#"
    $ sedge data rename files record place
    ------- stderr -------
    Renamed `record` to `place`. The former name refers to it, too.

    $ sedge data list files
    ------- stdout -------
    MODEL  NAME   KIND      LATEST  SIZE  WRITTEN
    files  place  resource  2       7 B   [time]

    $ sedge data get files record
    ------- stdout -------
    {
      "n": 1
    }
    ------- stderr -------
    `record` was renamed to `place`.

    $ sedge data versions files record
    ------- stdout -------
    VERSION  KIND      SIZE  WRITTEN               BY CALL
    2        resource  7 B   [time]                [run]/1
    1        resource  7 B   [time]                [run]/1
    ------- stderr -------
    `record` was renamed to `place`.

    $ sedge data rename files record again
    ------- stderr -------
    error: `record` of the model `files` was renamed to `place`
    hint: use its current name, `place`
    hint: see all names: `sedge data list files`
    [exit status: 3]

    $ sedge data delete files record
    ------- stderr -------
    error: `record` of the model `files` was renamed to `place`
    hint: use its current name, `place`
    hint: see all names: `sedge data list files`
    [exit status: 3]

    $ sedge data rename files place record --no-forward --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "files",
        "from": "place",
        "to": "record",
        "forward": false
      }
    }
    "#
    );
}

#[test]
fn invalid_rename_is_refused() {
    let env = with_files();
    env.setup(&[
        "model method run files record",
        "model method run files record --input name=other",
    ]);
    insta::assert_snapshot!(
        env.transcript("data rename files recrod new\ndata rename files record other"),
        @"
    $ sedge data rename files recrod new
    ------- stderr -------
    error: the model `files` has no data named `recrod`
    hint: did you mean `record`?
    [exit status: 3]

    $ sedge data rename files record other
    ------- stderr -------
    error: the model `files` has data named `other` already
    hint: choose another name
    hint: or delete the data of that name: `sedge data delete files other`
    [exit status: 3]
    "
    );
}
