//! Tests the protocol with every interleaving of a few lineages, and with random histories.
//!
//! `checker` visits all states of the table that a few lineages can reach, and checks each state
//! against independent rules (`naive`). `broken` shows that the checker detects errors: it must
//! reject each of several rules with one error. `histories` compares the table with a plain list
//! of requests, from which each result is computed from scratch. PROTOCOL.md lists the
//! invariants.
//!
//! Where there would be too many states, states that differ only in the names of runs and models
//! count as one (`Config::symmetric`). All other configurations are visited in full.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "an environment variable sets the duration"
)]

mod breaks_at;
mod broken;
mod checker;
mod cycles;
mod histories;
mod naive;
mod retries;
mod world;

use sedge_locks::mode::Mode::{IS, IX, S, X};
use sedge_locks::table::LockTable;
use sedge_sys::clock::Moment;

use checker::check;
use world::{Config, Kind, NESTED, PARALLEL};

/// The datastore.
const STORE: u8 = 0;

/// Visits all states of a configuration, and prints their number.
#[track_caller]
fn all_hold(config: &Config, n_states_min: usize) {
    let since = Moment::now();
    let seen = match check::<LockTable>(config) {
        Ok(seen) => seen,
        Err(violation) => panic!("{}: {violation}", config.name),
    };
    println!(
        "{}: {} states, {} transitions, {} cycles, {} ms",
        config.name,
        seen.n_states,
        seen.n_transitions,
        seen.n_cycles,
        since.elapsed().as_millis()
    );
    assert!(seen.n_states >= n_states_min, "it went through too little");
}

fn writes(n_models: u8) -> Vec<Kind> {
    (1..=n_models)
        .map(|model| Kind::new(&[(model, X)]))
        .collect()
}

fn reads(n_models: u8) -> Vec<Kind> {
    (1..=n_models)
        .map(|model| Kind::new(&[(model, S)]))
        .collect()
}

/// Calls that write one model, or several that they request at once, as a call does that is retried.
fn writes_at_once(n_models: u8) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for set in 1..1_u8 << n_models {
        let models = (1..=n_models).filter(|model| set & 1 << (model - 1) != 0);
        let wants: Vec<_> = models.map(|model| (model, X)).collect();
        kinds.push(Kind::at_once(&wants));
    }
    kinds
}

/// Calls that request two models at once, each to read or to write it, and calls that request one.
fn reads_and_writes_at_once() -> Vec<Kind> {
    let mut kinds = [reads(2), writes(2)].concat();
    for one in [S, X] {
        kinds.extend([S, X].map(|other| Kind::at_once(&[(1, one), (2, other)])));
    }
    kinds
}

/// Calls as the host makes them: first an intention on the datastore, then the model's lock.
fn with_intentions(n_models: u8) -> Vec<Kind> {
    let write = |model| Kind::new(&[(STORE, IX), (model, X)]);
    let read = |model| Kind::new(&[(STORE, IS), (model, S)]);
    (1..=n_models)
        .flat_map(|model| [write(model), read(model)])
        .collect()
}

#[test]
fn three_runs_write_three_models_three_deep() {
    let config = Config::new("X, 3 models, depth 3", 3, writes(3), &[NESTED; 3]);
    all_hold(&config, 9_000);
    let config = Config::new("X, 3 models, depth 3, in order", 3, writes(3), &[NESTED; 3]);
    all_hold(&config.in_order().symmetric(), 15_000);
}

#[test]
fn three_runs_read_and_write() {
    let kinds = [reads(2), writes(2)].concat();
    let config = Config::new("S and X, 2 models, depth 3", 3, kinds, &[NESTED; 3]);
    all_hold(&config, 60_000);
    let kinds = [reads(3), writes(3)].concat();
    let config = Config::new("S and X, 3 models, depth 3", 3, kinds, &[NESTED; 3]);
    all_hold(&config.symmetric(), 50_000);
}

#[test]
fn structural_operations_beside_calls() {
    let structural = vec![Kind::new(&[(STORE, X)]), Kind::new(&[(STORE, S)])];
    let kinds = [with_intentions(1), structural.clone()].concat();
    let config = Config::new("datastore, 1 model, depth 3", 3, kinds, &[NESTED; 3]);
    all_hold(&config, 60_000);
    let kinds = [with_intentions(2), structural].concat();
    let config = Config::new(
        "datastore, 2 models, depth 2",
        2,
        kinds.clone(),
        &[NESTED; 3],
    );
    all_hold(&config.symmetric(), 9_000);
    let config = Config::new("datastore, 2 models, depth 3", 3, kinds, &[NESTED; 2]);
    all_hold(&config, 1_000);
}

/// Observations share their model, as reads do, and announce writes to the datastore, as changes do.
#[test]
fn observations_beside_reads_changes_and_structural_operations() {
    let observe = |model| Kind::new(&[(STORE, IX), (model, S)]);
    let mut kinds = with_intentions(1);
    kinds.extend([observe(1), Kind::new(&[(STORE, X)])]);
    let config = Config::new("observations, 1 model, depth 3", 3, kinds, &[NESTED; 3]);
    all_hold(&config, 20_000);
    let mut kinds = with_intentions(2);
    kinds.extend([observe(1), observe(2)]);
    let config = Config::new("observations, 2 models, depth 2", 2, kinds, &[NESTED; 3]);
    all_hold(&config.symmetric(), 3_000);
}

#[test]
fn three_runs_write_several_models_at_once() {
    let kinds = writes_at_once(2);
    let config = Config::new("X at once, 2 models, depth 3", 3, kinds, &[NESTED; 3]);
    all_hold(&config.with_progress(), 3_000);
    let kinds = writes_at_once(3);
    let config = Config::new("X at once, 3 models, depth 2", 2, kinds, &[NESTED; 3]);
    all_hold(&config.symmetric().with_progress(), 500);
}

#[test]
fn runs_read_and_write_several_models_at_once() {
    let kinds = reads_and_writes_at_once();
    let config = Config::new("S and X at once, 2 models, depth 2", 2, kinds, &[NESTED; 3]);
    all_hold(&config.symmetric().with_progress(), 7_000);
    let mut kinds = writes_at_once(2);
    kinds.push(Kind::at_once(&[(1, S), (2, X)]));
    kinds.push(Kind::at_once(&[(1, X), (2, S)]));
    let config = Config::new("S and X at once, 2 models, depth 3", 3, kinds, &[NESTED; 2]);
    all_hold(&config.symmetric().with_progress(), 300);
}

#[test]
fn parallel_calls_that_request_several_models_at_once() {
    let runs = [PARALLEL, NESTED];
    let config = Config::new(
        "parallel calls, X at once, 2 models",
        3,
        writes_at_once(2),
        &runs,
    );
    all_hold(&config.with_progress(), 500);
    let kinds = vec![
        Kind::at_once(&[(1, S)]),
        Kind::at_once(&[(1, X)]),
        Kind::at_once(&[(1, X), (2, X)]),
        Kind::at_once(&[(1, S), (2, X)]),
    ];
    let name = "parallel calls, S and X at once, 2 models";
    let config = Config::new(name, 2, kinds.clone(), &runs);
    all_hold(&config.with_progress(), 300);
    let name = "parallel calls alone, S and X at once, 2 models";
    let config = Config::new(name, 3, kinds, &[PARALLEL]);
    all_hold(&config.with_progress(), 300);
}

/// Calls as the host makes them, and those that are retried: first an intention on the datastore,
/// then all models at once.
#[test]
fn structural_operations_beside_calls_that_request_several_models_at_once() {
    let at_once = Kind {
        batches: vec![vec![(STORE, IX)], vec![(1, X), (2, X)]],
    };
    let mut kinds = with_intentions(2);
    kinds.retain(|kind| kind.batches[0] == [(STORE, IX)]);
    kinds.extend([at_once, Kind::new(&[(STORE, X)])]);
    let config = Config::new("datastore, 2 models at once", 2, kinds, &[NESTED; 3]);
    all_hold(&config.symmetric(), 800);
}

#[test]
fn parallel_calls_of_one_run_beside_others() {
    let config = Config::new(
        "parallel calls, X, 2 models",
        3,
        writes(2),
        &[PARALLEL, NESTED],
    );
    all_hold(&config, 500);
    let runs = [PARALLEL, NESTED, NESTED];
    let config = Config::new("parallel calls, X, 3 models", 3, writes(3), &runs);
    all_hold(&config.in_one_session(), 60_000);
    let kinds = [reads(1), writes(1)].concat();
    let config = Config::new("parallel calls, S and X, 1 model", 3, kinds, &runs);
    all_hold(&config, 1_000);
}

#[test]
fn upgrades_of_one_and_of_several() {
    let kinds = [reads(1), writes(1)].concat();
    let config = Config::new("one upgrades", 3, kinds.clone(), &[PARALLEL]);
    all_hold(&config, 80);
    let config = Config::new("three upgrade", 3, kinds.clone(), &[NESTED; 3]);
    all_hold(&config.in_order(), 20_000);
    let runs = [PARALLEL, PARALLEL];
    let config = Config::new("two with parallel calls upgrade", 3, kinds, &runs);
    all_hold(&config, 1_000);
}
