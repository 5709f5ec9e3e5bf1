//! A call with an effect outside of the datastore cannot be rolled back.
//!
//! A call that had appended to a granted file was rolled back after a deadlock and retried, so it
//! appended twice. Now every action on a folder, and every connection, counts like a request or a
//! command: the guest gets `deadlock` instead, and decides itself.

pub(crate) use sedge_test_artifacts::ACTOR as actor;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sedge_app::types::CallError;
use sedge_app::{AppError, RunFailed};
use serde_json::{Value, json};

use crate::fixture::{House, run_in, until, words};

/// The grants of `left` and `right`.
const GRANTS: &str = "grants: {files: [{name: inbox, path: in, access: write}], \
                      sockets: [{to: '127.46.110.9:47112'}]}\n";

/// The same grants, but with read access to the folder.
const GRANTS_TO_READ: &str = "grants: {files: [{name: inbox, path: in, access: read}]}\n";

/// Returns a repository with two actors, and a folder for them.
fn house(grants: &str) -> House {
    let house = House::new();
    fs::create_dir_all(house.path().join("in/folder")).expect("it can be made");
    house.write("in/file", "0123456789");
    for name in ["left", "right"] {
        house.model(name, "@test/actor", grants);
    }
    house
}

/// Makes two calls wait for each other after `left` has acted. Returns the result of `left` and how
/// often it was rolled back.
///
/// `left` closes the cycle: when it requests the lock on `right`, `right` waits for it already.
async fn deadlock(house: &House, acts: &[Value]) -> (Result<(), CallError>, u32) {
    deadlock_of(house, "run", acts).await
}

/// Does the same with a method of `left` that calls the same method of `right`.
async fn deadlock_of(house: &House, method: &str, acts: &[Value]) -> (Result<(), CallError>, u32) {
    let call = match method {
        "run" => "call",
        method => method,
    };
    let mut left = acts.to_vec();
    left.extend([json!({"await": "inbox/go"}), json!({call: ["right", []]})]);
    let right = json!({"acts": [{"await": "inbox/meet"}, {"call": ["left", []]}]});
    let locked = |is_granted: bool| {
        let locks = house.locks();
        locks.iter().filter(|it| it.held == is_granted).count()
    };
    let steer = async {
        // Each holds an intent lock on the datastore, and the lock on its model.
        until("both have begun", || locked(true) == 4).await;
        fs::write(house.path().join("in/meet"), "").expect("it can be written");
        until("`right` waits for `left`", || locked(false) == 1).await;
        fs::write(house.path().join("in/go"), "").expect("it can be written");
    };
    let (repository, seen) = (&house.repository, &house.seen);
    let (left, right, ()) = tokio::join!(
        run_in(repository, seen, ("left", method), json!({"acts": left})),
        run_in(repository, seen, ("right", "run"), right),
        steer,
    );
    for name in ["meet", "go"] {
        fs::remove_file(house.path().join("in").join(name)).expect("it was written");
    }
    right.unwrap_or_else(|error| panic!("`right` had only to wait: {}", words(&error)));
    let (run, ended) = match left {
        Ok(report) => (report.run, Ok(())),
        Err(AppError::Failed(RunFailed::Call(failed))) => {
            (failed.run.to_string(), Err(failed.source))
        }
        Err(other) => panic!("{}", words(&other)),
    };
    let n_rollbacks = house.show(&run).calls.iter().map(|it| it.n_rollbacks).sum();
    (ended, n_rollbacks)
}

/// Checks that a call which did `acts` is not retried.
async fn is_not_rolled_back(house: &House, acts: &[Value]) {
    let (ended, n_rollbacks) = deadlock(house, acts).await;
    let Err(error) = ended else {
        panic!("{acts:?} was rolled back {n_rollbacks} times")
    };
    assert_eq!(
        (error.code(), n_rollbacks),
        ("deadlock", 0),
        "{acts:?}: {error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_appended_to_a_file_is_not_rolled_back() {
    let house = house(GRANTS);
    is_not_rolled_back(&house, &[json!({"append": ["inbox/log", "one line\n"]})]).await;
    let log = fs::read_to_string(house.path().join("in/log"));
    assert_eq!(log.expect("it was written"), "one line\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_acted_in_a_folder_is_not_rolled_back() {
    let house = house(GRANTS);
    let inbox = house.path().join("in");
    for act in [
        json!({"create": "inbox/new"}),
        json!({"write": ["inbox/file", "x"]}),
        json!({"stream": ["inbox/file", "x"]}),
        json!({"truncate": "inbox/file"}),
        json!({"resize": ["inbox/file", 3]}),
        json!({"touch": "inbox/file"}),
        json!({"touch-open": "inbox/file"}),
        json!({"make-folder": "inbox/made"}),
        json!({"remove-folder": "inbox/folder"}),
        json!({"rename": ["inbox/file", "inbox/moved"]}),
        json!({"link": ["inbox/moved", "inbox/linked"]}),
        json!({"symlink": ["moved", "inbox/soft"]}),
        json!({"remove": "inbox/linked"}),
    ] {
        is_not_rolled_back(&house, &[act]).await;
    }
    let is_there = |name: &str| inbox.join(name).symlink_metadata().is_ok();
    for (name, expect) in [
        ("new", true),
        ("made", true),
        ("folder", false),
        ("file", false),
        ("moved", true),
        ("soft", true),
        ("linked", false),
    ] {
        assert_eq!(is_there(name), expect, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_connected_is_not_rolled_back() {
    let listener = TcpListener::bind("127.46.110.9:47112").expect("the address is free");
    let n_connected = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_connected);
    std::thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let house = house(GRANTS);
    is_not_rolled_back(&house, &[json!({"connect": "127.46.110.9:47112"})]).await;
    until("it has connected", || {
        n_connected.load(Ordering::SeqCst) > 0
    })
    .await;
    assert_eq!(n_connected.load(Ordering::SeqCst), 1);
    // An observation only looks, so it may connect twice.
    let connect = json!({"connect": "127.46.110.9:47112"});
    let (ended, n_rollbacks) = deadlock_of(&house, "observe", &[connect]).await;
    assert_eq!((ended, n_rollbacks), (Ok(()), 1));
    until("it has connected twice", || {
        n_connected.load(Ordering::SeqCst) == 3
    })
    .await;
}

/// A folder is opened for reading only by a method that looks, whatever is granted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn method_that_looks_changes_no_folder() {
    let house = house(GRANTS);
    for method in ["look", "observe"] {
        for act in [
            json!({"append": ["inbox/log", "one line\n"]}),
            json!({"create": "inbox/new"}),
            json!({"write": ["inbox/file", "x"]}),
            json!({"truncate": "inbox/file"}),
            json!({"touch": "inbox/file"}),
            json!({"make-folder": "inbox/made"}),
            json!({"remove-folder": "inbox/folder"}),
            json!({"rename": ["inbox/file", "inbox/moved"]}),
            json!({"link": ["inbox/file", "inbox/linked"]}),
            json!({"symlink": ["file", "inbox/soft"]}),
            json!({"remove": "inbox/file"}),
        ] {
            let (error, _) = house.failure("left", method, json!({"acts": [act]})).await;
            let text = error.to_string();
            let is_refused = ["read-only", "not-permitted", "access"]
                .iter()
                .any(|it| text.contains(it));
            assert!(is_refused, "{method} {act}: {text}");
        }
        let read = json!({"acts": [{"read": "inbox/file"}]});
        assert_eq!(house.value("left", method, read).await[0], "0123456789");
    }
    assert_eq!(names(&house.path().join("in")), ["file", "folder"]);
}

/// A nested call that has ended is not made again, so its effect does not matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_whose_callee_appended_to_a_file_is_rolled_back() {
    let house = house(GRANTS);
    house.model("helper", "@test/actor", GRANTS);
    let append = json!({"call": ["helper", [{"append": ["inbox/log", "one line\n"]}]]});
    let (ended, n_rollbacks) = deadlock(&house, &[append]).await;
    assert_eq!((ended, n_rollbacks), (Ok(()), 1));
    let log = fs::read_to_string(house.path().join("in/log"));
    assert_eq!(log.expect("it was written"), "one line\n");
}

/// Reading has no effect, and neither has a refused action.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_only_read_is_rolled_back() {
    let house = house(GRANTS_TO_READ);
    symlink("file", house.path().join("in/link")).expect("a link can be made");
    let (ended, n_rollbacks) = deadlock(&house, &[json!({"read": "inbox/link"})]).await;
    assert_eq!((ended, n_rollbacks), (Ok(()), 1));
    assert_eq!(names(&house.path().join("in")), ["file", "folder", "link"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let names = entries.map(|it| it.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
