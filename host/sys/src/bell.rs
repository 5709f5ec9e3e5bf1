//! A bell that other processes ring: whoever waits for news of them wakes at once.
//!
//! A bell is a named pipe. Its owner keeps it open for reading and writing, so that it never
//! ends; who rings writes one byte and does not wait. Rings before the owner listens are
//! kept, and many of them are as one.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::folder::FileError;

/// Rings that are taken in at once.
const RINGS_MAX: usize = 4096;

/// One's own bell.
#[derive(Debug)]
pub struct Bell {
    pipe: File,
    path: PathBuf,
}

impl Bell {
    /// Makes a bell, in place of one that may be there.
    ///
    /// # Errors
    /// The file system has no named pipes, or the folder may not be written.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let create = || -> std::io::Result<File> {
            match std::fs::remove_file(path) {
                Err(source) if source.kind() != ErrorKind::NotFound => return Err(source),
                Ok(()) | Err(_) => {}
            }
            mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
            File::options().read(true).write(true).open(path)
        };
        let pipe = create().map_err(|source| FileError::new("create", path, source))?;
        Ok(Self {
            pipe,
            path: path.to_owned(),
        })
    }

    /// Blocks the thread until somebody rings, or until `at_most` has passed.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub fn wait(&self, at_most: Duration) -> Result<(), FileError> {
        let error = |source| FileError::new("read", &self.path, source);
        let timeout = at_most.try_into().ok();
        let mut ready = [PollFd::new(&self.pipe, PollFlags::IN)];
        match poll(&mut ready, timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(()),
            Ok(_) => {
                let mut rings = [0; RINGS_MAX];
                (&self.pipe).read(&mut rings).map(drop).map_err(error)
            }
            Err(errno) => Err(error(errno.into())),
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // A bell that stays is only a name: nobody listens.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Rings somebody's bell. Where there is none, or nobody listens any more, nothing happens.
pub fn ring(path: &Path) {
    let flags = OFlags::NONBLOCK.bits();
    let Ok(flags) = i32::try_from(flags) else {
        unreachable!("flags of open(2) are an int")
    };
    let opened = File::options().write(true).custom_flags(flags).open(path);
    if let Ok(mut pipe) = opened {
        // A pipe that is full has been rung already.
        let _ = pipe.write(&[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    #[test]
    fn a_ring_wakes_and_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bell");
        ring(&path);
        let bell = Bell::create(&path).expect("made");
        (0..100_000).for_each(|_| ring(&path));
        let since = Moment::now();
        let long = Duration::from_secs(600);
        bell.wait(long).expect("rung before");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| bell.wait(long));
            ring(&path);
            waits.join().expect("no panic").expect("rung");
        });
        assert!(since.elapsed() < long);
        while bell.pipe.metadata().is_ok() && since.elapsed() < long {
            let before = Moment::now();
            bell.wait(Duration::from_millis(1)).expect("silence");
            if before.elapsed() >= Duration::from_millis(1) {
                break;
            }
        }
        drop(bell);
        assert!(!path.exists());
        ring(&path);
    }
}
