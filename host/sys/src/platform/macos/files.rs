//! Files: folders opened for reading, files whose name is removed at once, and `/dev/fd`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::kernel;
use crate::platform::PathEntry;
use crate::random;

/// The folder in which a process finds its open descriptors by their numbers.
pub(crate) const DESCRIPTOR_FOLDER: &str = "/dev/fd";

/// The bits of a mode that are permissions.
const PERMISSIONS: u32 = 0o7777;

/// How often a name that another process changes meanwhile is looked up before that is an error.
const ATTEMPTS_MAX: u32 = 100;

/// Returns the permission bits of a mode in the type of this system's calls.
pub(crate) fn mode_of(bits: u32) -> Mode {
    let bits = u16::try_from(bits & PERMISSIONS).expect("permissions have twelve bits");
    Mode::from_raw_mode(bits)
}

/// Returns the permission bits of a file.
pub(crate) fn permission_bits(stat: &Stat) -> u32 {
    u32::from(stat.st_mode) & PERMISSIONS
}

/// Returns the number of the device that a file is on.
pub(crate) fn device_number(stat: &Stat) -> u64 {
    stat.st_dev.cast_unsigned().into()
}

/// Creates a named pipe in a folder.
pub(crate) fn make_pipe(folder: impl AsFd, name: &str, mode: Mode) -> Result<(), Errno> {
    kernel::make_pipe(folder, name, mode)
}

/// Opens a folder in another one to look up names in it. A link is not followed. The right to list
/// the folder is needed, because descriptors of paths do not exist here.
pub(crate) fn open_folder(folder: impl AsFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// Returns what a name in a folder stands for. A folder is opened and compared with what was found
/// before, and looked up again if another process replaced it meanwhile.
pub(crate) fn entry_at(folder: impl AsFd, name: &OsStr) -> Result<PathEntry, Errno> {
    for _ in 0..ATTEMPTS_MAX {
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => match open_folder(&folder, name) {
                Ok(opened) => {
                    let now = fstat(&opened)?;
                    if (now.st_dev, now.st_ino) == (stat.st_dev, stat.st_ino) {
                        return Ok(PathEntry::Folder(opened));
                    }
                }
                // It is no folder any more.
                Err(Errno::LOOP | Errno::NOTDIR) => {}
                Err(error) => return Err(error),
            },
            FileType::Symlink => match readlinkat(&folder, name, Vec::new()) {
                Ok(target) => {
                    return Ok(PathEntry::Link(OsString::from_vec(target.into_bytes())));
                }
                // It is no link any more.
                Err(Errno::INVAL) => {}
                Err(error) => return Err(error),
            },
            FileType::RegularFile
            | FileType::Fifo
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Socket
            | FileType::Unknown => return Ok(PathEntry::Other(stat)),
        }
    }
    Err(Errno::BUSY)
}

/// Creates a file without a name in a folder, for writing. It is gone when it is closed. It has a
/// name for a moment, and keeps it if this process is killed then.
pub(crate) fn unnamed_file(folder: &Path) -> Result<OwnedFd, Errno> {
    let path = folder.join(format!(".sedge-{:016x}.tmp", random::bits()));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(CWD, &path, flags, Mode::RUSR | Mode::WUSR)?;
    unlinkat(CWD, &path, AtFlags::empty())?;
    Ok(file)
}

/// A file without a name that is being written, and can then only be read.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    written: File,
    read: File,
}

impl MemoryFile {
    /// Creates an empty file in the folder for temporary files. It has a name for a moment, under
    /// which only processes of this user could open it.
    pub(crate) fn create() -> io::Result<Self> {
        let named = tempfile::Builder::new().prefix("sedge-").tempfile()?;
        let read = File::open(named.path())?;
        let (written, name) = named.into_parts();
        name.close()?;
        let (one, other) = (fstat(&written)?, fstat(&read)?);
        if (one.st_dev, one.st_ino) != (other.st_dev, other.st_ino) {
            let message = "another process replaced the file";
            return Err(io::Error::other(message));
        }
        Ok(Self { written, read })
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written.write_all(bytes)
    }

    /// Makes the content final: only a descriptor for reading is left, and no name.
    pub(crate) fn seal(self) -> io::Result<File> {
        drop(self.written);
        Ok(self.read)
    }
}

/// Closes all descriptors but stdin, stdout and stderr. The parent may have inherited descriptors
/// that it does not know of, and would pass them on.
///
/// Call this before this process has opened anything.
pub(crate) fn inherited_close() {
    // ignored: without the list, the descriptors stay open.
    let Ok(listed) = std::fs::read_dir(DESCRIPTOR_FOLDER) else {
        return;
    };
    let numbers = listed.filter_map(|entry| {
        // ignored: an entry that cannot be read has been closed.
        let name = entry.ok()?.file_name();
        // ignored: every name in this folder is a number.
        name.to_str()?.parse().ok()
    });
    // The list is read to its end first, so that its own descriptor is closed by its owner.
    let numbers: Vec<RawFd> = numbers.collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        kernel::close(number);
    }
}

/// Returns whether `path` is on a file system that is shared with other machines or served by
/// another program. Returns false if that is unknown.
pub(crate) fn is_network_file_system(path: &Path) -> bool {
    // File systems that a program of the user serves. Some of them claim to be local.
    const SERVED: [&[u8]; 2] = [b"macfuse", b"osxfuse"];
    // ignored: this only warns of a hazard, so an unknown file system is not reported.
    let Ok(found) = rustix::fs::statfs(path) else {
        return false;
    };
    let name = found.f_fstypename.map(i8::cast_unsigned);
    // The name ends at the first zero byte.
    let end = name.iter().position(|byte| *byte == 0);
    let name = &name[..end.unwrap_or(name.len())];
    found.f_flags & libc::MNT_LOCAL.cast_unsigned() == 0 || SERVED.contains(&name)
}
