//! Folders of source files of a user: read as a whole, written as a whole, and watched for changes.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::folder::FileError;

/// The maximum number of files in a folder that is read or watched.
///
/// Other programs may put any number of files there. A folder with more is not one of sources.
const FILES_MAX: usize = 20_000;

/// The maximum size of the files of a folder that is read, in bytes together.
const BYTES_MAX: u64 = 256 << 20;

/// Folders that tools make, at any depth. They are no sources.
const SKIPPED: [&str; 8] = [
    ".git",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "node_modules",
    "target",
];

/// The files of a folder, by their paths relative to it, with `/` between their parts.
pub type SourceFiles = BTreeMap<String, Vec<u8>>;

/// What shows that a file has not changed: its inode, its size, and its time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceStamp {
    inode: u64,
    size: u64,
    changed_ns: i128,
}

/// Reads all regular files below a folder. Links are left out, and so are the folders that tools make.
///
/// # Errors
/// A folder or a file cannot be read, or there are too many.
pub fn read(root: &Path) -> Result<SourceFiles, FileError> {
    let mut files = SourceFiles::new();
    let mut n_bytes = 0;
    for (relative, path, _) in listed(root)? {
        let content = fs::read(&path).map_err(|error| FileError::new("read", &path, error))?;
        n_bytes += content.len() as u64;
        if n_bytes > BYTES_MAX {
            return Err(too_much(root));
        }
        files.insert(relative, content);
    }
    Ok(files)
}

/// Returns the paths of all regular files below a folder, sorted. A folder that does not exist has none.
///
/// # Errors
/// A folder cannot be read, or there are too many files.
pub fn names(root: &Path) -> Result<Vec<String>, FileError> {
    let listed = match listed(root) {
        Ok(listed) => listed,
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut names: Vec<String> = listed
        .into_iter()
        .map(|(relative, _, _)| relative)
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// Returns the names of the folders directly in a folder, sorted. A folder that does not exist has none.
///
/// # Errors
/// The folder cannot be read.
pub fn folders(root: &Path) -> Result<Vec<String>, FileError> {
    let failed = |error| FileError::new("list", root, error);
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let is_folder = matches!(looked_at(&entry).map_err(failed)?, Some(Looked::Folder));
        if let Some(name) = entry.file_name().to_str().filter(|_| is_folder) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the stamps of all regular files below a folder, without those below folders of the names in
/// `without`.
///
/// # Errors
/// A folder cannot be read, or there are too many files.
pub fn stamps(root: &Path, without: &[&str]) -> Result<BTreeMap<String, SourceStamp>, FileError> {
    let mut stamps = BTreeMap::new();
    for (relative, _, stamp) in listed(root)? {
        let is_without = |name: &&str| {
            relative
                .strip_prefix(*name)
                .is_some_and(|it| it.starts_with('/'))
        };
        if !without.iter().any(is_without) {
            stamps.insert(relative, stamp);
        }
    }
    Ok(stamps)
}

/// Writes files to a folder that does not exist or is empty.
///
/// # Errors
/// The folder has files, or a file cannot be written.
pub fn write_new(root: &Path, files: &SourceFiles) -> Result<(), FileError> {
    let failed = |error| FileError::new("create", root, error);
    fs::create_dir_all(root).map_err(failed)?;
    if fs::read_dir(root).map_err(failed)?.next().is_some() {
        return Err(failed(io::ErrorKind::DirectoryNotEmpty.into()));
    }
    write(root, files)
}

/// Replaces a folder by files. After an error, the former folder is still there, under its name or
/// with `.old` after it.
///
/// # Errors
/// A file cannot be written, or the former folder cannot be removed.
pub fn replace(root: &Path, files: &SourceFiles) -> Result<(), FileError> {
    let (new, old) = (beside(root, "new"), beside(root, "old"));
    remove(&new)?;
    remove(&old)?;
    write(&new, files)?;
    let renamed = |error| FileError::new("replace", root, error);
    if root.exists() {
        fs::rename(root, &old).map_err(renamed)?;
    }
    fs::rename(&new, root).map_err(renamed)?;
    remove(&old)
}

fn write(root: &Path, files: &SourceFiles) -> Result<(), FileError> {
    for (relative, content) in files {
        let path = root.join(relative);
        let failed = |error| FileError::new("write", &path, error);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(&path, content).map_err(failed)?;
        if content.starts_with(b"#!") {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&path, mode).map_err(failed)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove", folder, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn beside(root: &Path, end: &str) -> PathBuf {
    // ignored: no error is dropped, because this is an `Option`.
    let mut name = root.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(end);
    root.with_file_name(name)
}

/// Returns the relative path, the path and the stamp of each regular file.
fn listed(root: &Path) -> Result<Vec<(String, PathBuf, SourceStamp)>, FileError> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let failed = |error| FileError::new("list", &folder, error);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // A folder below may be removed meanwhile, for example by an editor.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !prefix.is_empty() => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let relative = format!("{prefix}{name}");
            match looked_at(&entry).map_err(failed)? {
                Some(Looked::Folder) if !SKIPPED.contains(&name) => {
                    folders.push((format!("{relative}/"), entry.path()));
                }
                Some(Looked::File(stamp)) => found.push((relative, entry.path(), stamp)),
                Some(Looked::Folder) | None => {}
            }
            if found.len() > FILES_MAX {
                return Err(too_much(root));
            }
        }
    }
    Ok(found)
}

enum Looked {
    Folder,
    File(SourceStamp),
}

/// Returns what an entry of a folder is; `None` for links and special files, and for a file that was
/// removed meanwhile.
fn looked_at(entry: &DirEntry) -> io::Result<Option<Looked>> {
    let metadata = match entry.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        return Ok(Some(Looked::Folder));
    }
    Ok(metadata.is_file().then(|| {
        let (seconds, ns) = (metadata.mtime(), metadata.mtime_nsec());
        Looked::File(SourceStamp {
            inode: metadata.ino(),
            size: metadata.len(),
            changed_ns: i128::from(seconds) * 1_000_000_000 + i128::from(ns),
        })
    }))
}

fn too_much(root: &Path) -> FileError {
    let reason = "it has more files than a folder of sources";
    FileError::new("read", root, io::Error::other(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> SourceFiles {
        let all = all.iter();
        all.map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn files_are_read_as_they_were_written() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let root = home.path().join("project");
        let written = files(&[("a.txt", "one"), ("b/c/d.sh", "#!/bin/sh\n")]);
        write_new(&root, &written).expect("it can be written");
        fs::create_dir(root.join("target")).expect("a folder can be made");
        fs::write(root.join("target/made"), "no source").expect("a file can be written");
        std::os::unix::fs::symlink("a.txt", root.join("link")).expect("a link can be made");
        assert_eq!(read(&root).expect("it can be read"), written);
        let names = names(&root).expect("it can be listed");
        assert_eq!(names, ["a.txt", "b/c/d.sh"]);
        assert_eq!(folders(&root).expect("it can be listed"), ["b", "target"]);
        let missing = home.path().join("missing");
        assert!(folders(&missing).expect("it has none").is_empty());
        assert!(crate::tool::is_program(&root.join("b/c/d.sh")));
        assert!(!crate::tool::is_program(&root.join("a.txt")));
        let error = write_new(&root, &written).expect_err("it has files");
        assert_eq!(error.source.kind(), io::ErrorKind::DirectoryNotEmpty);
    }

    #[test]
    fn replaced_folder_has_the_new_files_only() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let root = home.path().join("sdk");
        replace(&root, &files(&[("a", "1"), ("b", "2")])).expect("it can be written");
        let new = files(&[("b", "3"), ("c/d", "4")]);
        replace(&root, &new).expect("it can be replaced");
        assert_eq!(read(&root).expect("it can be read"), new);
        let left = fs::read_dir(home.path()).expect("it can be listed").count();
        assert_eq!(left, 1);
    }

    #[test]
    fn stamp_changes_with_the_file() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let root = home.path();
        write(root, &files(&[("a", "1"), ("sdk/b", "2")])).expect("it can be written");
        let before = stamps(root, &["sdk"]).expect("it can be listed");
        assert_eq!(before.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(stamps(root, &["sdk"]).expect("it can be listed"), before);
        fs::write(root.join("a"), "12").expect("a file can be written");
        assert_ne!(stamps(root, &["sdk"]).expect("it can be listed"), before);
    }

    #[test]
    fn missing_folder_is_an_error() {
        let error = read(Path::new("/no/such/folder")).expect_err("there is none");
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }
}
