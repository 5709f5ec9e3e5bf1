//! The store against a plain model of its data, with histories at random: whatever is done,
//! all that can be read of both is the same, and the store finds nothing wrong with itself.
//!
//! More histories than usual, and less waiting for a disk:
//!
//! ```text
//! SEDGE_MODEL_HISTORIES=10000 TMPDIR=… cargo test --release -p sedge-store --test it \
//!     -- model --nocapture
//! ```

mod calls;
mod compare;
mod history;
mod plain;
mod scene;

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::test_runner::{Config, TestRunner};

use history::history;
use scene::{Scene, Tally};

/// Histories that are tried, unless told otherwise.
const N_HISTORIES: u32 = 100;

/// Threads that try histories, each in a store of its own: they wait for the disk mostly.
const N_THREADS: u32 = 4;

const N_MODELS: usize = 3;
const MODELS: [&str; N_MODELS] = ["sink", "sink-2", "7"];

/// The types that calls are of; the last is one that is not known.
const N_OWNERS: usize = 3;
const OWNERS: [Option<&str>; N_OWNERS] = [Some("@test/sink"), Some("@test/other"), None];

/// Runs of a history: two of a workflow, the last of a method.
const N_RUNS: usize = 3;
const STEPS: [&str; 3] = ["build/compile", "build/test", "ship/it"];
const WORKFLOW: &str = "name: deploy
jobs:
  - name: build
    steps:
      - name: compile
        task: {type: model_method, modelIdOrName: sink, methodName: run}
      - name: test
        task: {type: model_method, modelIdOrName: sink, methodName: run}
  - name: ship
    steps:
      - name: it
        task: {type: model_method, modelIdOrName: sink, methodName: run}
";

/// Contents, around the size from which on they are in files. There are few, so that they
/// are shared.
const N_CONTENTS_SMALL: usize = 3;
const N_CONTENTS: usize = 6;

/// Lengths of time in the lists below.
const SPANS_MS: [u64; 2] = [3_600_000, 86_400_000];
const LIFETIMES: [&str; 6] = ["infinite", "1h", "1d", "ephemeral", "job", "workflow"];
const KEEPS: [&str; 4] = ["1", "2", "1h", "4294967295"];
const TAGS: [(&str, &str); 6] = [
    ("env", "prod"),
    ("env", "test"),
    ("7", "7"),
    ("a\"b\\c/'%", "\u{e9}"),
    ("a\"b\\c/'%", "e\u{301}"),
    ("\u{1f469}\u{200d}\u{1f467}", ""),
];

fn content(n: usize) -> String {
    use sedge_store::INLINE_BYTES_MAX;
    match n {
        0 => String::new(),
        1 => "7".to_owned(),
        2 => "{\"e\u{301}\": [null, \"\u{1f994}\"]}".to_owned(),
        3 => "x".repeat(INLINE_BYTES_MAX),
        4 => "x".repeat(INLINE_BYTES_MAX + 1),
        _ => "y".repeat(2 * INLINE_BYTES_MAX),
    }
}

#[test]
fn histories_at_random_are_as_in_a_plain_model() {
    let n_histories = n_histories();
    let n_left = AtomicU32::new(n_histories);
    let tallies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..N_THREADS)
            .map(|n| {
                let n_own = n_histories / N_THREADS + u32::from(n < n_histories % N_THREADS);
                let n_left = &n_left;
                scope.spawn(move || try_some(n_own, n_left))
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Tally>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect::<Vec<_>>()
    });
    let tally = tallies.into_iter().fold(Tally::default(), Tally::plus);
    println!("{n_histories} histories: {tally}");
    assert_eq!(n_left.load(Ordering::Relaxed), 0, "all were tried");
    if n_histories >= N_HISTORIES {
        assert_eq!(
            tally.missing(),
            None,
            "what they are to show never happened"
        );
    }
}

/// Tries so many histories in one store, which each leaves empty; the shortest one that fails
/// is shown.
fn try_some(n_histories: u32, n_left: &AtomicU32) -> Tally {
    let limits = Config {
        cases: n_histories,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let kept: RefCell<Option<Scene>> = RefCell::default();
    let tally = RefCell::new(Tally::default());
    let tried = TestRunner::new(limits).run(&history(), |history| {
        // A store in which one failed is not used again.
        let before = kept.take();
        let mut scene = before.unwrap_or_else(Scene::new);
        scene.play(&history);
        tally.replace_with(|tally| std::mem::take(tally).plus(scene.leave()));
        n_left.fetch_sub(1, Ordering::Relaxed);
        kept.replace(Some(scene));
        Ok(())
    });
    if let Err(failure) = tried {
        panic!("{failure}");
    }
    tally.into_inner()
}

fn n_histories() -> u32 {
    let told = std::env::var("SEDGE_MODEL_HISTORIES").ok();
    told.map_or(N_HISTORIES, |text| {
        text.parse().expect("SEDGE_MODEL_HISTORIES is a number")
    })
}
