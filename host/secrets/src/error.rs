//! Errors of the folder of secrets.

use std::path::PathBuf;

use sedge_model::names::SecretName;
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;

/// An operation on the secrets of a folder failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// Sealed secrets exist, but the key is missing.
    #[error("the key `{}` of the secrets is missing", .0.display())]
    KeyMissing(PathBuf),
    /// Other users than its owner may read or write the key.
    #[error("the key `{}` of the secrets is open to other users", .0.display())]
    KeyOpen(PathBuf),
    /// The key belongs to a user that this process does not trust.
    #[error("the key `{}` of the secrets belongs to {}", path.display(), sedge_sys::owner::user_text(*owner))]
    KeyForeign {
        /// The key file.
        path: PathBuf,
        /// The number of the user that owns it.
        owner: u32,
    },
    /// Another process kept the lock for changes.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The key file was not written by Sedge, or is damaged.
    #[error("the key `{}` of the secrets is damaged", .0.display())]
    KeyDamaged(PathBuf),
    /// A secret is sealed with a key that is not in the key file.
    #[error("the secret `{name}` is sealed by another key than `{}`", path.display())]
    KeyOther {
        /// The secret.
        name: SecretName,
        /// The key file.
        path: PathBuf,
    },
    /// The file of a secret was changed, truncated or renamed.
    #[error("the secret `{name}` is damaged: `{}`", path.display())]
    Damaged {
        /// The secret.
        name: SecretName,
        /// Its file.
        path: PathBuf,
    },
    /// A file was written by a newer version of Sedge.
    #[error("`{}` is of a newer version of Sedge", .0.display())]
    Newer(PathBuf),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}
