//! Why the machine refuses a program to use files, found out after the fact.
//!
//! A library that opens files itself may not pass the error number on. This looks again, and opens
//! no file that is there: to close one would release the locks that the process has on it.

use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::folder::FileError;
use crate::host::descriptors_check;
use crate::platform::unnamed_file;

/// How much is written to find out whether there is room: more than a file system keeps within the
/// entry of a file.
const PROBE_BYTES: usize = 8 << 10;

/// Returns why files of a folder cannot be read, written or created. Returns `None` if no reason is
/// found. A file that does not exist is not a reason.
#[must_use]
pub fn reason(folder: &Path, files: &[String]) -> Option<FileError> {
    let error =
        |operation, path: &Path, errno: Errno| Some(FileError::new(operation, path, errno.into()));
    let can = |path: &Path, access| accessat(CWD, path, access, AtFlags::EACCESS);
    if let Err(errno) = can(folder, Access::READ_OK | Access::EXEC_OK) {
        return error("read", folder, errno);
    }
    for file in files {
        let path = folder.join(file);
        match can(&path, Access::READ_OK | Access::WRITE_OK) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return error("read and write", &path, errno),
        }
    }
    if let Err(errno) = can(folder, Access::WRITE_OK) {
        return error("make files in", folder, errno);
    }
    if let Err(source) = descriptors_check() {
        return Some(FileError::new("open files in", folder, source));
    }
    match probe(folder) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => None,
        Err(errno) => error("write to", folder, errno),
    }
}

/// Makes a file without a name, which is gone when it is closed, and writes to it.
fn probe(folder: &Path) -> Result<(), Errno> {
    let file = unnamed_file(folder)?;
    let bytes = [0; PROBE_BYTES];
    let mut n_written = 0;
    while n_written < bytes.len() {
        match rustix::io::write(&file, &bytes[n_written..])? {
            0 => return Err(Errno::NOSPC),
            n => n_written += n,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_used_has_no_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = ["a".to_owned(), "b".to_owned()];
        std::fs::write(folder.path().join("a"), "").expect("written");
        assert!(reason(folder.path(), &files).is_none());
        let left = std::fs::read_dir(folder.path()).expect("it is there");
        assert_eq!(left.count(), 1, "nothing was left behind");
    }

    #[test]
    fn a_folder_that_is_missing_is_the_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("gone");
        let error = reason(&missing, &[]).expect("it is missing");
        assert_eq!(
            error.source.raw_os_error(),
            Some(Errno::NOENT.raw_os_error())
        );
        assert_eq!(error.path, missing);
    }
}
