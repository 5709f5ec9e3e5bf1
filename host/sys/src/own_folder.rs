//! Folders outside of any repository that belong to the user alone. Files in them are trusted, so
//! no other user may be able to write to them.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::clock::Timestamp;
use crate::folder::{FileError, Folder};

/// The mode of folders that are created here: for their owner only.
const FOLDER_MODE: u32 = 0o700;

/// The permissions by which other users could change what a folder holds.
const OTHERS_WRITE: u32 = 0o022;

/// The end of the name of a file that is being written.
pub const TEMPORARY_ENDING: &str = ".tmp";

/// All permissions of other users.
const OTHERS: u32 = 0o077;

/// A folder, or a file in it, does not belong to the user alone.
#[derive(Debug, thiserror::Error)]
pub enum OwnFolderError {
    /// It is a symbolic link.
    #[error("`{}` is a symbolic link", .0.display())]
    Link(PathBuf),
    /// It is not a folder, or not a file, as expected.
    #[error("`{}` is not a {expected}", path.display())]
    Kind {
        /// Its path.
        path: PathBuf,
        /// The expected type: `folder`.
        expected: &'static str,
    },
    /// It belongs to another user.
    #[error("`{}` belongs to another user (uid {uid})", path.display())]
    Owner {
        /// Its path.
        path: PathBuf,
        /// Its owner's number.
        uid: u32,
    },
    /// Other users have permissions that they must not have.
    #[error("other users may {what} `{}` (its mode is {mode:o})", path.display())]
    Open {
        /// Its path.
        path: PathBuf,
        /// What they may do: `write to`.
        what: &'static str,
        /// Its permissions.
        mode: u32,
    },
    /// It cannot be opened or created.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Opens a folder of the user, and creates it and its ancestors if they do not exist. The last
/// component of the path must not be a link. The checks are made on the open folder.
///
/// # Errors
/// The folder cannot be created or opened, belongs to another user, is a link, or other users may
/// write to it.
pub fn open(path: &Path) -> Result<Folder, OwnFolderError> {
    match open_existing(path) {
        Err(OwnFolderError::File(error)) if error.source.kind() == ErrorKind::NotFound => {
            create(path)?;
            open_existing(path)
        }
        opened => opened,
    }
}

/// Opens a file of such a folder for reading; returns `None` if it does not exist. Links are not
/// followed, and opening a pipe does not wait.
///
/// # Errors
/// The file cannot be opened, is not a regular file, or belongs to another user.
pub fn open_file(folder: &Folder, name: &str) -> Result<Option<File>, OwnFolderError> {
    let path = folder.path_of(name);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder.dir(), name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(OwnFolderError::Link(path)),
        Err(source) => return Err(FileError::new("open", &path, source.into()).into()),
    };
    let about = look_at(&file, &path)?;
    if !about.is_file() {
        let expected = "file";
        return Err(OwnFolderError::Kind { path, expected });
    }
    owner_check(about.uid(), &path)?;
    Ok(Some(file))
}

/// Checks that other users have no permissions on a file.
///
/// # Errors
/// Other users have permissions, or the file's metadata cannot be read.
pub fn private_check(file: &File, path: &Path) -> Result<(), OwnFolderError> {
    let mode = look_at(file, path)?.mode() & 0o7777;
    if mode & OTHERS != 0 {
        let (path, what) = (path.to_owned(), "read or write to");
        return Err(OwnFolderError::Open { path, what, mode });
    }
    Ok(())
}

/// Writes a file of such a folder from several pieces, with permissions for the user alone. An
/// existing file is replaced atomically. The file is not synced, so a power loss may leave it torn,
/// and its reader has to detect that.
///
/// # Errors
/// The file cannot be written.
pub fn write_file(folder: &Folder, name: &str, pieces: &[&[u8]]) -> Result<(), FileError> {
    write_with_mode(folder, name, Mode::RUSR | Mode::WUSR, pieces)
}

/// Writes a file as [`write_file`] does, and makes it read-only, for its owner as well. It
/// can only be replaced.
///
/// # Errors
/// The file cannot be written.
pub fn write_final_file(folder: &Folder, name: &str, pieces: &[&[u8]]) -> Result<(), FileError> {
    write_with_mode(folder, name, Mode::RUSR, pieces)
}

fn write_with_mode(
    folder: &Folder,
    name: &str,
    mode: Mode,
    pieces: &[&[u8]],
) -> Result<(), FileError> {
    let temporary = format!("{name}.{:016x}{TEMPORARY_ENDING}", crate::random::bits());
    let write = || -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(folder.dir(), &temporary, flags, mode)?);
        for piece in pieces {
            file.write_all(piece)?;
        }
        folder.dir().rename(&temporary, folder.dir(), name)
    };
    write().map_err(|source| {
        // ignored: the file may not have been created.
        let _ = folder.dir().remove_file(&temporary);
        FileError::new("write", &folder.path_of(name), source)
    })
}

/// Returns when a file was last written or marked by [`mark_used`].
///
/// # Errors
/// The file's metadata cannot be read.
pub fn last_used(file: &File) -> io::Result<Timestamp> {
    let modified = file.metadata()?.modified()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH);
    // ignored: a time before 1970 counts as 1970.
    let ms = since.unwrap_or_default().as_millis();
    Ok(Timestamp(u64::try_from(ms).unwrap_or(u64::MAX)))
}

/// Records that a file was used at `at`.
///
/// # Errors
/// The file system is read-only, or the file is not the user's.
pub fn mark_used(file: &File, at: Timestamp) -> io::Result<()> {
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(at.0))
}

fn open_existing(path: &Path) -> Result<Folder, OwnFolderError> {
    let error = |source: io::Error| FileError::new("open", path, source);
    // The path is made absolute first, so that errors name it in full.
    let path_absolute = std::path::absolute(path).map_err(error)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match rustix::fs::open(&path_absolute, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP | Errno::NOTDIR) => return Err(why_not_a_folder(path)?),
        Err(source) => return Err(error(source.into()).into()),
    };
    let about = look_at(&file, path)?;
    owner_check(about.uid(), path)?;
    let mode = about.mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 {
        let (path, what) = (path.to_owned(), "write to");
        return Err(OwnFolderError::Open { path, what, mode });
    }
    Ok(Folder::of(Dir::from_std_file(file), path_absolute))
}

/// Returns why an existing path cannot be opened as a folder.
fn why_not_a_folder(path: &Path) -> Result<OwnFolderError, OwnFolderError> {
    let about = std::fs::symlink_metadata(path);
    let about = about.map_err(|source| FileError::new("inspect", path, source))?;
    let path = path.to_owned();
    Ok(if about.is_symlink() {
        OwnFolderError::Link(path)
    } else {
        let expected = "folder";
        OwnFolderError::Kind { path, expected }
    })
}

/// Creates a folder and its ancestors, with permissions for the user alone.
fn create(path: &Path) -> Result<(), OwnFolderError> {
    let error = |source| FileError::new("create", path, source);
    // In the home of another user, root would create a folder that this user could not write to.
    if geteuid().is_root()
        && let Some((above, about)) = nearest_above(path)
    {
        owner_check(about.uid(), above)?;
    }
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(FOLDER_MODE).create(path);
    Ok(made.map_err(error)?)
}

/// Returns the nearest folder above `path` that exists.
fn nearest_above(path: &Path) -> Option<(&Path, std::fs::Metadata)> {
    let mut above = path.ancestors().skip(1);
    // ignored: a folder whose metadata cannot be read is skipped.
    above.find_map(|it| std::fs::metadata(it).ok().map(|about| (it, about)))
}

fn owner_check(uid: u32, path: &Path) -> Result<(), OwnFolderError> {
    if uid == geteuid().as_raw() {
        return Ok(());
    }
    let path = path.to_owned();
    Err(OwnFolderError::Owner { path, uid })
}

fn look_at(file: &File, path: &Path) -> Result<std::fs::Metadata, FileError> {
    file.metadata()
        .map_err(|source| FileError::new("inspect", path, source))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rustix::fs::Uid;

    use super::*;

    fn check(path: &Path, expect: &str) {
        let opened = open(path);
        let found = opened.map_or_else(|error| error.to_string(), |_| "opened".to_owned());
        assert!(found.contains(expect), "{found}, expected {expect}");
    }

    fn mode_set(path: &Path, mode: u32) {
        let set = std::fs::set_permissions(path, Permissions::from_mode(mode));
        set.expect("it is ours");
    }

    #[test]
    fn a_folder_is_made_for_its_owner_alone() {
        let keep = tempfile::tempdir().expect("a folder");
        let path = keep.path().join("a/b");
        check(&path, "opened");
        for made in [&path, &keep.path().join("a")] {
            let mode = std::fs::metadata(made).expect("it is there").mode();
            assert_eq!(mode & 0o7777, FOLDER_MODE);
        }
        check(&path, "opened");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let keep = tempfile::tempdir().expect("a folder");
        for (mode, expect) in [
            (0o755, "opened"),
            (0o770, "other users may write to"),
            (0o702, "other users may write to"),
            (0o1777, "other users may write to"),
        ] {
            mode_set(keep.path(), mode);
            check(keep.path(), expect);
        }
    }

    #[test]
    fn a_link_or_a_file_in_its_place_is_refused() {
        let keep = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(keep.path().join("real")).expect("made");
        let link = keep.path().join("link");
        symlink(keep.path().join("real"), &link).expect("linked");
        check(&link, "is a symbolic link");
        let file = keep.path().join("file");
        std::fs::write(&file, "").expect("written");
        check(&file, "is not a folder");
        check(&file.join("below"), "failed to inspect");
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        if !geteuid().is_root() {
            // Only root can give a folder to another user. The check is the same for a file, so
            // other users test it with `/etc/passwd`.
            let root = Folder::open(Path::new("/etc")).expect("it is there");
            let error = open_file(&root, "passwd").expect_err("root's");
            assert!(matches!(error, OwnFolderError::Owner { uid: 0, .. }));
            return;
        }
        let keep = tempfile::tempdir().expect("a folder");
        let other = Some(Uid::from_raw(4242));
        let theirs = keep.path().join("theirs");
        std::fs::create_dir(&theirs).expect("made");
        rustix::fs::chown(&theirs, other, None).expect("given away");
        check(&theirs, "belongs to another user (uid 4242)");
        // Root creates nothing in it.
        check(&theirs.join("sedge"), "belongs to another user (uid 4242)");
    }

    #[test]
    fn regular_file_is_opened_and_link_and_pipe_are_refused() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = open(keep.path()).expect("it is ours");
        std::fs::write(keep.path().join("file"), "x").expect("written");
        assert!(open_file(&folder, "file").expect("opened").is_some());
        assert!(open_file(&folder, "none").expect("looked for").is_none());
        symlink("file", keep.path().join("link")).expect("linked");
        let error = open_file(&folder, "link").expect_err("a link");
        assert!(matches!(error, OwnFolderError::Link(_)), "{error}");
        let mode = Mode::from_raw_mode(0o600);
        crate::platform::make_pipe(folder.dir(), "pipe", mode).expect("made");
        let error = open_file(&folder, "pipe").expect_err("a pipe");
        assert!(matches!(error, OwnFolderError::Kind { .. }), "{error}");
    }
}
