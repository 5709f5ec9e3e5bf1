//! The initial states of the tested operations, and what they have in common.

use std::collections::BTreeSet;

use sedge_model::call::LogLevel;
use sedge_model::lineage::Lineage;
use sedge_model::permission::{ModelPermission, Permission};
use sedge_model::run::{Expansion, RunEvent, RunKind, RunStatus};
use sedge_store::{Author, Claim, DataChosen, LogEntry, StartedTask, Store, StoreError};
use sedge_sys::folder::Folder;

use crate::fixture::{
    append, call_start, child_start, gate_opened, log_line, run_id, run_start, step_path,
    step_started, success,
};
use crate::operations::{back_up, delete};

/// Somewhat less than the number of log frames at which SQLite copies the log into the database.
const LOG_FRAMES: u64 = 995;

/// The size of a page with its frame header in the log, in bytes.
const FRAME_BYTES: u64 = 4096 + 24;

/// Fills a store with entries of every kind. Run 1 is in a call whose nested call has ended; run 2
/// is about to end; run 3 waits at a gate.
pub(crate) fn fill(store: &Store) {
    let set = store.lock_epoch_set(None, 1);
    assert!(set.expect("it can be set"), "no other process set it");
    for n in 1..=3 {
        let kind = match n {
            2 => RunKind::Method,
            _ => RunKind::Workflow,
        };
        let start = run_start(n, kind, "deploy");
        let started = store.run_start(&start, &[RunEvent::Started]);
        started.expect("the id is new");
    }
    let writes = [("record", "{\"n\":1}"), ("note", "\"é\"")];
    for n in 1..=2 {
        begin(store, 2, &[n]);
        let mut end = success(&lineage(2, &[n]), "sink", &writes);
        end.log = vec![log_line(LogLevel::Info, "written")];
        end.used = vec![Permission::Models(ModelPermission {
            model: "sink-two".parse().expect("a pattern"),
        })];
        store
            .call_commit(&claim(2), end, None)
            .wait()
            .expect("it counts");
    }
    begin(store, 1, &[1]);
    begin(store, 1, &[1, 1]);
    let mut nested = success(&lineage(1, &[1, 1]), "sink-two", &[("record", "3")]);
    nested.log = vec![log_line(LogLevel::Warn, "nested")];
    store
        .call_commit(&claim(1), nested, None)
        .wait()
        .expect("it counts");
    let gate = vec![gate_opened("build/ask")];
    append(store, &claim(3), gate, Some(RunStatus::Suspended)).expect("it counts");
}

/// Creates a store whose log is about to be copied into the database.
pub(crate) fn long_log(folder: &Folder) -> Store {
    let store = Store::create(folder).expect("the folder is empty");
    fill(&store);
    let n_frames = || {
        let log = std::fs::metadata(folder.path_of("sedge.db-wal")).expect("it has a log");
        log.len() / FRAME_BYTES
    };
    let mut epoch = 1;
    while n_frames() < LOG_FRAMES {
        let set = store.lock_epoch_set(Some(epoch), epoch ^ 3);
        assert!(set.expect("it can be set"), "no other process set it");
        epoch ^= 3;
    }
    if epoch != 1 {
        store.lock_epoch_set(Some(epoch), 1).expect("it can be set");
    }
    store
}

/// Fills a store with large content in old versions, so that a collection removes files.
pub(crate) fn fill_large(store: &Store) {
    fill(store);
    for n in 3..=5 {
        begin(store, 2, &[n]);
        let large = text('x', 70_000 + n as usize % 2);
        let end = success(&lineage(2, &[n]), "sink", &[("large", large.as_str())]);
        store
            .call_commit(&claim(2), end, None)
            .wait()
            .expect("it counts");
    }
}

/// Fills a store, backs it up, and changes it.
pub(crate) fn fill_and_back_up(store: &Store) {
    fill_large(store);
    back_up(store).expect("nothing fails");
    delete(store, DataChosen::All).expect("nothing fails");
}

/// Fills a store, and ends run 2, whose part has a step with a large task.
pub(crate) fn fill_and_end(store: &Store) {
    fill(store);
    let part = child_start(8, 2);
    let part = store.run_start(&part, &[]).expect("the id is new");
    let large = store.run_append(Author::Process(&part), 0, |_| {
        Ok::<_, StoreError>(vec![task_started(1, 100_000)])
    });
    large.expect("it counts");
    let ended = store.run_end(&claim(2), RunStatus::Succeeded, None);
    ended.expect("it counts");
}

/// Writes a datastore that the last Sedge with schema 2 made.
pub(crate) fn of_schema_2(folder: &Folder) -> Option<Store> {
    let content = include_bytes!("../fixtures/schema-2.db");
    folder
        .write("sedge.db", content)
        .expect("it can be written");
    None
}

/// Writes a datastore that the last Sedge with schema 3 made.
pub(crate) fn of_schema_3(folder: &Folder) -> Option<Store> {
    let content = include_bytes!("../fixtures/schema-3.db");
    folder
        .write("sedge.db", content)
        .expect("it can be written");
    None
}

/// Writes a datastore that the last Sedge with schema 5 made.
pub(crate) fn of_schema_5(folder: &Folder) -> Option<Store> {
    let content = include_bytes!("../fixtures/schema-5.db");
    folder
        .write("sedge.db", content)
        .expect("it can be written");
    None
}

/// Writes a datastore that the last Sedge with schema 6 made.
pub(crate) fn of_schema_6(folder: &Folder) -> Option<Store> {
    let content = include_bytes!("../fixtures/schema-6.db");
    folder
        .write("sedge.db", content)
        .expect("it can be written");
    None
}

/// The expansion of a step with two values of a size.
pub(crate) fn expanded_large(step: &str, n_bytes: usize) -> RunEvent {
    let item = |of: char| Expansion {
        name: format!("each[{of}]").parse().expect("a name"),
        item: serde_json::Value::String(text(of, n_bytes)).into(),
    };
    RunEvent::Expanded {
        step: step_path(step),
        items: vec![item('a'), item('b')],
        environment: BTreeSet::new(),
    }
}

/// The start of a step with inputs of a size.
pub(crate) fn task_started(call: u32, n_bytes: usize) -> LogEntry {
    LogEntry {
        task: Some(StartedTask::Workflow {
            workflow: "nested".to_owned(),
            inputs: text('t', n_bytes).into(),
            environment: BTreeSet::new(),
        }),
        ..step_started("build/compile", call).into()
    }
}

pub(crate) fn begin(store: &Store, run: u64, path: &[u32]) {
    let start = call_start(&claim(run), path, "sink");
    store
        .call_start(&claim(run), start)
        .wait()
        .expect("it counts");
}

pub(crate) fn claim(run: u64) -> Claim {
    Claim {
        run: run_id(run),
        number: 1,
    }
}

pub(crate) fn lineage(run: u64, path: &[u32]) -> Lineage {
    let root = Lineage::root(run_id(run));
    path.iter().fold(root, |caller, n| caller.child(*n))
}

/// Returns JSON text of about `n_bytes`.
pub(crate) fn text(of: char, n_bytes: usize) -> String {
    format!("\"{}\"", of.to_string().repeat(n_bytes))
}
