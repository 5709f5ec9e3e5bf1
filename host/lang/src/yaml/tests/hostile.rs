//! Files that are written to exhaust the memory, the stack or the time of the reader.

use super::*;

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
