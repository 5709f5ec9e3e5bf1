//! The identity of a file or folder: its device number and its inode number, which are the same for
//! every path that leads to it.
//!
//! One file can have many paths, by symbolic links, hard links, or a folder that is mounted in two
//! places. Files that must not be touched are therefore compared by identity.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use cap_std::fs::FileType;
use rustix::fs::{AtFlags, CWD, Stat, fstat, statat};
use rustix::io::Errno;

use crate::folder::{FileError, Folder, LINKS_MAX};
use crate::platform::{PathEntry, device_number, entry_at, open_folder};

/// How many levels below a folder are searched for other names of a folder. The folders that Sedge
/// creates are not nested deeper.
pub const DEPTH_MAX: usize = 32;

/// An identity that no other file or folder of the machine has, as long as this one exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// Returns the identity of an open file.
    ///
    /// # Errors
    /// The operating system does not provide it.
    pub fn of(file: &std::fs::File) -> io::Result<Self> {
        Self::of_descriptor(file)
    }

    /// Returns the identity of the folder in which this process works.
    pub(crate) fn of_current_folder() -> io::Result<Self> {
        Ok(Self::in_stat(&statat(CWD, ".", AtFlags::empty())?))
    }

    pub(crate) fn of_descriptor(descriptor: impl AsFd) -> io::Result<Self> {
        Ok(Self::in_stat(&fstat(descriptor)?))
    }

    fn in_stat(stat: &Stat) -> Self {
        Self {
            device: device_number(stat),
            number: stat.st_ino,
        }
    }
}

/// Writes both numbers: `DEVICE:NUMBER`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.number)
    }
}

/// The type of an entry of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A plain file.
    File,
    /// A symbolic link.
    Link,
    /// A device, a pipe or a socket.
    Other,
}

impl Kind {
    fn of(kind: FileType) -> Self {
        match kind {
            kind if kind.is_dir() => Self::Folder,
            kind if kind.is_file() => Self::File,
            kind if kind.is_symlink() => Self::Link,
            _ => Self::Other,
        }
    }
}

/// An entry below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEntry {
    /// Its path, relative to that folder.
    pub path: PathBuf,
    /// Its type.
    pub kind: Kind,
    /// Its identity.
    pub identity: Identity,
}

/// Everything that decides where a path leads.
#[derive(Debug)]
pub struct Trail {
    /// Every folder in which a name was looked up, of the path itself or of a link on the way.
    /// A user who may write to one of them decides what the path leads to.
    pub folders: Vec<Identity>,
    /// What the path leads to.
    pub end: TrailEnd,
}

/// The end of a path.
#[derive(Debug)]
pub enum TrailEnd {
    /// Nothing: a folder on the way or the name is missing, or a file is where a folder is expected.
    Missing,
    /// A folder.
    Folder(Identity),
    /// A file of any kind.
    File(Identity),
}

impl Trail {
    /// Follows an absolute path, name by name and link by link, as the operating system does.
    ///
    /// # Errors
    /// The metadata of a folder or link on the way cannot be read, or there are too many links. A
    /// path that does not exist is not an error.
    pub fn follow(path: &Path) -> Result<Self, FileError> {
        Walk::new(path).and_then(Walk::end).map_err(|source| {
            // Naming the part that failed would not help more than the path does.
            FileError::new("inspect", path, source.into())
        })
    }

    /// Returns every identity of the trail, including its end.
    pub fn identities(&self) -> impl Iterator<Item = Identity> {
        let end = match self.end {
            TrailEnd::Missing => None,
            TrailEnd::Folder(identity) | TrailEnd::File(identity) => Some(identity),
        };
        self.folders.iter().copied().chain(end)
    }
}

/// A walk along a path.
struct Walk {
    /// The names that are still to be looked up.
    names: VecDeque<OsString>,
    at: OwnedFd,
    folders: Vec<Identity>,
    n_links: usize,
}

impl Walk {
    fn new(path: &Path) -> Result<Self, Errno> {
        if !path.is_absolute() {
            return Err(Errno::INVAL);
        }
        Ok(Self {
            names: names(path).collect(),
            at: open_folder(CWD, "/")?,
            folders: Vec::new(),
            n_links: 0,
        })
    }

    fn end(mut self) -> Result<Trail, Errno> {
        loop {
            if let Some(end) = self.step()? {
                let folders = self.folders;
                return Ok(Trail { folders, end });
            }
        }
    }

    /// Looks up the next name, and returns the end once it is reached.
    fn step(&mut self) -> Result<Option<TrailEnd>, Errno> {
        let here = Identity::in_stat(&fstat(&self.at)?);
        let Some(name) = self.names.pop_front() else {
            return Ok(Some(TrailEnd::Folder(here)));
        };
        self.folders.push(here);
        match entry_at(&self.at, &name) {
            Ok(PathEntry::Folder(found)) => self.at = found,
            Ok(PathEntry::Link(target)) => self.follow_link(Path::new(&target))?,
            Ok(PathEntry::Other(stat)) if self.names.is_empty() => {
                return Ok(Some(TrailEnd::File(Identity::in_stat(&stat))));
            }
            // No file can have a name that is too long.
            Ok(PathEntry::Other(_)) | Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => {
                return Ok(Some(TrailEnd::Missing));
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    fn follow_link(&mut self, target: &Path) -> Result<(), Errno> {
        self.n_links += 1;
        if self.n_links > LINKS_MAX {
            return Err(Errno::LOOP);
        }
        if target.is_absolute() {
            self.at = open_folder(CWD, "/")?;
        }
        let target: Vec<OsString> = names(target).collect();
        for name in target.into_iter().rev() {
            self.names.push_front(name);
        }
        Ok(())
    }
}

/// Returns the names of a path, including `..`.
fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    })
}

impl Folder {
    /// Returns the identity of the folder.
    ///
    /// # Errors
    /// The folder's metadata cannot be read.
    pub fn which(&self) -> Result<Identity, FileError> {
        let stat = fstat(self.dir());
        let stat = stat.map_err(|source| self.error("inspect", ".", source.into()))?;
        Ok(Identity::in_stat(&stat))
    }

    /// Returns the identity of a folder below this one. No link is followed on the way, and no name
    /// is `..`, so the path cannot lead out. Returns `None` if a name of the path is not the name of
    /// a folder.
    ///
    /// # Errors
    /// A folder on the way cannot be searched.
    pub fn folder_below(&self, relative: &str) -> Result<Option<Identity>, FileError> {
        let error = |source: Errno| self.error("enter", relative, source.into());
        let mut at = open_folder(self.dir(), ".").map_err(error)?;
        for part in Path::new(relative).components() {
            let name = match part {
                Component::Normal(name) => name,
                Component::CurDir => continue,
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Ok(None);
                }
            };
            at = match entry_at(&at, name) {
                Ok(PathEntry::Folder(found)) => found,
                Ok(PathEntry::Link(_) | PathEntry::Other(_))
                | Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(None),
                Err(source) => return Err(error(source)),
            };
        }
        Ok(Some(Identity::in_stat(&fstat(&at).map_err(error)?)))
    }

    /// Returns the identities of the folder and of its ancestors, up to the root.
    ///
    /// # Errors
    /// The metadata of one of them cannot be read.
    pub fn chain(&self) -> Result<Vec<Identity>, FileError> {
        let error = |source: Errno| self.error("find the parent folder of", ".", source.into());
        let mut chain = vec![self.which()?];
        let mut at = open_folder(self.dir(), "..").map_err(error)?;
        loop {
            let above = Identity::in_stat(&fstat(&at).map_err(error)?);
            if chain.last() == Some(&above) {
                return Ok(chain);
            }
            chain.push(above);
            at = open_folder(&at, "..").map_err(error)?;
        }
    }

    /// Returns the folder itself and the entries below it, down to `depth_max` levels: all folders,
    /// and other entries if their type is wanted. Links are not followed.
    ///
    /// # Errors
    /// A folder or the metadata of an entry cannot be read.
    pub fn below(
        &self,
        depth_max: usize,
        wanted: impl Fn(Kind) -> bool,
    ) -> Result<Vec<FoundEntry>, FileError> {
        let mut found = vec![FoundEntry {
            path: PathBuf::from("."),
            kind: Kind::Folder,
            identity: self.which()?,
        }];
        let mut ahead = vec![(PathBuf::from("."), 0)];
        while let Some((path, depth)) = ahead.pop() {
            for entry in self.found_in(&path, &wanted)? {
                if entry.kind == Kind::Folder && depth < depth_max {
                    ahead.push((entry.path.clone(), depth + 1));
                }
                found.push(entry);
            }
        }
        Ok(found)
    }

    fn found_in(
        &self,
        relative: &Path,
        wanted: &impl Fn(Kind) -> bool,
    ) -> Result<Vec<FoundEntry>, FileError> {
        let error = |source| FileError::new("list", &self.path().join(relative), source);
        let mut entries = Vec::new();
        for entry in self.dir().read_dir(relative).map_err(error)? {
            let entry = entry.map_err(error)?;
            let kind = Kind::of(entry.file_type().map_err(error)?);
            if kind != Kind::Folder && !wanted(kind) {
                continue;
            }
            let path = relative.join(entry.file_name());
            match statat(self.dir(), &path, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => entries.push(FoundEntry {
                    path,
                    kind,
                    identity: Identity::in_stat(&stat),
                }),
                // Another process removed it meanwhile.
                Err(Errno::NOENT) => {}
                Err(source) => return Err(error(source.into())),
            }
        }
        Ok(entries)
    }

    /// Returns whether this folder is `other` or is below it, whatever paths lead to the two.
    ///
    /// # Errors
    /// The metadata of a folder cannot be read, so the answer is unknown.
    pub fn is_within(&self, other: &Self) -> Result<bool, FileError> {
        let chain = self.chain()?;
        if chain.contains(&other.which()?) {
            return Ok(true);
        }
        // A folder below `other` may be mounted elsewhere, too.
        let below = other.below(DEPTH_MAX, |_| false)?;
        Ok(below.iter().any(|found| chain.contains(&found.identity)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    fn folder(path: &Path) -> Folder {
        fs::create_dir_all(path).expect("it can be made");
        Folder::open(path).expect("it is there")
    }

    fn which(path: &Path) -> Identity {
        folder(path).which().expect("it is there")
    }

    #[test]
    fn trail_lists_the_folders_of_links_and_of_missing_paths() {
        let keep = tempfile::tempdir().expect("a folder");
        let at = |name: &str| keep.path().join(name);
        let [bin, real, deep] = ["bin", "real", "real/deep"].map(|it| which(&at(it)));
        fs::write(at("real/program"), "x").expect("it can be written");
        symlink("../real/link", at("bin/program")).expect("a link can be made");
        symlink("program", at("real/link")).expect("a link can be made");
        symlink("loop", at("loop")).expect("a link can be made");
        let trail = Trail::follow(&at("bin/program")).expect("it can be followed");
        assert!(trail.folders.contains(&bin) && trail.folders.contains(&real));
        assert!(trail.folders.contains(&which(Path::new("/"))));
        assert!(!trail.folders.contains(&deep));
        assert!(matches!(trail.end, TrailEnd::File(_)), "{trail:?}");
        let trail = Trail::follow(&at("real/deep/no/such")).expect("it can be followed");
        assert_eq!(trail.folders.last(), Some(&deep));
        assert!(matches!(trail.end, TrailEnd::Missing), "{trail:?}");
        let trail = Trail::follow(&at("real/program/no")).expect("it can be followed");
        assert!(matches!(trail.end, TrailEnd::Missing), "{trail:?}");
        Trail::follow(&at("loop")).expect_err("it leads to itself");
    }

    #[test]
    fn folder_below_is_found_without_links() {
        let keep = tempfile::tempdir().expect("a folder");
        let top = folder(keep.path());
        let deep = folder(&keep.path().join("one/deep"));
        fs::write(keep.path().join("file"), "x").expect("it can be written");
        symlink("one", keep.path().join("link")).expect("a link can be made");
        let below = |path: &str| top.folder_below(path).expect("it can be searched");
        assert_eq!(below("one/deep"), deep.which().ok());
        assert_eq!(below("."), top.which().ok());
        for path in [
            "link",
            "link/deep",
            "one/../one",
            "/",
            "file",
            "one/no",
            "file/x",
        ] {
            assert_eq!(below(path), None, "{path}");
        }
    }

    #[test]
    fn folder_is_within_its_ancestors_only() {
        let keep = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder(&keep.path().join(name));
        let [one, below, two] = ["one", "one/a/b", "two"].map(at);
        symlink("one/a", keep.path().join("link")).expect("a link can be made");
        let linked = at("link/b");
        for (inner, outer, expect) in [
            (&one, &one, true),
            (&below, &one, true),
            (&linked, &one, true),
            (&one, &below, false),
            (&two, &one, false),
        ] {
            let is_within = inner.is_within(outer).expect("they are there");
            assert_eq!(
                is_within,
                expect,
                "{} {}",
                inner.path().display(),
                outer.path().display()
            );
        }
    }

    /// The variable that passes the mounted folder's path to this test in a mount namespace.
    const MOUNTED: &str = "SEDGE_TEST_MOUNTED";

    /// `one/a` is mounted a second time at `two/here`.
    #[test]
    fn bind_mounted_folder_keeps_its_identity() {
        if let Some(path) = std::env::var_os(MOUNTED) {
            let at = |name: &str| Folder::open(&Path::new(&path).join(name)).expect("it is there");
            let [one, here, two] = ["one", "two/here/b", "two"].map(at);
            assert!(here.is_within(&one).expect("they are there"));
            assert!(!two.is_within(&one).expect("they are there"));
            assert_eq!(at("one/a/b").which().ok(), here.which().ok());
            return;
        }
        let keep = tempfile::tempdir().expect("a folder");
        for name in ["one/a/b", "two/here"] {
            fs::create_dir_all(keep.path().join(name)).expect("it can be made");
        }
        let script = "mount --bind one/a two/here && exec \"$0\" --exact \"$1\"";
        let program = std::env::current_exe().expect("it has a path");
        let inside = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .arg(program)
            .arg("identity::tests::bind_mounted_folder_keeps_its_identity")
            .current_dir(keep.path())
            .env(MOUNTED, keep.path())
            .output();
        let inside = inside.expect("`unshare` is there: this test needs a name space of mounts");
        assert!(
            inside.status.success(),
            "this test needs a name space of mounts: {inside:?}"
        );
    }
}
