//! The keys of other tools in each part of a workflow: each says what to write instead.

use super::parse;
use crate::diagnostic::DiagnosticCode;
use crate::workflow::keys;
use crate::yaml::KeySet;

/// Checks all keys of other tools in one part. The file has `{}` where the keys of the part stand.
#[track_caller]
fn check_part(frame: &str, set: &KeySet) {
    for (key, advice) in set.foreign {
        let text = frame.replacen("{}", &format!("{key}: x"), 1);
        let faults = parse(&text).map(drop).expect_err(&text);
        let found = faults
            .iter()
            .find(|it| it.file.slice(it.span.clone()) == *key);
        let found = found.unwrap_or_else(|| panic!("{}: {key}: {faults}", set.of));
        let found = (found.code, found.hint.as_deref());
        let expect = (DiagnosticCode::ForeignKey, Some(*advice));
        assert_eq!(found, expect, "{}: {key}", set.of);
    }
}

#[test]
fn key_of_another_tool_says_what_to_write_in_each_part() {
    let job = "- name: j\n  steps: [{name: a, task: {type: manual_approval}}]\n";
    let part = |text: &str, set: &KeySet| {
        check_part(&format!("name: w\n{text}\njobs:\n{job}"), set);
    };
    part("{}", &keys::WORKFLOW);
    part("trigger:\n  {}", &keys::TRIGGER);
    part("reports:\n  {}", &keys::REPORTS);
    let part = |text: &str, set: &KeySet| {
        check_part(&format!("name: w\njobs:\n{job}  {text}\n"), set);
    };
    part("{}", &keys::JOB);
    part("dependsOn:\n  - job: j\n    {}", &keys::JOB_DEPENDENCY);
    let condition = "dependsOn:\n  - job: j\n    condition:\n      type: failed\n      {}";
    part(condition, &keys::CONDITION);
    let part = |text: &str, set: &KeySet| {
        let step = "name: w\njobs:\n- name: j\n  steps:\n  - name: a\n";
        let task = "    task: {type: model_method, modelIdOrName: m, methodName: r}\n";
        check_part(&format!("{step}    {text}\n{task}"), set);
    };
    part("{}", &keys::STEP);
    part(
        "dependsOn:\n    - step: a\n      {}",
        &keys::STEP_DEPENDENCY,
    );
    part(
        "forEach:\n      item: x\n      in: [1]\n      {}",
        &keys::FOR_EACH,
    );
    part("retry:\n      attempts: 3\n      {}", &keys::RETRY);
    let override_ = "dataOutputOverrides:\n    - specName: s\n      {}";
    part(override_, &keys::OUTPUT_OVERRIDE);
    for (task, set) in [
        ("model_method", &keys::MODEL_METHOD),
        ("workflow", &keys::WORKFLOW_TASK),
        ("manual_approval", &keys::MANUAL_APPROVAL),
        ("assert", &keys::ASSERT),
        ("other", &keys::ANY_TASK),
    ] {
        let step = "name: w\njobs:\n- name: j\n  steps:\n  - name: a\n    task:\n";
        check_part(&format!("{step}      type: {task}\n      {{}}\n"), set);
    }
}
