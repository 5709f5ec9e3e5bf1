//! Many processes, each with many tasks, call a few models that call each other in every order. All
//! calls end, nothing is lost or written twice, and no call waits in a cycle or for a dead process.
//!
//! By default, eight processes with 64 tasks each call 20 models for a minute. In a second test
//! they do so for another minute, while every two seconds one of the processes is killed and
//! another one takes its place:
//!
//! ```text
//! SEDGE_STRESS_SECONDS=3600 cargo test --release --workspace -- stress
//! ```
//!
//! In a third test (`chaos`), six users start the program for 60 random call graphs each, and a fifth of
//! these processes is killed.
//!
//! The requests follow from a seed, which is printed; `SEDGE_STRESS_SEED` sets it. The timing is
//! still up to the machine.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "it starts and kills processes, and measures them by the clock"
)]

mod books;
mod chaos;
mod monitor;
mod report;
mod tree;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sedge_app::Repository;
use sedge_test_kit::{Dice, TestEnv, number_from_env, seed};

use crate::books::Books;
use crate::monitor::Monitor;
use crate::report::{Took, cpu_of_children};
use crate::worker::{Requested, Worker};

/// The number of concurrent processes.
const N_PROCESSES: usize = 8;

/// The number of concurrent tasks of each process.
const N_TASKS: usize = 64;

/// The number of models.
const N_MODELS: usize = 20;

/// The default for the duration of each part, in seconds.
const SECONDS: u64 = 60;

/// The interval between two kills.
const KILL_EVERY: Duration = Duration::from_secs(2);

/// How long before a kill another process is started. A starting process releases the locks of dead
/// ones. Here the waiting processes have to do that, and they have more than a second for it before
/// the next process starts.
const START_BEFORE: Duration = Duration::from_millis(500);

/// The most checks until all workers have ended their runs: a minute longer than the last of them
/// would wait for a lock.
const CHECKS_TO_END_MAX: usize = 1200;

/// The tests run one at a time, because each starts many processes.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn stress_without_kills() {
    check("without kills", None);
}

#[test]
fn stress_with_processes_killed() {
    check("one killed every two seconds", Some(KILL_EVERY));
}

fn check(part: &str, kill_every: Option<Duration>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = seed("SEDGE_STRESS_SEED");
    let env = env(N_MODELS);
    let (since, cpu) = (Instant::now(), cpu_of_children());
    let mut crowd = Crowd::begin(&env.repository(), seed);
    crowd.work(kill_every);
    crowd.end();
    let Crowd {
        workers,
        monitor,
        n_killed,
        ..
    } = crowd;
    let requested: Vec<Requested> = workers.into_iter().map(Worker::ended).collect();
    let took = Took {
        wall: since.elapsed(),
        cpu: cpu_of_children() - cpu,
        n_killed,
    };
    let repository = Repository::open(&env.repository()).expect("a repository");
    let books = Books::read(&repository, N_MODELS);
    report::show((part, seed), took, &books, &requested, monitor.looked());
    books.check_against(&requested, n_killed);
    check_unlocked(&env, N_MODELS);
}

/// Returns a repository with models 0 to `n_models` - 1.
fn env(n_models: usize) -> TestEnv {
    let env = TestEnv::with_repository();
    env.setup(&["plugin add $GUESTS/counter.wasm --grant-all"]);
    for model in 0..n_models {
        let create = format!("model create @test/counter {}", tree::model(model));
        env.setup(&[&create]);
    }
    env
}

/// The processes, and the monitor.
struct Crowd {
    repository: PathBuf,
    dice: Dice,
    workers: Vec<Worker>,
    monitor: Monitor,
    n_killed: usize,
}

impl Crowd {
    fn begin(repository: &Path, seed: u64) -> Self {
        let mut crowd = Self {
            repository: repository.to_owned(),
            dice: Dice::of_seed(seed),
            workers: Vec::new(),
            monitor: Monitor::begin(repository),
            n_killed: 0,
        };
        for _ in 0..N_PROCESSES {
            crowd.start();
        }
        crowd
    }

    fn start(&mut self) {
        let seed = self.dice.number();
        self.workers.push(Worker::start(&self.repository, seed));
    }

    /// Runs the processes until the time is up, and kills one of them now and then.
    fn work(&mut self, kill_every: Option<Duration>) {
        let duration = Duration::from_secs(number_from_env("SEDGE_STRESS_SECONDS", SECONDS));
        let since = Instant::now();
        let mut next_start = kill_every.map(|every| every - START_BEFORE);
        let mut next_kill = kill_every;
        let is_due = |next: &mut Option<Duration>| {
            let is_due = next.is_some_and(|at| since.elapsed() > at);
            if is_due {
                *next = next.zip(kill_every).map(|(at, every)| at + every);
            }
            is_due
        };
        while since.elapsed() < duration {
            self.monitor.look();
            if is_due(&mut next_start) {
                self.start();
            }
            if is_due(&mut next_kill) {
                self.kill_one();
            }
            let live = self.workers.iter_mut().filter(|worker| worker.is_live());
            for worker in live {
                assert!(worker.is_running(), "a worker has ended by itself");
            }
        }
    }

    fn kill_one(&mut self) {
        let live = self.workers.iter_mut().filter(|worker| worker.is_live());
        let mut live: Vec<&mut Worker> = live.collect();
        let which = usize::try_from(self.dice.below(live.len() as u64)).expect("few");
        live.swap_remove(which).kill();
        self.n_killed += 1;
    }

    /// Waits until all processes have ended their runs.
    fn end(&mut self) {
        for worker in &mut self.workers {
            worker.stop();
        }
        let n_looks_max = self.monitor.looked().n_looks + CHECKS_TO_END_MAX;
        while self.workers.iter_mut().any(Worker::is_running) {
            self.monitor.look();
            let n_looks = self.monitor.looked().n_looks;
            assert!(n_looks < n_looks_max, "not every process ends");
        }
    }
}

/// Checks that nothing is locked, and that every model can be called at once.
fn check_unlocked(env: &TestEnv, n_models: usize) {
    for model in 0..n_models {
        let command = format!(
            "model method run {} add --lock-timeout 1",
            tree::model(model)
        );
        let _ = env.run(command.split(' ')).succeeded();
    }
    let status = env.run_json(["datastore", "lock", "status"]);
    assert_eq!(status["data"], serde_json::json!([]));
}
