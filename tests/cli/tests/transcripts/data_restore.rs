//! `sedge data restore`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_files;

#[test]
fn version_is_written_again_as_the_latest() {
    let env = with_versions();
    insta::assert_snapshot!(
        env.transcript(
            "data restore sink record --version 1\n\
             data versions sink record\n\
             data diff sink record --from 1\n\
             data restore sink record --version 4",
        ),
        @"
    $ sedge data restore sink record --version 1
    ------- stderr -------
    Restored version 1 of `record` as version 4.

    $ sedge data versions sink record
    ------- stdout -------
    VERSION  KIND      SIZE  WRITTEN               BY CALL
    4        resource  59 B  [time]                restored from 1 by tester
    3        resource  61 B  [time]                [run 3]/1
    2        resource  59 B  [time]                [run 2]/1
    1        resource  59 B  [time]                [run]/1

    $ sedge data diff sink record --from 1
    ------- stderr -------
    Versions 1 and 4 of `record` are equal.

    $ sedge data restore sink record --version 4
    ------- stderr -------
    Version 4 of `record` is the latest already, so nothing was written.
    "
    );
}

#[test]
fn as_json() {
    let env = with_versions();
    insta::assert_snapshot!(
        env.transcript(
            "data restore sink record --version 2 --json\n\
             data restore sink record --version 4 --json\n\
             data search --model sink --json",
        ),
        @r#"
    $ sedge data restore sink record --version 2 --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "sink",
        "name": "record",
        "from": 2,
        "version": 4,
        "isWritten": true
      }
    }

    $ sedge data restore sink record --version 4 --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "sink",
        "name": "record",
        "from": 4,
        "version": 4,
        "isWritten": false
      }
    }

    $ sedge data search --model sink --json
    ------- stdout -------
    {
      "data": [
        {
          "model": "sink",
          "name": "record",
          "version": 4,
          "latest": true,
          "kind": "resource",
          "spec": "record",
          "mediaType": "application/json",
          "size": 59,
          "digest": "[sha256]",
          "tags": {},
          "lifetime": "infinite",
          "createdAt": "[time]",
          "writtenBy": {
            "run": "[run 2]",
            "job": null,
            "step": null,
            "call": "[run 2]/1",
            "method": "run",
            "type": "@sedge/sink",
            "plugin": "[sha256]",
            "definition": "[sha256]",
            "environment": []
          },
          "restoredFrom": {
            "version": 2,
            "by": "tester"
          }
        }
      ],
      "ok": true,
      "count": 1,
      "isCut": false
    }
    "#
    );
}

/// Large content is in a file, to which both versions refer.
#[test]
fn file_is_restored_without_a_copy() {
    let env = with_files();
    env.setup(&[
        "model method run files write --input bytes=100000 --input seed=1",
        "model method run files write --input bytes=200000 --input seed=2",
    ]);
    insta::assert_snapshot!(
        env.transcript(
            "data restore files blob --version 1\n\
             data versions files blob\n\
             data diff files blob --from 1\n\
             datastore check --deep",
        ),
        @"
    $ sedge data restore files blob --version 1
    ------- stderr -------
    Restored version 1 of `blob` as version 3.

    $ sedge data versions files blob
    ------- stdout -------
    VERSION  KIND  SIZE       WRITTEN               BY CALL
    3        file  97.7 KiB   [time]                restored from 1 by tester
    2        file  195.3 KiB  [time]                [run 2]/1
    1        file  97.7 KiB   [time]                [run]/1

    $ sedge data diff files blob --from 1
    ------- stderr -------
    Versions 1 and 3 of `blob` are equal.

    $ sedge datastore check --deep
    ------- stderr -------
    The datastore is intact: 3 versions, 2 files. All 293.0 KiB were read.
    "
    );
}

#[test]
fn invalid_restoration_is_refused() {
    let env = with_versions();
    env.setup(&["data delete sink record --version 2"]);
    insta::assert_snapshot!(
        env.transcript(
            "data restore sink record --version 2\n\
             data restore sink record --version 9 --json\n\
             data restore sink recrod --version 1\n\
             data restore sink record",
        ),
        @r#"
    $ sedge data restore sink record --version 2
    ------- stderr -------
    error: `record` of the model `sink` has no version 2
    hint: its versions are 1, 3
    hint: see its versions: `sedge data versions sink record`
    [exit status: 3]

    $ sedge data restore sink record --version 9 --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "version_missing",
        "class": "state",
        "message": "`record` of the model `sink` has no version 9",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "its versions are 1, 3"
          },
          {
            "kind": "command",
            "purpose": "see its versions",
            "useCase": "data_versions",
            "arguments": {
              "model": "sink",
              "name": "record"
            }
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge data restore sink recrod --version 1
    ------- stderr -------
    error: the model `sink` has no data named `recrod`
    hint: did you mean `record`?
    [exit status: 3]

    $ sedge data restore sink record
    ------- stderr -------
    error: the following required arguments were not provided:
      --version <N>

    Usage: sedge data restore --version <N> <MODEL> <NAME>

    For more information, try '--help'.
    [exit status: 2]
    "#
    );
}

/// The data of a model belongs to the type that wrote it first. A model that is gone has no type.
#[test]
fn only_the_owner_may_restore() {
    let env = with_versions();
    let definition = "name: sink\ntype: \"@sedge/spawn\"\n";
    env.write_file("models/sink.yaml", definition);
    insta::assert_snapshot!(
        env.transcript(
            "data restore sink record --version 1\n\
             model delete sink\n\
             data restore sink record --version 1\n\
             data rename sink record kept\n\
             data restore sink record --version 2",
        ),
        @"
    $ sedge data restore sink record --version 1
    ------- stderr -------
    error: `record` of the model `sink` was written by models of the type `@sedge/sink`, and the model has the type `@sedge/spawn`
    hint: give the model the type that wrote the data
    hint: or save the version to a file: `sedge data get sink record --output FILE --version N`
    [exit status: 3]

    $ sedge model delete sink
    ------- stderr -------
    Deleted the model sink and its file models/sink.yaml
    hint: its data is kept; `sedge data delete sink --all` deletes 1 name

    $ sedge data restore sink record --version 1
    ------- stderr -------
    Restored version 1 of `record` as version 4.

    $ sedge data rename sink record kept
    ------- stderr -------
    Renamed `record` to `kept`. The former name refers to it, too.

    $ sedge data restore sink record --version 2
    ------- stderr -------
    error: `record` of the model `sink` was renamed to `kept`
    hint: use its current name, `kept`
    hint: see all names: `sedge data list sink`
    [exit status: 3]
    "
    );
}

fn with_versions() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run --input note=one",
        "model method run sink run --input note=two",
        "model method run sink run --input note=three",
    ]);
    env
}
