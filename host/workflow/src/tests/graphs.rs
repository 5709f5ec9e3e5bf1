//! Random workflows, as text.

use std::fmt::Write as _;

use super::play::Rng;

const WORDS: [&str; 5] = ["always", "succeeded", "failed", "completed", "skipped"];

/// Returns the text of a workflow with about `n_steps` steps.
pub(super) fn graph(rng: &mut Rng, n_steps: usize) -> String {
    let n_jobs = 1 + rng.below(n_steps.div_ceil(3));
    let mut text = "name: w\n".to_owned();
    if rng.once_in(2) {
        writeln!(text, "concurrency: {}", 1 + rng.below(4)).expect("a text");
    }
    text.push_str("jobs:\n");
    let mut jobs: Vec<String> = (0..n_jobs)
        .map(|job| job_text(rng, job, n_steps.div_ceil(n_jobs)))
        .collect();
    shuffle(rng, &mut jobs);
    text.push_str(&jobs.concat());
    text
}

fn job_text(rng: &mut Rng, job: usize, n_steps: usize) -> String {
    let mut text = format!("- name: j{job}\n");
    let on = depends_on(rng, "job", "j", job);
    writeln!(text, "  dependsOn: [{on}]").expect("a text");
    if rng.once_in(5) {
        text.push_str("  guard: 1 == 1\n");
    }
    if rng.once_in(3) {
        writeln!(text, "  concurrency: {}", 1 + rng.below(3)).expect("a text");
    }
    if rng.once_in(3) {
        writeln!(text, "  weight: {}", weight(rng)).expect("a text");
    }
    text.push_str("  steps:\n");
    let mut steps: Vec<String> = (0..n_steps).map(|step| step_text(rng, step)).collect();
    shuffle(rng, &mut steps);
    text.push_str(&steps.concat());
    text
}

fn step_text(rng: &mut Rng, step: usize) -> String {
    let on = depends_on(rng, "step", "s", step);
    let mut text = format!("  - {{name: s{step}, dependsOn: [{on}]");
    let (task, is_gate) = match rng.below(8) {
        0 => ("{type: workflow, workflowIdOrName: other}", false),
        1 => ("{type: manual_approval}", true),
        2 => ("{type: assert, expr: 1 == 1}", false),
        _ => (
            "{type: model_method, modelIdOrName: m, methodName: r}",
            false,
        ),
    };
    write!(text, ", task: {task}").expect("a text");
    if rng.once_in(4) {
        text.push_str(", forEach: {item: it, in: [1]}");
    }
    if rng.once_in(5) {
        text.push_str(", guard: 1 == 1");
    }
    if rng.once_in(3) {
        text.push_str(", allowFailure: true");
    }
    if !is_gate && rng.once_in(3) {
        write!(text, ", retry: {{attempts: {}}}", 2 + rng.below(2)).expect("a text");
    }
    if rng.once_in(3) {
        write!(text, ", weight: {}", weight(rng)).expect("a text");
    }
    if rng.once_in(4) {
        write!(text, ", concurrency: {}", 1 + rng.below(2)).expect("a text");
    }
    text.push_str("}\n");
    text
}

fn weight(rng: &mut Rng) -> i64 {
    i64::try_from(rng.below(5)).expect("a small number") - 2
}

/// Returns what the part with the number `n` waits for: parts with lower numbers.
fn depends_on(rng: &mut Rng, key: &str, prefix: &str, n: usize) -> String {
    let n_parts = match n {
        0 => 0,
        _ => rng.below(3),
    };
    let parts: Vec<String> = (0..n_parts)
        .map(|_| part(rng, (key, prefix), n, 2))
        .collect();
    parts.join(", ")
}

fn part(rng: &mut Rng, words: (&str, &str), n: usize, depth: usize) -> String {
    let (key, prefix) = words;
    let on = rng.below(n);
    match rng.below(5) {
        0 if depth > 0 => {
            let group = ["anyOf", "allOf"][rng.below(2)];
            let parts: Vec<String> = (0..1 + rng.below(3))
                .map(|_| part(rng, words, n, depth - 1))
                .collect();
            format!("{{{group}: [{}]}}", parts.join(", "))
        }
        1 => format!("{{{key}: {prefix}{on}, condition: {}}}", condition(rng, 3)),
        2 => format!(
            "{{{key}: {prefix}{on}, condition: {}}}",
            WORDS[rng.below(5)]
        ),
        _ => format!("{{{key}: {prefix}{on}}}"),
    }
}

fn condition(rng: &mut Rng, depth: usize) -> String {
    match rng.below(4) {
        0 if depth > 0 => format!("{{type: not, condition: {}}}", condition(rng, depth - 1)),
        1 if depth > 0 => {
            let word = ["and", "or"][rng.below(2)];
            let (one, two) = (condition(rng, depth - 1), condition(rng, depth - 1));
            format!("{{type: {word}, conditions: [{one}, {two}]}}")
        }
        _ => WORDS[rng.below(5)].to_owned(),
    }
}

fn shuffle<T>(rng: &mut Rng, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, rng.below(at + 1));
    }
}
