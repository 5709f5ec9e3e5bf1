//! Every key of a workflow's file, with a value that is right and one that is wrong.

use super::parse;

/// Checks a key with two values. The file has `{}` where the key stands.
fn check(frame: &str, key: &str, right: &str, wrong: &str) {
    let file = |value: &str| frame.replacen("{}", &format!("{key}: {value}"), 1);
    if let Err(faults) = parse(&file(right)) {
        panic!("{key}: {right}: {faults}");
    }
    let faults = parse(&file(wrong)).map(drop).err();
    let faults = faults.unwrap_or_else(|| panic!("{key}: {wrong} is accepted"));
    let text = file(wrong);
    // The fault is in the value, or at the key itself.
    let at = text
        .find(&format!("{key}: {wrong}"))
        .expect("the key is there");
    let end = at + key.len() + 2 + wrong.len();
    let is_there = faults.iter().any(|it| (at..=end).contains(&it.span.start));
    assert!(is_there, "{key}: {wrong}: {faults}");
}

const GATE: &str = "{name: a, task: {type: manual_approval}}";

#[test]
fn key_of_the_workflow() {
    let frame = format!("name: w\n{{}}\njobs: [{{name: j, steps: [{GATE}]}}]\n");
    let check = |key: &str, right: &str, wrong: &str| check(&frame, key, right, wrong);
    check("id", "5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4", "7");
    check("description", "a text", "[a]");
    check("version", "3", "three");
    check("tags", "{a: b}", "a");
    check("inputs", "{a: {type: string}}", "[a]");
    check("exclusive", "true", "maybe");
    check("concurrency", "4", "many");
    check("timeout", "90", "soon");
    check("timeout", "5m", "5x");
    check("trigger", "{schedule: 0 6 * * *}", "daily");
    check("reports", "{require: [a]}", "{require: [{a: b}]}");
    check("target", "runners", "{}");
    check("labels", "[a]", "[[a]]");
    check("platform", "linux/amd64", "[a]");
    check("queueTimeout", "10m", "long");
    check("affinity", "{zone: a}", "[a]");
    check("driver", "docker", "[a]");
    check("driverConfig", "{image: a}", "a");
    check("vaultName", "v", "[v]");
    super::parse(
        &frame
            .replacen("name: w", "name: '@acme/w'", 1)
            .replacen("{}", "", 1),
    )
    .expect("a scoped name");
}

#[test]
fn key_of_a_job() {
    let frame = format!(
        "name: w\njobs:\n- {{name: other, steps: [{GATE}]}}\n- name: j\n  {{}}\n  steps: [{GATE}]\n"
    );
    let check = |key: &str, right: &str, wrong: &str| check(&frame, key, right, wrong);
    check("description", "a text", "{a: b}");
    check("dependsOn", "[other]", "[othr]");
    check(
        "dependsOn",
        "[{job: other, condition: {type: skipped}}]",
        "[{step: other}]",
    );
    check("concurrency", "4", "-4");
    check("weight", "-4", "0.5");
    check("guard", "inputs.a == 1", "inputs.a ==");
    check("target", "a", "{}");
    check("labels", "[a]", "[[a]]");
    check("platform", "a", "{a: b}");
    check("queueTimeout", "10m", "long");
    check("affinity", "a", "[a]");
    check("driver", "a", "{}");
    check("driverConfig", "{}", "1");
    check("vaultName", "v", "{}");
}

#[test]
fn key_of_a_step() {
    let frame = format!(
        "name: w\njobs:\n- name: j\n  steps:\n  - {GATE}\n  - name: b\n    {{}}\n    task: {{type: model_method, modelIdOrName: m, methodName: r}}\n"
    );
    let check = |key: &str, right: &str, wrong: &str| check(&frame, key, right, wrong);
    check("description", "a text", "[1]");
    check(
        "dependsOn",
        "[{step: a, condition: {type: failed}}]",
        "[{step: a, condition: {type: fail}}]",
    );
    check(
        "dependsOn",
        "[{anyOf: [a, {allOf: [a]}]}]",
        "[{anyOf: [c]}]",
    );
    check("dependsOn", "a", "b2");
    check("forEach", "{item: x, in: [1, 2]}", "{item: x, in: 1}");
    check(
        "forEach",
        "{item: x, in: \"${{ inputs.a }}\"}",
        "{item: x, in: \"${{ inputs. }}\"}",
    );
    check("guard", "has(inputs.a)", "inptus.a");
    check("guard", "\"${{ has(inputs.a) }}\"", "\"a ${{ b }}\"");
    check("allowFailure", "true", "1");
    check("timeout", "90", "0s");
    check("retry", "3", "0");
    check("retry", "{attempts: 3, jitter: false}", "{attempts: 101}");
    check(
        "retry",
        "{attempts: 3, on: busy}",
        "{attempts: 3, on: Busy}",
    );
    check("weight", "5", "high");
    check("concurrency", "5", "a");
    check(
        "tags",
        "{a: \"${{ inputs.a }}\"}",
        "{a: \"${{ inptus.a }}\"}",
    );
    check(
        "dataOutputOverrides",
        "[{specName: s, lifetime: 7d, garbageCollection: 3, tags: {a: b}, vary: [x]}]",
        "[{specName: s, garbageCollection: few}]",
    );
    check("target", "a", "{}");
    check("labels", "[a]", "[[a]]");
    check("platform", "a", "{a: b}");
    check("queueTimeout", "10m", "long");
    check("affinity", "a", "[a]");
    check("driver", "a", "{}");
    check("driverConfig", "{a: b}", "1");
    check("vaultName", "v", "{}");
}

/// Returns a step with further lines.
fn step_with(lines: &str) -> String {
    format!(
        "name: w\njobs:\n- name: j\n  steps:\n  - {GATE}\n  - name: b\n{lines}    task: {{type: model_method, modelIdOrName: m, methodName: r}}\n"
    )
}

#[test]
fn key_of_a_retry_and_of_for_each() {
    check(
        &step_with("    retry:\n      {}\n"),
        "attempts",
        "3",
        "none",
    );
    let frame = step_with("    retry:\n      attempts: 3\n      {}\n");
    check(&frame, "backoff", "1s", "soon");
    check(&frame, "maxBackoff", "5m", "later");
    check(&frame, "jitter", "false", "often");
    check(&frame, "on", "[failed, not-reachable]", "[Busy]");
    let frame = step_with("    forEach:\n      in: [1]\n      {}\n");
    check(&frame, "item", "x", "\"a b\"");
    let frame = step_with("    forEach:\n      item: x\n      {}\n");
    check(&frame, "in", "{a: 1}", "7");
}

#[test]
fn key_of_a_dependency_and_of_a_condition() {
    let frame = step_with("    dependsOn:\n    - {}\n");
    check(&frame, "step", "a", "c");
    check(&frame, "anyOf", "[a]", "[c]");
    check(&frame, "allOf", "[a]", "[]");
    let frame = step_with("    dependsOn:\n    - step: a\n      {}\n");
    check(&frame, "condition", "failed", "fial");
    let of = |text: &str| {
        step_with(&format!(
            "    dependsOn:\n    - step: a\n      condition:\n        {text}\n        {{}}\n"
        ))
    };
    check(&of("type: not"), "condition", "failed", "fial");
    check(&of("type: or"), "conditions", "[failed, skipped]", "[]");
    check(&of("condition: failed"), "type", "not", "nto");
    let frame = format!(
        "name: w\njobs:\n- {{name: other, steps: [{GATE}]}}\n- name: j\n  steps: [{GATE}]\n  dependsOn:\n  - {{}}\n"
    );
    check(&frame, "job", "other", "othr");
}

#[test]
fn key_of_an_override_and_of_a_trigger() {
    let frame = step_with("    dataOutputOverrides:\n    - specName: s\n      {}\n");
    check(&frame, "lifetime", "7d", "short");
    check(&frame, "garbageCollection", "3", "few");
    check(&frame, "tags", "{a: b}", "[a]");
    check(&frame, "vary", "[x]", "{a: b}");
    let frame = step_with("    dataOutputOverrides:\n    - {}\n");
    check(&frame, "specName", "s", "a b");
    let frame = format!("name: w\ntrigger:\n  {{}}\njobs: [{{name: j, steps: [{GATE}]}}]\n");
    check(&frame, "schedule", "0 6 * * *", "daily at six");
    check(&frame, "inputs", "{a: 1}", "[1]");
    let frame = format!("name: w\nreports:\n  {{}}\njobs: [{{name: j, steps: [{GATE}]}}]\n");
    check(&frame, "require", "[a]", "[{a: b}]");
    check(&frame, "skip", "[a]", "[[a]]");
}

#[test]
fn key_of_the_parts() {
    let jobs = format!("[{{name: j, steps: [{GATE}]}}]");
    check("name: w\n{}\n", "jobs", &jobs, "none");
    let steps = format!("[{GATE}]");
    check("name: w\njobs:\n- name: j\n  {}\n", "steps", &steps, "none");
    let frame = "name: w\njobs:\n- name: j\n  steps:\n  - name: a\n    {}\n";
    check(frame, "task", "{type: manual_approval}", "{type: approve}");
    let names = [
        ("{}\njobs: []\n".replace("[]", &jobs), "w"),
        (format!("name: w\njobs:\n- steps: [{GATE}]\n  {{}}\n"), "j"),
        (
            frame.replace("name: a", "task: {type: manual_approval}"),
            "a",
        ),
    ];
    for (frame, name) in names {
        check(&frame, "name", name, "[a]");
    }
}

#[test]
fn key_of_a_task() {
    let check = |task: &str, key: &str, right: &str, wrong: &str| {
        let frame = format!(
            "name: w\njobs:\n- name: j\n  steps:\n  - name: b\n    task:\n      {task}\n      {{}}\n"
        );
        super::keys::check(&frame, key, right, wrong);
    };
    let method = "type: model_method\n      methodName: r";
    check(method, "modelIdOrName", "'@acme/m'", "a b");
    check(
        method,
        "modelIdOrName",
        "m-${{ inputs.a }}",
        "m-${{ inptus.a }}",
    );
    check(
        "type: model_method\n      modelIdOrName: m",
        "methodName",
        "r",
        "r r",
    );
    let named = "type: model_method\n      methodName: r\n      modelIdOrName: m";
    check(named, "inputs", "{a: 1}", "[1]");
    check(named, "inputs", "${{ inputs }}", "text");
    let typed = "type: model_method\n      methodName: r\n      modelType: '@a/b'";
    check(typed, "modelName", "m", "m m");
    let typed = "type: model_method\n      methodName: r\n      modelName: m";
    check(typed, "modelType", "'@a/b'", "b");
    let typed =
        "type: model_method\n      methodName: r\n      modelName: m\n      modelType: '@a/b'";
    check(typed, "globalArgs", "{a: 1}", "a");
    check("type: workflow", "workflowIdOrName", "other", "a b");
    check(
        "type: workflow\n      workflowIdOrName: o",
        "inputs",
        "{a: 1}",
        "1",
    );
    check("type: manual_approval", "prompt", "Go on?", "[a]");
    check("type: manual_approval", "timeout", "1d", "later");
    check(
        "type: manual_approval\n      timeout: 1d",
        "onTimeout",
        "continue",
        "go-on",
    );
    check("type: assert", "expr", "1 < 2", "1 <");
    check(
        "type: assert\n      expr: 1 < 2",
        "message",
        "a text",
        "{a: b}",
    );
    check(
        "type: assert\n      expr: 1 < 2",
        "severity",
        "low",
        "lower",
    );
    check(
        "modelIdOrName: m\n      methodName: r",
        "type",
        "model_method",
        "model_methods",
    );
}
