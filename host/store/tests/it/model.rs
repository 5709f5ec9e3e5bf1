//! The store against a simple model of its data, with random histories. After every step,
//! everything that can be read is the same in both, and the store finds no fault in itself.
//!
//! To run more histories, on a faster disk:
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

/// The default number of histories.
const N_HISTORIES: u32 = 100;

/// The number of threads, each with its own store. They mostly wait for the disk.
const N_THREADS: u32 = 4;

const N_MODELS: usize = 3;
const MODELS: [&str; N_MODELS] = ["sink", "sink-2", "7"];

/// The types of calls. The last one is unknown.
const N_OWNERS: usize = 3;
const OWNERS: [Option<&str>; N_OWNERS] = [Some("@test/sink"), Some("@test/other"), None];

/// The runs of a history: two of a workflow, the last of a method.
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

/// Contents with sizes around the limit for storing them in files. There are few of them, so that
/// versions share them.
const N_CONTENTS_SMALL: usize = 3;
const N_CONTENTS: usize = 6;

/// The durations in the lists below.
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
fn random_histories_match_the_plain_model() {
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
            "a case that the histories should cover never happened"
        );
    }
}

/// Runs this many histories in one store, which each leaves empty. If one fails, the shortest
/// failing history is shown.
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
        // A store in which a history failed is not used again.
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
    let value = std::env::var("SEDGE_MODEL_HISTORIES").ok();
    value.map_or(N_HISTORIES, |text| {
        text.parse().expect("SEDGE_MODEL_HISTORIES is a number")
    })
}
