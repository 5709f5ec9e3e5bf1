//! Lists the files of a folder and of all folders in it.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use cap_std::fs::MetadataExt as _;

use super::{FileError, Folder};

/// How much [`Folder::walk`] lists.
///
/// A user who can write to the folder chooses both numbers. Each level takes a descriptor for a
/// moment, and each file a path in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// The maximum nesting depth of folders, without the one where the walk begins.
    pub depth_max: usize,
    /// The maximum number of files.
    pub files_max: usize,
}

impl Folder {
    /// Returns the sorted paths, within this folder, of the files in one of its folders and in the
    /// folders below that one; no paths if the folder does not exist. `is_wanted` decides by the
    /// name of each file.
    ///
    /// Links are followed as [`Folder::files`] does, and each folder is listed once, so a link to a
    /// folder above ends the walk there. Names that begin with a dot are left out with all of their
    /// contents, and so are names that are not UTF-8.
    ///
    /// # Errors
    /// A folder cannot be read, a link without a wanted name cannot be followed because its target is
    /// missing or outside of this folder, or a limit is reached.
    pub fn walk(
        &self,
        relative: &str,
        limits: WalkLimits,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, FileError> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![(relative.to_owned(), 0)];
        while let Some((at, depth)) = open.pop() {
            let error = |source| self.error("list", &at, source);
            if depth > limits.depth_max {
                let message = format!("folders are nested more than {} deep", limits.depth_max);
                return Err(error(io::Error::other(message)));
            }
            let dir = match self.dir_at(&at) {
                Ok(dir) => dir,
                Err(source) if source.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(error(source)),
            };
            let metadata = dir.dir_metadata().map_err(error)?;
            if !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            for entry in dir.entries().map_err(error)? {
                let entry = entry.map_err(error)?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                if name.starts_with('.') {
                    continue;
                }
                let path = format!("{at}/{name}");
                let kind = entry.file_type().map_err(error)?;
                let is_folder = match kind.is_symlink() && self.kept.is_none() {
                    // A wanted file that is such a link is listed, and reading it reports the fault.
                    true => match self.leads_to_folder(&path) {
                        Err(_) if is_wanted(&name) => false,
                        other => other?,
                    },
                    false => kind.is_dir(),
                };
                if is_folder {
                    open.push((path, depth + 1));
                } else if is_wanted(&name) {
                    found.push(path);
                }
            }
            if found.len() > limits.files_max {
                let message = format!("there are more than {} files", limits.files_max);
                return Err(self.error("list", relative, io::Error::other(message)));
            }
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    const LIMITS: WalkLimits = WalkLimits {
        depth_max: 2,
        files_max: 4,
    };

    fn make(at: &Path, file: &str) {
        let path = at.join(file);
        let parent = path.parent().expect("it is in the folder");
        std::fs::create_dir_all(parent).expect("a folder can be made");
        std::fs::write(path, "x").expect("a file can be written");
    }

    fn walk(at: &Path) -> Result<Vec<String>, FileError> {
        let folder = Folder::open(at).expect("it was just made");
        folder.walk("models", LIMITS, |name| name.ends_with(".yaml"))
    }

    #[test]
    fn files_of_all_folders_are_listed() {
        let home = tempfile::tempdir().expect("a folder can be made");
        assert_eq!(
            walk(home.path()).expect("nothing is there"),
            Vec::<String>::new()
        );
        for file in [
            "b.yaml",
            "@acme/sink/a.yaml",
            "a.txt",
            ".hidden.yaml",
            ".git/c.yaml",
        ] {
            make(home.path(), &format!("models/{file}"));
        }
        symlink("../@acme", home.path().join("models/@acme/up")).expect("a link can be made");
        symlink("b.yaml", home.path().join("models/c.yaml")).expect("a link can be made");
        symlink("gone.yaml", home.path().join("models/d.yaml")).expect("a link can be made");
        assert_eq!(
            walk(home.path()).expect("all can be read"),
            [
                "models/@acme/sink/a.yaml",
                "models/b.yaml",
                "models/c.yaml",
                "models/d.yaml"
            ]
        );
    }

    #[test]
    fn limits_and_links_that_lead_out_are_refused() {
        let home = tempfile::tempdir().expect("a folder can be made");
        make(home.path(), "models/a/b/c.yaml");
        assert_eq!(walk(home.path()).expect("two folders").len(), 1);
        make(home.path(), "models/a/b/c/d.yaml");
        walk(home.path()).expect_err("three folders");
        let home = tempfile::tempdir().expect("a folder can be made");
        for n in 0..5 {
            make(home.path(), &format!("models/{n}.yaml"));
        }
        walk(home.path()).expect_err("five files");
        let home = tempfile::tempdir().expect("a folder can be made");
        make(home.path(), "models/a.yaml");
        symlink("/", home.path().join("models/root")).expect("a link can be made");
        walk(home.path()).expect_err("it leads out");
    }
}
