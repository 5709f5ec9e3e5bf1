//! Reads and replaces files that only their owner may read.

use std::io::{self, ErrorKind};

use sedge_sys::disk::{DiskFile, FileReader, PrivateDisk};
use sedge_sys::folder::FileError;
use zeroize::Zeroizing;

/// The name of a file's new content until it replaces the former content. Only the holder of the
/// lock writes, so there is one such file at a time.
const NEW: &str = "new.tmp";

/// Reads a file from its beginning. Bytes that are appended meanwhile are not read.
///
/// # Errors
/// The file has more than `bytes_max`, or cannot be read.
pub(crate) fn read(
    file: &mut FileReader,
    bytes_max: usize,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let size = usize::try_from(file.size()).unwrap_or(usize::MAX);
    if size > bytes_max {
        let message = format!("it has more than {bytes_max} bytes");
        let source = io::Error::new(ErrorKind::FileTooLarge, message);
        return Err(FileError::new("read", file.path(), source));
    }
    let mut content = Zeroizing::new(vec![0; size]);
    let mut n_read = 0;
    while n_read < size {
        match file.read(&mut content[n_read..])? {
            0 => break,
            n => n_read += n,
        }
    }
    content.truncate(n_read);
    Ok(content)
}

/// Writes a file, replacing an existing one. Once this returns, the new content is durable. After
/// an error or a crash, the file has either the old or the new content, complete.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn replace(disk: &dyn PrivateDisk, path: &str, content: &[u8]) -> Result<(), FileError> {
    replace_by(disk, path, content, |disk| disk.create_private(NEW))
}

/// Writes a file as [`replace`] does, readable by its owner only, even if a group shares the
/// folder.
///
/// # Errors
/// The same as for [`replace`].
pub(crate) fn replace_sole(
    disk: &dyn PrivateDisk,
    path: &str,
    content: &[u8],
) -> Result<(), FileError> {
    replace_by(disk, path, content, |disk| disk.create_sole(NEW))
}

fn replace_by(
    disk: &dyn PrivateDisk,
    path: &str,
    content: &[u8],
    create: impl FnOnce(&dyn PrivateDisk) -> Result<Box<dyn DiskFile>, FileError>,
) -> Result<(), FileError> {
    disk.remove(NEW)?;
    let write = || {
        let mut file = create(disk)?;
        file.write(content)?;
        file.sync()?;
        disk.rename(NEW, path)
    };
    write().inspect_err(|_| {
        // ignored: the next process that writes removes the leftover.
        let _ = disk.remove(NEW);
    })?;
    disk.sync_folder("")
}
