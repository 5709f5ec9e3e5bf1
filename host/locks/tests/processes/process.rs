//! A child process that executes a test's commands, and helpers for the test itself.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_locks::manager::{AcquireRequest, LockGuard, LockManager};
use sedge_locks::mode::{Mode, Resource};
use sedge_locks::owner::Owner;
use sedge_locks::session::Session;
use sedge_model::lineage::Lineage;
use sedge_model::names::RunId;
use sedge_sys::clock::Moment;
use sedge_sys::folder::Folder;

/// The environment variable that makes a process a child.
pub(crate) const ROLE: &str = "SEDGE_LOCKS_TEST_CHILD";

/// The prefix of an answer. Other output belongs to the test harness.
pub(crate) const MARK: &str = "answer: ";

/// The maximum time to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process. It is killed when this value is dropped.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Process {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("the test has a program");
        Self::start_as(&program, None)
    }

    /// Starts a process and makes it start a session.
    pub(crate) fn begun(folder: &Path) -> Self {
        let mut process = Self::start();
        process.send(&format!("begin {}", folder.display()));
        assert_eq!(process.receive(), "begun");
        process
    }

    /// Starts a process, as the user with this number if one is given.
    pub(crate) fn start_as(program: &Path, user: Option<u32>) -> Self {
        let mut command = Command::new(program);
        command.args(["child::child", "--exact", "--nocapture"]);
        command
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut child = command.spawn().expect("the program can be started");
        let orders = child.stdin.take().expect("it is a pipe");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (send, answers) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, answer)) = line.split_once(MARK)
                    && send.send(answer.to_owned()).is_err()
                {
                    break;
                }
            }
        });
        let process = Self {
            child,
            orders,
            answers,
        };
        assert_eq!(process.receive(), "ready");
        process
    }

    pub(crate) fn send(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("the process is there");
    }

    pub(crate) fn receive(&self) -> String {
        let answer = self.answers.recv_timeout(PATIENCE);
        answer.expect("the process answers in time")
    }

    /// Returns whether no answer has arrived yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.answers.try_recv().is_err()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is a child of this process");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops the process until it gets the signal `CONT`.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
        // The signal is sent, but each thread stops only when it handles it.
        while !self.states().iter().all(|state| *state == 'T') {
            std::thread::yield_now();
        }
    }

    /// Returns the states of the threads, as in proc(5).
    fn states(&self) -> Vec<char> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).expect("it is there");
        let state = |path: &Path| {
            let stat =
                std::fs::read_to_string(path.join("stat")).expect("it is stopped or will be");
            // The name of a thread is in brackets, and may contain brackets.
            let (_, behind) = stat.rsplit_once(") ").expect("a state");
            behind.chars().next().expect("a state")
        };
        tasks
            .map(|task| state(&task.expect("a thread").path()))
            .collect()
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.id().to_string()])
            .status();
        assert!(sent.expect("there is a shell").success(), "{name}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Starts a session of the calling process.
pub(crate) fn session(folder: &Path) -> Result<Arc<Session>, LockError> {
    Ok(Arc::new(Session::begin(Folder::open(folder)?)?))
}

/// Starts a session of the calling process, and creates its lock manager.
pub(crate) fn manager(folder: &Path) -> Result<Arc<LockManager>, LockError> {
    LockManager::shared(session(folder)?, Duration::from_secs(600))
}

/// Returns the first call of a run.
pub(crate) fn first_call(run: u64) -> Lineage {
    Lineage::root(RunId::from_bits(run)).child(1)
}

/// Locks a model for the first call of a run, and blocks the thread until then.
pub(crate) fn lock(
    manager: &Arc<LockManager>,
    run: u64,
    model: &str,
    ms: u64,
) -> Result<LockGuard, LockError> {
    lock_below(None, manager, run, model, ms)
}

/// Does the same as `lock`, below a call of another process if one is given.
pub(crate) fn lock_below(
    under: Option<&Owner>,
    manager: &Arc<LockManager>,
    run: u64,
    model: &str,
    ms: u64,
) -> Result<LockGuard, LockError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let request = AcquireRequest {
        lineage: &first_call(run),
        under,
        what: &format!("{model}.run"),
        wants: &[(Resource::Model(model.parse().expect("a name")), Mode::X)],
        deadline: Moment::now().after(Duration::from_millis(ms)),
    };
    runtime
        .expect("a runtime")
        .block_on(manager.acquire(request))
}

/// Returns the number of files in a folder whose names end with `end`.
pub(crate) fn n_of(folder: &Path, end: &str) -> usize {
    names(folder, end).len()
}

/// Returns the names of the files in a folder that end with `end`.
pub(crate) fn names(folder: &Path, end: &str) -> Vec<String> {
    let folder = Folder::open(folder).expect("it is there");
    let mut files = folder.files(".").expect("it can be read");
    files.retain(|name| name.ends_with(end));
    files
}

/// Returns the number in an environment variable, or `otherwise` if it is not set.
pub(crate) fn number_from_env(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| {
        text.parse().expect("the variable is a number")
    })
}

/// The locks that can be read by any process that can read the folder.
pub(crate) mod own {
    use std::path::Path;

    use sedge_locks::status::{LockStatus, lock_status};
    use sedge_sys::folder::Folder;

    pub(crate) fn status(folder: &Path) -> Vec<LockStatus> {
        let files = Folder::open(folder).expect("it is there");
        lock_status(&files).expect("a sound table")
    }

    /// Returns all locks and requests, as in `sink X, held by process 7`.
    pub(crate) fn locked(folder: &Path) -> Vec<String> {
        let status = status(folder);
        let text = |it: &LockStatus| {
            let has_it = if it.who.has_it { "held" } else { "wanted" };
            let pid = it.who.session.as_ref().map(|it| it.pid.to_string());
            let pid = pid.unwrap_or_else(|| "unknown".to_owned());
            format!("{} {}, {has_it} by process {pid}", it.resource, it.who.mode)
        };
        status.iter().map(text).collect()
    }
}
