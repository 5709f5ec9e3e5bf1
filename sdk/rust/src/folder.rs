//! Folders of the machine that the operator has granted.

#![expect(
    clippy::disallowed_methods,
    reason = "the code of a plugin runs in the sandbox, which has the granted folders only"
)]

use std::fs::{self, File};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::Failure;

/// A folder that the plugin requests and the operator has granted.
///
/// It is a [`Path`], so the functions of [`std::fs`] work on what is below it. Its own functions take
/// paths relative to the folder, and their errors name the folder and the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    name: String,
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(name: &str, path: String) -> Self {
        Self {
            name: name.to_owned(),
            path: path.into(),
        }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// `io`: it cannot be opened.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File, Failure> {
        let path = path.as_ref();
        File::open(self.path.join(path)).map_err(|error| self.failed("open", path, &error))
    }

    /// Creates a file for writing, or empties the one that exists.
    ///
    /// # Errors
    /// `io`: it cannot be created.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<File, Failure> {
        let path = path.as_ref();
        File::create(self.path.join(path)).map_err(|error| self.failed("create", path, &error))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// `io`: it cannot be read.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Failure> {
        let path = path.as_ref();
        fs::read(self.path.join(path)).map_err(|error| self.failed("read", path, &error))
    }

    /// Reads a file as text.
    ///
    /// # Errors
    /// `io`: it cannot be read, or is not UTF-8.
    pub fn read_to_string(&self, path: impl AsRef<Path>) -> Result<String, Failure> {
        let path = path.as_ref();
        let text = fs::read_to_string(self.path.join(path));
        text.map_err(|error| self.failed("read", path, &error))
    }

    /// Writes a file, and replaces the one that exists.
    ///
    /// # Errors
    /// `io`: it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), Failure> {
        let path = path.as_ref();
        let written = fs::write(self.path.join(path), content);
        written.map_err(|error| self.failed("write", path, &error))
    }

    /// Returns the names in the folder, or in a folder below it, sorted. An empty path is the folder
    /// itself. Names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// `io`: the folder cannot be listed.
    pub fn names(&self, path: impl AsRef<Path>) -> Result<Vec<String>, Failure> {
        let path = path.as_ref();
        let failed = |error: io::Error| self.failed("list", path, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path.join(path)).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(name.to_str().map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    fn failed(&self, verb: &str, path: &Path, error: &io::Error) -> Failure {
        let (folder, path) = (&self.name, path.display().to_string());
        let message = format!("cannot {verb} `{path}` in the folder `{folder}`: {error}");
        Failure::new("io", message).with_details(json!({"folder": folder, "path": path}))
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl From<Folder> for PathBuf {
    fn from(folder: Folder) -> Self {
        folder.path
    }
}
