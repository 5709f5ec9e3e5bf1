//! Evaluations of a typical expression: 10, 100, 1 000 and 10 000 in one environment, and its
//! compilation.

use std::hint::black_box;
use std::time::Instant;

use sedge_lang::expr::{Env, Evaluated, Expr, Shape, TextPlace, Variables};
use serde_json::{Value, json};

use crate::figures::Figures;
use crate::table::Row;
use crate::{Effort, Result};

/// A lookup, a loop and a concatenation, as workflows have them.
const TYPICAL: &str =
    "inputs.region + '-' + inputs.hosts.filter(it, it.tags.env == 'prod').map(it, it.name)[0]";

/// The subject of compilation.
const COMPILE: &str = "expression, compile";

/// The subject that the others are compared with.
const BASELINE: &str = "expression, 10 evaluations";

/// How many evaluations are measured together.
const N_EVALUATIONS: [usize; 4] = [10, 100, 1_000, 10_000];

/// Measures compilation and evaluation.
pub(crate) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let variables = Variables::new().with("inputs", Shape::Any);
    let place = TextPlace::of_text("expression", TYPICAL);
    let inputs = inputs();
    for _ in 0..effort.n_rounds {
        let since = Instant::now();
        let expr = Expr::compile(TYPICAL, &place, &variables)?;
        figures.lap(COMPILE, since);
        for n in N_EVALUATIONS {
            evaluate(&expr, &inputs, n, figures)?;
        }
    }
    Ok(())
}

fn evaluate(expr: &Expr, inputs: &Value, n: usize, figures: &mut Figures) -> Result<()> {
    let since = Instant::now();
    let env = Env::new(0).with("inputs", inputs);
    for _ in 0..n {
        match expr.eval(&env)? {
            Evaluated::Value(value) => drop(black_box(value)),
            Evaluated::Needs(_) => return Err("the expression needs nothing from outside".into()),
        }
    }
    figures.lap(&subject(n), since);
    Ok(())
}

/// Returns the rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let evaluations = N_EVALUATIONS.map(|n| {
        let aim = match n {
            10_000 => "50 ms",
            _ => "",
        };
        Row::new(&subject(n), Some(BASELINE), aim)
    });
    std::iter::once(Row::new(COMPILE, None, ""))
        .chain(evaluations)
        .collect()
}

fn subject(n: usize) -> String {
    format!("expression, {n} evaluations")
}

fn inputs() -> Value {
    let host = |n: u32| {
        let env = if n % 2 == 1 { "prod" } else { "dev" };
        json!({"name": format!("host-{n}"), "tags": {"env": env}})
    };
    let hosts: Vec<Value> = (0..8).map(host).collect();
    json!({"region": "eu", "hosts": hosts})
}
