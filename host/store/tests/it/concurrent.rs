//! Many threads of two processes that write to one name at once.

use std::sync::Barrier;

use sedge_model::run::{RunEvent, RunStatus};

use crate::fixture::{
    Fixture, append, call_start, data_name, gate_opened, latest, model_name, success,
};

const N_THREADS: u32 = 8;
const N_COMMITS: u32 = 25;

/// Two handles stand for two processes: each has its own connections and its own place in the queue
/// of writers.
#[test]
fn concurrent_versions_have_no_gaps() {
    let fixture = Fixture::new();
    let stores = [fixture.other_process(), fixture.other_process()];
    let claim = fixture.run(1);
    let start = Barrier::new(N_THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 1..=N_THREADS {
            let (store, claim, start) = (&stores[thread as usize % 2], &claim, &start);
            scope.spawn(move || {
                start.wait();
                for n in 1..=N_COMMITS {
                    let begun = call_start(claim, &[thread, n], "sink");
                    store
                        .call_start(claim, begun.clone())
                        .wait()
                        .expect("the claim counts");
                    let end = success(&begun.lineage, "sink", &[("record", "1")]);
                    store
                        .call_commit(claim, end.clone(), None)
                        .wait()
                        .expect("the claim counts");
                }
            });
        }
    });
    let n_all = u64::from(N_THREADS * N_COMMITS);
    let expect: Vec<u64> = (1..=n_all).collect();
    assert_eq!(fixture.versions("sink", "record"), expect);
    let calls = fixture.store.call_list(&claim.run).expect("readable");
    assert_eq!(calls.len() as u64, n_all);
    assert!(calls.iter().all(|call| call.outcome.is_some()));
}

#[test]
fn concurrently_appended_log_has_no_gaps() {
    let fixture = Fixture::new();
    let stores = [fixture.other_process(), fixture.other_process()];
    let claim = fixture.run(1);
    std::thread::scope(|scope| {
        for thread in 0..N_THREADS {
            let (store, claim) = (&stores[thread as usize % 2], &claim);
            scope.spawn(move || {
                for _ in 0..N_COMMITS {
                    append(store, claim, vec![RunEvent::Resumed], None).expect("it counts");
                }
            });
        }
    });
    let events = fixture.store.run_events(&claim.run).expect("readable");
    let numbers: Vec<u64> = events.iter().map(|record| record.seq).collect();
    let n_all = u64::from(N_THREADS * N_COMMITS) + 1;
    assert_eq!(numbers, (1..=n_all).collect::<Vec<_>>());
}

/// The list was read with two queries, of suspended and of running runs. A run that was resumed in
/// between was in both results, and its gate was shown twice. Now there is one query.
#[test]
fn gate_is_listed_once_while_its_run_is_resumed() {
    let fixture = Fixture::new();
    let writer = fixture.other_process();
    let mut claim = fixture.run(1);
    append(&writer, &claim, vec![gate_opened("a/ask")], None).expect("it counts");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for _ in 0..4 * N_COMMITS {
                append(&writer, &claim, vec![], Some(RunStatus::Suspended)).expect("it counts");
                let seen = writer.run_get(&claim.run).expect("it was made");
                let next = writer.run_claim(&seen, "session-2", &[RunEvent::Resumed]);
                claim = next.expect("no other process claims it");
            }
        });
        while !writing.is_finished() {
            assert_eq!(fixture.store.gates_open().expect("readable").len(), 1);
        }
    });
}

/// A concurrent reader sees all writes of a call or none.
#[test]
fn reader_sees_all_writes_of_a_call_or_none() {
    let fixture = Fixture::new();
    let writer = fixture.other_process();
    let claim = fixture.run(1);
    let names = ["a", "b", "c"];
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for n in 1..=N_COMMITS {
                let begun = call_start(&claim, &[n], "sink");
                writer
                    .call_start(&claim, begun.clone())
                    .wait()
                    .expect("it counts");
                let writes = names.map(|name| (name, "1"));
                let end = success(&begun.lineage, "sink", &writes);
                writer
                    .call_commit(&claim, end.clone(), None)
                    .wait()
                    .expect("it counts");
            }
        });
        while !writing.is_finished() {
            let list = fixture
                .store
                .data_select(&latest(Some(&model_name("sink"))));
            let list = list.expect("readable");
            let versions: Vec<u64> = list.iter().map(|it| it.version).collect();
            assert!(
                versions.windows(2).all(|pair| pair[0] == pair[1]),
                "{versions:?}"
            );
            assert!(versions.is_empty() || versions.len() == names.len());
        }
    });
    let latest = fixture
        .store
        .data_get(&model_name("sink"), &data_name("c"), None);
    let latest = latest.expect("readable").expect("it was written");
    assert_eq!(latest.version, u64::from(N_COMMITS));
}
