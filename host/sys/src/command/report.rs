//! Reports of a reaper to the process that started it: a few frames of five bytes each, on the
//! socket that is the reaper's stdin.

use std::io;

use super::End;

/// The size of a frame: a tag, and a number (little-endian).
pub(super) const FRAME_BYTES: usize = 5;

/// A report. Errors are numbers of errno(3). A reaper that finished its work sends [`ReaperReport::Gone`]
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReaperReport {
    /// The reaper is of another version than the process that started it.
    OtherVersion,
    /// The reaper cannot work.
    ReaperFailed(i32),
    /// The folder that the program is to run in cannot be entered.
    FolderFailed(i32),
    /// The program cannot be started.
    ProgramFailed(i32),
    /// The program has ended.
    Ended(End),
    /// The program, and every process that it started, is dead.
    Gone,
}

impl ReaperReport {
    /// Returns the frame for this report.
    pub(super) fn to_frame(self) -> [u8; FRAME_BYTES] {
        let (tag, number) = match self {
            Self::OtherVersion => (b'v', 0),
            Self::ReaperFailed(errno) => (b'r', errno),
            Self::FolderFailed(errno) => (b'f', errno),
            Self::ProgramFailed(errno) => (b'p', errno),
            Self::Ended(End::Exit(code)) => (b'e', code),
            Self::Ended(End::Signal(signal)) => (b's', signal),
            Self::Gone => (b'g', 0),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [tag, a, b, c, d]
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// The bytes are not a frame, because the started program is not a reaper.
    pub(super) fn of_frame(frame: [u8; FRAME_BYTES]) -> io::Result<Self> {
        let [tag, number @ ..] = frame;
        let number = i32::from_le_bytes(number);
        Ok(match tag {
            b'v' => Self::OtherVersion,
            b'r' => Self::ReaperFailed(number),
            b'f' => Self::FolderFailed(number),
            b'p' => Self::ProgramFailed(number),
            b'e' => Self::Ended(End::Exit(number)),
            b's' => Self::Ended(End::Signal(number)),
            b'g' => Self::Gone,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_read_back_from_its_frame() {
        for report in [
            ReaperReport::OtherVersion,
            ReaperReport::ReaperFailed(24),
            ReaperReport::FolderFailed(2),
            ReaperReport::ProgramFailed(13),
            ReaperReport::Ended(End::Exit(7)),
            ReaperReport::Ended(End::Signal(9)),
            ReaperReport::Gone,
        ] {
            let read = ReaperReport::of_frame(report.to_frame()).expect("it is a frame");
            assert_eq!(read, report);
        }
        assert!(ReaperReport::of_frame(*b"hello").is_err());
    }
}
