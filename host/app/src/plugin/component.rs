//! The component of a plugin before it is added: where it comes from, and its bytes.

use std::path::{Path, PathBuf};

use sedge_model::names::TypeName;
use sedge_model::permission::grants::AddressRange;
use sedge_runtime::{FetchRequest, component_bytes_check, url_shown};
use sedge_sys::folder::{
    FileError, is_named_file, named_file_path, named_file_size, read_named_file,
};

use crate::error::{AppError, PluginUseError};
use crate::plugin::first_party::first_party_read;
use crate::repository::snapshot::RepositorySnapshot;

/// The origin of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentSource {
    /// A file on this machine.
    File(PathBuf),
    /// A first-party plugin, which is installed with Sedge.
    FirstParty(TypeName),
    /// A URL. Only HTTPS is accepted; the download checks that.
    Url(String),
}

impl From<&Path> for ComponentSource {
    /// Returns the source that a user means: `@sedge/http` is a first-party plugin, a text with a
    /// scheme is a URL, and everything else is a file.
    fn from(path: &Path) -> Self {
        let Some(text) = path.to_str() else {
            return Self::File(path.to_owned());
        };
        if is_url(text) {
            return Self::Url(text.to_owned());
        }
        // ignored: a text that is not the name of a type is a path.
        match text.parse().ok() {
            Some(type_name) => Self::FirstParty(type_name),
            None => Self::File(path.to_owned()),
        }
    }
}

/// Returns whether a text begins with a scheme, such as `https://` (RFC 3986, 3.1).
fn is_url(text: &str) -> bool {
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_of_scheme)
    })
}

/// A component that was read and not checked yet.
#[derive(Debug)]
pub(crate) struct ReadComponent {
    pub(crate) bytes: Vec<u8>,
    /// The file that it was read from, or the URL without its confidential parts.
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

/// Reads a component, or downloads it. A download connects to public addresses, and to those in
/// `private_addresses`.
///
/// # Errors
/// Returns an error if the file cannot be read or downloaded or is too large, or if it is not the
/// component of the first-party plugin.
pub(crate) async fn component_read(
    repository: &RepositorySnapshot,
    source: &ComponentSource,
    private_addresses: &[AddressRange],
) -> Result<ReadComponent, AppError> {
    match source {
        ComponentSource::File(path) => file_read(repository, path),
        ComponentSource::FirstParty(type_name) => first_party_read(repository, type_name),
        ComponentSource::Url(url) => {
            let request = FetchRequest {
                url,
                private_addresses,
            };
            let bytes = repository.runtime()?.component_fetch(&request).await;
            let shown = url_shown(url);
            Ok(ReadComponent {
                bytes: bytes.map_err(PluginUseError::Download)?,
                path: PathBuf::from(&shown),
                source: shown,
            })
        }
    }
}

fn file_read(repository: &RepositorySnapshot, path: &Path) -> Result<ReadComponent, AppError> {
    // A user who types `sink` most likely means the plugin that comes with Sedge.
    let name = path.to_str().filter(|text| !text.contains(['/', '.']));
    if let Some(name) = name
        && let Some(near) = repository.first_party().named(name)
        && !is_named_file(path)?
    {
        return Err(AppError::from(PluginUseError::FileMissing {
            path: path.to_owned(),
            near: near.clone(),
        }));
    }
    size_check(repository, path)?;
    Ok(ReadComponent {
        bytes: read_named_file(path, repository.component_limits().bytes)?,
        path: path.to_owned(),
        source: source_text(repository, path)?,
    })
}

/// Checks the size of a component's file. A file that is too large is not even read.
pub(crate) fn size_check(repository: &RepositorySnapshot, path: &Path) -> Result<(), AppError> {
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
fn source_text(repository: &RepositorySnapshot, path: &Path) -> Result<String, FileError> {
    let absolute = named_file_path(path)?;
    let source = absolute.strip_prefix(repository.path());
    let source = source.unwrap_or(&absolute);
    source.to_str().map(str::to_owned).ok_or_else(|| {
        let reason = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its path is not text");
        FileError::new("pin", path, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_a_type_a_url_or_a_file() {
        let check = |text: &str, expect: &str| {
            let found = match ComponentSource::from(Path::new(text)) {
                ComponentSource::File(_) => "file",
                ComponentSource::FirstParty(_) => "type",
                ComponentSource::Url(_) => "url",
            };
            assert_eq!(found, expect, "{text}");
        };
        check("@sedge/http", "type");
        check("https://example.com/a.wasm", "url");
        check("HTTP://example.com/a.wasm", "url");
        check("s3://bucket/a.wasm", "url");
        check("a.wasm", "file");
        check("./https://a.wasm", "file");
        check("://a.wasm", "file");
        check("/a/b.wasm", "file");
    }
}
