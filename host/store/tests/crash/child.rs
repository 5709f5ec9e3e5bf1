//! The child process that is killed: it commits numbered calls until then, and reports each one
//! that was acknowledged.

use std::path::Path;

use sedge_model::call::LogLevel;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_model::run::{RunEvent, RunKind};
use sedge_store::{CallEnd, Claim, Store};
use sedge_sys::folder::Folder;
use sedge_sys::random;

use crate::fixture::{call_start, data_name, log_line, model_name, run_start, success};

/// The variable of the environment that makes a process a child. It has the store's folder.
pub(crate) const FOLDER: &str = "SEDGE_STORE_TEST_FOLDER";

/// The variable that has the number of writer threads.
pub(crate) const WRITERS: &str = "SEDGE_STORE_TEST_WRITERS";

/// The prefix of lines that a child reports. All other lines are from the test harness.
pub(crate) const MARK: &str = "report: ";

/// The names that each call writes to.
pub(crate) const NAMES: [&str; 3] = ["number", "object", "text"];

/// One of this many calls writes a large text.
const LARGE_EVERY: u64 = 16;

/// The child process. In an ordinary test run it does nothing.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let n_writers = std::env::var(WRITERS).expect("it is set too");
    let n_writers: u32 = n_writers.parse().expect("a number");
    let folder = Folder::open(Path::new(&folder)).expect("it is there");
    let store = Store::open(&folder).expect("it was made");
    std::thread::scope(|scope| {
        for writer in 0..n_writers {
            let store = &store;
            scope.spawn(move || write(store, writer));
        }
    });
}

/// Returns the model of a thread's calls.
pub(crate) fn model(writer: u32) -> String {
    format!("writer-{writer}")
}

/// Returns the contents that the call of a number writes.
pub(crate) fn contents(number: u64) -> [String; 3] {
    let n_bytes = if number.is_multiple_of(LARGE_EVERY) {
        100_000
    } else {
        10
    };
    let text = format!("{number} ").repeat(n_bytes / 5);
    [
        number.to_string(),
        format!("{{\"n\":{number}}}"),
        format!("\"{text}\""),
    ]
}

/// Writes the next numbers until the process is killed.
fn write(store: &Store, writer: u32) {
    let mut start = run_start(0, RunKind::Workflow, "deploy");
    start.id = RunId::from_bits(random::bits());
    let claim = store.run_start(&start, &[RunEvent::Started]);
    let claim = claim.expect("the id is new");
    println!("{MARK}run {}", claim.run);
    let known = store.data_versions(&model_name(&model(writer)), &data_name(NAMES[0]));
    let first = 1 + known.expect("it can be read").len() as u64;
    for (nth, number) in (1..).zip(first..) {
        let call = call_start(&claim, &[nth], &model(writer));
        store.call_start(&claim, call).wait().expect("it counts");
        let end = end(&claim, nth, writer, number);
        store
            .call_commit(&claim, end, None)
            .wait()
            .expect("it counts");
        println!("{MARK}{writer} {number}");
    }
}

fn end(claim: &Claim, nth: u32, writer: u32, number: u64) -> CallEnd {
    let lineage = Lineage::root(claim.run.clone()).child(nth);
    let contents = contents(number);
    let writes: Vec<(&str, &str)> = NAMES
        .into_iter()
        .zip(contents.iter().map(String::as_str))
        .collect();
    CallEnd {
        log: vec![log_line(LogLevel::Info, &number.to_string())],
        ..success(&lineage, &model(writer), &writes)
    }
}
