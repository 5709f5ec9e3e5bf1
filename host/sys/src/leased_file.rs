//! A file that the kernel keeps unchanged while this process uses it.
//!
//! On Linux, a lease does that. It is granted only if no process can write to the file. While it is
//! held, the kernel stops a process that opens the file for writing, kills this process, and lets
//! the other one go on afterwards. Giving another file the name, or removing the name, does not
//! change the file, and is possible at any time.
//!
//! macOS has no leases, so no file is leased there.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::folder::FileStamp;
use crate::platform::{self, DESCRIPTOR_FOLDER};

/// The mode of a file that can be leased: its owner has to change the mode before writing to it.
const MODE: u32 = 0o400;

/// An open file that cannot change while this value exists.
#[derive(Debug)]
pub struct LeasedFile {
    file: File,
    stamp: FileStamp,
    boot_id: String,
}

impl LeasedFile {
    /// Takes a lease on a file that is open for reading only.
    ///
    /// # Errors
    /// Gives the file back if it cannot be leased: some process has it open for writing, its mode
    /// is not 0400, its file system is shared with other machines or unknown, or the system has no
    /// leases.
    pub fn take(file: File) -> Result<Self, File> {
        let is_final = file
            .metadata()
            // ignored: a file without known attributes is not leased.
            .is_ok_and(|about| about.mode() & 0o7777 == MODE);
        // ignored: without the id of the start, no lease is taken.
        let Some(boot_id) = is_final.then(|| platform::boot_id().ok()).flatten() else {
            return Err(file);
        };
        if !platform::lease_take(&file) {
            return Err(file);
        }
        // From here on the file cannot change, so the stamp describes what will be read.
        match FileStamp::of_file(&file) {
            Ok(stamp) => Ok(Self {
                file,
                stamp,
                boot_id,
            }),
            Err(_) => Err(file),
        }
    }

    /// Returns the file, for reading.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Returns bytes that differ from those of every other content of any file since this machine
    /// was started, if this one [is settled](Self::is_settled): its device, number, size and
    /// times, and the id of the start. A power loss may leave a file with new metadata and old
    /// content, so another start means that nothing is known.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        [self.stamp.bytes().as_slice(), self.boot_id.as_bytes()].concat()
    }

    /// Returns whether every later change will change the identity: the last change was long
    /// enough before `now`.
    #[must_use]
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.stamp.is_settled(now)
    }

    /// Returns a path that leads to the file as long as it is open. The path works only in this
    /// process, and only if `/proc` is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("{DESCRIPTOR_FOLDER}/{}", self.file.as_raw_fd()))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::Permissions;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;

    /// Names the file that the child process leases.
    const FILE: &str = "SEDGE_TEST_LEASED_FILE";

    /// What the child process prints once it has the lease.
    const LEASED: &str = "leased";

    fn file_of_mode(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("file");
        std::fs::write(&path, "content").expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        path
    }

    fn lease(path: &Path) -> Result<LeasedFile, File> {
        LeasedFile::take(File::open(path).expect("it is there"))
    }

    /// Leases a file. Another test that starts a process just now copies all descriptors for a
    /// moment, so the lease may be refused at first.
    fn lease_soon(path: &Path) -> LeasedFile {
        let deadline = Moment::now().after(Duration::from_secs(30));
        loop {
            match lease(path) {
                Ok(leased) => return leased,
                Err(_) => assert!(!deadline.left().is_zero(), "it cannot be leased"),
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn writable_file_is_not_leased() {
        let keep = tempfile::tempdir().expect("a folder");
        let path = file_of_mode(keep.path(), 0o600);
        lease(&path).expect_err("its owner may write to it");
        let writer = File::options().write(true).open(&path).expect("it is ours");
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).expect("it is ours");
        lease(&path).expect_err("it is open for writing");
        drop(writer);
        let leased = lease_soon(&path);
        assert_eq!(std::fs::read(leased.path()).expect("a path"), b"content");
    }

    #[test]
    fn file_of_an_unknown_file_system_is_not_leased() {
        let file = File::open("/proc/self/status").expect("it is mounted");
        assert!(!platform::lease_take(&file));
    }

    #[test]
    fn identity_differs_after_a_change() {
        let keep = tempfile::tempdir().expect("a folder");
        let path = file_of_mode(keep.path(), 0o400);
        let identity = || lease_soon(&path).identity();
        let before = identity();
        assert_eq!(identity(), before);
        std::fs::rename(&path, keep.path().join("former")).expect("renamed");
        file_of_mode(keep.path(), 0o400);
        assert_ne!(identity(), before, "it is another file");
    }

    /// The child process of the next test: it leases a file, and waits.
    #[test]
    fn child() {
        let Some(path) = std::env::var_os(FILE) else {
            return;
        };
        let leased = lease_soon(Path::new(&path));
        println!("{LEASED}");
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        read.expect("its parent keeps the pipe open");
        drop(leased);
    }

    /// Otherwise the process would go on with content that it has not checked.
    #[test]
    fn process_ends_before_its_leased_file_can_be_written() {
        let keep = tempfile::tempdir().expect("a folder");
        let path = file_of_mode(keep.path(), 0o400);
        let program = std::env::current_exe().expect("the test has a program");
        let mut child = Command::new(program)
            .args(["leased_file::tests::child", "--exact", "--nocapture"])
            .env(FILE, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let is_leased = stdout
            .lines()
            .map_while(Result::ok)
            .any(|it| it.contains(LEASED));
        assert!(is_leased, "the child leased the file");
        // Replacing the name is no change of the file.
        let named = keep.path().join("named");
        std::fs::hard_link(&path, &named).expect("linked");
        std::fs::remove_file(&path).expect("removed");
        assert!(child.try_wait().expect("it is a child").is_none());
        std::fs::set_permissions(&named, Permissions::from_mode(0o600)).expect("it is ours");
        let at_once = File::options()
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&named);
        let refused = at_once.expect_err("the lease is not given up yet");
        assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
        let ended = child.wait().expect("it is a child");
        assert_eq!(ended.signal(), Some(libc::SIGKILL), "{ended}");
        File::options()
            .write(true)
            .open(&named)
            .expect("it is free");
    }
}
