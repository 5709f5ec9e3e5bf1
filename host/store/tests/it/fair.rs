//! Processes that write as fast as they can all make progress.
//!
//! A process that has just written is awake, and could write again before a waiting process has
//! woken up. The queue of writers prevents that. `SEDGE_FAIR_SECONDS` sets how long the processes
//! write; the result does not depend on how much they write in that time.

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

/// The default for how long they write, in seconds.
const SECONDS: u64 = 2;

/// The variable of the environment that makes a process a child. It has the store's folder.
const FOLDER: &str = "SEDGE_FAIR_FOLDER";

/// The prefix of lines that a child reports. All other lines are from the test harness.
const MARK: &str = "report: ";

/// A child process. Dropping it kills it.
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

    /// Returns the next report.
    fn next_report(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let n = self.output.read_line(&mut line).expect("it is text");
            assert!(n > 0, "the child reports");
            if let Some((_, report)) = line.trim_end().split_once(MARK) {
                return report.to_owned();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child process. In an ordinary test run it does nothing.
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
        store
            .call_commit(&claim, end, None)
            .wait()
            .expect("it counts");
    }
    println!("{MARK}{n_commits}");
}

#[test]
fn busy_writers_get_similar_shares() {
    let fixture = Fixture::new();
    let folder = fixture.folder().path();
    let mut processes: [Process; N_PROCESSES] = std::array::from_fn(|_| Process::start(folder));
    for process in &mut processes {
        assert_eq!(process.next_report(), "ready");
    }
    for process in &mut processes {
        process.input.write_all(b"go\n").expect("it waits for that");
    }
    let counts = processes.map(|mut process| {
        let report = process.next_report();
        report.parse::<u64>().expect("a number")
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
    let value = std::env::var("SEDGE_FAIR_SECONDS").ok();
    value.map_or(SECONDS, |text| {
        text.parse().expect("SEDGE_FAIR_SECONDS is a number")
    })
}
