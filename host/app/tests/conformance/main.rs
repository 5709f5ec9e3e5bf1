//! Guests in several languages do everything that the contract allows, and one table says what they
//! must get (`tests/conformance/cases.json`). The test prints a row for each case and a column for
//! each language. It fails if a case differs, or if a function or an error of the contract has no
//! case.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads its table, and measures time from outside"
)]

mod case;
#[expect(dead_code, reason = "it serves other tests too")]
#[path = "../it/fixture.rs"]
mod fixture;
mod repository;
#[expect(dead_code, reason = "it serves other tests too")]
#[path = "../it/shown.rs"]
mod shown;
mod value;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use case::Cases;
use repository::Stage;

/// A guest that the cases run with.
struct Language {
    name: &'static str,
    component: &'static str,
    type_name: &'static str,
}

/// The result of one case with one guest.
struct Ended {
    elapsed_ms: u128,
    fault: Option<String>,
}

/// The guests, in the order of their columns.
const LANGUAGES: [Language; 3] = [
    Language {
        name: "rust",
        component: sedge_test_artifacts::CONFORMANCE,
        type_name: "@test/conformance",
    },
    Language {
        name: "python",
        component: sedge_test_artifacts::PY_CONFORMANCE,
        type_name: "@test/conformance-python",
    },
    Language {
        name: "typescript",
        component: sedge_test_artifacts::TS_CONFORMANCE,
        type_name: "@test/conformance-typescript",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_language_does_what_the_contract_says() {
    let cases = Cases::read();
    let mut columns = Vec::new();
    for language in &LANGUAGES {
        let stage = Box::pin(Stage::new(language.component, language.type_name)).await;
        let mut column = Vec::new();
        for case in &cases.cases {
            let since = Instant::now();
            // The future is large, and the thread of a test has a small stack.
            let fault = Box::pin(stage.run(case)).await.err();
            let elapsed_ms = since.elapsed().as_millis();
            column.push(Ended { elapsed_ms, fault });
        }
        columns.push(column);
    }
    println!("{}", table(&cases, &columns));
    let mut faults = Vec::new();
    for (language, column) in LANGUAGES.iter().zip(&columns) {
        for (case, ended) in cases.cases.iter().zip(column) {
            let fault = ended.fault.iter();
            faults.extend(fault.map(|it| format!("{}, {}: {it}", language.name, case.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// A function or an error that is added to the contract needs a case, or a reason why it has none.
#[test]
fn every_function_and_error_of_the_contract_has_a_case() {
    let cases = Cases::read();
    let covered: BTreeSet<&str> = cases.covered().collect();
    let items = sedge_test_forge::contract_items();
    let known: BTreeSet<&str> = items.iter().map(String::as_str).collect();
    let missing: Vec<&&str> = known
        .iter()
        .filter(|it| !covered.contains(**it) && !cases.exempt.contains_key(**it))
        .collect();
    assert!(missing.is_empty(), "no case covers {missing:#?}");
    let needless: Vec<&String> = cases
        .exempt
        .keys()
        .filter(|it| covered.contains(it.as_str()) || !known.contains(it.as_str()))
        .collect();
    assert!(needless.is_empty(), "they need no exemption: {needless:#?}");
    let unknown: Vec<&&str> = covered
        .iter()
        .filter(|it| !known.contains(**it) && !it.starts_with("wasi:") && **it != "limits")
        .collect();
    assert!(unknown.is_empty(), "the contract has no {unknown:#?}");
    assert!(known.len() > 50, "{known:#?}");
}

fn table(cases: &Cases, columns: &[Vec<Ended>]) -> String {
    let width = cases.cases.iter().map(|it| it.name.len()).max();
    let width = width.unwrap_or_default();
    let mut table = format!("{:width$}", "CASE");
    for language in &LANGUAGES {
        let _ = write!(table, "  {:>12}", language.name.to_uppercase());
    }
    for (n, case) in cases.cases.iter().enumerate() {
        let _ = write!(table, "\n{:width$}", case.name);
        for column in columns {
            let ended = &column[n];
            let shown = match &ended.fault {
                None => format!("ok {} ms", ended.elapsed_ms),
                Some(_) => "FAULT".to_owned(),
            };
            let _ = write!(table, "  {shown:>12}");
        }
    }
    for (language, column) in LANGUAGES.iter().zip(columns) {
        let n_ok = column.iter().filter(|it| it.fault.is_none()).count();
        let _ = write!(table, "\n{}: {n_ok} of {}", language.name, column.len());
    }
    table
}
