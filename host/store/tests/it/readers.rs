//! Readers and writers do not block each other: a reader sees a snapshot, and a writer does not
//! wait for readers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::Duration;

use rusqlite::Connection;
use sedge_lang::query::Selection;
use sedge_model::lifetime::Retention;
use sedge_store::{
    CheckReport, Claim, DataChosen, DataRecord, GcRules, RunFilter, Scan, Store, StoreError,
};
use sedge_sys::file_lock::FileQueue;

use crate::fixture::{
    Fixture, call_start, data_name, delete, latest, model_name, permit, run_id, success,
};

/// More versions than one transaction of a collection deletes.
const N_VERSIONS: u64 = 1200;

fn commit(store: &Store, claim: &Claim, n: u32, writes: &[(&str, &str)]) {
    let begun = call_start(claim, &[n], "sink");
    let end = success(&begun.lineage, "sink", writes);
    store.call_start(claim, begun).wait().expect("it counts");
    store
        .call_commit(claim, end, None)
        .wait()
        .expect("it counts");
}

/// The results of the most common reads.
#[derive(Debug, PartialEq)]
struct Seen {
    all: Vec<DataRecord>,
    text: Option<String>,
    n_runs: usize,
    n_calls: usize,
    n_models: usize,
    n_versions: u64,
    check: CheckReport,
    n_too_old: u64,
}

impl Seen {
    fn of(store: &Store) -> Self {
        let (model, name) = (model_name("sink"), data_name("a"));
        let text = store.data_text(&model, &name, None).expect("readable");
        let runs = store.run_list(&RunFilter::default(), 10).expect("readable");
        let calls = store.call_list(&run_id(1)).expect("readable");
        let plan = store.data_gc_plan(&GcRules::default()).expect("readable");
        Self {
            all: store.data_select(&latest(None)).expect("readable"),
            text: text.map(|(_, text)| text),
            n_runs: runs.len(),
            n_calls: calls.len(),
            n_models: store.data_models().expect("readable").len(),
            n_versions: store.status().expect("readable").n_versions,
            check: store.check(true, |_| {}).expect("readable"),
            n_too_old: plan.n_latest_kept,
        }
    }
}

/// A writer that has begun and does not end, and holds the lock of the queue, such as a process
/// that was stopped during a write.
#[test]
fn readers_do_not_wait_for_a_stuck_writer() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    commit(&fixture.store, &claim, 1, &[("a", "1"), ("b", "2")]);
    let before = Seen::of(&fixture.store);
    let path = |name: &str| fixture.folder().path_of(name);
    let queue = FileQueue::open(fixture.folder(), "write.lock", Duration::from_secs(600));
    let queue = queue.expect("it is there");
    let turn = queue.enter().expect("it has locks");
    let writer = Connection::open(path("sedge.db")).expect("it is there");
    let half = "BEGIN IMMEDIATE;
        UPDATE contents SET bytes = x'00'; UPDATE data SET name = name || 'x', latest = 7;
        DELETE FROM log_lines; UPDATE runs SET status = 'failed'; UPDATE calls SET path = '9';";
    writer.execute_batch(half).expect("no other process writes");
    assert_eq!(Seen::of(&fixture.store), before, "an open store");
    let other = fixture.other_process();
    assert_eq!(Seen::of(&other), before, "a store that is opened now");
    writer.execute_batch("ROLLBACK").expect("it has begun");
    drop(turn);
    commit(&other, &claim, 2, &[("a", "3")]);
    assert_eq!(Seen::of(&fixture.store).text.as_deref(), Some("3"));
}

/// Other threads read and write during a collection.
#[test]
fn long_collection_does_not_block_readers_and_writers() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let begun = call_start(&claim, &[1], "sink");
    let writes = vec![("a", "1"); N_VERSIONS as usize];
    let end = success(&begun.lineage, "sink", &writes);
    fixture
        .store
        .call_start(&claim, begun)
        .wait()
        .expect("it counts");
    fixture
        .store
        .call_commit(&claim, end, None)
        .wait()
        .expect("it counts");
    let spec = "record".parse().expect("a spec's name");
    let retention = Retention {
        keep: Some("1".parse().expect("a number")),
        ..Retention::default()
    };
    let rules = GcRules {
        overrides: [(model_name("sink"), [(spec, retention)].into())].into(),
        ..GcRules::default()
    };
    let collector = fixture.other_process();
    let is_over = AtomicBool::new(false);
    let (n_reads, n_commits) = scope(|scope| {
        let collecting = scope.spawn(|| {
            let report = collector.data_gc(&permit(), &rules);
            is_over.store(true, Ordering::Relaxed);
            report.expect("nothing is fenced")
        });
        let writing = scope.spawn(|| {
            let mut n_commits = 0;
            while !is_over.load(Ordering::Relaxed) {
                n_commits += 1;
                commit(&fixture.store, &claim, n_commits + 1, &[("other", "1")]);
            }
            n_commits
        });
        let mut n_reads = 0_u64;
        while !is_over.load(Ordering::Relaxed) {
            n_reads += 1;
            let versions = fixture.versions("sink", "a");
            // Batches go from the newest to the oldest version; the latest is kept.
            let expected = (1..versions.len() as u64).chain([N_VERSIONS]);
            assert_eq!(versions, expected.collect::<Vec<_>>());
        }
        let report = collecting.join().expect("no panic");
        assert_eq!(report.deleted[0].n_versions, N_VERSIONS - 1);
        (n_reads, writing.join().expect("no panic"))
    });
    println!("while {N_VERSIONS} versions were collected: {n_reads} reads, {n_commits} commits");
    assert_eq!(fixture.versions("sink", "a"), [N_VERSIONS]);
    // Versions that existed when the collection began were collected; no later version is missing.
    let other = fixture.versions("sink", "other");
    let first = other.first().copied().unwrap_or_default();
    assert!(
        (1..=n_commits.into()).contains(&first),
        "{first} of {n_commits}"
    );
    assert_eq!(other, (first..=n_commits.into()).collect::<Vec<u64>>());
}

/// At the first version of a scan, other writes are made, also through its own store. The scan
/// continues with its snapshot.
#[test]
fn scan_reads_a_snapshot_and_does_not_block_writers() {
    let fixture = Fixture::new();
    let other = fixture.other_process();
    let claim = fixture.run(1);
    let large = format!("\"{}\"", "x".repeat(100_000));
    let writes = [("a", "1"), ("b", "2"), ("c", large.as_str()), ("d", "4")];
    commit(&fixture.store, &claim, 1, &writes);
    let before = fixture.store.data_select(&Selection::default());
    let before = before.expect("readable");
    let mut seen = Vec::new();
    let scanned = fixture.store.data_scan(&Selection::default(), |scanned| {
        if seen.is_empty() {
            commit(&fixture.store, &claim, 2, &[("a", "5"), ("bb", "6")]);
            commit(&other, &claim, 3, &[("d", "7"), ("e", "8")]);
            delete(&other, "sink", DataChosen::Name(data_name("b")));
            delete(&other, "sink", DataChosen::Version(data_name("d"), 1));
        }
        let text = scanned.text()?.expect("it is a resource");
        seen.push((scanned.record.clone(), text));
        Ok::<_, StoreError>(Scan::More)
    });
    scanned.expect("readable");
    let (records, texts): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    assert_eq!(records, before);
    assert_eq!(texts, writes.map(|(_, text)| text));
    let after = fixture.store.data_select(&latest(None)).expect("readable");
    let after: Vec<(&str, u64)> = after
        .iter()
        .map(|record| (record.name.as_str(), record.version))
        .collect();
    assert_eq!(after, [("a", 2), ("bb", 1), ("c", 1), ("d", 2), ("e", 1)]);
}
