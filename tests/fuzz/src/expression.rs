//! Expressions and the values of their variables.

use sedge_lang::expr::{Env, Evaluated, Expr, NeedAnswer, TextPlace};
use sedge_lang::scope::trial_scope;
use serde_json::Value;

/// The separator of the expression and the values.
const BETWEEN: &str = "\n---\n";

/// The time at which expressions are evaluated, in milliseconds since 1970.
const NOW_MS: u64 = 1_795_687_200_000;

/// The rounds after which an evaluation must have a value or an error.
const ROUNDS_MAX: usize = 64;

/// Compiles the first part of `data` as an expression, and evaluates it twice for the second part:
/// the value of each variable and of each need, as JSON.
///
/// # Panics
/// A fault has no place in the text, or the two evaluations have different results.
pub fn expression(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (text, given) = text.split_once(BETWEEN).unwrap_or((&text, "null"));
    let given: Value = serde_json::from_str(given).unwrap_or_default();
    let place = TextPlace::of_text("expression", text);
    let scope = trial_scope(&["self", "steps"]);
    let expr = match Expr::compile(text, &place, &scope) {
        Ok(expr) => expr,
        Err(fault) => {
            assert!(text.get(fault.span.clone()).is_some(), "{fault:?}");
            return;
        }
    };
    assert_eq!(expr.text(), text);
    let mut env = Env::new(NOW_MS)
        .with("inputs", &given)
        .with("self", &given)
        .with("steps", &given);
    for _ in 0..ROUNDS_MAX {
        let found = expr.eval(&env);
        assert_eq!(found, expr.eval(&env));
        match found {
            Ok(Evaluated::Value(_)) => return,
            Ok(Evaluated::Needs(needs)) => {
                for need in needs {
                    env.answer(&need, NeedAnswer::Value(given.clone()));
                }
            }
            Err(fault) => {
                assert!(text.get(fault.span.clone()).is_some(), "{fault:?}");
                return;
            }
        }
    }
}
