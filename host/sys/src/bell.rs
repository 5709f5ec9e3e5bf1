//! A bell wakes one process when another process has news for it.
//!
//! A bell is a named pipe. Its owner keeps it open for reading and for writing, so a read never
//! reports its end. The process that rings writes one byte and does not wait. Rings that arrive
//! before the owner waits are kept, and several of them wake the owner once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::folder::{FileError, Folder};

/// The most rings that one wait takes out of the pipe, in bytes.
const RINGS_MAX: usize = 4096;

/// The bell of this process.
#[derive(Debug)]
pub struct Bell {
    pipe: File,
    folder: Folder,
    name: String,
}

impl Bell {
    /// Creates a bell, replacing any file of that name.
    ///
    /// # Errors
    /// The file system has no named pipes, or the folder cannot be written.
    pub fn create(folder: &Folder, name: &str) -> Result<Self, FileError> {
        folder.remove(name)?;
        let pipe = folder.make_pipe(name);
        Ok(Self {
            pipe: pipe.map_err(|source| folder.error("create", name, source))?,
            folder: folder.share()?,
            name: name.to_owned(),
        })
    }

    /// Blocks the thread until another process rings, or until `at_most` has passed.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub fn wait(&self, at_most: Duration) -> Result<(), FileError> {
        let error = |source| self.folder.error("read", &self.name, source);
        // ignored: a duration beyond the range of the system call counts as no limit.
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
        // ignored: no process listens to a pipe that is left behind.
        let _ = self.folder.remove(&self.name);
    }
}

/// Rings the bell of another process.
///
/// Does nothing if the bell does not exist or no process listens: a process that misses a ring
/// looks for news at its next timeout.
pub fn ring(folder: &Folder, name: &str) {
    let ring = || -> io::Result<()> {
        let mut pipe = folder.open_pipe(name)?;
        // A full pipe has unread rings, which wake the owner as well.
        pipe.write(&[0]).map(drop)
    };
    // ignored: a missed ring only delays the other process.
    let _ = ring();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    #[test]
    fn ring_wakes_the_waiter_and_is_kept_until_it_waits() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(folder.path()).expect("it is there");
        ring(&folder, "bell");
        let bell = Bell::create(&folder, "bell").expect("made");
        (0..100_000).for_each(|_| ring(&folder, "bell"));
        let since = Moment::now();
        let long = Duration::from_secs(600);
        bell.wait(long).expect("rung before");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| bell.wait(long));
            ring(&folder, "bell");
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
        assert!(!folder.has("bell").expect("looked for"));
        ring(&folder, "bell");
    }
}
