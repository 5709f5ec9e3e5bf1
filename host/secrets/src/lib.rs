//! How secrets are kept: sealed at rest, and out of every text that leaves.
//!
//! [`Secrets`] is what is in one folder: a file for each secret, sealed, and the key, in a file
//! that only its owner may read. [`Redactor`] replaces values in texts, whatever form they are
//! written in. `FORMAT.md` says what is in the folder, and what is promised of it.
//!
//! Secrets are sealed with XChaCha20-Poly1305, by RustCrypto. `age` was the other choice: it has
//! recipients and passphrases, which nobody here asks for, and no associated data, by which a
//! sealed value is bound to its name and version. Nonces are random, and of 192 bits no two
//! will ever be the same.
//!
//! The key is in a file, not in the keyring of a desktop. Sedge runs in CI and on servers, where
//! there is none; and whoever can read this user's files can ask this user's keyring too.

mod error;
mod files;
mod folder;
mod keys;
mod log;
mod redactor;
mod sealed;
mod value;
mod weakness;

pub use error::SecretsError;
pub use folder::{ListedSecret, Opened, SecretInfo, Secrets};
pub use log::{LogRecord, What};
pub use redactor::{Redactor, StreamRedactor};
pub use value::{SecretValue, VALUE_BYTES_MAX, VALUE_BYTES_MIN, ValueError};
pub use weakness::{STRONG_BYTES_MIN, Weakness};
