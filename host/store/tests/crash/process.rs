//! A child process that writes until it is killed, and its reports.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::child::{FOLDER, MARK, WRITERS};

/// How long a process may be silent before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a process that writes to the store in a folder.
    pub(crate) fn start(folder: &Path, n_writers: u32) -> Self {
        let program = std::env::current_exe().expect("the test has a program");
        let mut command = Command::new(program);
        command.args(["child::child", "--exact", "--nocapture"]);
        command
            .env(FOLDER, folder)
            .env(WRITERS, n_writers.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let mut output = output;
            let mut line = String::new();
            // The process was killed while it wrote an incomplete line.
            while output.read_line(&mut line).is_ok_and(|n| n > 0) && line.ends_with('\n') {
                if let Some((_, report)) = line.trim_end().split_once(MARK)
                    && send.send(report.to_owned()).is_err()
                {
                    break;
                }
                line.clear();
            }
        });
        Self { child, lines }
    }

    /// Returns the next report.
    pub(crate) fn next_report(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.expect("the process goes on writing")
    }

    /// Lets the process run while its status is polled `n_polls` times.
    pub(crate) fn run_for(&mut self, n_polls: u64) {
        for _ in 0..n_polls {
            let ended = self
                .child
                .try_wait()
                .expect("it is a child of this process");
            assert!(ended.is_none(), "it writes until it is killed: {ended:?}");
        }
    }

    /// Kills the process, and returns its remaining reports.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is a child of this process");
        // The iterator ends at the end of the pipe.
        self.lines.iter().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
