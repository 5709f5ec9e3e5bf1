//! Errors of the folder of secrets.

use std::path::PathBuf;

use sedge_api::problem::{Argument, ErrorCode, Explain, Help, UseCase};
use sedge_model::names::SecretName;
use sedge_sys::file_lock::QueueError;
use sedge_sys::folder::FileError;
use sedge_sys::shell;

use crate::value::ValueError;

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
    /// The file of the keys of sealed fields has no room for another key.
    #[error("`{}` has no room for another key", .0.display())]
    KeysFull(PathBuf),
    /// A secret is sealed with a key that is not in the key file.
    #[error("the secret `{name}` is sealed with a key that is not in `{}`", path.display())]
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

impl Explain for SecretsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::KeyMissing(_)
            | Self::KeyOpen(_)
            | Self::KeyForeign { .. }
            | Self::KeyDamaged(_)
            | Self::KeysFull(_)
            | Self::KeyOther { .. } => ErrorCode::SecretsKey,
            Self::Damaged { .. } => ErrorCode::SecretsDamaged,
            Self::Newer(_) => ErrorCode::SecretsVersion,
            Self::Queue(error) => error.code(),
            Self::File(error) => error.code(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::KeyMissing(_) => vec![
                Help::advice("restore the key file from a copy"),
                Help::command(
                    "if the key is lost, the secrets cannot be opened: delete each of them, and put it again",
                    UseCase::SecretDelete,
                )
                .with("name", Argument::open()),
            ],
            Self::KeyOpen(path) => vec![
                Help::advice(format!(
                    "remove that permission: `chmod 600 {}`",
                    shell::word_of(path)
                )),
                Help::command(
                    "if another user may have read the key, replace the secrets, and seal them with a new key",
                    UseCase::SecretRotate,
                ),
            ],
            Self::KeyForeign { path, .. } => vec![Help::advice(format!(
                "make the owner of the repository the owner of the key too: `chown USER {}`; a group cannot share secrets",
                shell::word_of(path)
            ))],
            Self::KeyDamaged(_) => vec![Help::advice("restore the key file from a copy")],
            Self::KeysFull(_) => vec![Help::advice(
                "delete the last lines of the file: its oldest keys, which open only the oldest versions and backups",
            )],
            Self::KeyOther { name, .. } => vec![
                Help::advice("restore the key with which the secret was sealed"),
                delete_help(name),
            ],
            Self::Damaged { name, .. } => vec![
                Help::advice("restore the file of the secret from a copy"),
                delete_help(name),
            ],
            Self::Newer(_) => vec![Help::advice(
                "use the version of Sedge that made it, or a newer one",
            )],
            Self::Queue(error) => error.help(),
            Self::File(error) => error.help(),
        }
    }
}

fn delete_help(name: &SecretName) -> Help {
    Help::command("or delete the secret", UseCase::SecretDelete).with("name", name.as_str())
}

impl Explain for ValueError {
    fn code(&self) -> ErrorCode {
        ErrorCode::BadSecret
    }

    fn help(&self) -> Vec<Help> {
        vec![Help::advice(match self {
            Self::Short => {
                "choose a longer value: a shorter one occurs in too many texts to be kept out of logs"
            }
            Self::Long => "encrypt larger data in a file, and store its key as a secret",
        })]
    }
}
