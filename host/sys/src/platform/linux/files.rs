//! Files: descriptors of paths (`O_PATH`), files without a name, and sealed memory.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{
    CWD, FileType, MemfdFlags, Mode, OFlags, SealFlags, Stat, fstat, mknodat, openat, readlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::platform::PathEntry;

/// The folder in which a process finds its open descriptors by their numbers. It exists if `/proc`
/// is mounted.
pub(crate) const DESCRIPTOR_FOLDER: &str = "/proc/self/fd";

/// Returns the permission bits of a mode in the type of this system's calls.
pub(crate) fn mode_of(bits: u32) -> Mode {
    Mode::from_raw_mode(bits)
}

/// Returns the permission bits of a file.
pub(crate) fn permission_bits(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

/// Returns the number of the device that a file is on.
pub(crate) fn device_number(stat: &Stat) -> u64 {
    stat.st_dev
}

/// Creates a named pipe in a folder.
pub(crate) fn make_pipe(folder: impl AsFd, name: &str, mode: Mode) -> Result<(), Errno> {
    mknodat(folder, name, FileType::Fifo, mode, 0)
}

/// Opens a folder in another one to look up names in it. A link is not followed. The right to list
/// the folder is not needed.
pub(crate) fn open_folder(folder: impl AsFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// Returns what a name in a folder stands for. The name is looked up once, so the answer is about
/// one file even if another process replaces it meanwhile.
pub(crate) fn entry_at(folder: impl AsFd, name: &OsStr) -> Result<PathEntry, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = openat(folder, name, flags, Mode::empty())?;
    let stat = fstat(&found)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => PathEntry::Folder(found),
        FileType::Symlink => {
            let target = readlinkat(&found, "", Vec::new())?;
            PathEntry::Link(OsString::from_vec(target.into_bytes()))
        }
        FileType::RegularFile
        | FileType::Fifo
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Socket
        | FileType::Unknown => PathEntry::Other(stat),
    })
}

/// Creates a file without a name in a folder, for writing. It is gone when it is closed.
pub(crate) fn unnamed_file(folder: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR)
}

/// A file in memory that is being written, and is then sealed.
#[derive(Debug)]
pub(crate) struct MemoryFile(File);

impl MemoryFile {
    /// Creates an empty file.
    pub(crate) fn create() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("sedge", flags)?;
        Ok(Self(File::from(file)))
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Makes the content final: no process can change it any more, this one included.
    pub(crate) fn seal(self) -> io::Result<File> {
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&self.0, seals)?;
        Ok(self.0)
    }
}

/// Returns whether `path` is on a file system that is shared with other machines or served by
/// another program. Returns false if that is unknown.
pub(crate) fn is_network_file_system(path: &Path) -> bool {
    // Magic numbers of statfs(2): NFS, SMB, SMB 2, CIFS, 9P, FUSE, AFS, Ceph.
    const NETWORK: [u32; 8] = [
        0x0000_6969,
        0x0000_517b,
        0xfe53_4d42,
        0xff53_4d42,
        0x0102_1997,
        0x6573_5546,
        0x5346_414f,
        0x00c3_6400,
    ];
    rustix::fs::statfs(path)
        // ignored: this only warns of a hazard, so an unknown file system is not reported.
        .is_ok_and(|fs| u32::try_from(fs.f_type).is_ok_and(|magic| NETWORK.contains(&magic)))
}
