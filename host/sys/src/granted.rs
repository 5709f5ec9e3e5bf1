//! Queries about an open folder that a guest was granted.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::identity::Identity;
use crate::platform::open_folder;

/// The most entries of a folder that are checked before it is moved to another folder. A guest
/// chooses how many there are, and the host reads all of them.
const MOVED_ENTRIES_MAX: usize = 100_000;

/// How deep a folder that is moved to another one may be nested. A guest chooses the depth, and the
/// host opens one folder per level.
const MOVED_DEPTH_MAX: usize = 128;

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, which need not be UTF-8.
    pub name: OsString,
    /// Its type.
    pub kind: ListedKind,
}

/// The type of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedKind {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe.
    Fifo,
    /// A device of characters.
    CharacterDevice,
    /// A device of blocks.
    BlockDevice,
    /// A socket.
    Socket,
    /// The operating system does not report the type.
    Unknown,
}

/// Returns the entries of a folder, in the file system's order.
///
/// # Errors
/// The folder cannot be read.
pub fn listed(folder: &File) -> io::Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let mut kind = entry.file_type();
        // Some file systems do not store the type with the name.
        if kind == FileType::Unknown {
            kind = match statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                // Another process removed it meanwhile.
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
        }
        listed.push(Listed {
            name: OsString::from_vec(name.to_vec()),
            kind: listed_kind(kind),
        });
    }
    Ok(listed)
}

fn listed_kind(kind: FileType) -> ListedKind {
    match kind {
        FileType::RegularFile => ListedKind::File,
        FileType::Directory => ListedKind::Folder,
        FileType::Symlink => ListedKind::Link,
        FileType::Fifo => ListedKind::Fifo,
        FileType::CharacterDevice => ListedKind::CharacterDevice,
        FileType::BlockDevice => ListedKind::BlockDevice,
        FileType::Socket => ListedKind::Socket,
        FileType::Unknown => ListedKind::Unknown,
    }
}

/// Returns whether the entry `name` of one folder may be moved or linked to another folder, or
/// renamed within its folder. It may if every symbolic link still leads to the same target
/// afterwards, and a link that is moved itself does not lead out of the granted folders `roots`.
///
/// A guest cannot create a link that leads out, but the folder may contain one, and the target of a
/// relative link depends on the folder it is in. A guest cannot follow a link out of its folder,
/// but programs of the operator can.
///
/// # Errors
/// The metadata of an entry cannot be read.
pub fn may_be_moved(
    (from, name): (&File, &OsStr),
    to: &File,
    roots: &BTreeSet<Identity>,
) -> io::Result<bool> {
    let stat = match statat(from, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        // The entry does not exist; the move itself reports that to the guest.
        Err(Errno::NOENT) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let stays = Identity::of(from)? == Identity::of(to)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => Ok(stays && leads_inside(from, name, roots)?),
        FileType::Directory if !stays => {
            let mut n_left = MOVED_ENTRIES_MAX;
            holds_its_links(from.as_fd(), name, 0, &mut n_left)
        }
        FileType::Directory
        | FileType::RegularFile
        | FileType::Fifo
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Socket
        | FileType::Unknown => Ok(true),
    }
}

/// Returns whether the link `name` leads to a target inside of the granted folders.
fn leads_inside(folder: &File, name: &OsStr, roots: &BTreeSet<Identity>) -> io::Result<bool> {
    let Some(mut n_up) = steps_up(&target(folder, name)?) else {
        return Ok(false);
    };
    let mut at: OwnedFd = folder.try_clone()?.into();
    while n_up > 0 {
        if roots.contains(&Identity::of_descriptor(&at)?) {
            return Ok(false);
        }
        at = open_folder(&at, "..")?;
        n_up -= 1;
    }
    Ok(true)
}

/// Returns whether no link in a folder leads through the folder's parent. Such links, and those
/// with an absolute target, keep their target if the folder is moved.
fn holds_its_links(
    parent: impl AsFd,
    name: &OsStr,
    depth: usize,
    n_left: &mut usize,
) -> io::Result<bool> {
    if depth > MOVED_DEPTH_MAX {
        return Ok(false);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(openat(parent, name, flags, Mode::empty())?);
    for entry in listed(&folder)? {
        let Some(left) = n_left.checked_sub(1) else {
            return Ok(false);
        };
        *n_left = left;
        let holds = match entry.kind {
            ListedKind::Folder => holds_its_links(&folder, &entry.name, depth + 1, n_left)?,
            ListedKind::Link => {
                let target = target(&folder, &entry.name)?;
                let inside = steps_up(&target).is_some_and(|n_up| n_up <= depth);
                inside || Path::new(&target).is_absolute()
            }
            ListedKind::File
            | ListedKind::Fifo
            | ListedKind::CharacterDevice
            | ListedKind::BlockDevice
            | ListedKind::Socket
            | ListedKind::Unknown => true,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn target(folder: &File, name: &OsStr) -> io::Result<OsString> {
    let target = readlinkat(folder, name, Vec::new())?;
    Ok(OsStr::from_bytes(target.as_bytes()).to_owned())
}

/// Returns how many levels up a relative target leads before it leads down. Returns `None` if the
/// target is absolute or has a `..` behind a name: what that resolves to depends on the name's
/// type.
fn steps_up(target: &OsStr) -> Option<usize> {
    let (mut n_up, mut is_down) = (0, false);
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir if is_down => return None,
            Component::ParentDir => n_up += 1,
            Component::Normal(_) => is_down = true,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(n_up)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn link_is_moved_only_if_its_target_stays_the_same() {
        let keep = tempfile::tempdir().expect("a folder");
        let at = |name: &str| keep.path().join(name);
        for folder in ["in/a/b", "in/c/d", "in/e/f", "in/abs", "in/odd"] {
            fs::create_dir_all(at(folder)).expect("it can be made");
        }
        for (target, link) in [
            ("x", "in/plain"),
            ("../in/x", "in/out"),
            ("/etc", "in/absolute"),
            ("../x", "in/a/up"),
            ("../../x", "in/a/up-out"),
            ("../x", "in/a/b/up"),
            ("../../x", "in/c/d/up-two"),
            ("../x", "in/e/f/up-one"),
            ("/etc", "in/abs/absolute"),
            ("x/../y", "in/odd/odd"),
        ] {
            symlink(target, at(link)).expect("a link can be made");
        }
        let open = |name: &str| File::open(at(name)).expect("it is there");
        let root = Identity::of(&open("in")).expect("it is there");
        let roots = BTreeSet::from([root]);
        for (from, name, to, expect) in [
            ("in", "plain", "in", true),
            ("in", "plain", "in/a", false),
            ("in", "out", "in", false),
            ("in", "absolute", "in", false),
            ("in/a", "up", "in/a", true),
            ("in/a", "up", "in", false),
            ("in/a", "up-out", "in/a", false),
            ("in", "a", "in", true),
            // The link `up` in it leads to an entry of its parent.
            ("in", "a", "in/c", false),
            ("in/a", "b", "in", false),
            ("in/c", "d", "in", false),
            ("in", "c", "in/a", false),
            ("in", "e", "in/a", true),
            ("in", "abs", "in/a", true),
            ("in", "odd", "in/a", false),
            ("in", "none", "in/a", true),
        ] {
            let (from, to) = (open(from), open(to));
            let may = may_be_moved((&from, OsStr::new(name)), &to, &roots);
            assert_eq!(may.expect("it is there"), expect, "{name}");
        }
    }

    #[test]
    fn names_that_are_not_utf8_are_listed() {
        let keep = tempfile::tempdir().expect("a folder");
        let name = OsStr::from_bytes(b"caf\xe9");
        fs::write(keep.path().join(name), "x").expect("it can be written");
        let folder = File::open(keep.path()).expect("it is there");
        let expect = Listed {
            name: name.to_owned(),
            kind: ListedKind::File,
        };
        assert_eq!(listed(&folder).expect("readable"), [expect]);
    }
}
