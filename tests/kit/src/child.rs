//! A command that runs while the test continues.

use std::io::{Read, Write};
use std::process::{self, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use crate::contract;
use crate::env::TestEnv;
use crate::output::CommandOutput;

/// A running command. Dropping it kills the command if it has not ended.
#[derive(Debug)]
pub struct Child<'a> {
    env: &'a TestEnv,
    /// Its arguments, if it is the program itself.
    arguments: Vec<String>,
    process: process::Child,
    stdout: Collected,
    stderr: Collected,
}

impl<'a> Child<'a> {
    pub(crate) fn start(env: &'a TestEnv, command: &mut process::Command) -> Self {
        let mut process = command.spawn().expect("the program was found just now");
        let stdout = process.stdout.take().expect("it is a pipe");
        let stderr = process.stderr.take().expect("it is a pipe");
        Self {
            env,
            arguments: contract::arguments(command),
            process,
            stdout: Collected::new(stdout),
            stderr: Collected::new(stderr),
        }
    }

    /// Returns the id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns what it has written to stderr so far.
    #[must_use]
    pub fn stderr_so_far(&self) -> String {
        self.stderr.so_far()
    }

    /// Returns what it has written to stdout so far.
    #[must_use]
    pub fn stdout_so_far(&self) -> String {
        self.stdout.so_far()
    }

    /// Writes to its stdin, which is a pipe or a terminal.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.process.stdin.as_mut();
        let stdin = stdin.expect("it was started with a pipe as stdin");
        // The command may have ended without reading. Its output then says why.
        let _ = stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush());
    }

    /// Returns whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    /// Sends it SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Sends it SIGTERM, as a supervisor does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it SIGHUP, as the kernel does when its terminal is closed.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Suspends it until [`Child::resume`].
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes it after [`Child::stop`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let id = id.expect("it is the id of a process");
        kill_process(id, signal).expect("it was started by us and not waited for");
    }

    /// Kills it (`kill -9`).
    pub fn kill(&mut self) {
        self.process.kill().expect("it was started by us");
    }

    /// Waits for its end, and returns its output.
    ///
    /// # Panics
    /// It printed a document that does not fit the schema of its command.
    #[track_caller]
    pub fn wait(mut self) -> CommandOutput {
        let status = self.process.wait().expect("it was started by us");
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        contract::check(&self.arguments, &stdout, status);
        self.env.output(stdout, stderr, status)
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("it was started by us")
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A stream that a separate thread reads, so that its writer never blocks.
#[derive(Debug)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn new(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                sink.extend_from_slice(&buffer[..n]);
            }
        });
        Self {
            bytes,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it only reads");
        }
        self.so_far()
    }
}
