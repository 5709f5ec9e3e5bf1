//! Processes that write as fast as they can all get on.
//!
//! Who has just written is awake and could write again before those who wait have woken up;
//! the queue of writers is there so that it may not. For how long they write is told by
//! `SEDGE_FAIR_SECONDS`; nothing depends on how much they write in that time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use sedge_model::names::RunId;
use sedge_model::run::RunKind;
use sedge_store::Store;
use sedge_sys::clock::Moment;
use sedge_sys::folder::Folder;
use sedge_sys::random;

use crate::fixture::{Fixture, call_start, run_start, success};

const N_PROCESSES: usize = 4;

/// How long they write, in seconds, unless told otherwise.
const SECONDS: u64 = 2;

/// The variable of the environment that makes a process a child: the store's folder.
const FOLDER: &str = "SEDGE_FAIR_FOLDER";

/// What a line begins with that a child tells; all else is of the test harness.
const MARK: &str = "told: ";

/// A process. It is killed when this is dropped.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let program = std::env::current_exe().expect("the test has a program");
        let mut command = Command::new(program);
        command
            .args(["fair::child", "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let input = child.stdin.take().expect("it is a pipe");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self {
            child,
            input,
            output,
        }
    }

    /// Returns the next thing that it tells.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let n = self.output.read_line(&mut line).expect("it is text");
            assert!(n > 0, "it tells what it has to");
            if let Some((_, told)) = line.trim_end().split_once(MARK) {
                return told.to_owned();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The role of a child; in a test run of its own there is nothing to do.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Folder::open(Path::new(&folder)).expect("it is there");
    let store = Store::open(&folder).expect("it was made");
    let mut start = run_start(0, RunKind::Workflow, "deploy");
    start.id = RunId::from_bits(random::bits());
    let claim = store.run_start(&start, &[]).expect("the id is new");
    println!("{MARK}ready");
    let go = std::io::stdin().read_line(&mut String::new());
    go.expect("the other end is there");
    let (since, time) = (Moment::now(), Duration::from_secs(seconds()));
    let mut n_commits = 0;
    while since.elapsed() < time {
        n_commits += 1;
        let begun = call_start(&claim, &[n_commits], "sink");
        let end = success(&begun.lineage, "sink", &[("record", "1")]);
        store.call_start(&claim, begun).wait().expect("it counts");
        store.call_commit(&claim, end).wait().expect("it counts");
    }
    println!("{MARK}{n_commits}");
}

#[test]
fn processes_that_write_as_fast_as_they_can_all_get_on() {
    let fixture = Fixture::new();
    let folder = fixture.folder().path();
    let mut processes: [Process; N_PROCESSES] = std::array::from_fn(|_| Process::start(folder));
    for process in &mut processes {
        assert_eq!(process.hear(), "ready");
    }
    for process in &mut processes {
        process.input.write_all(b"go\n").expect("it waits for that");
    }
    let counts = processes.map(|mut process| {
        let told = process.hear();
        told.parse::<u64>().expect("a number")
    });
    println!(
        "{N_PROCESSES} processes, {} s: {counts:?} commits",
        seconds()
    );
    let n_all = fixture.versions("sink", "record").len() as u64;
    assert_eq!(counts.iter().sum::<u64>(), n_all);
    let least = counts.iter().min().expect("there are some");
    let most = counts.iter().max().expect("there are some");
    assert!(most <= &(2 * least), "{counts:?}");
}

fn seconds() -> u64 {
    let told = std::env::var("SEDGE_FAIR_SECONDS").ok();
    told.map_or(SECONDS, |text| {
        text.parse().expect("SEDGE_FAIR_SECONDS is a number")
    })
}
