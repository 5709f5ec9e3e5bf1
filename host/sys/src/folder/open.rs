//! How the files of a folder are opened: within the folder, without waiting, and only regular
//! files.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cap_std::fs::{Dir, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use super::{FileError, Folder, OWNER};
use crate::platform::{make_pipe, mode_of, open_folder};

/// The purpose for which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// For reading.
    Read,
    /// For reading and writing.
    Change,
    /// For reading and writing by several processes; created for its owner alone if it does not
    /// exist.
    Shared,
    /// Created for writing, for its owner alone, even if a group shares the folder.
    Sole,
    /// Created for writing, with this mode.
    New(u32),
    /// For appending; created with this mode if it does not exist.
    Append(u32),
}

/// The folder that holds the last component of a path, and that component. If links are followed,
/// it is the folder itself and the whole path.
pub(crate) struct PathPlace<'a> {
    folder: &'a Dir,
    held: Option<Dir>,
    pub(crate) name: &'a str,
}

impl PathPlace<'_> {
    pub(crate) fn dir(&self) -> &Dir {
        self.held.as_ref().unwrap_or(self.folder)
    }
}

impl Folder {
    /// Opens a file. Never waits for the other end of a pipe, and refuses anything but a regular
    /// file.
    pub(crate) fn open_file(&self, relative: &str, opening: Opening) -> io::Result<File> {
        let Some(made) = opening.made() else {
            return self.open_at(relative, opening, false);
        };
        let (Opening::New(_) | Opening::Sole) = opening else {
            return loop {
                match self.open_at(relative, opening, false) {
                    Err(source) if source.kind() == ErrorKind::NotFound => {}
                    opened => break opened,
                }
                match self.open_new(relative, opening, made) {
                    // Another process created it meanwhile.
                    Err(source) if source.kind() == ErrorKind::AlreadyExists => {}
                    opened => break opened,
                }
            };
        };
        self.open_new(relative, opening, made)
    }

    /// Opens a file; returns `None` if it does not exist.
    pub(crate) fn open_if_exists(
        &self,
        operation: &'static str,
        relative: &str,
        opening: Opening,
    ) -> Result<Option<File>, FileError> {
        match self.open_file(relative, opening) {
            Ok(file) => Ok(Some(file)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.error(operation, relative, source)),
        }
    }

    /// Creates a named pipe, and opens it for reading and writing, so that a read never reports its
    /// end.
    pub(crate) fn make_pipe(&self, name: &str) -> io::Result<File> {
        let place = self.place(name)?;
        make_pipe(place.dir(), place.name, mode_of(OWNER))?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let pipe = File::from(openat(place.dir(), place.name, flags, Mode::empty())?);
        if let Some(kept) = &self.kept {
            kept.give(&pipe)?;
            kept.settle_new(&pipe, OWNER)?;
        }
        Ok(pipe)
    }

    /// Opens a named pipe for writing if a process has it open for reading.
    pub(crate) fn open_pipe(&self, name: &str) -> io::Result<File> {
        let place = self.place(name)?;
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let pipe = openat(place.dir(), place.name, flags, Mode::empty())?;
        Ok(File::from(pipe))
    }

    fn open_new(&self, relative: &str, opening: Opening, mode: u32) -> io::Result<File> {
        let file = self.open_at(relative, opening, true)?;
        if let Some(kept) = &self.kept {
            kept.give(&file)?;
            if opening != Opening::Sole {
                kept.settle_new(&file, mode)?;
            }
        }
        Ok(file)
    }

    fn open_at(&self, relative: &str, opening: Opening, is_new: bool) -> io::Result<File> {
        let place = self.place(relative)?;
        let file = if self.kept.is_some() {
            let mode = mode_of(opening.made().unwrap_or(OWNER) & OWNER);
            let flags = opening.flags(is_new) | OFlags::NOFOLLOW;
            File::from(openat(place.dir(), place.name, flags, mode)?)
        } else {
            let options = &opening.options(is_new)?;
            place.dir().open_with(place.name, options)?.into_std()
        };
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if !found.is_file() {
            return Err(not_a_file());
        }
        Ok(file)
    }

    /// Returns the folder of a path's last component. In a folder of run-time state, no link is
    /// followed on the way.
    pub(crate) fn place<'a>(&'a self, relative: &'a str) -> io::Result<PathPlace<'a>> {
        if self.kept.is_none() {
            return Ok(PathPlace {
                folder: &self.dir,
                held: None,
                name: relative,
            });
        }
        let mut parts = parts(relative)?;
        let name = parts.pop().unwrap_or(".");
        let mut held = None;
        for part in parts {
            held = Some(step(held.as_ref().unwrap_or(&self.dir), part)?);
        }
        Ok(PathPlace {
            folder: &self.dir,
            held,
            name,
        })
    }

    /// Opens a folder in this one. The empty path is this folder itself.
    pub(crate) fn dir_at(&self, relative: &str) -> io::Result<Dir> {
        if self.kept.is_none() {
            return self.dir.open_dir(Path::new(".").join(relative));
        }
        let mut dir = self.dir.try_clone()?;
        for part in parts(relative)? {
            dir = step(&dir, part)?;
        }
        Ok(dir)
    }

    /// Returns the metadata of a file or folder; `None` if it does not exist.
    pub(crate) fn metadata(&self, relative: &str) -> io::Result<Option<Metadata>> {
        let look = || {
            let place = self.place(relative)?;
            if self.kept.is_none() {
                return place.dir().metadata(place.name);
            }
            let found = place.dir().symlink_metadata(place.name)?;
            if found.is_symlink() {
                return Err(Errno::LOOP.into());
            }
            Ok(found)
        };
        match look() {
            Ok(found) => Ok(Some(found)),
            Err(source) if is_absence(&source) => Ok(None),
            Err(source) => Err(source),
        }
    }

    /// Returns the device number and inode number of a file; `None` if it does not exist.
    pub(crate) fn identity_of(&self, relative: &str) -> io::Result<Option<(u64, u64)>> {
        let found = self.metadata(relative)?;
        Ok(found.map(|found| (found.dev(), found.ino())))
    }

    /// Gives a file a second name, which must not exist yet.
    pub(crate) fn link(&self, from: &str, to: &str) -> Result<(), FileError> {
        let link = || {
            let (from, to) = (self.place(from)?, self.place(to)?);
            from.dir().hard_link(from.name, to.dir(), to.name)
        };
        link().map_err(|source| self.error("create", to, source))
    }
}

impl Opening {
    /// Returns the mode of the created file if this may create one.
    fn made(self) -> Option<u32> {
        match self {
            Self::Read | Self::Change => None,
            Self::Shared | Self::Sole => Some(OWNER),
            Self::New(mode) | Self::Append(mode) => Some(mode),
        }
    }

    fn flags(self, is_new: bool) -> OFlags {
        let access = match self {
            Self::Read => OFlags::RDONLY,
            Self::Change | Self::Shared => OFlags::RDWR,
            Self::New(_) | Self::Sole => OFlags::WRONLY,
            Self::Append(_) => OFlags::WRONLY | OFlags::APPEND,
        };
        let made = if is_new {
            OFlags::CREATE | OFlags::EXCL
        } else {
            OFlags::empty()
        };
        access | made | OFlags::NONBLOCK | OFlags::CLOEXEC
    }

    fn options(self, is_new: bool) -> io::Result<OpenOptions> {
        let mut options = OpenOptions::new();
        match self {
            Self::Read => options.read(true),
            Self::Change | Self::Shared => options.read(true).write(true),
            Self::New(_) | Self::Sole => options.write(true),
            Self::Append(_) => options.append(true),
        };
        options
            .create_new(is_new)
            .mode(self.made().unwrap_or(OWNER));
        let flags = i32::try_from(OFlags::NONBLOCK.bits());
        options.custom_flags(flags.map_err(|_| ErrorKind::InvalidInput)?);
        Ok(options)
    }
}

/// Opens a folder in another one, without following a link.
pub(super) fn step(dir: &Dir, name: &str) -> io::Result<Dir> {
    match open_folder(dir, name) {
        Ok(opened) => Ok(Dir::from_std_file(File::from(opened))),
        // A link is not a folder, but must not be taken for a missing one either.
        Err(Errno::NOTDIR) if is_link(dir, name)? => Err(Errno::LOOP.into()),
        Err(errno) => Err(errno.into()),
    }
}

fn is_link(dir: &Dir, name: &str) -> io::Result<bool> {
    let found = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode).is_symlink())
}

/// Returns the components of a relative path without `..`.
pub(super) fn parts(relative: &str) -> io::Result<Vec<&str>> {
    let parts = relative
        .split('/')
        .filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    if relative.starts_with('/') || parts.contains(&"..") {
        let message = "a path led outside of the folder";
        return Err(io::Error::new(ErrorKind::PermissionDenied, message));
    }
    Ok(parts)
}

/// Returns whether an error says that the name does not exist. Any other error leaves that unknown,
/// and must not be treated as absence.
#[must_use]
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn not_a_file() -> io::Error {
    let message = "it is not a regular file, but a pipe, a socket or a device";
    io::Error::new(ErrorKind::InvalidData, message)
}

/// Returns the device number and inode number of an open file.
pub(crate) fn identity(file: &File) -> io::Result<(u64, u64)> {
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}
