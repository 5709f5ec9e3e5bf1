//! A folder and the files in it. No path given to a [`Folder`] leads out of it.
//!
//! A folder of run-time state ([`Folder::keep`]) is stricter: no link in it is followed, and its
//! files have modes of their own, whatever the umask of the process.

mod kept;
mod linked;
mod open;
mod stamp;
#[cfg(test)]
mod tests;
mod walk;

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt};
use rustix::io::Errno;

use crate::leftovers::{mark_as_held, temporary_name};
use crate::owner::Attributes;
use kept::KeepRules;
pub use kept::Keeping;
use open::is_absence;
pub(crate) use open::{Opening, identity};
pub use stamp::{FileStamp, FileStamps};
pub use walk::WalkLimits;

/// The mode of a file that other users may read; the umask of the process can remove rights. Users
/// outside of the group never get write permission, whatever the umask.
const PUBLIC: u32 = 0o664;

/// The mode of a folder that other users may read, with the same rules.
const PUBLIC_FOLDER: u32 = 0o775;

/// How many links one path may lead through, as in Linux (path_resolution(7)).
pub(crate) const LINKS_MAX: usize = 40;

/// The mode of a file with secrets.
const OWNER: u32 = 0o600;

/// An operation on a file or folder failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} `{}`", path.display())]
pub struct FileError {
    /// The operation: `read`.
    pub operation: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl FileError {
    /// Returns the error for one operation on one path.
    #[must_use]
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            source,
        }
    }
}

/// A folder. Paths given to its methods are relative to it and stay inside it, even if they contain
/// symbolic links.
#[derive(Debug)]
pub struct Folder {
    dir: Dir,
    path: PathBuf,
    /// The rules for its files if it holds run-time state.
    kept: Option<KeepRules>,
}

impl Folder {
    /// Opens a folder that exists.
    ///
    /// # Errors
    /// The folder does not exist or cannot be read.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let error = |source| FileError::new("open", path, source);
        let path = path.canonicalize().map_err(error)?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority()).map_err(error)?;
        let kept = None;
        Ok(Self { dir, path, kept })
    }

    /// Opens a folder. Creates it and its ancestors if they do not exist.
    ///
    /// # Errors
    /// The folder can be neither created nor read.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, PUBLIC_FOLDER);
        let created = builder.recursive(true).create(path);
        created.map_err(|source| FileError::new("create", path, source))?;
        Self::open(path)
    }

    /// Opens the nearest folder, from `start` upward, that holds a file named `name`. Returns
    /// `None` if no folder up to the root holds one.
    ///
    /// # Errors
    /// A folder on the way cannot be searched, so the nearest one is unknown.
    pub fn find_up(start: &Path, name: &str) -> Result<Option<Self>, FileError> {
        let start = start
            .canonicalize()
            .map_err(|source| FileError::new("open", start, source))?;
        for folder in start.ancestors() {
            let path = folder.join(name);
            match std::fs::metadata(&path) {
                // A folder of that name is not the file. A pipe is, and is refused when it is read.
                Ok(found) if !found.is_dir() => return Self::open(folder).map(Some),
                Ok(_) => {}
                Err(source) if is_absence(&source) => {}
                Err(source) => return Err(FileError::new("look for", &path, source)),
            }
        }
        Ok(None)
    }

    /// Returns the folder's absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the absolute path of a file in it, for libraries that open files themselves.
    /// `relative` must be a constant or made from checked names.
    #[must_use]
    pub fn path_of(&self, relative: &str) -> PathBuf {
        self.path.join(relative)
    }

    /// Returns the folder's device number and inode number, which are the same for every path to
    /// it.
    ///
    /// # Errors
    /// The folder's metadata cannot be read.
    pub fn identity(&self) -> Result<(u64, u64), FileError> {
        let metadata = self.dir.dir_metadata();
        let metadata = metadata.map_err(|source| self.error("inspect", ".", source))?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Creates a folder and its ancestors in this one. A folder that exists is left as it is.
    ///
    /// # Errors
    /// The folder cannot be created, or a file has its name.
    pub fn create_folder(&self, relative: &str) -> Result<(), FileError> {
        let created = match &self.kept {
            Some(kept) => kept.create_folder(&self.dir, relative),
            None => create_public_folder(&self.dir, relative),
        };
        created.map_err(|source| self.error("create", relative, source))
    }

    /// Returns whether a file or folder of that name exists. A link whose target is missing counts
    /// as absent.
    ///
    /// # Errors
    /// The name cannot be looked up, because a folder on the way may not be searched or a link
    /// leads out. Only `ENOENT` and `ENOTDIR` mean that the name does not exist.
    pub fn has(&self, relative: &str) -> Result<bool, FileError> {
        let found = self.metadata(relative);
        let found = found.map_err(|source| self.error("look for", relative, source));
        Ok(found?.is_some())
    }

    /// Returns owner and mode of this folder.
    ///
    /// # Errors
    /// The folder's metadata cannot be read.
    pub fn attributes(&self) -> Result<Attributes, FileError> {
        let attributes = attributes_of(&self.dir);
        attributes.map_err(|source| self.error("inspect", "", source))
    }

    /// Returns owner and mode of a file or folder; `None` if it does not exist.
    ///
    /// # Errors
    /// Its metadata cannot be read.
    pub fn attributes_in(&self, relative: &str) -> Result<Option<Attributes>, FileError> {
        let found = self.metadata(relative);
        let found = found.map_err(|source| self.error("inspect", relative, source))?;
        Ok(found.map(|found| Attributes {
            owner: found.uid(),
            group: found.gid(),
            mode: found.mode() & 0o7777,
        }))
    }

    /// Reads a whole file of at most `bytes_max`; returns `None` if it does not exist.
    ///
    /// # Errors
    /// The file cannot be read, or is larger.
    pub fn read(&self, relative: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
        let Some(file) = self.open_if_exists("read", relative, Opening::Read)? else {
            return Ok(None);
        };
        let read = read_bounded(&file, bytes_max);
        let read = read.map_err(|source| self.error("read", relative, source));
        read.map(Some)
    }

    /// Reads a whole text file of at most `bytes_max`; returns `None` if it does not exist.
    ///
    /// # Errors
    /// The file cannot be read, is larger, or is not UTF-8.
    pub fn read_text(&self, relative: &str, bytes_max: u64) -> Result<Option<String>, FileError> {
        let Some(bytes) = self.read(relative, bytes_max)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let source = not_utf8(&error);
            self.error("read", relative, source)
        })?;
        Ok(Some(text))
    }

    /// Creates a file that does not exist yet. Once this returns, the file is durable. After an
    /// error no file of that name exists.
    ///
    /// # Errors
    /// The name is taken (`AlreadyExists`), or the file cannot be written.
    pub fn write_new(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        self.write_new_for(relative, content, PUBLIC)
    }

    /// Creates a file as [`Folder::write_new`] does, with read and write permission for its owner
    /// only.
    ///
    /// # Errors
    /// The same as for [`Folder::write_new`].
    pub fn write_new_private(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        self.write_new_for(relative, content, OWNER)
    }

    /// Creates a file that does not exist yet, with read and write permission for its owner only.
    /// It is not synced, because its content is worthless after a restart of the machine.
    ///
    /// # Errors
    /// The name is taken (`AlreadyExists`), or the file cannot be written.
    pub fn write_new_fleeting(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        let file = self.open_file(relative, Opening::New(OWNER));
        let written = file.and_then(|mut file| file.write_all(content));
        written.map_err(|source| self.error("write", relative, source))
    }

    fn write_new_for(&self, relative: &str, content: &[u8], mode: u32) -> Result<(), FileError> {
        let (temporary, file) = self.write_temporary(relative, content, mode)?;
        // A private file may be a database. Closing a descriptor of it after the link would release
        // SQLite's locks on it, so private files are closed before, and no leftovers of them are
        // removed.
        let _held = (mode != OWNER).then_some(file);
        // A link fails if the name is taken; a rename would replace the existing file.
        let linked = self.link(&temporary, relative);
        linked
            .and(self.remove(&temporary))
            .and_then(|()| self.sync_parent(relative))
    }

    /// Writes a file, replacing an existing one. Once this returns, the new content is durable.
    /// After an error or a crash, the file has either the old or the new content, complete.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        let (temporary, _held) = self.write_temporary(relative, content, PUBLIC)?;
        crate::disk::Disk::rename(self, &temporary, relative)?;
        self.sync_parent(relative)
    }

    /// Returns the sorted names of the files in one of its folders; no names if the folder does not
    /// exist. A link to a file is listed like a file. Names that are not UTF-8 are left out,
    /// because Sedge neither creates nor reads files of such names.
    ///
    /// # Errors
    /// The folder cannot be read, or a link in it cannot be followed because its target is missing
    /// or outside of this folder.
    pub fn files(&self, relative: &str) -> Result<Vec<String>, FileError> {
        let error = |source| self.error("list", relative, source);
        let entries = match self.dir_at(relative).and_then(|dir| dir.entries()) {
            Ok(entries) => entries,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(error(source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(error)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let kind = entry.file_type().map_err(error)?;
            // An entry that is neither a file nor a folder, such as a pipe, is listed, and refused
            // when it is read.
            let is_folder = if kind.is_symlink() && self.kept.is_none() {
                self.leads_to_folder(&format!("{relative}/{name}"))?
            } else {
                kind.is_dir()
            };
            if !is_folder {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Checks that a path which was listed is not a link that leads nowhere. A path that does not
    /// exist any more is no error.
    ///
    /// # Errors
    /// The link cannot be followed.
    pub fn link_check(&self, relative: &str) -> Result<(), FileError> {
        self.leads_to_folder(relative).map(drop)
    }

    /// Returns whether a link leads to a folder in this one.
    fn leads_to_folder(&self, relative: &str) -> Result<bool, FileError> {
        let error = |source| self.error("follow the link", relative, source);
        match self.dir.metadata(relative) {
            Ok(found) => Ok(found.is_dir()),
            Err(source) if is_absence(&source) => match self.dir.symlink_metadata(relative) {
                Ok(_) => Err(error(source)),
                // Another process removed it during the listing. It counts as a folder, so that it
                // is not listed.
                Err(gone) if is_absence(&gone) => Ok(true),
                Err(other) => Err(error(other)),
            },
            Err(source) => Err(error(source)),
        }
    }

    /// Removes a file. A file that does not exist is no error.
    ///
    /// # Errors
    /// The file exists and cannot be removed.
    pub fn remove(&self, relative: &str) -> Result<(), FileError> {
        let remove = || {
            let place = self.place(relative)?;
            place.dir().remove_file(place.name)
        };
        match remove() {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(self.error("remove", relative, source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn write_temporary(
        &self,
        relative: &str,
        content: &[u8],
        mode: u32,
    ) -> Result<(String, std::fs::File), FileError> {
        if mode != OWNER {
            // ignored: leftovers only take up space.
            let _ = self.leftovers_remove(relative);
        }
        let made = self.make_passing(relative, mode);
        let (temporary, mut file) = made.map_err(|source| self.error("write", relative, source))?;
        let mut write = || -> io::Result<()> {
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(|source| {
            // ignored: the first error is the one to report, and may be why the removal fails, too.
            let _ = self.remove(&temporary);
            self.error("write", relative, source)
        })?;
        Ok((temporary, file))
    }

    /// Creates a file under a temporary name and marks it as held.
    fn make_passing(&self, relative: &str, mode: u32) -> io::Result<(String, std::fs::File)> {
        loop {
            let name = temporary_name(relative);
            let file = self.open_file(&name, Opening::New(mode))?;
            // Otherwise another process took it for a leftover before it was marked, and removed
            // it.
            if mark_as_held(&file)? {
                return Ok((name, file));
            }
        }
    }

    fn sync_parent(&self, relative: &str) -> Result<(), FileError> {
        let parent = relative.rsplit_once('/').map_or("", |(parent, _)| parent);
        crate::disk::Disk::sync_folder(self, parent)
    }

    /// Returns whether `path` leads to this folder. Returns false if the path does not exist or
    /// this process may not open it.
    ///
    /// # Errors
    /// The metadata of this folder cannot be read.
    pub fn is_at(&self, path: &Path) -> Result<bool, FileError> {
        // ignored: a path that cannot be opened is not known to lead to this folder.
        let Ok(other) = Self::open(path) else {
            return Ok(false);
        };
        Ok(self.identity()? == other.identity()?)
    }

    /// Opens a folder in this one, with the same rules for its files.
    ///
    /// # Errors
    /// The folder does not exist or cannot be opened.
    pub fn inner(&self, relative: &str) -> Result<Self, FileError> {
        let dir = self.dir_at(relative);
        Ok(Self {
            dir: dir.map_err(|source| self.error("open", relative, source))?,
            path: self.path.join(relative),
            kept: self.kept,
        })
    }

    /// Opens the same folder again.
    ///
    /// # Errors
    /// The process has no descriptors left.
    pub fn share(&self) -> Result<Self, FileError> {
        let dir = self.dir.try_clone();
        Ok(Self {
            dir: dir.map_err(|source| self.error("open", "", source))?,
            path: self.path.clone(),
            kept: self.kept,
        })
    }

    /// Returns whether this folder trusts files that this user owns.
    pub(crate) fn trusts(&self, owner: u32) -> bool {
        let kept = self.kept.as_ref();
        kept.is_none_or(|kept| kept.keeping.owners.include(owner))
    }

    /// Returns the folder for an open `dir`, whose absolute path is `path`.
    pub(crate) fn of(dir: Dir, path: PathBuf) -> Self {
        let kept = None;
        Self { dir, path, kept }
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    pub(crate) fn error(
        &self,
        operation: &'static str,
        relative: &str,
        source: io::Error,
    ) -> FileError {
        FileError::new(operation, &self.path.join(relative), source)
    }
}

fn create_public_folder(dir: &Dir, relative: &str) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(PUBLIC_FOLDER);
    dir.create_dir_with(relative, &builder)
}

fn attributes_of(dir: &Dir) -> io::Result<Attributes> {
    let found = dir.dir_metadata()?;
    Ok(Attributes {
        owner: found.uid(),
        group: found.gid(),
        mode: found.mode() & 0o7777,
    })
}

/// Reads a file of at most `bytes_max` that the user named, anywhere on the machine.
///
/// # Errors
/// The file does not exist, cannot be read, or is larger.
pub fn read_named_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
    let error = |source| FileError::new("read", path, source);
    let file = std::fs::File::open(path).map_err(error)?;
    if file.metadata().map_err(error)?.is_dir() {
        return Err(error(ErrorKind::IsADirectory.into()));
    }
    read_bounded(&file, bytes_max).map_err(error)
}

/// Reads a text file of the user of at most `bytes_max`; returns `None` if it does not exist.
///
/// # Errors
/// The file cannot be read, is larger, or is not UTF-8.
pub fn read_named_text(path: &Path, bytes_max: u64) -> Result<Option<String>, FileError> {
    let bytes = match read_named_file(path, bytes_max) {
        Ok(bytes) => bytes,
        Err(error) if is_absence(&error.source) => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let source = not_utf8(&error);
        FileError::new("read", path, source)
    })?;
    Ok(Some(text))
}

/// Returns the error of a file that is not text in UTF-8, with the place of the first wrong byte.
fn not_utf8(error: &std::string::FromUtf8Error) -> io::Error {
    let n_valid = error.utf8_error().valid_up_to();
    let line = 1 + error.as_bytes()[..n_valid]
        .iter()
        .filter(|it| **it == b'\n')
        .count();
    let message =
        format!("it is not text in UTF-8 from line {line}, byte {n_valid} of the file on");
    io::Error::new(ErrorKind::InvalidData, message)
}

/// Returns the path that a path named by the user leads to, with links at its end followed. Writing
/// to the returned path keeps the link and changes its target. The target need not exist.
///
/// # Errors
/// A link cannot be read, or there are too many links.
pub fn behind_links(path: &Path) -> Result<PathBuf, FileError> {
    let mut at = path.to_owned();
    for _ in 0..LINKS_MAX {
        match std::fs::read_link(&at) {
            Ok(target) => at = at.parent().unwrap_or(Path::new("")).join(target),
            // It is not a link, or does not exist.
            Err(source) if is_no_link(&source) => return Ok(at),
            Err(source) => return Err(FileError::new("inspect", &at, source)),
        }
    }
    Err(FileError::new("inspect", path, Errno::LOOP.into()))
}

fn is_no_link(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput)
}

/// Returns whether a path leads to a file. A pipe or a device is none, and neither is a path that
/// does not exist.
///
/// # Errors
/// The path cannot be looked up.
pub fn is_named_file(path: &Path) -> Result<bool, FileError> {
    Ok(named_metadata(path)?.is_some_and(|it| it.is_file()))
}

/// Returns whether a path leads to a folder. A path that does not exist leads to none.
///
/// # Errors
/// The path cannot be looked up.
pub fn is_named_folder(path: &Path) -> Result<bool, FileError> {
    Ok(named_metadata(path)?.is_some_and(|it| it.is_dir()))
}

/// Returns the metadata of what a path leads to. Returns `None` if it does not exist.
fn named_metadata(path: &Path) -> Result<Option<std::fs::Metadata>, FileError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(source) if is_absence(&source) => Ok(None),
        Err(source) => Err(FileError::new("look for", path, source)),
    }
}

/// Returns the absolute path of a file that the user named, with all links followed.
///
/// # Errors
/// The file does not exist.
pub fn named_file_path(path: &Path) -> Result<PathBuf, FileError> {
    let absolute = path.canonicalize();
    absolute.map_err(|source| FileError::new("look for", path, source))
}

/// Returns the size in bytes of a file that the user named; 0 if it has none, such as a pipe.
///
/// # Errors
/// The file does not exist.
pub fn named_file_size(path: &Path) -> Result<u64, FileError> {
    let metadata = std::fs::metadata(path);
    let metadata = metadata.map_err(|source| FileError::new("read", path, source))?;
    Ok(if metadata.is_file() {
        metadata.len()
    } else {
        0
    })
}

fn read_bounded(file: &std::fs::File, bytes_max: u64) -> io::Result<Vec<u8>> {
    // The size is only a hint: kernel files report 0, and other files can grow.
    let size_now = file.metadata()?.len().min(bytes_max);
    let mut content = Vec::with_capacity(usize::try_from(size_now).unwrap_or(0) + 1);
    file.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        let message = format!("it has more than {bytes_max} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}
