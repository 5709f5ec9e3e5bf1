//! `sedge data diff`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_files;

#[test]
fn versions_are_compared_line_by_line() {
    let env = with_versions();
    insta::assert_snapshot!(env.transcript("
        data diff sink record
        data diff sink record --from 1
        data diff sink record --from 2 --to 2
    "), @r#"
    $ sedge data diff sink record
    ------- stdout -------
    --- version 2
    +++ version 3
    @@ -1,5 +1,5 @@
     {
    -  "note": "two",
    -  "run": "[run 2]",
    -  "call": "[run 2]/1"
    +  "note": "three",
    +  "run": "[run 3]",
    +  "call": "[run 3]/1"
     }

    $ sedge data diff sink record --from 1
    ------- stdout -------
    --- version 1
    +++ version 3
    @@ -1,5 +1,5 @@
     {
    -  "note": "one",
    -  "run": "[run]",
    -  "call": "[run]/1"
    +  "note": "three",
    +  "run": "[run 3]",
    +  "call": "[run 3]/1"
     }

    $ sedge data diff sink record --from 2 --to 2
    ------- stderr -------
    Versions 2 and 2 of `record` are equal.
    "#);
}

#[test]
fn as_json() {
    let env = with_versions();
    insta::assert_snapshot!(env.run(["data", "diff", "sink", "record", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "from": {
          "model": "sink",
          "name": "record",
          "version": 2,
          "latest": false,
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
          }
        },
        "to": {
          "model": "sink",
          "name": "record",
          "version": 3,
          "latest": true,
          "kind": "resource",
          "spec": "record",
          "mediaType": "application/json",
          "size": 61,
          "digest": "[sha256]",
          "tags": {},
          "lifetime": "infinite",
          "createdAt": "[time]",
          "writtenBy": {
            "run": "[run 3]",
            "job": null,
            "step": null,
            "call": "[run 3]/1",
            "method": "run",
            "type": "@sedge/sink",
            "plugin": "[sha256]",
            "definition": "[sha256]",
            "environment": []
          }
        },
        "isEqual": false,
        "diff": "--- version 2\n+++ version 3\n@@ -1,5 +1,5 @@\n {\n-  \"note\": \"two\",\n-  \"run\": \"[run 2]\",\n-  \"call\": \"[run 2]/1\"\n+  \"note\": \"three\",\n+  \"run\": \"[run 3]\",\n+  \"call\": \"[run 3]/1\"\n }\n"
      }
    }
    "#);
}

#[test]
fn file_is_compared_as_it_is() {
    let env = with_files();
    env.setup(&[
        "model method run files write --input lines=true --input count=1",
        "model method run files write --input lines=true --input count=2",
    ]);
    insta::assert_snapshot!(env.run(["data", "diff", "files", "blob"]), @"
    ------- stdout -------
    --- version 1
    +++ version 2
    @@ -1 +1,2 @@
     0: line 0
    +0: line 1
    ");
}

#[test]
fn incomparable_versions_are_an_error() {
    let env = with_versions();
    insta::assert_snapshot!(env.transcript("
        data diff sink record --to 1
        data diff sink record --from 7
        data diff sink nothing
        data diff none record
    "), @"
    $ sedge data diff sink record --to 1
    ------- stderr -------
    error: `record` of the model `sink` has no version before 1
    hint: see its versions: `sedge data versions sink record`
    [exit status: 3]

    $ sedge data diff sink record --from 7
    ------- stderr -------
    error: `record` of the model `sink` has no version 7
    hint: its latest version is 3
    hint: see its versions: `sedge data versions sink record`
    [exit status: 3]

    $ sedge data diff sink nothing
    ------- stderr -------
    error: the model `sink` has no data named `nothing`
    hint: see the data of the model: `sedge data list sink`
    [exit status: 3]

    $ sedge data diff none record
    ------- stderr -------
    error: no model named `none`
    hint: see the models: `sedge model list`
    [exit status: 3]
    ");
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
