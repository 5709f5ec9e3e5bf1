//! Programs that a guest has started and serves: their streams, their end, and how they are killed.
//!
//! A task of the call drives each program, so that its time limit holds whatever the guest does. The
//! program is dropped, and so killed, in the moment in which its handle is dropped, and not when the
//! task notices it: when a call has ended, its locks are released, and none of its programs may be
//! at work any more.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use sedge_model::call::LogLevel;
use sedge_sys::command::{End, OutputRead, ProgramOutputStream, ProgramStdin};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, InputStream, OutputStream, Pollable, StreamError,
    StreamResult,
};

use super::{CommandEnd, CommandError, StartedCommand, end_shown, end_to_guest};
use crate::bindings::sedge::model::commands::{self as guest, HostProcess};
use crate::budget::Descriptors;
use crate::call::CallState;
use crate::host::RequestFault;

/// The maximum number of programs that a call has started and that have not ended.
///
/// The guest chooses how many it starts. Each of them holds one of the places for programs of this
/// process, or waits for one; a call with all places could wait for itself.
pub(crate) const PROCESSES_MAX: u32 = 16;

/// How many descriptors the pipe of a stream takes: one for each end. The end of the program is open
/// in this process until the program is started.
const DESCRIPTORS_PER_STREAM: usize = 2;

/// The signal that kills a program.
const KILL_SIGNAL: i32 = 9;

type Ended = Result<End, RequestFault<CommandError>>;

/// The programs that one call has started.
#[derive(Default)]
pub(crate) struct Processes {
    tasks: JoinSet<()>,
    programs: Vec<Weak<HeldProgram>>,
    n_running: Arc<AtomicU32>,
}

/// One of the places for programs of a call. Dropping it leaves the place to another one.
pub(super) struct ProcessPlace(Arc<AtomicU32>);

impl Drop for ProcessPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Processes {
    /// Takes a place for one more program; `None` if there are [`PROCESSES_MAX`].
    pub(super) fn place(&mut self) -> Option<ProcessPlace> {
        // Tasks that have ended stay in the set until they are joined.
        while self.tasks.try_join_next().is_some() {}
        let more = |n: u32| (n < PROCESSES_MAX).then_some(n + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let taken = self.n_running.fetch_update(set, fetch, more);
        taken
            .is_ok()
            .then(|| ProcessPlace(Arc::clone(&self.n_running)))
    }

    /// Runs a program. It is killed when the handle is dropped.
    pub(super) fn run(
        &mut self,
        name: String,
        place: ProcessPlace,
        started: StartedCommand,
        descriptors: [Descriptors; 3],
    ) -> GuestProcess {
        let StartedCommand {
            stdin,
            stdout,
            stderr,
            end,
        } = started;
        let program = Arc::new(HeldProgram(Mutex::new(Some((end, place)))));
        self.note(&program);
        let (end, ended) = watch::channel(None);
        let (set_over, over) = watch::channel(false);
        let driven = Arc::clone(&program);
        let task = self.tasks.spawn(async move {
            let ended = std::future::poll_fn(|task| driven.poll(task)).await;
            end.send_replace(Some(ended));
            set_over.send_replace(true);
        });
        let [of_stdin, of_stdout, of_stderr] = descriptors;
        GuestProcess {
            name,
            stdin: stdin.map(|stdin| (stdin, of_stdin)),
            stdout: Some((stdout, of_stdout)),
            stderr: Some((stderr, of_stderr)),
            program,
            ended,
            over,
            task,
            is_killed: false,
            is_reported: false,
        }
    }

    fn note(&mut self, program: &Arc<HeldProgram>) {
        if self.programs.len() >= 2 * PROCESSES_MAX as usize {
            let is_running =
                |it: &Weak<HeldProgram>| it.upgrade().is_some_and(|it| it.is_running());
            self.programs.retain(is_running);
        }
        self.programs.push(Arc::downgrade(program));
    }

    /// Kills all programs, when the call has ended.
    pub(crate) async fn end(&mut self) {
        for program in self.programs.drain(..).filter_map(|it| it.upgrade()) {
            program.kill();
        }
        self.tasks.shutdown().await;
    }
}

/// A program that a task drives, and that its handle can drop at any moment.
struct HeldProgram(Mutex<Option<(CommandEnd, ProcessPlace)>>);

impl HeldProgram {
    /// Drives the program. Once it was dropped, this is never ready.
    fn poll(&self, task: &mut Context<'_>) -> Poll<Ended> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((end, _)) = held.as_mut() else {
            return Poll::Pending;
        };
        let polled = end.as_mut().poll(task);
        if polled.is_ready() {
            *held = None;
        }
        polled
    }

    fn is_running(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Drops the program, and returns when all of its processes are dead. Returns whether it had not
    /// ended.
    fn kill(&self) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let was_running = held.is_some();
        drop(held);
        was_running
    }
}

/// A program that a guest has started. Dropping this handle kills it.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct GuestProcess {
    name: String,
    stdin: Option<(ProgramStdin, Descriptors)>,
    stdout: Option<(ProgramOutputStream, Descriptors)>,
    stderr: Option<(ProgramOutputStream, Descriptors)>,
    program: Arc<HeldProgram>,
    ended: watch::Receiver<Option<Ended>>,
    /// Set when the program has ended.
    over: watch::Receiver<bool>,
    task: AbortHandle,
    /// Whether the guest has killed it before it had ended.
    is_killed: bool,
    /// Whether the log of the call has its end.
    is_reported: bool,
}

impl Drop for GuestProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

impl GuestProcess {
    /// Kills the program. Returns whether it had not ended.
    fn kill(&mut self) -> bool {
        let was_running = self.program.kill();
        self.is_killed |= was_running;
        // The task has nothing more to drive, and the pollables are ready when it is gone.
        self.task.abort();
        was_running
    }

    /// Returns the end, if the program has ended.
    fn end_so_far(&self) -> Option<Ended> {
        match self.is_killed {
            true => Some(Ok(End::Signal(KILL_SIGNAL))),
            false => self.ended.borrow().clone(),
        }
    }
}

impl CallState {
    /// Takes the descriptors for the streams of a program.
    pub(super) fn pipes_take(&mut self) -> wasmtime::Result<[Descriptors; 3]> {
        let mut take = || self.descriptors_take(DESCRIPTORS_PER_STREAM);
        Ok([take()?, take()?, take()?])
    }

    /// Returns the end of a program to the guest. The first time it is logged.
    fn end_reported(
        &mut self,
        process: &Resource<GuestProcess>,
        ended: Ended,
    ) -> wasmtime::Result<Result<guest::End, guest::CommandError>> {
        let process = self.table.get_mut(process)?;
        let is_new = !std::mem::replace(&mut process.is_reported, true);
        let name = process.name.clone();
        match ended {
            Ok(end) => {
                if is_new {
                    let message = format!("the command `{name}` is over: {}", end_shown(end));
                    self.log.note(LogLevel::Info, message);
                }
                Ok(Ok(end_to_guest(end)?))
            }
            Err(RequestFault::Guest(error)) => {
                let (message, error) = error.into_guest(&name);
                if is_new {
                    self.log.note(LogLevel::Warn, message);
                }
                Ok(Err(error))
            }
            Err(RequestFault::Host(error)) => Err(error.into()),
        }
    }

    /// Hands an output stream of a program to the guest.
    fn output_given(
        &mut self,
        stream: Option<(ProgramOutputStream, Descriptors)>,
    ) -> wasmtime::Result<Option<Resource<DynInputStream>>> {
        let Some((stream, descriptors)) = stream else {
            return Ok(None);
        };
        let stream: DynInputStream = Box::new(GuestOutputStream(stream));
        let handle = self.table.push(stream)?;
        self.descriptor_hold(handle.rep(), descriptors);
        Ok(Some(handle))
    }
}

impl HostProcess for CallState {
    async fn stdin(
        &mut self,
        process: Resource<GuestProcess>,
    ) -> wasmtime::Result<Option<Resource<DynOutputStream>>> {
        self.count_host_call(0)?;
        let Some((stream, descriptors)) = self.table.get_mut(&process)?.stdin.take() else {
            return Ok(None);
        };
        let stream: DynOutputStream = Box::new(GuestStdinStream(stream));
        let handle = self.table.push(stream)?;
        self.descriptor_hold(handle.rep(), descriptors);
        Ok(Some(handle))
    }

    async fn stdout(
        &mut self,
        process: Resource<GuestProcess>,
    ) -> wasmtime::Result<Option<Resource<DynInputStream>>> {
        self.count_host_call(0)?;
        let stream = self.table.get_mut(&process)?.stdout.take();
        self.output_given(stream)
    }

    async fn stderr(
        &mut self,
        process: Resource<GuestProcess>,
    ) -> wasmtime::Result<Option<Resource<DynInputStream>>> {
        self.count_host_call(0)?;
        let stream = self.table.get_mut(&process)?.stderr.take();
        self.output_given(stream)
    }

    async fn subscribe(
        &mut self,
        process: Resource<GuestProcess>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.count_host_call(0)?;
        let over = self.table.get(&process)?.over.clone();
        self.pollable_of(over)
    }

    async fn get(
        &mut self,
        process: Resource<GuestProcess>,
    ) -> wasmtime::Result<Option<Result<guest::End, guest::CommandError>>> {
        self.count_host_call(0)?;
        match self.table.get(&process)?.end_so_far() {
            Some(ended) => Ok(Some(self.end_reported(&process, ended)?)),
            None => Ok(None),
        }
    }

    async fn wait(
        &mut self,
        process: Resource<GuestProcess>,
    ) -> wasmtime::Result<Result<guest::End, guest::CommandError>> {
        self.count_host_call(0)?;
        let mut over = self.table.get(&process)?.over.clone();
        // ignored: the task is gone, because the guest has killed the program.
        let _ = over.wait_for(|is_over| *is_over).await;
        let ended = self.table.get(&process)?.end_so_far();
        let gone = || wasmtime::format_err!("the task of a program ended without an outcome");
        self.end_reported(&process, ended.ok_or_else(gone)?)
    }

    async fn kill(&mut self, process: Resource<GuestProcess>) -> wasmtime::Result<()> {
        self.count_host_call(0)?;
        self.table.get_mut(&process)?.kill();
        Ok(())
    }

    async fn drop(&mut self, process: Resource<GuestProcess>) -> wasmtime::Result<()> {
        let mut process = self.table.delete(process)?;
        if process.kill() {
            let message = format!(
                "the command `{}` was killed, because the plugin did not wait for its end",
                process.name
            );
            self.log.note(LogLevel::Info, message);
        }
        Ok(())
    }
}

/// The stdout or stderr of a program, as a guest reads it.
struct GuestOutputStream(ProgramOutputStream);

#[async_trait]
impl Pollable for GuestOutputStream {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

impl InputStream for GuestOutputStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.0.read(size) {
            OutputRead::Bytes(bytes) => Ok(bytes.into()),
            OutputRead::NotYet => Ok(Bytes::new()),
            OutputRead::End => Err(StreamError::Closed),
            OutputRead::Failed(fault) => Err(StreamError::LastOperationFailed(fault.into())),
        }
    }
}

/// The stdin of a program, as a guest writes it.
struct GuestStdinStream(ProgramStdin);

#[async_trait]
impl Pollable for GuestStdinStream {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

impl OutputStream for GuestStdinStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(bytes.into()).map_err(stream_error)
    }

    /// Bytes that do not fit into the pipe are written in the background. `check_write` permits more when
    /// they are.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.n_free().map_err(stream_error)
    }
}

fn stream_error(error: std::io::Error) -> StreamError {
    if error.kind() == ErrorKind::InvalidInput {
        StreamError::trap("more was written than the stream permits")
    } else if error.kind() == ErrorKind::BrokenPipe {
        StreamError::Closed
    } else {
        StreamError::LastOperationFailed(error.into())
    }
}
