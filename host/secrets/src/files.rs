//! How files are read and replaced, for people's eyes but their owner's closed.

use std::io::{self, ErrorKind};

use sedge_sys::disk::{DiskFile, FileReader, PrivateDisk};
use sedge_sys::folder::FileError;
use zeroize::Zeroizing;

/// Where a file's new content is until it takes its place. Whoever writes has the turn, so
/// there is one at a time.
const NEW: &str = "new.tmp";

/// Reads a file from its beginning; what is added to it meanwhile is left out.
///
/// # Errors
/// It has more than `bytes_max`, or cannot be read.
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

/// Writes a file, in place of what was there. Once this returns, the new content survives a
/// power cut; if it fails, or the machine stops, the old or the new is there in full.
///
/// # Errors
/// It cannot be written.
pub(crate) fn replace(disk: &dyn PrivateDisk, path: &str, content: &[u8]) -> Result<(), FileError> {
    replace_by(disk, path, content, |disk| disk.create_private(NEW))
}

/// Writes a file as [`replace`] does, which only its owner may read even where a group shares the
/// folder.
///
/// # Errors
/// As there.
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
        // ignored: what stays is removed by the next process that writes.
        let _ = disk.remove(NEW);
    })?;
    disk.sync_folder("")
}
