//! Many processes at once, each with many tasks, on a few models that call each other in
//! every order: everyone gets through, nothing is lost or written twice, and nobody waits
//! for somebody who waits for it, or who is dead.
//!
//! Eight processes with 64 tasks each call 20 models for a minute, and for another minute
//! while every two seconds one of the processes is killed, unless told otherwise:
//!
//! ```text
//! SEDGE_STRESS_SECONDS=3600 cargo test --release --workspace -- stress
//! ```
//!
//! What was asked for follows from a number, which is shown; `SEDGE_STRESS_SEED` sets it.
//! When something happens is the machine's choice all the same.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "it starts processes, kills them, and measures them by the clock"
)]

mod books;
mod monitor;
mod report;
mod tree;
mod worker;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sedge_app::Repository;
use sedge_test_kit::{Dice, TestEnv, seed, told};

use crate::books::Books;
use crate::monitor::{Looked, Monitor};
use crate::worker::{Asked, Worker};

/// Processes that run at once.
const N_PROCESSES: usize = 8;

/// Tasks that each of them has under way at once.
const N_TASKS: usize = 64;

/// Models that they call.
const N_MODELS: usize = 20;

/// How long each part takes, unless told otherwise.
const SECONDS: u64 = 60;

/// How often a process is killed.
const KILL_EVERY: Duration = Duration::from_secs(2);

/// One at a time: they are many enough.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn stress() {
    check("all live", None);
}

#[test]
fn stress_with_processes_killed() {
    check("one killed every two seconds", Some(KILL_EVERY));
}

fn check(part: &str, kill_every: Option<Duration>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = seed("SEDGE_STRESS_SEED");
    let env = env();
    let since = Instant::now();
    let (workers, looked) = work(&env.repository(), seed, kill_every);
    let took = since.elapsed();
    let asked: Vec<Asked> = workers.into_iter().map(Worker::ended).collect();
    let repository = Repository::open(&env.repository()).expect("a repository");
    let books = Books::read(&repository);
    report::show(part, (seed, took), &books, &asked, looked);
    books.balance(&asked);
    everything_is_free(&env);
}

/// Returns a repository with the models.
fn env() -> TestEnv {
    let env = TestEnv::with_repository();
    env.setup(&["plugin add $GUESTS/counter.wasm"]);
    for model in 0..N_MODELS {
        let create = format!("model create @test/counter {}", tree::model(model));
        env.setup(&[&create]);
    }
    env
}

/// Has processes work until the time is up, and one of them die now and then.
fn work(repository: &Path, seed: u64, kill_every: Option<Duration>) -> (Vec<Worker>, Looked) {
    let duration = Duration::from_secs(told("SEDGE_STRESS_SECONDS", SECONDS));
    let mut dice = Dice::of_seed(seed);
    let mut workers: Vec<Worker> = (0..N_PROCESSES)
        .map(|_| Worker::start(repository, dice.number()))
        .collect();
    let mut monitor = Monitor::begin(repository);
    let since = Instant::now();
    let mut next_kill = kill_every;
    while since.elapsed() < duration {
        monitor.look();
        if next_kill.is_some_and(|at| since.elapsed() > at) {
            next_kill = next_kill.zip(kill_every).map(|(at, every)| at + every);
            let live = workers.iter_mut().filter(|worker| worker.is_live());
            let mut live: Vec<&mut Worker> = live.collect();
            let which = dice.below(live.len() as u64);
            live.swap_remove(usize::try_from(which).expect("few"))
                .kill();
            workers.push(Worker::start(repository, dice.number()));
        }
    }
    for worker in &mut workers {
        worker.stop();
    }
    while workers.iter_mut().any(Worker::is_running) {
        monitor.look();
    }
    (workers, monitor.end())
}

/// Nothing is locked, and every model can be called at once.
fn everything_is_free(env: &TestEnv) {
    for model in 0..N_MODELS {
        let command = format!(
            "model method run {} add --lock-timeout 1",
            tree::model(model)
        );
        let _ = env.run(command.split(' ')).succeeded();
    }
    let status = env.run_json(["datastore", "lock", "status"]);
    assert_eq!(status["data"], serde_json::json!([]));
}
