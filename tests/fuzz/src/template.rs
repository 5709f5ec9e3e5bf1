//! Templates and the values of their variables.

use sedge_lang::expr::template::Template;
use sedge_lang::expr::{Env, Evaluated, NeedAnswer, Shape, TextPlace, Variables};
use serde_json::Value;

/// The separator of the template and the values.
const BETWEEN: &str = "\n---\n";

/// The time at which templates are evaluated, in milliseconds since 1970.
const NOW_MS: u64 = 1_795_687_200_000;

/// The rounds after which an evaluation must have a value or an error.
const ROUNDS_MAX: usize = 64;

/// Parses the first part of `data` as a template, and evaluates it for the second part: the value of
/// each variable, as JSON. Every need is answered with this value, too.
///
/// # Panics
/// A fault has no place in the text, or the evaluation asks for the same value again.
pub fn template(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (text, given) = text.split_once(BETWEEN).unwrap_or((&text, "null"));
    let given: Value = serde_json::from_str(given).unwrap_or_default();
    let place = TextPlace::of_text("template", text);
    let template = match Template::parse(text, &place, &variables()) {
        Ok(template) => template,
        Err(fault) => {
            assert!(text.get(fault.span.clone()).is_some(), "{fault:?}");
            return;
        }
    };
    let mut env = Env::new(NOW_MS)
        .with("inputs", &given)
        .with("steps", &given);
    let mut known = Vec::new();
    for _ in 0..ROUNDS_MAX {
        match template.eval(&env) {
            Ok(Evaluated::Value(_)) => return,
            Ok(Evaluated::Needs(needs)) => {
                for need in needs {
                    env.answer(&need, NeedAnswer::Value(given.clone()));
                    assert!(!known.contains(&need), "{need:?}");
                    known.push(need);
                }
            }
            Err(fault) => {
                assert!(text.get(fault.span.clone()).is_some(), "{fault:?}");
                return;
            }
        }
    }
}

fn variables() -> Variables {
    Variables::new()
        .with("inputs", Shape::Any)
        .with("steps", Shape::Any)
        .with_lookup("env")
        .with_function("data.latest", 2..=3)
        .with_hyphens()
}
