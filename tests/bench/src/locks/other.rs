//! A second process, which locks as it is told by lines on its standard input.
//!
//! It is this program with the hidden argument `--other FOLDER`. It answers with lines on
//! its standard output. Times in them are of the clock that all processes share.

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
use crate::locks::{alone_on, call, lock, shared, until_waiting};

/// The other process. It is killed when this is dropped.
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
        other.hear()?;
        Ok(other)
    }

    /// Tells the process to do something.
    pub(super) fn tell(&mut self, order: &str) -> Result<()> {
        // In one write, so that it is woken once.
        Ok(self.orders.write_all(format!("{order}\n").as_bytes())?)
    }

    /// Blocks the thread until the process answers.
    pub(super) fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        match line.trim_end() {
            "" => Err("the other process ended".into()),
            answer => Ok(answer.to_owned()),
        }
    }

    /// Has the process do something, and blocks the thread until it has.
    pub(super) fn have(&mut self, order: &str) -> Result<String> {
        self.tell(order)?;
        self.hear()
    }

    /// Kills the process: it gets no word in. Returns before it is dead.
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

/// Returns the time of a clock that is the same in all processes.
pub(super) fn now() -> Duration {
    duration(clock_gettime(ClockId::Monotonic))
}

/// Returns for how long this process kept processors busy, all its threads together.
pub(super) fn busy() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).expect("neither clock goes below zero")
}

/// What the other process has at hand.
struct Desk {
    manager: Arc<LockManager>,
    guards: Vec<LockGuard>,
    waiting: Vec<JoinHandle<std::result::Result<LockGuard, LockError>>>,
    files: Vec<File>,
    /// When it last let go.
    let_go: Duration,
}

/// Does as it is told, until there is nobody left to tell it anything.
pub(crate) async fn obey(folder: &Path) -> Result<()> {
    let mut desk = Desk {
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
        desk.obey(&words).await?;
    }
    Ok(())
}

impl Desk {
    async fn obey(&mut self, words: &[&str]) -> Result<()> {
        match words {
            ["lock", run, models @ ..] => {
                let lineage = call(run.parse()?);
                for model in models {
                    let wants = [alone_on(model)?];
                    let guard = lock(&self.manager, &lineage, &wants).await?;
                    self.guards.push(guard);
                }
                answer("locked")
            }
            ["wait", run, model] => {
                let (manager, lineage) = (Arc::clone(&self.manager), call(run.parse()?));
                let (of_task, wants) = (lineage.clone(), [alone_on(model)?]);
                let task = tokio::spawn(async move { lock(&manager, &of_task, &wants).await });
                self.waiting.push(task);
                until_waiting(&self.manager, &lineage).await;
                answer("waiting")
            }
            // Without an answer, so as not to be in the way of those who get the locks.
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
            _ => Err(format!("the other process was told what it does not know: {words:?}").into()),
        }
    }
}

fn answer(answer: &str) -> Result<()> {
    let mut output = std::io::stdout();
    output.write_all(format!("{answer}\n").as_bytes())?;
    Ok(output.flush()?)
}
