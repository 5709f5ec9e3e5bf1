//! Tables that earlier versions wrote.

use sedge_locks::error::LockError;
use sedge_sys::host;

use crate::process::{folder, lock, manager, own};

/// A table as the first Sedge with format 4 writes it, after a compaction.
///
/// `BOOT` stands for the kernel's boot id. The table has requests of all modes at all places, one
/// request of a process that joined a call, and each operation.
const TABLE_4: &str = include_str!("../fixtures/table-4.log");

/// All locks and requests in that table.
const LOCKED: [&str; 10] = [
    "the datastore IX, held by process unknown",
    "the datastore IS, held by process unknown",
    "the datastore IX, held by process unknown",
    "the model `seven` X, held by process unknown",
    "the model `sink` X, held by process unknown",
    "the model `three` X, held by process unknown",
    "the model `two` S, held by process unknown",
    "the model `two` S, held by process unknown",
    "the model `two` X, wanted by process unknown",
    "the model `two` X, wanted by process unknown",
];

#[test]
fn a_table_of_format_4_still_opens() {
    let folder = folder();
    let path = folder.path().join("table.log");
    let table = TABLE_4.replace("BOOT", &host::boot_id().expect("the kernel has one"));
    std::fs::write(&path, &table).expect("written");
    assert_eq!(own::locked(folder.path()), LOCKED);
    let chains: Vec<String> = own::status(folder.path())
        .iter()
        .map(|it| it.who.chain.join(" > "))
        .collect();
    assert_eq!(chains[2], "sink.run > three.\"é\"", "it joined that call");

    let manager = manager(folder.path()).expect("it begins");
    drop(lock(&manager, 9, "nine", 10_000).expect("it is free"));
    let error = lock(&manager, 9, "sink", 0);
    assert!(matches!(error, Err(LockError::Timeout { .. })), "{error:?}");
    let (epoch, entries) = manager.entries().expect("a sound table");
    assert_eq!(epoch.0, 187_657_348_698_100_299, "it is the same table");
    let ids: Vec<_> = entries.iter().map(|it| it.id).collect();
    manager.release_by_force(epoch, &ids).expect("released");
    let _sink = lock(&manager, 9, "sink", 10_000).expect("it is free");

    let now = std::fs::read_to_string(&path).expect("it is there");
    assert!(now.starts_with(&table), "it was appended to: {now}");
}

#[test]
fn a_table_of_another_version_is_named_while_its_processes_live() {
    let folder = folder();
    let alive = manager(folder.path()).expect("it begins");
    let path = folder.path().join("table.log");
    let other = TABLE_4.replace("\"version\":4", "\"version\":3");
    std::fs::write(&path, other).expect("written");
    let is_named = |error: &LockError| {
        matches!(
            error,
            LockError::Version {
                found: 3,
                known: 4,
                ..
            }
        )
    };
    let error = manager(folder.path()).expect_err("the other one is alive");
    assert!(is_named(&error), "{error}");
    let files = sedge_sys::folder::Folder::open(folder.path()).expect("it is there");
    let error = sedge_locks::status::lock_status(&files).expect_err("it cannot be read");
    assert!(is_named(&error), "{error}");
    drop(alive);
    let alone = manager(folder.path()).expect("it begins a new table");
    drop(lock(&alone, 1, "sink", 10_000).expect("it is free"));
}
