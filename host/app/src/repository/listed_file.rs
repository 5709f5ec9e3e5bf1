//! A file in the list of all definitions or all workflows.

use std::sync::Arc;

use sedge_lang::diagnostic::SourceFile;
use sedge_sys::folder::FileStamp;

/// A file of a definition or a workflow, in a list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedFile {
    /// The name that the file gives. If it cannot be read, the name that the file has by its path.
    pub(crate) name: String,
    /// Its path within the repository.
    pub(crate) path: String,
    /// Another file with the same name.
    pub(super) twin: Option<String>,
    /// The file as it was read for its name, if it was kept.
    pub(super) kept: Option<Arc<SourceFile>>,
    /// The stamp of the file, taken before it was read, if every later change of the file changes it.
    pub(super) stamp: Option<FileStamp>,
}

impl ListedFile {
    /// Returns the stamp by which what is known about the file can be found again. There is none while
    /// the file may change without another stamp, and none for a file whose name another file has.
    pub(crate) fn stamp(&self) -> Option<FileStamp> {
        self.stamp.filter(|_| self.twin.is_none())
    }

    /// Returns a file whose name no other file has.
    pub(crate) fn alone(name: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            twin: None,
            kept: None,
            stamp: None,
        }
    }
}
