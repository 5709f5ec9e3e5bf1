//! Which files may be trusted, by their owner and mode.

use std::os::unix::fs::MetadataExt;

/// The mode bit that lets every local user write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// The bit of a folder's mode that lets only a file's owner replace or remove the file.
const STICKY: u32 = 0o1000;

/// The mode bits that give users other than the owner any right.
const OTHERS: u32 = 0o077;

/// The number of the administrator, who may change every file anyway.
const ROOT: u32 = 0;

/// Owner, group and mode of an open file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// The number of the user that owns it.
    pub owner: u32,
    /// The number of its group.
    pub group: u32,
    /// Its permission bits, with set-id and sticky bits.
    pub mode: u32,
}

/// The users whose files this process trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owners {
    effective: u32,
    sudo: Option<u32>,
    any: bool,
}

impl Attributes {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            owner: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
        }
    }

    /// Returns whether every local user may write to it.
    #[must_use]
    pub fn is_writable_by_all(self) -> bool {
        self.mode & WRITABLE_BY_ALL != 0
    }

    /// Returns whether a folder lets every local user add files, but not replace or remove the
    /// files of others, as `/tmp` does.
    #[must_use]
    pub fn is_sticky(self) -> bool {
        self.mode & STICKY != 0
    }

    /// Returns whether only its owner may do anything with it.
    #[must_use]
    pub fn is_private(self) -> bool {
        self.mode & OTHERS == 0
    }
}

impl Owners {
    /// Returns the users that this process trusts: the user that it works for, and root. Under
    /// `sudo`, root works for `sudo_user`.
    #[must_use]
    pub fn of_process(sudo_user: Option<u32>) -> Self {
        let effective = rustix::process::geteuid().as_raw();
        Self {
            effective,
            sudo: sudo_user.filter(|_| effective == ROOT),
            any: false,
        }
    }

    /// Returns a set that includes every user, for a folder that the user declared safe.
    #[must_use]
    pub fn any(self) -> Self {
        Self { any: true, ..self }
    }

    /// Returns the number of the user that this process works for.
    #[must_use]
    pub fn effective(self) -> u32 {
        self.effective
    }

    /// Returns whether files of this user are trusted.
    #[must_use]
    pub fn include(self, owner: u32) -> bool {
        self.any || owner == ROOT || owner == self.effective || self.sudo == Some(owner)
    }
}

/// Returns a user's name and number for display, or only the number if the name is unknown.
#[must_use]
pub fn user_text(number: u32) -> String {
    // ignored: without the file, the number alone identifies the user.
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number.to_string()).then_some(name)
    });
    match name {
        Some(name) => format!("`{name}` (user {number})"),
        None => format!("user {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_the_user_itself_and_the_user_of_sudo_are_trusted() {
        let check = |(effective, sudo): (u32, Option<u32>), owner: u32, expect: bool| {
            let owners = Owners {
                effective,
                sudo: sudo.filter(|_| effective == ROOT),
                any: false,
            };
            assert_eq!(owners.include(owner), expect, "{owners:?} {owner}");
            assert!(owners.any().include(owner));
        };
        check((1000, None), 1000, true);
        check((1000, None), 0, true);
        check((1000, None), 1001, false);
        check((0, None), 1000, false);
        check((0, Some(1000)), 1000, true);
        check((0, Some(1000)), 1001, false);
        check((1000, Some(1001)), 1001, false);
    }

    #[test]
    fn modes_say_who_may_write_and_read() {
        let check = |mode: u32, by_all: bool, private: bool| {
            let attributes = Attributes {
                owner: 1,
                group: 1,
                mode,
            };
            assert_eq!(attributes.is_writable_by_all(), by_all, "{mode:o}");
            assert_eq!(attributes.is_private(), private, "{mode:o}");
        };
        check(0o700, false, true);
        check(0o775, false, false);
        check(0o1777, true, false);
        check(0o602, true, false);
        check(0o640, false, false);
    }
}
