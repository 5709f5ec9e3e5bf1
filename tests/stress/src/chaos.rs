//! Users start the program again and again, each time for a random graph of calls over few models, and
//! a fifth of the processes is killed at a random point. No run ends with `deadlock`, because nothing
//! leaves the sandbox and the guests make the same calls when they run again; and no count is lost.

use std::io::Write;
use std::sync::PoisonError;

use sedge_api::view::run::RunStatusView;
use sedge_app::Repository;
use sedge_test_kit::{Dice, TestEnv, number_from_env, seed};

use crate::books::Books;
use crate::tree::Tree;
use crate::{ALONE, check_unlocked, env};

/// The number of users. Each starts one process after the other.
const N_USERS: usize = 6;

/// The default for the number of graphs of each user.
const N_GRAPHS: u64 = 60;

/// The number of models.
const N_MODELS: usize = 5;

/// One of this many processes is killed.
const KILL_ONE_OF: u64 = 5;

/// The most checks whether a process has ended before it is killed. A check is a system call, so the
/// process is killed within some hundred milliseconds, at any point of its work.
const N_CHECKS_MAX: u64 = 200_000;

/// What became of the processes of one user.
#[derive(Debug, Default)]
struct Processes {
    n_succeeded: usize,
    n_killed: usize,
    /// The exit codes and messages of all others.
    others: Vec<String>,
}

#[test]
fn chaos_of_call_graphs_ends_without_deadlock() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = seed("SEDGE_STRESS_SEED");
    let n_graphs = number_from_env("SEDGE_CHAOS_GRAPHS", N_GRAPHS);
    let env = env(N_MODELS);
    let mut dice = Dice::of_seed(seed);
    let all: Vec<Processes> = std::thread::scope(|scope| {
        let users: Vec<_> = (0..N_USERS)
            .map(|_| {
                let (env, dice) = (&env, Dice::of_seed(dice.number()));
                scope.spawn(move || user(env, n_graphs, dice))
            })
            .collect();
        let ended = users.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.map(|it| it.expect("no user panics")).collect()
    });
    let repository = Repository::open(&env.repository()).expect("a repository");
    let books = Books::read(&repository, N_MODELS);
    let sum = |of: fn(&Processes) -> usize| all.iter().map(of).sum::<usize>();
    let (n_succeeded, n_killed) = (sum(|it| it.n_succeeded), sum(|it| it.n_killed));
    let others: Vec<&String> = all.iter().flat_map(|it| &it.others).collect();
    let text = format!(
        "
chaos: {N_USERS} users x {n_graphs} call graphs on {N_MODELS} models, seed {seed}
  processes {n_succeeded} succeeded, {n_killed} killed, {} ended otherwise (`deadlock` included)
  runs      {} succeeded, {} interrupted; {} calls succeeded; a call was rolled back at most {} times
",
        others.len(),
        books.n_of(RunStatusView::Succeeded),
        books.n_of(RunStatusView::Interrupted),
        books.n_calls(),
        books.rollbacks_max,
    );
    // A macro's output would be captured by the test harness.
    let shown = std::io::stderr().lock().write_all(text.as_bytes());
    shown.expect("stderr can be written");
    assert_eq!(others, Vec::<&String>::new());
    assert!(books.n_of(RunStatusView::Succeeded) >= n_succeeded);
    check_unlocked(&env, N_MODELS);
}

/// Starts one process after the other.
fn user(env: &TestEnv, n_graphs: u64, mut dice: Dice) -> Processes {
    let mut processes = Processes::default();
    for _ in 0..n_graphs {
        let tree = Tree::at_random(&mut dice, N_MODELS);
        let steps = format!("steps:json={}", tree.steps());
        let model = tree.model();
        let mut child = env.spawn(["model", "method", "run", &model, "run", "--input", &steps]);
        let is_killed = dice.below(KILL_ONE_OF) == 0;
        if is_killed {
            for _ in 0..dice.below(N_CHECKS_MAX) {
                if !child.is_running() {
                    break;
                }
            }
            child.kill();
        }
        let output = child.wait();
        match output.code() {
            Some(0) => processes.n_succeeded += 1,
            None if is_killed => processes.n_killed += 1,
            other => processes.others.push(format!("{other:?}: {output:?}")),
        }
    }
    processes
}
