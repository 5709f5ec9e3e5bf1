//! Reads a line from the terminal without showing it.

use std::io::{self, stdin};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::platform::LINE_BYTES_MAX;

/// What the user typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A line, without its end.
    Line(Vec<u8>),
    /// A line longer than a terminal passes on; the rest of it is lost.
    Cut,
    /// Ctrl-C: the user wants the program to stop.
    Interrupted,
    /// Ctrl-D on an empty line: the input has ended.
    End,
}

/// The terminal on stdin, with echo turned off. Dropping it restores the former settings.
#[derive(Debug)]
pub struct HiddenInput {
    before: Termios,
    interrupt: u8,
}

impl HiddenInput {
    /// Turns echo off, and discards what was typed before.
    ///
    /// # Errors
    /// Stdin is not a terminal.
    pub fn begin() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let interrupt = before.special_codes[SpecialCodeIndex::VINTR];
        let mut hidden = before.clone();
        hidden.local_modes.insert(LocalModes::ICANON);
        // Ctrl-C as a signal would end the program and leave the terminal without echo. So it ends
        // the line instead, and is read as its last byte.
        hidden
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VEOL] = interrupt;
        tcsetattr(stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self { before, interrupt })
    }

    /// Waits for a line.
    ///
    /// # Errors
    /// The terminal was closed.
    pub fn line(&mut self) -> io::Result<Typed> {
        let mut line = vec![0; LINE_BYTES_MAX];
        let n_read = loop {
            match rustix::io::read(stdin(), &mut line) {
                Err(rustix::io::Errno::INTR) => {}
                read => break read?,
            }
        };
        line.truncate(n_read);
        Ok(match line.last() {
            None => Typed::End,
            Some(byte) if *byte == self.interrupt => Typed::Interrupted,
            Some(_) if n_read == LINE_BYTES_MAX => Typed::Cut,
            Some(b'\n') => {
                line.pop();
                Typed::Line(line)
            }
            // Ctrl-D within a line passes it on without an end.
            Some(_) => Typed::Line(line),
        })
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // ignored: if the terminal was closed, its settings are gone as well.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}
