//! The hostile suite: one entry for each attack that an untrusted plugin may try. One harness runs
//! all attacks beside a neighbour that must keep running. The suite ends with a table of each
//! attack's result, time and memory, and of the neighbour's progress.
//!
//! To add an attack, add an entry to the `attacks()` of a module: a method of a guest, a plugin
//! made of text, a component that is only added, or any other action.

#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at files, processes and clocks from outside"
)]
#![expect(
    clippy::too_many_lines,
    reason = "a list of attacks is read entry by entry"
)]

mod cache;
mod checks;
mod clone;
mod commands;
mod components;
mod data;
mod databases;
mod descriptions;
mod files;
#[expect(dead_code, reason = "it serves other tests too")]
#[path = "../it/fixture.rs"]
mod fixture;
mod guards;
mod handles;
mod harness;
mod http;
mod lies;
mod loops;
mod machine;
mod memory;
mod nesting;
mod process;
mod python;
mod queries;
mod sealed;
mod secrets;
#[expect(dead_code, reason = "it serves other tests too")]
#[path = "../it/shown.rs"]
mod shown;
mod table;
mod texts;
mod typescript;
mod wat;

use harness::{Attack, Suite};

fn attacks() -> Vec<Attack> {
    let lists = [
        loops::attacks(),
        memory::attacks(),
        lies::attacks(),
        handles::attacks(),
        data::attacks(),
        nesting::attacks(),
        files::attacks(),
        machine::attacks(),
        http::attacks(),
        descriptions::attacks(),
        checks::attacks(),
        components::attacks(),
        cache::attacks(),
        clone::attacks(),
        databases::attacks(),
        sealed::attacks(),
        queries::attacks(),
        secrets::attacks(),
        commands::attacks(),
        guards::attacks(),
        texts::attacks(),
        python::attacks(),
        typescript::attacks(),
    ];
    lists.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_hurts_the_host_or_a_neighbour() {
    let suite = Suite::new(attacks()).await;
    let rows = suite.run().await;
    println!("{}", table::table(&rows));
    let faults: Vec<&String> = rows.iter().flat_map(|row| &row.faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(rows.len() >= 40, "{} attacks", rows.len());
}
