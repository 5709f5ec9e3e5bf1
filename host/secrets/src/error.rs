//! What can go wrong with the folder of secrets.

use std::path::PathBuf;

use sedge_model::names::SecretName;
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;

/// Something could not be done with the secrets of a folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// There are sealed secrets, and no key.
    #[error("the key `{}` of the secrets is missing", .0.display())]
    KeyMissing(PathBuf),
    /// Others than its owner may read the key, or write it.
    #[error("the key `{}` of the secrets is open to other users", .0.display())]
    KeyOpen(PathBuf),
    /// Another user owns the key: one that this process does not trust.
    #[error("the key `{}` of the secrets belongs to {}", path.display(), sedge_sys::owner::user_text(*owner))]
    KeyForeign {
        /// The file of the key.
        path: PathBuf,
        /// The number of the user that owns it.
        owner: u32,
    },
    /// Another process keeps the turn to change secrets.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The file of the key is none that Sedge wrote.
    #[error("the key `{}` of the secrets is damaged", .0.display())]
    KeyDamaged(PathBuf),
    /// A secret is sealed by a key that is not in the file of the key.
    #[error("the secret `{name}` is sealed by another key than `{}`", path.display())]
    KeyOther {
        /// The secret.
        name: SecretName,
        /// The file of the key.
        path: PathBuf,
    },
    /// A sealed secret is not what was written, or not where it was written.
    #[error("the secret `{name}` is damaged: `{}`", path.display())]
    Damaged {
        /// The secret.
        name: SecretName,
        /// Its file.
        path: PathBuf,
    },
    /// A file is of a newer Sedge.
    #[error("`{}` is of a newer version of Sedge", .0.display())]
    Newer(PathBuf),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}
