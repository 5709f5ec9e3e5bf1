//! The streams of a program that its user reads and writes while it runs. A stream holds one piece
//! of bytes besides what the pipe holds, so a side that is faster waits for the other.

use std::fmt;
use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;

use rustix::io::Errno;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::{End, ProgramError};

/// How much a stream holds besides its pipe, in bytes: the capacity of a Linux pipe.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// A program whose streams are served by its user.
pub struct StreamedProgram {
    /// Its stdin, unless that is empty.
    pub stdin: Option<ProgramStdin>,
    /// What it and its descendants print to stdout.
    pub stdout: ProgramOutputStream,
    /// What it and its descendants print to stderr.
    pub stderr: ProgramOutputStream,
    /// Runs the program, and resolves when it and its descendants have ended. Dropping the future
    /// kills them before the drop returns.
    pub end: ProgramEnd,
}

/// See [`StreamedProgram::end`].
pub type ProgramEnd = Pin<Box<dyn Future<Output = Result<End, ProgramError>> + Send>>;

impl fmt::Debug for StreamedProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedProgram").finish_non_exhaustive()
    }
}

/// The stdin of a program. What is written goes to the program in the background, also if nothing
/// waits for this stream. Dropping it lets the program see the end of its input, after all that was
/// written.
#[derive(Debug)]
pub struct ProgramStdin {
    pipe: Arc<pipe::Sender>,
    state: Arc<watch::Sender<StdinState>>,
}

/// What becomes of the bytes that were written to a [`ProgramStdin`].
#[derive(Debug, Clone, Copy)]
enum StdinState {
    /// All of them are in the pipe.
    Written,
    /// A task writes those that did not fit into the pipe.
    Writing,
    /// No process reads the stream any more.
    Failed(Errno),
}

impl StdinState {
    fn is_settled(&self) -> bool {
        match self {
            Self::Written | Self::Failed(_) => true,
            Self::Writing => false,
        }
    }
}

impl ProgramStdin {
    pub(super) fn new(pipe: PipeWriter) -> io::Result<Self> {
        let pipe = pipe::Sender::from_owned_fd(OwnedFd::from(pipe))?;
        let (state, _) = watch::channel(StdinState::Written);
        Ok(Self {
            pipe: Arc::new(pipe),
            state: Arc::new(state),
        })
    }

    /// Returns how many bytes [`ProgramStdin::write`] takes now. Returns 0 until the program has read
    /// more of what was written before.
    ///
    /// # Errors
    /// No process reads the stream any more.
    pub fn n_free(&self) -> io::Result<usize> {
        match *self.state.borrow() {
            StdinState::Written => Ok(PIECE_BYTES_MAX),
            StdinState::Writing => Ok(0),
            StdinState::Failed(error) => Err(error.into()),
        }
    }

    /// Writes bytes, as many as [`ProgramStdin::n_free`] has allowed. Does not wait.
    ///
    /// # Errors
    /// No process reads the stream any more, or there are more bytes than allowed.
    pub fn write(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        if bytes.len() > self.n_free()? {
            return Err(ErrorKind::InvalidInput.into());
        }
        while !bytes.is_empty() {
            match rustix::io::write(&self.pipe, &bytes) {
                Ok(n_written) => drop(bytes.drain(..n_written)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.state.send_replace(StdinState::Writing);
                    let (pipe, state) = (Arc::clone(&self.pipe), Arc::clone(&self.state));
                    // It ends when the program has read the bytes, or no process can read them.
                    tokio::spawn(
                        async move { state.send_replace(rest_written(&pipe, bytes).await) },
                    );
                    return Ok(());
                }
                Err(error) => {
                    self.state.send_replace(StdinState::Failed(error));
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Waits until [`ProgramStdin::n_free`] returns a number or an error: until all that was written
    /// is in the pipe.
    pub async fn ready(&mut self) {
        let mut state = self.state.subscribe();
        // ignored: this handle keeps the other end of the channel.
        let _ = state.wait_for(StdinState::is_settled).await;
    }
}

/// Writes bytes to a pipe, as soon as it takes them.
async fn rest_written(pipe: &pipe::Sender, mut rest: Vec<u8>) -> StdinState {
    while !rest.is_empty() {
        let written = match pipe.writable().await {
            Ok(()) => pipe.try_write(&rest),
            Err(error) => Err(error),
        };
        match written {
            Ok(n_written) => drop(rest.drain(..n_written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                let error = Errno::from_io_error(&error);
                return StdinState::Failed(error.unwrap_or(Errno::PIPE));
            }
        }
    }
    StdinState::Written
}

/// The stdout or stderr of a program. It can be read after the end of the program, too. Dropping it
/// closes it: a program that prints more gets the signal `SIGPIPE`.
#[derive(Debug)]
pub struct ProgramOutputStream {
    /// `None` once the stream is at its end.
    pipe: Option<pipe::Receiver>,
    /// What was read from the pipe and not by the user.
    piece: Vec<u8>,
    /// Why nothing follows the piece.
    fault: Option<ReadFault>,
    /// The limit, and how many more bytes may be read.
    limit: Option<(u64, u64)>,
}

/// The result of reading from a stream.
#[derive(Debug)]
pub enum OutputRead {
    /// The next bytes, at least one.
    Bytes(Vec<u8>),
    /// There is nothing to read yet.
    NotYet,
    /// The stream is at its end.
    End,
    /// The stream failed. It is at its end then.
    Failed(ReadFault),
}

/// Why a stream cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// The output has more bytes than may be read.
    #[error("the output is longer than {0} bytes, its limit")]
    TooLong(u64),
    /// The pipe cannot be read.
    #[error("cannot read the pipe")]
    Pipe(#[source] io::Error),
}

impl ProgramOutputStream {
    pub(super) fn new(pipe: PipeReader, bytes_max: Option<u64>) -> io::Result<Self> {
        Ok(Self {
            pipe: Some(pipe::Receiver::from_owned_fd(OwnedFd::from(pipe))?),
            piece: Vec::new(),
            fault: None,
            limit: bytes_max.map(|max| (max, max)),
        })
    }

    /// Reads at most `bytes_max` bytes. Does not wait.
    pub fn read(&mut self, bytes_max: usize) -> OutputRead {
        if bytes_max == 0 {
            return OutputRead::NotYet;
        }
        self.advance();
        if !self.piece.is_empty() {
            let n_read = self.piece.len().min(bytes_max);
            let later = self.piece.split_off(n_read);
            return OutputRead::Bytes(std::mem::replace(&mut self.piece, later));
        }
        match (self.fault.take(), &self.pipe) {
            (Some(fault), _) => OutputRead::Failed(fault),
            (None, Some(_)) => OutputRead::NotYet,
            (None, None) => OutputRead::End,
        }
    }

    /// Waits until [`ProgramOutputStream::read`] returns something.
    pub async fn ready(&mut self) {
        loop {
            self.advance();
            if !self.piece.is_empty() {
                return;
            }
            let Some(pipe) = &self.pipe else {
                return;
            };
            if let Err(error) = pipe.readable().await {
                self.fail(ReadFault::Pipe(error));
            }
        }
    }

    /// Reads the next piece from the pipe, if there is one.
    fn advance(&mut self) {
        let Some(pipe) = &self.pipe else {
            return;
        };
        if !self.piece.is_empty() {
            return;
        }
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        match pipe.try_read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(n_read) => {
                buffer.truncate(n_read);
                self.take(buffer);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.fail(ReadFault::Pipe(error)),
        }
    }

    /// Takes a piece, up to the limit.
    fn take(&mut self, mut piece: Vec<u8>) {
        if let Some((max, left)) = &mut self.limit {
            let n_kept = usize::try_from(*left).unwrap_or(usize::MAX);
            *left = left.saturating_sub(piece.len() as u64);
            if piece.len() > n_kept {
                let fault = ReadFault::TooLong(*max);
                piece.truncate(n_kept);
                self.fail(fault);
            }
        }
        piece.shrink_to_fit();
        self.piece = piece;
    }

    fn fail(&mut self, fault: ReadFault) {
        self.pipe = None;
        self.fault = Some(fault);
    }
}
