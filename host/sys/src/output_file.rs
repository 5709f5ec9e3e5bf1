//! An output file that the user named, anywhere on the machine.
//!
//! A plain file is replaced as a whole and keeps its permissions: after a failure it still has its
//! old content. Anything else, such as a device or a pipe, is written to and never replaced. A link
//! is kept, and its target is written.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::folder::{FileError, Folder, behind_links};
use crate::leftovers::mark_as_held;

/// The permission bits of a mode, without the file type.
const MODE_MASK: u32 = 0o7777;

/// The mode of a replacement file until it gets the permissions of the former one.
const OWNER: u32 = 0o600;

/// A file that is to be written.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A file that takes its place once it is complete.
    Whole {
        folder: PathBuf,
        name: OsString,
        former: Option<Former>,
    },
    /// A device or pipe that is written to directly.
    Stream,
}

/// The attributes of a plain file that is replaced.
#[derive(Debug)]
struct Former {
    mode: u32,
    owner: (u32, u32),
}

impl OutputFile {
    /// Looks up what a path leads to.
    ///
    /// # Errors
    /// The path names no file, leads to a folder, or its metadata cannot be read.
    pub fn find(path: &Path) -> Result<Self, FileError> {
        let error = |source| FileError::new("write", path, source);
        let found = match path.metadata() {
            Ok(found) => Some(found),
            Err(source) if source.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(error(source)),
        };
        let place = behind_links(path)?;
        let is_same = |found: &std::fs::Metadata| {
            let there = place.metadata();
            // ignored: if its metadata cannot be read, it is written to directly.
            there.is_ok_and(|there| (there.dev(), there.ino()) == (found.dev(), found.ino()))
        };
        let kind = match &found {
            Some(found) if found.is_dir() => return Err(error(ErrorKind::IsADirectory.into())),
            Some(found) if !found.is_file() => Kind::Stream,
            // Links in `/proc` lead to an open file, whatever name that file has.
            Some(found) if !is_same(found) => Kind::Stream,
            found => {
                let name = place.file_name();
                let name = name.ok_or_else(|| error(ErrorKind::InvalidInput.into()))?;
                Kind::Whole {
                    folder: match place.parent() {
                        Some(parent) if parent != Path::new("") => parent.to_owned(),
                        Some(_) | None => PathBuf::from("."),
                    },
                    name: name.to_owned(),
                    former: found.as_ref().map(|found| Former {
                        mode: found.mode() & MODE_MASK,
                        owner: (found.uid(), found.gid()),
                    }),
                }
            }
        };
        let path = path.to_owned();
        Ok(Self { path, kind })
    }

    /// Opens the folder in which the file is created or replaced; returns `None` if the output is
    /// written to directly.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn folder(&self) -> Result<Option<Folder>, FileError> {
        match &self.kind {
            Kind::Whole { folder, .. } => Folder::open(folder).map(Some),
            Kind::Stream => Ok(None),
        }
    }

    /// Returns whether the file is replaced as a whole, so that an unfinished write leaves a
    /// temporary file to remove.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.kind, Kind::Whole { .. })
    }

    /// Opens the output for writing, from its beginning. On a pipe it waits until a process reads.
    /// Temporary files that killed processes left for the same target are removed.
    ///
    /// # Errors
    /// It can be neither opened nor created.
    pub fn open(self) -> Result<OpenOutput, FileError> {
        let Self { path, kind } = self;
        let error = |source| FileError::new("write", &path, source);
        match kind {
            Kind::Stream => {
                let mut options = OpenOptions::new();
                // This truncates only a plain file that was reached through a link in `/proc`.
                let options = options.write(true).truncate(true);
                let file = options.open(&path).map_err(error)?;
                Ok(OpenOutput {
                    file,
                    path,
                    whole: None,
                })
            }
            Kind::Whole {
                folder,
                name,
                former,
            } => {
                let mut temporary = name.clone();
                temporary.push(format!(".{:016x}.tmp", crate::random::bits()));
                let whole = Whole {
                    temporary: folder.join(temporary),
                    target: folder.join(name),
                    folder,
                };
                let mut options = OpenOptions::new();
                options.write(true).create_new(true);
                if former.is_some() {
                    options.mode(OWNER);
                }
                if let Some(name) = whole.target.file_name().and_then(|it| it.to_str()) {
                    Folder::open(&whole.folder)?.leftovers_remove(name)?;
                }
                let file = options.open(&whole.temporary).map_err(error)?;
                if !mark_as_held(&file).map_err(error)? {
                    return Err(error(ErrorKind::Interrupted.into()));
                }
                if let Some(former) = former {
                    let kept = former.give_to(&file, &whole.temporary);
                    if let Err(source) = kept {
                        whole.remove();
                        return Err(error(source));
                    }
                }
                Ok(OpenOutput {
                    file,
                    path,
                    whole: Some(whole),
                })
            }
        }
    }
}

impl Former {
    /// Gives a new file the permissions of the former one, and its owner if this process may.
    fn give_to(&self, file: &File, path: &Path) -> io::Result<()> {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != self.owner {
            match chown(path, Some(self.owner.0), Some(self.owner.1)) {
                // A user who may write to another user's file becomes the owner of the replacement.
                Err(source) if source.kind() == ErrorKind::PermissionDenied => {}
                given => given?,
            }
        }
        file.set_permissions(Permissions::from_mode(self.mode))
    }
}

/// An open output. Dropping it before [`OpenOutput::finish`] keeps the former file.
#[derive(Debug)]
pub struct OpenOutput {
    file: File,
    path: PathBuf,
    whole: Option<Whole>,
}

/// The temporary path of a file, and its final one.
#[derive(Debug)]
struct Whole {
    folder: PathBuf,
    temporary: PathBuf,
    target: PathBuf,
}

impl Whole {
    fn remove(&self) {
        // ignored: the name of the file that is left says that it is temporary.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

impl OpenOutput {
    /// Writes more bytes.
    ///
    /// # Errors
    /// The device is full, or the reader of a pipe closed it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| FileError::new("write", &self.path, source))
    }

    /// Moves the file to its place. Once this returns, the file is durable.
    ///
    /// # Errors
    /// The file cannot be moved to its place. The former file is kept.
    pub fn finish(mut self) -> Result<(), FileError> {
        let error = |source| FileError::new("write", &self.path, source);
        let Some(whole) = self.whole.take() else {
            return Ok(());
        };
        let finish = || -> io::Result<()> {
            self.file.sync_all()?;
            std::fs::rename(&whole.temporary, &whole.target)?;
            File::open(&whole.folder)?.sync_all()
        };
        finish().map_err(|source| {
            whole.remove();
            error(source)
        })
    }
}

impl Drop for OpenOutput {
    fn drop(&mut self) {
        if let Some(whole) = &self.whole {
            whole.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;

    use super::*;

    fn save(path: &Path, text: &str) -> Result<(), FileError> {
        let mut file = OutputFile::find(path)?.open()?;
        file.write(text.as_bytes())?;
        file.finish()
    }

    fn mode(path: &Path) -> u32 {
        let found = fs::metadata(path).expect("it is there");
        found.mode() & MODE_MASK
    }

    #[test]
    fn file_is_replaced_and_keeps_its_permissions() {
        let keep = tempfile::tempdir().expect("a folder");
        let at = |name: &str| keep.path().join(name);
        for (name, mode) in [("private", 0o600), ("shared", 0o664), ("script", 0o755)] {
            fs::write(at(name), "a longer former text").expect("it can be written");
            fs::set_permissions(at(name), Permissions::from_mode(mode)).expect("it is ours");
            save(&at(name), "new").expect("it can be written");
            assert_eq!(fs::read_to_string(at(name)).expect("it is there"), "new");
            assert_eq!(self::mode(&at(name)), mode, "{name}");
        }
        save(&at("made"), "new").expect("it can be made");
        let n_files = fs::read_dir(keep.path()).expect("it is there").count();
        assert_eq!(n_files, 4, "no temporary file stays");
    }

    #[test]
    fn link_is_kept_and_its_target_is_written() {
        let keep = tempfile::tempdir().expect("a folder");
        let at = |name: &str| keep.path().join(name);
        fs::create_dir(at("deep")).expect("it can be made");
        fs::write(at("deep/file"), "old").expect("it can be written");
        for (target, link) in [
            ("deep/file", "one"),
            ("one", "two"),
            ("deep/none", "dangling"),
        ] {
            symlink(target, at(link)).expect("a link can be made");
        }
        for (link, target) in [("two", "deep/file"), ("dangling", "deep/none")] {
            save(&at(link), link).expect("it can be written");
            assert!(at(link).is_symlink(), "{link}");
            assert_eq!(fs::read_to_string(at(target)).expect("it is there"), link);
        }
        symlink("loop", at("loop")).expect("a link can be made");
        save(&at("loop"), "x").expect_err("it leads nowhere");
        save(&at("deep"), "x").expect_err("a folder is there");
    }

    #[test]
    fn pipe_is_written_to() {
        let keep = tempfile::tempdir().expect("a folder");
        let pipe = keep.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("it can be run").success());
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || fs::read_to_string(pipe).expect("it can be read"))
        };
        save(&pipe, "through").expect("it is read");
        assert_eq!(reader.join().expect("no panic"), "through");
        let kind = fs::symlink_metadata(&pipe)
            .expect("it is there")
            .file_type();
        assert!(kind.is_fifo());
    }

    #[test]
    fn unfinished_write_keeps_the_former_file() {
        let keep = tempfile::tempdir().expect("a folder");
        let path = keep.path().join("file");
        fs::write(&path, "old").expect("it can be written");
        let mut file = OutputFile::find(&path)
            .expect("it is there")
            .open()
            .expect("opened");
        file.write(b"half").expect("it can be written");
        drop(file);
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "old");
        let n_files = fs::read_dir(keep.path()).expect("it is there").count();
        assert_eq!(n_files, 1);
    }
}
