//! `sedge data search`

use crate::fixtures::with_files;

#[test]
fn data_is_found_by_metadata() {
    let env = with_files();
    env.setup(&[
        "model method run files record --input count=2 --input tags={\"env\":\"prod\"}",
        "model method run files record --input name=a/b --input spec=short",
        "model method run files write --input bytes=100000",
        "model method run sink run",
    ]);
    insta::assert_snapshot!(
        env.transcript(
            "data search --tag env=prod\n\
             data search --tag env=prod --all-versions\n\
             data search --type @test/filer --kind file\n\
             data search --prefix a/ --spec short --since 1h\n\
             data search --model files --before 1h\n\
             data search --limit 2",
        ),
        @"
    $ sedge data search --tag env=prod
    ------- stdout -------
    MODEL  NAME    VERSION  KIND      SPEC    SIZE  WRITTEN
    files  record  2        resource  record  7 B   [time]

    $ sedge data search --tag env=prod --all-versions
    ------- stdout -------
    MODEL  NAME    VERSION  KIND      SPEC    SIZE  WRITTEN
    files  record  2        resource  record  7 B   [time]
    files  record  1        resource  record  7 B   [time]

    $ sedge data search --type @test/filer --kind file
    ------- stdout -------
    MODEL  NAME  VERSION  KIND  SPEC  SIZE      WRITTEN
    files  blob  1        file  blob  97.7 KiB  [time]

    $ sedge data search --prefix a/ --spec short --since 1h
    ------- stdout -------
    MODEL  NAME  VERSION  KIND      SPEC   SIZE  WRITTEN
    files  a/b   1        resource  short  7 B   [time]

    $ sedge data search --model files --before 1h
    ------- stderr -------
    No data matches.

    $ sedge data search --limit 2
    ------- stdout -------
    MODEL  NAME  VERSION  KIND      SPEC   SIZE      WRITTEN
    files  a/b   1        resource  short  7 B       [time]
    files  blob  1        file      blob   97.7 KiB  [time]
    ------- stderr -------
    … (2 more): `--limit N` shows N of them, `--json-lines` shows all.
    "
    );
}

#[test]
fn json_lines_prints_one_document_per_line() {
    let env = with_files();
    env.setup(&["model method run files record"]);
    insta::assert_snapshot!(env.run(["data", "search", "--json-lines"]), @r#"
    ------- stdout -------
    {"model":"files","name":"record","version":1,"latest":true,"kind":"resource","spec":"record","mediaType":"application/json","size":7,"digest":"[sha256]","tags":{},"lifetime":"infinite","createdAt":"[time]","writtenBy":{"run":"[run]","job":null,"step":null,"call":"[run]/1","method":"record","type":"@test/filer","plugin":"[sha256]","definition":"[sha256]","environment":[]}}
    "#);
}

#[test]
fn invalid_conditions_are_refused() {
    let env = with_files();
    insta::assert_snapshot!(
        env.transcript(
            "data search --tag env\n\
             data search --since yesterday\n\
             data search --kind files\n\
             data search --run 12",
        ),
        @"
    $ sedge data search --tag env
    ------- stderr -------
    error: invalid value 'env' for '--tag <KEY=VALUE>': it is not a tag of the form KEY=VALUE

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data search --since yesterday
    ------- stderr -------
    error: invalid value 'yesterday' for '--since <TIME>': it is neither an age (5m, 1h, 7d, 2w, 1mo, 1y) nor a time ([time])

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data search --kind files
    ------- stderr -------
    error: invalid value 'files' for '--kind <KIND>'
      [possible values: resource, file]

      tip: a similar value exists: 'file'

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data search --run 12
    ------- stderr -------
    error: invalid value '12' for '--run <ID>': `12` is not a run id: it is twelve lower-case letters and digits, as lists of runs show them

    For more information, try '--help'.
    [exit status: 2]
    "
    );
}
