//! Files that are written to exhaust the memory, the stack or the time of the reader.

use super::*;
use crate::definition::Definition;
use crate::workflow::Workflow;
use crate::yaml::outline::{FEW_VALUES_MAX, FREE_VALUES_MAX, SHORT_TEXT_BYTES_MAX};

#[track_caller]
fn refused(text: &str, code: Code, message: &str) {
    let fault = parse_tree(&file(text)).expect_err("a hostile file");
    assert_eq!(fault.code, code, "{fault}");
    assert!(fault.message.contains(message), "{}", fault.message);
}

#[test]
fn alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let refs = vec![format!("*a{}", i - 1); 9].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
    }
    refused(
        &text,
        Code::FileLimit,
        "the values that aliases (`*name`) repeat",
    );
}

#[test]
fn repeated_long_text_is_refused() {
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        "*a, ".repeat(1_000)
    );
    refused(
        &text,
        Code::FileLimit,
        "the values that aliases (`*name`) repeat",
    );
}

#[test]
fn many_anchors_are_refused() {
    let mut text = String::new();
    for i in 0..100_000 {
        text.push_str(&format!("k{i}: &a{i} 1\n"));
    }
    refused(&text, Code::FileLimit, "more than 1000 anchors");
}

#[test]
fn deep_files_are_refused() {
    const DEEP: &str = "lists and maps are nested more than 64 deep";
    refused(&"[".repeat(10_000), Code::FileLimit, DEEP);
    refused(&"{a: ".repeat(10_000), Code::FileLimit, DEEP);
    refused(&"- ".repeat(10_000), Code::FileLimit, DEEP);
    let mut text = String::new();
    for depth in 0..10_000 {
        text.push_str(&format!("{}a:\n", " ".repeat(depth.min(1_000))));
    }
    refused(&text, Code::FileLimit, DEEP);
    // Each alias makes the next value deeper.
    let mut text = String::from("a0: &a0 [[[[[[[[x]]]]]]]]\n");
    for i in 1..20 {
        text.push_str(&format!("a{i}: &a{i} [[[[[[[[*a{}]]]]]]]]\n", i - 1));
    }
    refused(&text, Code::FileLimit, DEEP);
}

#[test]
fn long_files_are_refused() {
    let message = format!("more than {FILE_BYTES_MAX}");
    refused(&"a".repeat(FILE_BYTES_MAX + 1), Code::FileLimit, &message);
    let message = format!("more than {NODES_MAX} values");
    refused(
        &"[],".repeat(3 << 20).replacen("[]", "[[]", 1),
        Code::FileLimit,
        &message,
    );
}

#[test]
fn long_texts_of_one_kind_are_read_or_refused() {
    let check = |part: &str, n_bytes: usize| {
        let text = part.repeat(n_bytes / part.len());
        // ignored: some are a value, and the others a fault; none may exhaust the stack.
        let _ = parse_tree(&file(&text));
    };
    for part in ["a", "[], ", "\"", "- a\n"] {
        check(part, 10 << 20);
    }
    for part in [
        " ", "\n", "#", "'", "|", "%", "\u{feff}", "\t", "?", "? ", "!", "&", ":", ": ", "*a ",
    ] {
        check(part, 1 << 19);
    }
}

#[test]
fn large_workflow_is_read() {
    let mut text = String::from("name: w\njobs:\n- name: main\n  steps:\n");
    for i in 0..50_000 {
        text.push_str(&format!(
            "  - name: s{i}\n    task:\n      type: model_method\n      modelIdOrName: sink\n      \
             methodName: run\n      inputs: {{n: {i}}}\n"
        ));
    }
    let root = tree(&text);
    let steps = root.at("/jobs/0/steps").items().expect("a list");
    assert_eq!(steps.len(), 50_000);
}

/// Checks that a definition and a workflow are refused with one fault, which has this text at this
/// place.
#[track_caller]
fn refused_by_outline(text: &str, in_definition: (&str, &str), in_workflow: (&str, &str)) {
    let file = file(text);
    let check = |faults: Faults, (place, message): (&str, &str)| {
        let fault = faults.first().expect("an error has a fault");
        assert_eq!((faults.len(), fault.code), (1, Code::FileLimit), "{fault}");
        assert!(fault.message.contains(message), "{}", fault.message);
        let found = file.slice(fault.span.clone());
        assert!(found.starts_with(place), "{found}");
    };
    let faults = Definition::parse(&file).map(drop);
    check(faults.expect_err("a hostile definition"), in_definition);
    let faults = Workflow::parse(&file).map(drop);
    check(faults.expect_err("a hostile workflow"), in_workflow);
}

#[test]
fn many_values_are_refused_where_few_are_expected() {
    let few = format!("more than {FEW_VALUES_MAX} values");
    let at = |key| (key, few.as_str());
    let text = format!("name: a\ntags: [{}]\n", "1, ".repeat(1 << 20));
    refused_by_outline(&text, at("tags"), at("tags"));
    let text: String = (0..20_000).map(|n| format!("key{n}: x\n")).collect();
    refused_by_outline(&text, at("x"), at("x"));
    let text = format!("globalArgument:\n{}", "- a\n".repeat(1 << 20));
    refused_by_outline(&text, at("globalArgument"), at("globalArgument"));
    let text = format!(
        "name: a\njobs: [{{name: j, steps: [{}]}}]\n",
        "1, ".repeat(1 << 20)
    );
    refused_by_outline(&text, at("jobs"), at("1"));
    let text = format!(
        "jobs: [{{name: j, steps: [{{tsk: [{}",
        "1, ".repeat(1 << 20)
    );
    refused_by_outline(&text, at("jobs"), at("tsk"));
    let text = format!("? [{}", "1, ".repeat(1 << 20));
    refused_by_outline(&text, at("1"), at("1"));
}

#[test]
fn long_text_is_refused_where_a_short_one_is_expected() {
    let long = format!("more than {SHORT_TEXT_BYTES_MAX}");
    let text = format!("name: {}\n", "a".repeat(SHORT_TEXT_BYTES_MAX + 1));
    refused_by_outline(&text, ("aaa", &long), ("aaa", &long));
    let text = format!(
        "name: a\ndescription: |\n{}",
        "  one line\n".repeat(1 << 18)
    );
    refused_by_outline(&text, ("one line", &long), ("one line", &long));
}

#[test]
fn arguments_have_many_values_up_to_a_limit() {
    let head = "name: a\ntype: \"@a/b\"\n";
    let arguments = |n: usize| format!("globalArguments: {{a: [{}]}}\n", "1, ".repeat(n));
    let inputs = |n: usize| {
        let step = format!(
            "{{name: s, task: {{type: model_method, modelIdOrName: m, methodName: r, inputs: {{a: [{}]}}}}}}",
            "1, ".repeat(n)
        );
        format!("name: w\njobs: [{{name: j, steps: [{step}]}}]\n")
    };
    let definition = |n| Definition::parse(&file(&format!("{head}{}", arguments(n)))).map(drop);
    let workflow = |n| Workflow::parse(&file(&inputs(n))).map(drop);
    // The list, the key above it and the rest of a step count, too.
    let n = FREE_VALUES_MAX - 20;
    assert_eq!((definition(n), workflow(n)), (Ok(()), Ok(())));
    for faults in [definition(n + 21), workflow(n + 21)] {
        let faults = faults.expect_err("too many values");
        let first = faults.first().expect("an error has a fault");
        let message = format!("has more than {FREE_VALUES_MAX} values");
        assert!(first.message.contains(&message), "{first}");
    }
}

#[test]
fn many_jobs_with_merged_keys_are_read() {
    let mut text = String::from("name: w\ntags: &tags {a: b}\njobs:\n");
    for n in 0..10_000 {
        text.push_str(&format!(
            "- name: j{n}\n  weight: {n}\n  steps:\n  - name: s\n    tags: {{<<: [*tags], c: d}}\n    \
             task: {{type: manual_approval}}\n"
        ));
    }
    let workflow = Workflow::parse(&file(&text)).expect("a large file");
    assert_eq!(workflow.jobs.len(), 10_000);
}
