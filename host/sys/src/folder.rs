//! A folder, and files in it. No path given to a [`Folder`] leads out of it.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt, OpenOptions, OpenOptionsExt};

/// Of a file that others may read, as far as the umask of the process lets them.
const EVERYBODY: u32 = 0o666;

/// Of a file with secrets.
const OWNER: u32 = 0o600;

/// Something could not be done with a file or folder.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} `{}`", path.display())]
pub struct FileError {
    /// What was to be done: `read`.
    pub operation: &'static str,
    /// With what.
    pub path: PathBuf,
    /// Why it did not work.
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

/// A folder. Paths given to its methods are relative to it and stay inside it, whatever
/// symbolic links there may be.
#[derive(Debug)]
pub struct Folder {
    dir: Dir,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder that exists.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let error = |source| FileError::new("open", path, source);
        let path = path.canonicalize().map_err(error)?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority()).map_err(error)?;
        Ok(Self { dir, path })
    }

    /// Opens a folder, making it and what leads to it if need be.
    ///
    /// # Errors
    /// It can be neither made nor read.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        std::fs::create_dir_all(path).map_err(|source| FileError::new("create", path, source))?;
        Self::open(path)
    }

    /// Opens the nearest folder at or above `start` that holds a file named `name`. Returns
    /// `None` if there is none up to the root.
    ///
    /// # Errors
    /// A folder on the way cannot be searched, so that nothing is known of what it holds.
    pub fn find_up(start: &Path, name: &str) -> Result<Option<Self>, FileError> {
        let start = start
            .canonicalize()
            .map_err(|source| FileError::new("open", start, source))?;
        for folder in start.ancestors() {
            let path = folder.join(name);
            match std::fs::metadata(&path) {
                // A folder of that name is something else, and a pipe is refused when it is read.
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

    /// Returns the numbers of the folder's device and of itself there, which are the same by
    /// whatever path it is reached.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn identity(&self) -> Result<(u64, u64), FileError> {
        let metadata = self.dir.dir_metadata();
        let metadata = metadata.map_err(|source| self.error("look at", ".", source))?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Makes a folder in it and what leads there; one that exists is as good.
    ///
    /// # Errors
    /// It cannot be made, or a file is in its place.
    pub fn create_folder(&self, relative: &str) -> Result<(), FileError> {
        self.dir
            .create_dir_all(relative)
            .map_err(|source| self.error("create", relative, source))
    }

    /// Returns whether there is a file or folder of that name. A link whose target is missing
    /// counts as absent.
    ///
    /// # Errors
    /// It cannot be looked up: a folder on the way may not be searched, or a link leads out.
    /// Only `ENOENT` and `ENOTDIR` mean that there is none.
    pub fn has(&self, relative: &str) -> Result<bool, FileError> {
        match self.dir.metadata(relative) {
            Ok(_) => Ok(true),
            Err(source) if is_absence(&source) => Ok(false),
            Err(source) => Err(self.error("look for", relative, source)),
        }
    }

    /// Reads a whole file of at most `bytes_max`; none where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is larger.
    pub fn read(&self, relative: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
        let error = |source| self.error("read", relative, source);
        match self.dir.open(relative) {
            Ok(file) => read_bounded(file.into_std(), bytes_max)
                .map_err(error)
                .map(Some),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(error(source)),
        }
    }

    /// Reads a whole text file of at most `bytes_max`; none where there is none.
    ///
    /// # Errors
    /// It cannot be read, is larger, or is not UTF-8.
    pub fn read_text(&self, relative: &str, bytes_max: u64) -> Result<Option<String>, FileError> {
        let Some(bytes) = self.read(relative, bytes_max)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            self.error(
                "read",
                relative,
                io::Error::new(ErrorKind::InvalidData, error.utf8_error()),
            )
        })?;
        Ok(Some(text))
    }

    /// Makes a file that does not exist. Once this returns, it is on disk in full and
    /// stays there; if it fails, there is no such file.
    ///
    /// # Errors
    /// There is one already (`AlreadyExists`), or it cannot be written.
    pub fn write_new(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        self.write_new_for(relative, content, EVERYBODY)
    }

    /// Makes a file as [`Folder::write_new`] does, which only its owner may read and write.
    ///
    /// # Errors
    /// As there.
    pub fn write_new_private(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        self.write_new_for(relative, content, OWNER)
    }

    /// Makes a file that does not exist, which only its owner may read and write, and which nobody
    /// misses who starts the machine anew: it is not forced to disk.
    ///
    /// # Errors
    /// There is one already (`AlreadyExists`), or it cannot be written.
    pub fn write_new_fleeting(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(OWNER);
        let file = self.dir.open_with(relative, &options);
        let written = file.and_then(|mut file| file.write_all(content));
        written.map_err(|source| self.error("write", relative, source))
    }

    fn write_new_for(&self, relative: &str, content: &[u8], mode: u32) -> Result<(), FileError> {
        let temporary = self.write_temporary(relative, content, mode)?;
        // A link fails where the name is taken; a rename would replace what is there.
        let linked = self.dir.hard_link(&temporary, &self.dir, relative);
        let removed = self.dir.remove_file(&temporary);
        linked
            .and(removed)
            .map_err(|source| self.error("create", relative, source))?;
        self.sync_parent(relative)
    }

    /// Writes a file, in place of what was there. Once this returns, the new content is on
    /// disk and stays there; if it fails, or the machine stops, the old or the new is there in full.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        let temporary = self.write_temporary(relative, content, EVERYBODY)?;
        self.dir
            .rename(&temporary, &self.dir, relative)
            .map_err(|source| self.error("write", relative, source))?;
        self.sync_parent(relative)
    }

    /// Returns the names of the files in one of its folders, sorted; none if the folder does not
    /// exist. A link to a file is listed like a file. Names that are not text are left out: no
    /// name that Sedge gives or reads is one of them.
    ///
    /// # Errors
    /// The folder cannot be read, or a link in it cannot be followed: it leads out of this
    /// folder, or to nothing.
    pub fn files(&self, relative: &str) -> Result<Vec<String>, FileError> {
        let error = |source| self.error("list", relative, source);
        let entries = match self.dir.read_dir(relative) {
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
            let is_file = if kind.is_symlink() {
                self.leads_to_file(&format!("{relative}/{name}"))?
            } else {
                kind.is_file()
            };
            if is_file {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns whether a link leads to a file in this folder.
    fn leads_to_file(&self, relative: &str) -> Result<bool, FileError> {
        let error = |source| self.error("follow the link", relative, source);
        match self.dir.metadata(relative) {
            Ok(found) => Ok(found.is_file()),
            Err(source) if is_absence(&source) => match self.dir.symlink_metadata(relative) {
                Ok(_) => Err(error(source)),
                // It was removed while the folder was read.
                Err(gone) if is_absence(&gone) => Ok(false),
                Err(other) => Err(error(other)),
            },
            Err(source) => Err(error(source)),
        }
    }

    /// Removes a file; one that is not there is as good.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn remove(&self, relative: &str) -> Result<(), FileError> {
        match self.dir.remove_file(relative) {
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
    ) -> Result<String, FileError> {
        let temporary = format!("{relative}.{:016x}.tmp", crate::random::bits());
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(mode);
            let mut file = self.dir.open_with(&temporary, &options)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(|source| {
            let _ = self.dir.remove_file(&temporary);
            self.error("write", relative, source)
        })?;
        Ok(temporary)
    }

    fn sync_parent(&self, relative: &str) -> Result<(), FileError> {
        let parent = relative.rsplit_once('/').map_or("", |(parent, _)| parent);
        crate::disk::Disk::sync_folder(self, parent)
    }

    /// Opens the same folder once more.
    ///
    /// # Errors
    /// The process has no descriptors left.
    pub fn share(&self) -> Result<Self, FileError> {
        let dir = self.dir.try_clone();
        Ok(Self {
            dir: dir.map_err(|source| self.error("open", "", source))?,
            path: self.path.clone(),
        })
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

/// Returns whether an error says that there is nothing of that name. Every other error leaves
/// that open, and must never be taken for it.
#[must_use]
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Reads a file that a person named, anywhere on the machine, of at most `bytes_max`.
///
/// # Errors
/// There is none, it cannot be read, or it is larger.
pub fn read_named_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
    let error = |source| FileError::new("read", path, source);
    let file = std::fs::File::open(path).map_err(error)?;
    if file.metadata().map_err(error)?.is_dir() {
        return Err(error(ErrorKind::IsADirectory.into()));
    }
    read_bounded(file, bytes_max).map_err(error)
}

/// Returns the size in bytes of a file that a person named; 0 of what has none, such as a pipe.
///
/// # Errors
/// There is none.
pub fn named_file_size(path: &Path) -> Result<u64, FileError> {
    let metadata = std::fs::metadata(path);
    let metadata = metadata.map_err(|source| FileError::new("read", path, source))?;
    Ok(if metadata.is_file() {
        metadata.len()
    } else {
        0
    })
}

fn read_bounded(file: std::fs::File, bytes_max: u64) -> io::Result<Vec<u8>> {
    // The size is only a good guess: files of the kernel have none, others can grow.
    let size_now = file.metadata()?.len().min(bytes_max);
    let mut content = Vec::with_capacity(usize::try_from(size_now).unwrap_or(0) + 1);
    file.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        let message = format!("it has more than {bytes_max} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(temporary.path()).expect("it is there");
        (temporary, folder)
    }

    #[test]
    fn a_new_file_never_replaces_one() {
        let (_keep, folder) = folder();
        folder.create_folder("a").expect("made");
        folder.write_new("a/f", b"1").expect("written");
        let error = folder.write_new("a/f", b"2").expect_err("taken");
        assert_eq!(error.source.kind(), ErrorKind::AlreadyExists);
        assert_eq!(folder.read("a/f", 10).expect("read"), Some(b"1".to_vec()));
        folder.write("a/f", b"3").expect("replaced");
        assert_eq!(folder.read("a/f", 10).expect("read"), Some(b"3".to_vec()));
        assert_eq!(
            folder.files("a").expect("listed"),
            ["f"],
            "no temporary file stays"
        );
    }

    #[test]
    fn no_path_leads_out() {
        let (keep, folder) = folder();
        std::os::unix::fs::symlink("/etc", keep.path().join("etc")).expect("linked");
        for path in ["../x", "/etc/passwd", "etc/passwd"] {
            folder.read(path, 10_000).expect_err(path);
            folder.write(path, b"x").expect_err(path);
        }
    }

    #[test]
    fn an_error_is_not_absence() {
        let (keep, folder) = folder();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, keep.path().join(name)).expect("linked");
        };
        folder.write("f", b"").expect("written");
        link("/etc", "out");
        link("loop", "loop");
        link("nothing", "dangling");
        for (path, expect) in [
            ("f", Some(true)),
            ("none", Some(false)),
            ("none/g", Some(false)),
            ("f/g", Some(false)),
            ("dangling", Some(false)),
            ("out/passwd", None),
            ("loop", None),
        ] {
            assert_eq!(folder.has(path).ok(), expect, "{path}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_searched_is_not_passed_over() {
        let (keep, folder) = folder();
        folder.create_folder("a/b").expect("made");
        folder.write("name", b"").expect("written");
        let start = keep.path().join("a/b");
        let found = Folder::find_up(&start, "name").expect("searched");
        assert_eq!(found.expect("it is there").path(), folder.path());
        folder.create_folder("a/name").expect("made");
        let found = Folder::find_up(&start, "name").expect("searched");
        assert_eq!(found.expect("a folder is none").path(), folder.path());
        std::os::unix::fs::symlink("name", keep.path().join("a/b/name")).expect("linked");
        let error = Folder::find_up(&start, "name").expect_err("a loop");
        assert!(error.path.ends_with("a/b/name"), "{error}");
    }

    #[test]
    fn a_link_inside_is_listed_and_a_broken_one_is_named() {
        let (keep, folder) = folder();
        folder.create_folder("a/folder").expect("made");
        folder.write("f", b"").expect("written");
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, keep.path().join(name)).expect("linked");
        };
        link("../f", "a/link");
        link("folder", "a/to-folder");
        assert_eq!(folder.files("a").expect("listed"), ["link"]);
        for to in ["nothing", "/etc/passwd", "bad"] {
            link(to, "a/bad");
            let error = folder.files("a").expect_err(to);
            assert!(error.path.ends_with("a/bad"), "{error}");
            folder.remove("a/bad").expect("removed");
        }
    }

    #[test]
    fn a_file_over_the_bound_is_an_error() {
        let (_keep, folder) = folder();
        folder.write("f", b"12345").expect("written");
        assert!(folder.read("f", 5).is_ok());
        assert_eq!(
            folder.read("f", 4).expect_err("larger").source.kind(),
            ErrorKind::FileTooLarge
        );
        assert_eq!(folder.read("g", 4).expect("no file"), None);
    }
}
