//! A call's log: what the guest logs, and what it prints to stdout and stderr, as lines.
//!
//! What goes beyond the bounds is cut, with a line that says so; a guest that prints too
//! much is not stopped for it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use sedge_model::call::{LogLevel, LogLine};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::host::Outside;

/// The most bytes of one line; guests choose what they log, and people read it.
const LINE_BYTES_MAX: usize = 8 << 10;

/// What each line costs beside its text, so that empty lines count too.
const LINE_BYTES_OVERHEAD: usize = 32;

/// What a guest may write before the stream has it wait for nothing: the unit of WASI's
/// bookkeeping, not a limit.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// The log of one call.
pub(crate) struct CallLog {
    outside: Arc<dyn Outside>,
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
    /// Returns an empty log. All of it is in memory until the call ends, so it has bounds.
    pub(crate) fn new(outside: Arc<dyn Outside>, lines_max: u32, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            outside,
            lines_max,
            bytes_max,
            state: Mutex::default(),
        })
    }

    /// Adds a line, cut to its bound; nothing once the log is full.
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
        self.outside.logged(&mut line);
        state.lines.push(line);
    }

    /// Adds a line of the host's own. It is not cut: there may be lines in it that are to be
    /// copied as they are.
    pub(crate) fn note(&self, level: LogLevel, message: String) {
        self.add(LogLine {
            level,
            message,
            fields: Vec::new(),
        });
    }

    /// Returns the limit that one more line goes beyond.
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

    /// Takes out all lines.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.state().lines)
    }

    /// Returns the last line that the guest printed to stderr: its last words, if it trapped.
    pub(crate) fn last_stderr(&self) -> Option<String> {
        self.state().last_stderr.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of its outputs a guest printed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// One of a guest's outputs: cuts what is printed into lines of the call's log.
#[derive(Clone)]
pub(crate) struct Output {
    log: Arc<CallLog>,
    channel: Channel,
    partial: Arc<Mutex<Vec<u8>>>,
}

impl Output {
    pub(crate) fn new(log: Arc<CallLog>, channel: Channel) -> Self {
        Self {
            log,
            channel,
            partial: Arc::default(),
        }
    }

    /// Makes a line of what was printed without an end of line.
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
                // What is longer than a line may be is not even kept.
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

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
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

impl AsyncWrite for Output {
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
