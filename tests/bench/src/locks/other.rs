//! A second process, which takes and releases locks as ordered by lines on its stdin.
//!
//! It is this program with the hidden argument `--other FOLDER`. It responds with lines on its
//! stdout. Times in them are from the monotonic clock, which all processes share.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use sedge_locks::error::LockError;
use sedge_locks::manager::{LockGuard, LockManager};
use tokio::task::JoinHandle;

use crate::Result;
use crate::locks::{call, exclusive_on, lock, shared, until_waiting};

/// The other process. Dropping it kills it.
pub(super) struct Other {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Other {
    /// Starts a process that has begun a session in a folder.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--other")
            .arg(folder)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().ok_or("a pipe was asked for")?;
        let answers = child.stdout.take().ok_or("a pipe was asked for")?;
        let mut other = Self {
            child,
            orders,
            answers: BufReader::new(answers),
        };
        other.receive()?;
        Ok(other)
    }

    /// Sends the process an order.
    pub(super) fn send(&mut self, order: &str) -> Result<()> {
        // A single write wakes the process once.
        Ok(self.orders.write_all(format!("{order}\n").as_bytes())?)
    }

    /// Blocks the thread until the process responds.
    pub(super) fn receive(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        match line.trim_end() {
            "" => Err("the other process ended".into()),
            answer => Ok(answer.to_owned()),
        }
    }

    /// Sends the process an order, and blocks the thread until it responds.
    pub(super) fn have(&mut self, order: &str) -> Result<String> {
        self.send(order)?;
        self.receive()
    }

    /// Kills the process, and returns before it is dead.
    pub(super) fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the time of a clock that all processes share.
pub(super) fn now() -> Duration {
    duration(clock_gettime(ClockId::Monotonic))
}

/// Returns the processor time of all threads of this process.
pub(super) fn busy() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).expect("neither clock goes below zero")
}

/// The state of the other process.
struct State {
    manager: Arc<LockManager>,
    guards: Vec<LockGuard>,
    waiting: Vec<JoinHandle<std::result::Result<LockGuard, LockError>>>,
    files: Vec<File>,
    /// When it last released its locks.
    let_go: Duration,
}

/// Executes orders until stdin is closed.
pub(crate) async fn execute(folder: &Path) -> Result<()> {
    let mut state = State {
        manager: shared(folder)?,
        guards: Vec::new(),
        waiting: Vec::new(),
        files: Vec::new(),
        let_go: Duration::ZERO,
    };
    answer("ready")?;
    for order in std::io::stdin().lines() {
        let order = order?;
        let words: Vec<&str> = order.split(' ').collect();
        state.execute(&words).await?;
    }
    Ok(())
}

impl State {
    async fn execute(&mut self, words: &[&str]) -> Result<()> {
        match words {
            ["lock", run, models @ ..] => {
                let lineage = call(run.parse()?);
                for model in models {
                    let wants = [exclusive_on(model)?];
                    let guard = lock(&self.manager, &lineage, &wants).await?;
                    self.guards.push(guard);
                }
                answer("locked")
            }
            ["wait", run, model] => {
                let (manager, lineage) = (Arc::clone(&self.manager), call(run.parse()?));
                let (of_task, wants) = (lineage.clone(), [exclusive_on(model)?]);
                let task = tokio::spawn(async move { lock(&manager, &of_task, &wants).await });
                self.waiting.push(task);
                until_waiting(&self.manager, &lineage).await;
                answer("waiting")
            }
            // This order has no response, so that the process does not compete with the waiters
            // that get the locks.
            ["unlock"] => {
                self.let_go = now();
                self.guards.clear();
                for task in self.waiting.drain(..) {
                    drop(task.await??);
                }
                Ok(())
            }
            ["let-go"] => answer(&self.let_go.as_nanos().to_string()),
            ["lock-file", path] => {
                let file = File::open(path)?;
                file.lock()?;
                self.files.push(file);
                answer("locked")
            }
            ["time"] => answer(&now().as_nanos().to_string()),
            _ => Err(format!("the other process got an unknown order: {words:?}").into()),
        }
    }
}

fn answer(answer: &str) -> Result<()> {
    let mut output = std::io::stdout();
    output.write_all(format!("{answer}\n").as_bytes())?;
    Ok(output.flush()?)
}
