//! The component of a plugin before it is added: where it comes from, and its bytes.

use std::path::{Path, PathBuf};

use sedge_model::names::TypeName;
use sedge_runtime::component_bytes_check;
use sedge_sys::folder::{FileError, named_file_path, named_file_size, read_named_file};

use crate::error::{AppError, PluginUseError};
use crate::plugin::first_party::first_party_read;
use crate::repository::Repository;

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentSource {
    /// A file on this machine.
    File(PathBuf),
    /// A first-party plugin, which is installed with Sedge.
    FirstParty(TypeName),
}

impl From<&Path> for ComponentSource {
    /// Returns the source that a user means: `@sedge/http` is a first-party plugin, everything else
    /// is a file.
    fn from(text: &Path) -> Self {
        // ignored: a text that is not the name of a type is a path.
        match text.to_str().and_then(|name| name.parse().ok()) {
            Some(type_name) => Self::FirstParty(type_name),
            None => Self::File(text.to_owned()),
        }
    }
}

/// A component that was read and not checked yet.
#[derive(Debug)]
pub(crate) struct ReadComponent {
    pub(crate) bytes: Vec<u8>,
    /// The file that it was read from.
    pub(crate) path: PathBuf,
    /// Its source for `sedge.lock`.
    pub(crate) source: String,
}

impl ReadComponent {
    /// Returns where it was found, for people: the name of a first-party plugin, or else the path.
    pub(crate) fn place(&self) -> String {
        if self.source.starts_with('@') {
            return self.source.clone();
        }
        self.path.display().to_string()
    }
}

/// Reads a component.
///
/// # Errors
/// Returns an error if the file cannot be read or is too large, or if it is not the component of
/// the first-party plugin.
pub(crate) fn component_read(
    repository: &Repository,
    source: &ComponentSource,
) -> Result<ReadComponent, AppError> {
    let path = match source {
        ComponentSource::File(path) => path,
        ComponentSource::FirstParty(type_name) => return first_party_read(repository, type_name),
    };
    size_check(repository, path)?;
    Ok(ReadComponent {
        bytes: read_named_file(path, repository.component_limits().bytes)?,
        path: path.clone(),
        source: source_text(repository, path)?,
    })
}

/// Checks the size of a component's file. A file that is too large is not even read.
pub(crate) fn size_check(repository: &Repository, path: &Path) -> Result<(), AppError> {
    let limits = repository.component_limits();
    let checked = component_bytes_check(&limits, named_file_size(path)?);
    checked.map_err(|source| {
        AppError::from(PluginUseError::Refused {
            path: path.to_owned(),
            source,
        })
    })
}

/// Returns the origin of a component for `sedge.lock`: a path relative to the repository if the
/// file is in it, so that a clone has it, too, and else the absolute path.
fn source_text(repository: &Repository, path: &Path) -> Result<String, FileError> {
    let absolute = named_file_path(path)?;
    let source = absolute.strip_prefix(repository.path());
    let source = source.unwrap_or(&absolute);
    source.to_str().map(str::to_owned).ok_or_else(|| {
        let reason = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its path is not text");
        FileError::new("pin", path, reason)
    })
}
