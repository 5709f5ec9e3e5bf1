//! `sedge eval`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_files;

fn with_records() -> TestEnv {
    let env = with_files();
    env.setup(&["model method run files record --input count=3"]);
    env
}

#[test]
fn expression_has_a_value() {
    let env = with_records();
    insta::assert_snapshot!(
        env.transcript(
            "eval 1+2\n\
             eval data.latest(\"files\",\"record\").attributes.n\n\
             eval data.findBySpec(\"files\",\"record\").size()\n\
             eval data.query(\"isLatest\",\"modelName\")\n\
             eval data.listVersions(\"files\",\"record\")\n\
             eval inputs.a+\"-b\" --input a=x\n\
             eval inputs.a+\"-b\" --input a=x --raw\n\
             eval self.name --model files\n\
             eval secret(\"TOKEN\")\n\
             --json eval [1,2].map(x,x*2)",
        ),
        @r#"
        $ sedge eval 1+2
        ------- stdout -------
        3

        $ sedge eval data.latest("files","record").attributes.n
        ------- stdout -------
        2

        $ sedge eval data.findBySpec("files","record").size()
        ------- stdout -------
        1

        $ sedge eval data.query("isLatest","modelName")
        ------- stdout -------
        [
          "files"
        ]

        $ sedge eval data.listVersions("files","record")
        ------- stdout -------
        [
          1,
          2,
          3
        ]

        $ sedge eval inputs.a+"-b" --input a=x
        ------- stdout -------
        "x-b"

        $ sedge eval inputs.a+"-b" --input a=x --raw
        ------- stdout -------
        x-b

        $ sedge eval self.name --model files
        ------- stdout -------
        "files"

        $ sedge eval secret("TOKEN")
        ------- stdout -------
        "[secret TOKEN]"

        $ sedge --json eval [1,2].map(x,x*2)
        ------- stdout -------
        {
          "ok": true,
          "data": {
            "value": [
              2,
              4
            ]
          }
        }
        "#
    );
}

#[test]
fn mistake_is_shown_at_its_place() {
    let env = with_records();
    insta::assert_snapshot!(
        env.transcript(
            "eval data.latest(\"fils\",\"record\")\n\
             eval data.latest(\"files\",\"recrod\")\n\
             eval data.version(\"files\",\"record\",9)\n\
             eval data.lastest(\"files\",\"record\")\n\
             eval 1+\n\
             eval self.name\n\
             eval env.REGION\n\
             eval inputs.a\n\
             eval model.fils.definition\n\
             --json eval inputs.a.b --input a=1",
        ),
        @r#"
        $ sedge eval data.latest("fils","record")
        ------- stderr -------
        error: no model named `fils`; did you mean `files`?
         --> expression:1:1
          |
        1 | data.latest("fils","record")
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
        [exit status: 2]

        $ sedge eval data.latest("files","recrod")
        ------- stderr -------
        error: the model `files` has no data `recrod`; did you mean `record`?
         --> expression:1:1
          |
        1 | data.latest("files","recrod")
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        [exit status: 2]

        $ sedge eval data.version("files","record",9)
        ------- stderr -------
        error: `record` of `files` has no version 9; the latest is 3
         --> expression:1:1
          |
        1 | data.version("files","record",9)
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        [exit status: 2]

        $ sedge eval data.lastest("files","record")
        ------- stderr -------
        error: there is no function `data.lastest`
         --> expression:1:1
          |
        1 | data.lastest("files","record")
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: did you mean `data.latest`?
        [exit status: 2]

        $ sedge eval 1+
        ------- stderr -------
        error: something is missing at its end
         --> expression:1:3
          |
        1 | 1+
          |   ^
        [exit status: 2]

        $ sedge eval self.name
        ------- stderr -------
        error: there is no variable `self`
         --> expression:1:1
          |
        1 | self.name
          | ^^^^
        hint: there are `inputs`, `env`, `model`, `now`
        [exit status: 2]

        $ sedge eval env.REGION
        ------- stderr -------
        error: sedge.yaml does not grant `REGION` to expressions; to grant it, write `expressions: {env: [REGION]}` there
         --> expression:1:1
          |
        1 | env.REGION
          | ^^^^^^^^^^
        [exit status: 2]

        $ sedge eval inputs.a
        ------- stderr -------
        error: the input `a` is not given
         --> expression:1:8
          |
        1 | inputs.a
          |        ^
        hint: give it a value, or a `default` where it is declared; if it may be missing, write `.?` before its name and `.orValue(…)` after it
        [exit status: 2]

        $ sedge eval model.fils.definition
        ------- stderr -------
        error: no model named `fils`; did you mean `files`?
         --> expression:1:1
          |
        1 | model.fils.definition
          | ^^^^^^^^^^
        [exit status: 2]

        $ sedge --json eval inputs.a.b --input a=1
        ------- stdout -------
        {
          "ok": false,
          "error": {
            "code": "bad_file",
            "class": "usage",
            "message": "a value of type `int` has no members",
            "causes": [],
            "place": {
              "file": "expression",
              "line": 1,
              "column": 1,
              "endLine": 1,
              "endColumn": 11
            },
            "faults": [
              {
                "file": "expression",
                "line": 1,
                "column": 1,
                "endLine": 1,
                "endColumn": 11,
                "code": "expression",
                "message": "a value of type `int` has no members"
              }
            ],
            "help": []
          }
        }
        [exit status: 2]
        "#
    );
}

#[test]
fn granted_variable_is_read() {
    let mut env = with_records();
    let config = env.read_file("sedge.yaml") + "expressions: {env: [SEDGE_TEST_REGION]}\n";
    env.write_file("sedge.yaml", config);
    env.variable("SEDGE_TEST_REGION", "eu");
    insta::assert_snapshot!(env.transcript("eval env.SEDGE_TEST_REGION"), @r#"
    $ sedge eval env.SEDGE_TEST_REGION
    ------- stdout -------
    "eu"
    "#);
}

#[test]
fn definitions_that_refer_to_each_other_are_an_error() {
    let env = with_records();
    for (name, other) in [("one", "two"), ("two", "one")] {
        let text = format!(
            "name: {name}\ntype: \"@test/filer\"\n\
             globalArguments: {{a: \"${{{{ model.{other}.definition.globalArguments.a }}}}\"}}\n"
        );
        env.write_file(&format!("models/{name}.yaml"), &text);
    }
    insta::assert_snapshot!(
        env.transcript("eval model.one.definition.globalArguments.a"),
        @r#"
        $ sedge eval model.one.definition.globalArguments.a
        ------- stderr -------
        error: definitions refer to each other: one → two → one
         --> models/two.yaml:3:27
          |
        3 | globalArguments: {a: "${{ model.one.definition.globalArguments.a }}"}
          |                           ^^^^^^^^^
        [exit status: 2]
        "#
    );
}
