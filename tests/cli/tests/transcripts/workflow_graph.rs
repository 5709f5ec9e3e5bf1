//! `sedge workflow graph`

use sedge_test_kit::TestEnv;

use crate::fixtures::{with_workflows, xml_elements};

/// A workflow with a group of dependencies, and with names that a drawing has to quote.
const GROUPS: &str = "\
name: groups
jobs:
  - name: build
    steps:
      - name: compile
        task: {type: model_method, modelIdOrName: sink, methodName: run}
      - name: lint
        allowFailure: true
        task: {type: model_method, modelIdOrName: sink, methodName: run}
      - name: repair \"it\"
        dependsOn: [{anyOf: [{step: compile, condition: failed}, {step: lint, condition: failed}]}]
        task: {type: model_method, modelIdOrName: sink, methodName: run}
  - name: deploy
    dependsOn: [build]
    steps:
      - name: gate
        task: {type: manual_approval, prompt: Deploy?}
";

fn with_groups() -> TestEnv {
    let env = with_workflows();
    env.write_file("workflows/groups.yaml", GROUPS);
    env
}

#[test]
fn graph_is_text() {
    let env = with_groups();
    insta::assert_snapshot!(env.transcript("workflow graph B\nworkflow graph groups"), @r#"
    $ sedge workflow graph B
    ------- stdout -------
    workflow B: 1 job, 2 steps

    job main
        1  gate: gate Shall the calls be made?
        2  spawn: method spawn.run
           after gate

    $ sedge workflow graph groups
    ------- stdout -------
    workflow groups: 2 jobs, 4 steps

    job build
        1  compile: method sink.run
        1  lint: method sink.run
           may fail
        3  repair "it": method sink.run
           after any of (compile failed, lint failed)

    job deploy
      after build
        1  gate: gate Deploy?
    "#);
}

#[test]
fn graph_is_in_the_language_of_mermaid() {
    let env = with_groups();
    insta::assert_snapshot!(env.run(["workflow", "graph", "groups", "--format", "mermaid"]), @r##"
    ------- stdout -------
    flowchart LR
      subgraph j0["build"]
        direction LR
        j0s0["compile<br/>method sink.run"]
        j0s1["lint<br/>method sink.run<br/>may fail"]
        j0s2["repair #34;it#34;<br/>method sink.run"]
        j0g0(("any"))
        j0g0 --> j0s2
        j0s0 -->|"failed"| j0g0
        j0s1 -->|"failed"| j0g0
      end
      subgraph j1["deploy"]
        direction LR
        j1s0{{"gate<br/>gate Deploy?"}}
      end
      j0 --> j1
    "##);
}

#[test]
fn graph_is_in_the_language_of_graphviz() {
    let env = with_groups();
    insta::assert_snapshot!(env.run(["workflow", "graph", "B", "--format", "dot"]), @r#"
    ------- stdout -------
    digraph "B" {
      rankdir=LR;
      compound=true;
      node [shape=box, fontname="monospace"];
      edge [fontname="monospace"];
      subgraph cluster_0 {
        label="main";
        j0s0 [label="gate\ngate Shall the calls be made?", shape=hexagon];
        j0s1 [label="spawn\nmethod spawn.run", shape=box];
        j0s0 -> j0s1;
      }
    }
    "#);
}

#[test]
fn graph_is_a_picture() {
    let env = with_groups();
    let picture = env
        .run(["workflow", "graph", "groups", "--format", "svg"])
        .stdout;
    assert!(
        picture.starts_with("<svg ") && picture.ends_with("</svg>\n"),
        "{picture}"
    );
    let elements = xml_elements(&picture);
    let n_paths = elements.iter().filter(|it| *it == "path").count();
    // Four edges, and the tip that they share.
    assert_eq!(n_paths, 5, "{picture}");
}

#[test]
fn as_json() {
    let env = with_groups();
    insta::assert_snapshot!(env.run(["workflow", "graph", "B", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "workflow": "B",
        "jobs": [
          {
            "name": "main",
            "guard": null,
            "layer": 0,
            "row": 0,
            "steps": [
              {
                "name": "gate",
                "task": "gate",
                "about": "Shall the calls be made?",
                "forEach": null,
                "guard": null,
                "allowFailure": false,
                "attempts": null,
                "layer": 0,
                "row": 0
              },
              {
                "name": "spawn",
                "task": "method",
                "about": "spawn.run",
                "forEach": null,
                "guard": null,
                "allowFailure": false,
                "attempts": null,
                "layer": 1,
                "row": 0
              }
            ],
            "groups": [],
            "edges": [
              {
                "from": {
                  "step": 0
                },
                "to": {
                  "step": 1
                },
                "condition": null
              }
            ]
          }
        ],
        "groups": [],
        "edges": []
      }
    }
    "#);
}

#[test]
fn unknown_workflow_is_refused() {
    let env = with_groups();
    insta::assert_snapshot!(env.run(["workflow", "graph", "b"]), @r"
    ------- stderr -------
    error: no workflow named `b`
    hint: did you mean `B`?
    [exit status: 3]
    ");
}
