//! `sedge workflow list`

use sedge_test_kit::TestEnv;

use crate::fixtures::with_workflows;

#[test]
fn workflows_are_listed() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "list"]), @"
    ------- stdout -------
    NAME  STEPS  DESCRIPTION
    A     1      One step, which calls another model
    B     2      A gate, then a step which calls another model
    ");
}

#[test]
fn as_json() {
    let env = with_workflows();
    insta::assert_snapshot!(env.run(["workflow", "list", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "name": "A",
          "description": "One step, which calls another model",
          "jobs": 1,
          "steps": 1
        },
        {
          "name": "B",
          "description": "A gate, then a step which calls another model",
          "jobs": 1,
          "steps": 2
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": false
    }
    "#);
}

#[test]
fn empty_list_shows_a_note() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("workflow list\nworkflow list --json"), @r#"
    $ sedge workflow list
    ------- stderr -------
    No workflows yet; create the file workflows/NAME.yaml

    $ sedge workflow list --json
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false
    }
    "#);
}

#[test]
fn faulty_workflow_does_not_hide_the_others() {
    let env = with_workflows();
    env.write_file("workflows/C.yaml", "name: C\njbos: []\n");
    insta::assert_snapshot!(env.run(["workflow", "list"]), @"
    ------- stdout -------
    NAME  STEPS  DESCRIPTION
    A     1      One step, which calls another model
    B     2      A gate, then a step which calls another model
    C     ?      error: workflows/C.yaml:2:1: unknown key `jbos` in a workflow
    ");
}
