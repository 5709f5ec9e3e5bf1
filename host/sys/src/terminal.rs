//! A line that a person types without it being shown.

use std::io::{self, stdin};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A line, without its end.
    Line(Vec<u8>),
    /// More than a terminal hands over as a line; the rest of it is gone.
    Cut,
    /// They want the program to stop (Ctrl-C).
    Interrupted,
    /// They have nothing more to say (Ctrl-D).
    End,
}

/// The most bytes of a line with its end, as n_tty(4) of Linux has it: of a longer one, it hands
/// over the beginning.
const LINE_BYTES_MAX: usize = 4096;

/// The terminal that stdin is, while it shows nothing of what is typed. As before once it is
/// dropped.
#[derive(Debug)]
pub struct HiddenInput {
    before: Termios,
    interrupt: u8,
}

impl HiddenInput {
    /// Stops to show what is typed, and forgets what was typed before.
    ///
    /// # Errors
    /// Stdin is no terminal.
    pub fn begin() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let interrupt = before.special_codes[SpecialCodeIndex::VINTR];
        let mut hidden = before.clone();
        hidden.local_modes.insert(LocalModes::ICANON);
        // A signal would end the program, and leave a terminal that shows nothing. So its key
        // ends the line, and is read as a part of it.
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
    /// The terminal is gone.
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
            // Ctrl-D in the middle of a line hands it over.
            Some(_) => Typed::Line(line),
        })
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // If the terminal is gone, nobody misses its ways.
        // ignored: the terminal is gone, and its settings with it.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}
