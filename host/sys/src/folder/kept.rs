//! Folders of run-time state, closed to other users and without links.
//!
//! Their files may have come with a clone, or another user of the group may have created them. So
//! no link in them is followed, and every file and folder gets its mode explicitly, independent of
//! the umask of the process that creates it.

use std::fs::File;
use std::io::{self, ErrorKind};

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, fchown, mkdirat, openat, statat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::open::{Opening, parts, step};
use super::{FileError, Folder, attributes_of};
use crate::owner::{Attributes, Owners};
use crate::platform::{mode_of, permission_bits};

/// The mode of a folder that only its owner may use.
const OWNER_FOLDER: u32 = 0o700;

/// The mode of a folder that a group shares. Files created in it belong to the group, too.
const GROUP_FOLDER: u32 = 0o2770;

/// The number of the administrator, who can create files for other users.
const ROOT: u32 = 0;

/// The rules for a folder of run-time state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Whether the users of the folder's group share it.
    pub is_shared: bool,
    /// The users whose files are trusted.
    pub owners: Owners,
}

/// The rules for the files of an open folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepRules {
    pub(super) keeping: Keeping,
    /// The owner and group that new files are given to. This is set if root works in the folder of
    /// another user, who could not use root's files.
    give_to: Option<(u32, u32)>,
    /// The group of the parent folder, whose users may share this folder.
    group: u32,
}

impl Folder {
    /// Opens a folder of run-time state in this one, creating it if it does not exist. It must not
    /// be a link, and no link in it is followed. Its mode is 0700 and that of its files 0600, or
    /// 2770 and 0660 if a group shares them.
    ///
    /// # Errors
    /// The folder can be neither opened nor created, or it is a link.
    pub fn keep(&self, name: &str, keeping: Keeping) -> Result<Self, FileError> {
        let error = |source| self.error("create", name, source);
        loop {
            if let Some(folder) = self.kept(name, keeping)? {
                return Ok(folder);
            }
            let own = attributes_of(&self.dir).map_err(error)?;
            let kept = KeepRules::new(keeping, own, own.group);
            match kept.make_folder(&self.dir, name) {
                Err(source) if source.kind() != ErrorKind::AlreadyExists => {
                    return Err(error(source));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Opens a folder of run-time state as [`Folder::keep`] does; returns `None` if it does not
    /// exist.
    ///
    /// # Errors
    /// The folder cannot be opened, or it is a link.
    pub fn kept(&self, name: &str, keeping: Keeping) -> Result<Option<Self>, FileError> {
        let error = |source| self.error("open, without following links,", name, source);
        let dir = match step(&self.dir, name) {
            Ok(dir) => dir,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(error(source)),
        };
        let above = attributes_of(&self.dir).map_err(error)?;
        let kept = KeepRules::new(keeping, attributes_of(&dir).map_err(error)?, above.group);
        Ok(Some(Self {
            dir,
            path: self.path.join(name),
            kept: Some(kept),
        }))
    }

    /// Gives this folder and everything in it the modes of the rules, if the folder's own mode
    /// differs and this process works for its owner. Files with a name of `private` keep their
    /// mode. Every file is opened and closed, which would release SQLite's locks, so the datastore
    /// must not be open in this process yet.
    ///
    /// # Errors
    /// A mode cannot be changed. A read-only medium is no error, because nothing can be changed
    /// there.
    pub fn modes_settle(&self, private: &[&str]) -> Result<(), FileError> {
        self.modes_settle_if(private, |kept, own| kept.must_settle(own))
    }

    /// Gives this folder and everything in it the modes of the rules as [`Folder::modes_settle`]
    /// does, whatever the folder's own mode.
    ///
    /// # Errors
    /// The same as for [`Folder::modes_settle`].
    pub fn modes_settle_all(&self, private: &[&str]) -> Result<(), FileError> {
        self.modes_settle_if(private, |_, _| true)
    }

    fn modes_settle_if(
        &self,
        private: &[&str],
        must_settle: impl Fn(&KeepRules, Attributes) -> bool,
    ) -> Result<(), FileError> {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        let settle = || -> io::Result<()> {
            let own = attributes_of(&self.dir)?;
            if own.owner != kept.keeping.owners.effective() || !must_settle(kept, own) {
                return Ok(());
            }
            // The folder's own mode is changed last: an interrupted change is then repeated.
            kept.settle_in(&self.dir, private)?;
            let folder = open_folder(&self.dir, ".")?;
            kept.share(&folder)?;
            if kept.must_settle(own) {
                change_mode(&folder, kept.folder_mode())?;
            }
            Ok(())
        };
        match settle() {
            Err(source) if source.kind() == ErrorKind::ReadOnlyFilesystem => Ok(()),
            settled => settled.map_err(|source| self.error("change the modes in", "", source)),
        }
    }

    /// Returns the paths of the files and folders in this one whose modes differ from the rules,
    /// sorted, and opens none of them. Links, files with a name of `private`, and what belongs to
    /// other users are left out.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn modes_wrong(&self, private: &[&str]) -> Result<Vec<String>, FileError> {
        let Some(kept) = &self.kept else {
            return Ok(Vec::new());
        };
        let mut wrong = Vec::new();
        let looked = kept.wrong_in(&self.dir, "", private, &mut wrong);
        looked.map_err(|source| self.error("inspect the modes in", "", source))?;
        wrong.sort();
        Ok(wrong)
    }

    /// Takes all rights to a file from users other than its owner, if that is the user that this
    /// process works for. Returns whether that changed anything.
    ///
    /// # Errors
    /// The file does not exist, or its mode cannot be changed.
    pub fn others_exclude(&self, relative: &str) -> Result<bool, FileError> {
        let exclude = || -> io::Result<bool> {
            let file = self.open_file(relative, Opening::Read)?;
            let found = Attributes::of(&file.metadata()?);
            let effective = rustix::process::geteuid().as_raw();
            if found.owner != effective || found.is_private() {
                return Ok(false);
            }
            change_mode(&file, found.mode & OWNER_FOLDER)?;
            Ok(true)
        };
        exclude().map_err(|source| self.error("change the mode of", relative, source))
    }
}

impl KeepRules {
    fn new(keeping: Keeping, folder: Attributes, group: u32) -> Self {
        let is_for_another = keeping.owners.effective() == ROOT && folder.owner != ROOT;
        Self {
            keeping,
            give_to: is_for_another.then_some((folder.owner, folder.group)),
            group,
        }
    }

    fn folder_mode(self) -> u32 {
        if self.keeping.is_shared {
            GROUP_FOLDER
        } else {
            OWNER_FOLDER
        }
    }

    /// Returns the mode of a file whose owner has the rights of `mode`.
    fn file_mode(self, mode: u32) -> u32 {
        let owner = mode & 0o700;
        if self.keeping.is_shared {
            owner | (owner >> 3)
        } else {
            owner
        }
    }

    /// Sets the mode of a new file.
    pub(super) fn settle_new(self, file: &File, mode: u32) -> io::Result<()> {
        if self.keeping.is_shared {
            change_mode(file, self.file_mode(mode))?;
        }
        Ok(())
    }

    /// Gives a new file to the owner of the folder.
    pub(super) fn give(self, file: &File) -> io::Result<()> {
        if let Some((owner, group)) = self.give_to {
            let (owner, group) = (Uid::from_raw(owner), Gid::from_raw(group));
            fchown(file, Some(owner), Some(group))?;
        }
        Ok(())
    }

    /// Gives a file or folder to the group that shares it.
    fn share(self, file: &File) -> io::Result<()> {
        if self.keeping.is_shared && Attributes::of(&file.metadata()?).group != self.group {
            fchown(file, None, Some(Gid::from_raw(self.group)))?;
        }
        Ok(())
    }

    /// Creates a folder and its ancestors.
    pub(super) fn create_folder(self, dir: &Dir, relative: &str) -> io::Result<()> {
        let mut dir = dir.try_clone()?;
        for part in parts(relative)? {
            dir = loop {
                match step(&dir, part) {
                    Err(source) if source.kind() == ErrorKind::NotFound => {}
                    opened => break opened?,
                }
                match self.make_folder(&dir, part) {
                    Err(source) if source.kind() != ErrorKind::AlreadyExists => return Err(source),
                    Ok(()) | Err(_) => {}
                }
            };
        }
        Ok(())
    }

    fn make_folder(self, dir: &Dir, name: &str) -> io::Result<()> {
        mkdirat(dir, name, mode_of(OWNER_FOLDER))?;
        let made = open_folder(dir, name)?;
        self.give(&made)?;
        self.share(&made)?;
        change_mode(&made, self.folder_mode())
    }

    fn must_settle(self, folder: Attributes) -> bool {
        if self.keeping.is_shared {
            folder.mode != GROUP_FOLDER
        } else {
            // A folder whose owner removed more rights stays as it is.
            folder.mode & !OWNER_FOLDER != 0
        }
    }

    fn wrong_in(
        self,
        dir: &Dir,
        above: &str,
        private: &[&str],
        wrong: &mut Vec<String>,
    ) -> io::Result<()> {
        for entry in dir.entries()? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let found = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => found,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let kind = FileType::from_raw_mode(found.st_mode);
            let is_folder = kind == FileType::Directory;
            let is_file = kind == FileType::RegularFile || kind == FileType::Fifo;
            let is_own = found.st_uid == self.keeping.owners.effective();
            if !is_own || !is_folder && (!is_file || private.contains(&name)) {
                continue;
            }
            let attributes = Attributes {
                owner: found.st_uid,
                group: found.st_gid,
                mode: permission_bits(&found),
            };
            let path = match above {
                "" => name.to_owned(),
                above => format!("{above}/{name}"),
            };
            if is_folder {
                self.wrong_in(&step(dir, name)?, &path, private, wrong)?;
            }
            let is_wrong = match is_folder {
                true => self.must_settle(attributes),
                false => attributes.mode != self.file_mode(attributes.mode),
            };
            if is_wrong {
                wrong.push(path);
            }
        }
        Ok(())
    }

    fn settle_in(self, dir: &Dir, private: &[&str]) -> io::Result<()> {
        for entry in dir.entries()? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = match openat(dir, name, flags, Mode::empty()) {
                Ok(file) => File::from(file),
                // It is a link or a socket (whose error depends on the system), or was removed
                // meanwhile. Or another user created it, and only that user can change its mode.
                Err(
                    Errno::LOOP | Errno::NXIO | Errno::OPNOTSUPP | Errno::NOENT | Errno::ACCESS,
                ) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let found = file.metadata()?;
            let attributes = Attributes::of(&found);
            if attributes.owner != self.keeping.owners.effective() {
                continue;
            }
            if private.contains(&name) && !found.is_dir() {
                continue;
            }
            self.share(&file)?;
            if found.is_dir() {
                self.settle_in(&step(dir, name)?, private)?;
                change_mode(&file, self.folder_mode())?;
            } else {
                change_mode(&file, self.file_mode(attributes.mode))?;
            }
        }
        Ok(())
    }
}

fn open_folder(dir: &Dir, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(openat(dir, name, flags, Mode::empty())?))
}

fn change_mode(file: &File, mode: u32) -> io::Result<()> {
    if Attributes::of(&file.metadata()?).mode != mode {
        fchmod(file, mode_of(mode))?;
    }
    Ok(())
}
