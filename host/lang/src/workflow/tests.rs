//! Valid and invalid workflow files.

use super::*;

fn parse(text: &str) -> Result<Workflow, Diagnostic> {
    let name: WorkflowName = "w".parse().expect("a name");
    Workflow::parse(
        &name,
        SourceFile {
            name: name.file(),
            text: text.to_owned(),
        },
    )
}

#[test]
fn workflow_by_another_tool_is_accepted() {
    let workflow = parse(
        "id: 0a0b\nname: w\ndescription: d\nversion: 1\njobs:\n- name: main\n  steps:\n\
         \x20 - name: gate\n    task: {type: manual_approval, prompt: Go on?}\n\
         \x20 - name: go\n    dependsOn: [{step: gate, condition: {type: succeeded}}]\n    allowFailure: true\n\
         \x20   task:\n      type: model_method\n      modelIdOrName: spawn\n      methodName: run\n      inputs: {count: 2}\n",
    )
    .expect("a good file");
    let steps: Vec<&Step> = workflow.steps().collect();
    assert_eq!(workflow.prompt(&steps[0].path), "Go on?");
    assert_eq!(steps[1].path.to_string(), "main/go");
    assert!(steps[1].allow_failure);
    assert_eq!(steps[1].depends_on[0].on.as_str(), "gate");
    let Task::ModelMethod { inputs, .. } = &steps[1].task else {
        panic!("a model's method")
    };
    assert_eq!(inputs.value["count"], 2);
}

#[test]
fn fault_is_reported_with_its_place() {
    let check = |steps: &str, expect: &str| {
        let text = format!("name: w\njobs:\n- name: main\n  steps:\n{steps}");
        assert_eq!(parse(&text).expect_err(steps).to_string(), expect);
    };
    check("    []\n", "workflows/w.yaml:3:9: the job has no steps");
    check(
        "  - {name: a, task: {type: manual_approvel}}\n",
        "workflows/w.yaml:5:28: there is no task of type `manual_approvel`",
    );
    check(
        "  - {name: a, task: {type: model_method, modelIdOrName: m}}\n",
        "workflows/w.yaml:5:28: a task of this type needs `methodName`",
    );
    check(
        "  - {name: a, task: {type: manual_approval, methodName: m}}\n",
        "workflows/w.yaml:5:57: `methodName` has no meaning for a task of type `manual_approval`",
    );
    check(
        "  - {name: a, task: {type: manual_approval}}\n  - {name: a, task: {type: manual_approval}}\n",
        "workflows/w.yaml:6:12: there are two steps named `a`",
    );
    check(
        "  - {name: a, task: {type: manual_approval}, dependsOn: [{step: b}]}\n",
        "workflows/w.yaml:5:65: there is no step named `b`",
    );
    check(
        "  - {name: a, task: {type: manual_approval}, dependsOn: [{step: b}]}\n  - {name: b, task: {type: manual_approval}, dependsOn: [{step: a}]}\n",
        "workflows/w.yaml:5:12: steps wait for each other: a -> b -> a",
    );
    check(
        "  - {name: a, task: {type: manual_approval}, forEach: {}}\n",
        "workflows/w.yaml:5:46: the key `forEach` is not supported here by this version of Sedge",
    );
    check(
        "  - {name: a, task: {type: model_method, modelIdOrName: m, methodName: r, inputs: {x: \"${{ 1 }}\"}}}\n",
        "workflows/w.yaml:5:88: expressions are not supported by this version of Sedge",
    );
}
