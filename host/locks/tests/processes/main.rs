//! Locks between real processes that are killed or stopped, or whose files are removed.
//!
//! The processes are started from this test's own program. In the role of `child`, a process
//! executes the commands on its standard input line by line, and answers each with one line.
//!
//! By default 50 processes are killed, one is stopped for a second, and several start at once in
//! 150 rounds. Environment variables set other numbers:
//!
//! ```text
//! SEDGE_KILL_ROUNDS=5000 SEDGE_STOP_SECONDS=120 SEDGE_BEGIN_ROUNDS=5000 \
//!     cargo test --release -p sedge-locks --test processes
//! ```

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "processes, files and the environment are what is tested"
)]

mod child;
mod faults;
mod formats;
mod killed;
mod process;
mod read_only;
mod removed;
mod stopped;
mod torn;

use process::{Process, folder, n_of, number_from_env, own};

/// The number of acquisitions of each process.
const N_COUNTS: u32 = 500;

/// The number of rounds in which several processes start at once, unless the environment sets
/// another one.
const N_BEGINNINGS: u64 = 150;

/// The number of processes that start at once.
const N_AT_ONCE: usize = 4;

/// Bug: a process had created its session's file and not yet locked it. Another process that
/// started considered it dead and removed its file. Consequence: the process ran without a file,
/// so when it was killed, its locks stayed. Fix: a process that considers a session dead holds
/// the lock of its file meanwhile.
#[test]
fn processes_begin_at_once_in_an_empty_folder() {
    let parent = folder();
    let mut processes: Vec<Process> = (0..N_AT_ONCE).map(|_| Process::start()).collect();
    for round in 0..number_from_env("SEDGE_BEGIN_ROUNDS", N_BEGINNINGS) {
        let path = parent.path().join(format!("round-{round}"));
        std::fs::create_dir(&path).expect("a new folder");
        for process in &mut processes {
            process.send(&format!("begin {}", path.display()));
            process.send("lock 1 sink 10000");
            process.send("unlock");
        }
        for process in &mut processes {
            for expect in ["begun", "locked", "unlocked"] {
                assert_eq!(process.receive(), expect, "round {round}");
            }
        }
        assert_eq!(
            n_of(&path, ".lock"),
            N_AT_ONCE,
            "each session is seen as alive, round {round}"
        );
        assert_eq!(own::locked(&path), Vec::<String>::new(), "round {round}");
    }
}

/// Each process reads a number from a file and writes the next one. No number is written twice.
#[test]
fn four_processes_count_without_losing_one() {
    let folder = folder();
    let file = folder.path().join("number");
    std::fs::write(&file, "0").expect("written");
    let mut processes: Vec<Process> = (0..4).map(|_| Process::begun(folder.path())).collect();
    for process in &mut processes {
        process.send(&format!("count {N_COUNTS} {}", file.display()));
    }
    for process in &mut processes {
        assert_eq!(process.receive(), "counted");
    }
    let counted = std::fs::read_to_string(&file).expect("a number");
    assert_eq!(counted, (4 * N_COUNTS).to_string());
    println!("{counted} acquisitions by 4 processes");
    assert_eq!(n_of(folder.path(), ".tmp"), 0, "no half-made table is left");
}
