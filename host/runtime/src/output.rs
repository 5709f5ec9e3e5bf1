//! The log of a call: what the guest logs, and what it prints to stdout and stderr.
//!
//! Output beyond the limits is dropped, and a last line says so. The guest is not stopped.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use sedge_model::call::{LogLevel, LogLine};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::host::LogPort;

/// The maximum size of one line, in bytes. Guests choose the text, and users read it.
const LINE_BYTES_MAX: usize = 8 << 10;

/// The cost of each line besides its text, in bytes, so that empty lines count too.
const LINE_BYTES_OVERHEAD: usize = 32;

/// How much a guest may write before it asks the stream again. WASI requires such a number; it is
/// not a limit here.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// The log of one call.
pub(crate) struct CallLog {
    port: Option<Arc<dyn LogPort>>,
    lines_max: u32,
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: Vec<LogLine>,
    n_bytes: usize,
    full: bool,
    last_stderr: Option<String>,
}

impl CallLog {
    /// Returns an empty log. It has limits because all of it is in memory until the call ends.
    pub(crate) fn new(
        port: Option<Arc<dyn LogPort>>,
        lines_max: u32,
        bytes_max: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            port,
            lines_max,
            bytes_max,
            state: Mutex::default(),
        })
    }

    /// Adds a line of the guest, and truncates it to [`LINE_BYTES_MAX`]. Does nothing once the log
    /// is full.
    pub(crate) fn push(&self, mut line: LogLine) {
        cut(&mut line.message);
        self.add(line);
    }

    fn add(&self, mut line: LogLine) {
        let mut state = self.state();
        if state.full {
            return;
        }
        let fields: usize = line
            .fields
            .iter()
            .map(|(key, value)| key.len() + value.to_string().len())
            .sum();
        state.n_bytes += LINE_BYTES_OVERHEAD + line.message.len() + fields;
        if let Some(limit) = self.reached(&state) {
            state.full = true;
            let message = format!("the log of this call is full ({limit}), the rest is dropped");
            line = LogLine {
                level: LogLevel::Warn,
                message,
                fields: Vec::new(),
            };
        }
        if let Some(port) = &self.port {
            port.logged(&mut line);
        }
        state.lines.push(line);
    }

    /// Adds a line of the host. It is not truncated, because it may contain YAML that the user
    /// copies.
    pub(crate) fn note(&self, level: LogLevel, message: String) {
        self.add(LogLine {
            level,
            message,
            fields: Vec::new(),
        });
    }

    /// Returns the limit that one more line would exceed.
    fn reached(&self, state: &State) -> Option<String> {
        if state.n_bytes > self.bytes_max {
            return Some(format!(
                "the limit `logKibibytes` of {}",
                self.bytes_max >> 10
            ));
        }
        let is_full = state.lines.len() >= self.lines_max as usize;
        is_full.then(|| format!("the limit `logLines` of {}", self.lines_max))
    }

    /// Takes all lines.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.state().lines)
    }

    /// Returns the last line that the guest printed to stderr. It often explains a trap.
    pub(crate) fn last_stderr(&self) -> Option<String> {
        self.state().last_stderr.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream that a guest printed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// A stdout or stderr of a guest. It splits the output into lines of the log.
#[derive(Clone)]
pub(crate) struct GuestOutput {
    log: Arc<CallLog>,
    channel: Channel,
    partial: Arc<Mutex<Vec<u8>>>,
}

impl GuestOutput {
    pub(crate) fn new(log: Arc<CallLog>, channel: Channel) -> Self {
        Self {
            log,
            channel,
            partial: Arc::default(),
        }
    }

    /// Logs the last line if it has no line end.
    pub(crate) fn finish(&self) {
        let rest = std::mem::take(&mut *self.partial());
        if !rest.is_empty() {
            self.line(&rest);
        }
    }

    fn print(&self, bytes: &[u8]) {
        let mut partial = self.partial();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.split_last() {
                Some((b'\n', text)) => {
                    partial.extend_from_slice(text);
                    self.line(&std::mem::take(&mut *partial));
                }
                // The rest of an overlong line is dropped.
                Some(_) if partial.len() <= LINE_BYTES_MAX => partial.extend_from_slice(piece),
                Some(_) | None => {}
            }
        }
    }

    fn line(&self, text: &[u8]) {
        let message = String::from_utf8_lossy(text)
            .trim_end_matches('\r')
            .to_owned();
        let level = match self.channel {
            Channel::Stdout => LogLevel::Info,
            Channel::Stderr => LogLevel::Warn,
        };
        if self.channel == Channel::Stderr {
            let mut last = message.clone();
            cut(&mut last);
            self.log.state().last_stderr = Some(last);
        }
        self.log.push(LogLine {
            level,
            message,
            fields: Vec::new(),
        });
    }

    fn partial(&self) -> MutexGuard<'_, Vec<u8>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(text: &mut String) {
    if text.len() > LINE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
        text.push_str(" [cut]");
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl AsyncWrite for GuestOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
