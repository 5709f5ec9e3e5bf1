//! `sedge data query`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_files;

fn with_records() -> TestEnv {
    let env = with_files();
    env.setup(&[
        "model method run files record --input count=3",
        "model method run files record --input name=other --input count=8",
        "model method run files write --input bytes=10",
    ]);
    env
}

#[test]
fn data_is_found_by_content() {
    let env = with_records();
    insta::assert_snapshot!(
        env.transcript(
            "data query attributes.n>2\n\
             data query attributes.n>100\n\
             data query kind==\"file\"\n\
             data query attributes.n>=6 --all-versions --limit 1",
        ),
        @r#"
    $ sedge data query attributes.n>2
    ------- stdout -------
    MODEL  NAME   VERSION  KIND      SPEC    SIZE  WRITTEN
    files  other  8        resource  record  7 B   [time]

    $ sedge data query attributes.n>100
    ------- stderr -------
    No data matches.

    $ sedge data query kind=="file"
    ------- stdout -------
    MODEL  NAME  VERSION  KIND  SPEC  SIZE  WRITTEN
    files  blob  1        file  blob  10 B  [time]

    $ sedge data query attributes.n>=6 --all-versions --limit 1
    ------- stdout -------
    MODEL  NAME   VERSION  KIND      SPEC    SIZE  WRITTEN
    files  other  8        resource  record  7 B   [time]
    ------- stderr -------
    … (1 more): `--limit N` shows N of them, `--json-lines` shows all.
    "#
    );
}

#[test]
fn select_shows_the_value_of_an_expression() {
    let env = with_records();
    let query = ["data", "query", "attributes.n >= 1", "--select"];
    let select = "{'name': name, 'n': attributes.n}";
    insta::assert_snapshot!(env.run(query.into_iter().chain([select])), @r#"
    ------- stdout -------
    MODEL  NAME    VERSION  SELECTED
    files  other   8        {"n":7,"name":"other"}
    files  record  3        {"n":2,"name":"record"}
    "#);
    let json_lines = [select, "--json-lines"];
    insta::assert_snapshot!(env.run(query.into_iter().chain(json_lines)), @r#"
    ------- stdout -------
    {"n":7,"name":"other"}
    {"n":2,"name":"record"}
    "#);
    insta::assert_snapshot!(env.run(query.into_iter().chain(["name", "--json"])), @r#"
    ------- stdout -------
    {
      "data": [
        "other",
        "record"
      ],
      "ok": true,
      "count": 2,
      "isCut": false,
      "looked": 3,
      "faults": null,
      "missing": null
    }
    "#);
}

#[test]
fn invalid_query_is_refused_with_its_place() {
    let env = with_records();
    let query = |predicate: &str| env.run(["data", "query", predicate]).to_string();
    insta::assert_snapshot!(query("attributes.n >"), @"
    ------- stderr -------
    error: something is missing at its end
     --> predicate:1:15
      |
    1 | attributes.n >
      |               ^
    [exit status: 2]
    ");
    insta::assert_snapshot!(query("modell == \"files\""), @r#"
    ------- stderr -------
    error: there is no variable `modell`
     --> predicate:1:1
      |
    1 | modell == "files"
      | ^^^^^^
    hint: did you mean `model`?
    [exit status: 2]
    "#);
    insta::assert_snapshot!(query("name"), @r#"
    ------- stderr -------
    error: the predicate is never true or false
     --> predicate:1:1
      |
    1 | name
      | ^^^^
    hint: compare it with something: `name == "record"`
    [exit status: 2]
    "#);
}

#[test]
fn query_that_fails_on_some_versions_reports_their_number() {
    let env = with_records();
    let query = ["data", "query", "attributes.n.startsWith('x')"];
    insta::assert_snapshot!(env.run(query), @"
    ------- stderr -------
    No data matches.
    The query fails on 2 versions of 3, which do not match. The first is `other` of `files`, version 8: predicate:1:1: `startsWith` does not take `int` and `string`.
    ");
}

/// An empty list would look like a successful query without a match.
#[test]
fn sealed_field_is_not_compared() {
    let env = with_files();
    env.setup(&["model method run files record --input spec=secret"]);
    let query = ["data", "query", "attributes.password == 'xyzzy'"];
    insta::assert_snapshot!(env.run(query), @"
    ------- stderr -------
    error: the predicate is wrong for the one version on which it was evaluated: a sealed or secret value can be neither compared nor computed with
     --> predicate:1:1
      |
    1 | attributes.password == 'xyzzy'
      | ^^^^^^^^^^^^^^^^^^^
    [exit status: 2]
    ");
}

#[test]
fn query_that_fails_on_all_versions_fails() {
    let env = with_records();
    let query = ["data", "query", "createdAt > '2026-01-01'"];
    insta::assert_snapshot!(env.run(query), @"
    ------- stderr -------
    error: the predicate is wrong for each of the 3 versions on which it was evaluated: `>` does not take `google.protobuf.Timestamp` and `string`
     --> predicate:1:1
      |
    1 | createdAt > '2026-01-01'
      | ^^^^^^^^^^^^^^^^^^^^^^^^
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run(query.into_iter().chain(["--json"])), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "bad_query",
        "class": "usage",
        "message": "the predicate is wrong for each of the 3 versions on which it was evaluated: `>` does not take `google.protobuf.Timestamp` and `string`",
        "causes": [],
        "place": {
          "file": "predicate",
          "line": 1,
          "column": 1,
          "endLine": 1,
          "endColumn": 25
        },
        "faults": [
          {
            "file": "predicate",
            "line": 1,
            "column": 1,
            "endLine": 1,
            "endColumn": 25,
            "code": "expression",
            "message": "the predicate is wrong for each of the 3 versions on which it was evaluated: `>` does not take `google.protobuf.Timestamp` and `string`"
          }
        ],
        "help": []
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn document_has_faults_and_missing_values() {
    let env = with_records();
    let wrong = ["data", "query", "attributes.n.startsWith('x')", "--json"];
    insta::assert_snapshot!(env.run(wrong), @r#"
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false,
      "looked": 3,
      "faults": {
        "count": 2,
        "first": {
          "model": "files",
          "name": "other",
          "version": 8,
          "message": "`startsWith` does not take `int` and `string`",
          "place": {
            "file": "predicate",
            "line": 1,
            "column": 1,
            "endLine": 1,
            "endColumn": 28
          }
        }
      },
      "missing": null
    }
    "#);
    let missing = [
        "data",
        "query",
        "kind == 'resource'",
        "--select",
        "{'name': name, 'owner': attributes.owner}",
    ];
    insta::assert_snapshot!(env.run(missing), @r#"
    ------- stdout -------
    MODEL  NAME    VERSION  SELECTED
    files  other   8        {"name":"other","owner":null}
    files  record  3        {"name":"record","owner":null}
    ------- stderr -------
    In 2 versions of 2 a selected value is missing, first `attributes.owner`; it is null there.
    "#);
    let cut = ["--json", "--limit", "1"];
    insta::assert_snapshot!(env.run(missing.into_iter().chain(cut)), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "name": "other",
          "owner": null
        }
      ],
      "ok": true,
      "count": 1,
      "isCut": true,
      "looked": 2,
      "faults": null,
      "missing": {
        "count": 2,
        "first": "attributes.owner"
      }
    }
    "#);
}

/// A query that was written for `swamp` uses other names.
#[test]
fn names_of_swamp_are_understood() {
    let env = with_records();
    insta::assert_snapshot!(
        env.transcript(
            "data query modelName==\"files\"&&specName==\"record\"&&isLatest\n\
             data query dataType==\"file\" --select modelName\n\
             data query modelNmae==\"files\"",
        ),
        @r#"
        $ sedge data query modelName=="files"&&specName=="record"&&isLatest
        ------- stdout -------
        MODEL  NAME    VERSION  KIND      SPEC    SIZE  WRITTEN
        files  other   8        resource  record  7 B   [time]
        files  record  3        resource  record  7 B   [time]

        $ sedge data query dataType=="file" --select modelName
        ------- stdout -------
        MODEL  NAME  VERSION  SELECTED
        files  blob  1        "files"

        $ sedge data query modelNmae=="files"
        ------- stderr -------
        error: there is no variable `modelNmae`
         --> predicate:1:1
          |
        1 | modelNmae=="files"
          | ^^^^^^^^^
        hint: did you mean `modelName`?
        [exit status: 2]
        "#
    );
}
