//! Input that the user names: a file by any path, also through links, a pipe, or stdin.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::folder::FileError;
use crate::thread::Stop;

/// How long a read waits for a pipe before it checks whether it is to stop.
const POLL_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// An input, read once from its beginning to its end.
#[derive(Debug)]
pub struct Input {
    file: File,
    path: PathBuf,
    size: Option<u64>,
}

impl Input {
    /// Opens the file that the user named. Links are followed wherever they lead. A pipe is opened
    /// even if no process writes to it yet.
    ///
    /// # Errors
    /// The file does not exist or cannot be read.
    pub fn named(path: &Path) -> Result<Self, FileError> {
        let error = |source| FileError::new("open", path, source);
        let mut options = File::options();
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = options.read(true).custom_flags(flags).open(path);
        Self::of(file.map_err(error)?, path)
    }

    /// Returns the input on stdin.
    ///
    /// # Errors
    /// Stdin is closed, or the process has no descriptors left.
    pub fn stdin() -> Result<Self, FileError> {
        let path = Path::new("stdin");
        let file = std::io::stdin().as_fd().try_clone_to_owned();
        let file = file.map_err(|source| FileError::new("read", path, source))?;
        Self::of(file.into(), path)
    }

    fn of(file: File, path: &Path) -> Result<Self, FileError> {
        let error = |source| FileError::new("open", path, source);
        let metadata = file.metadata().map_err(error)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(error(ErrorKind::IsADirectory.into()));
        }
        // A device has a size of zero, and its input may still end.
        let is_endless = kind.is_fifo() || kind.is_char_device() || kind.is_socket();
        let size = (!is_endless && kind.is_file()).then_some(metadata.len());
        Ok(Self {
            file,
            path: path.to_owned(),
            size,
        })
    }

    /// Returns the path as the user wrote it, for error messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size in bytes; `None` for a pipe, a device or a socket, whose size is unknown.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Reads into the buffer and returns the number of bytes; 0 at the end. On a pipe it waits
    /// until bytes arrive or all writers have closed it.
    ///
    /// # Errors
    /// The device fails, or `stop` was requested (`Interrupted`).
    pub fn read(&mut self, buffer: &mut [u8], stop: &Stop) -> Result<usize, FileError> {
        loop {
            if stop.is_requested() {
                let source = ErrorKind::Interrupted.into();
                return Err(FileError::new("read", &self.path, source));
            }
            if self.size.is_none() && !self.is_ready()? {
                continue;
            }
            match self.file.read(buffer) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(source) => return Err(FileError::new("read", &self.path, source)),
                Ok(n) => return Ok(n),
            }
        }
    }

    /// Waits up to [`POLL_INTERVAL`] for bytes or the end; returns false if neither came.
    fn is_ready(&self) -> Result<bool, FileError> {
        let mut wanted = [PollFd::new(&self.file, PollFlags::IN)];
        match poll(&mut wanted, Some(&POLL_INTERVAL)) {
            Ok(n) => Ok(n > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(FileError::new("read", &self.path, error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(input: &mut Input) -> Vec<u8> {
        let (mut content, mut buffer) = (Vec::new(), [0; 3]);
        loop {
            match input.read(&mut buffer, &Stop::default()).expect("readable") {
                0 => return content,
                n => content.extend(&buffer[..n]),
            }
        }
    }

    #[test]
    fn a_file_is_read_through_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "content").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        let mut input = Input::named(&link).expect("it is there");
        assert_eq!(input.size(), Some(7));
        assert_eq!(all(&mut input), b"content");
        let error = Input::named(folder.path()).expect_err("it is a folder");
        assert_eq!(error.source.kind(), ErrorKind::IsADirectory);
        let error = Input::named(&folder.path().join("none")).expect_err("there is none");
        assert_eq!(error.source.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn pipe_is_read_to_its_end_and_a_waiting_read_stops_on_request() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let file = File::from(std::os::fd::OwnedFd::from(reader));
        let mut input = Input::of(file, Path::new("pipe")).expect("a pipe");
        assert_eq!(input.size(), None);
        writer.write_all(b"content").expect("it is read");
        let mut buffer = [0; 10];
        let n = input.read(&mut buffer, &Stop::default()).expect("readable");
        assert_eq!(&buffer[..n], b"content");
        let stop = Stop::default();
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| input.read(&mut [0; 10], &stop));
            stop.request();
            let error = reads.join().expect("no panic").expect_err("it is empty");
            assert_eq!(error.source.kind(), ErrorKind::Interrupted);
        });
        drop(writer);
        assert_eq!(all(&mut input), b"");
    }
}
