//! Secrets: sealed at rest, and masked in every text that leaves.
//!
//! [`Secrets`] manages one folder, with a sealed file for each secret and the key in a file that
//! only its owner may read. [`FieldKeys`] seal the sensitive fields of data and the sensitive inputs
//! of runs, which the datastore keeps. [`Redactor`] replaces the values of secrets in texts, in any of
//! their usual encodings. `FORMAT.md` describes the files and their guarantees.
//!
//! Secrets are sealed with XChaCha20-Poly1305, by RustCrypto. The alternative was `age`, which has
//! recipients and passphrases that Sedge does not need, but no associated data, which binds a
//! sealed value to its name and version. Nonces are random; at 192 bits, collisions need not be
//! considered.
//!
//! The key is in a file and not in a desktop keyring. Sedge runs in CI and on servers, which have
//! no keyring, and a process that can read this user's files can query this user's keyring, too.

mod error;
mod fields;
mod files;
mod folder;
mod keys;
mod log;
mod redactor;
mod sealed;
mod value;
mod weakness;

pub use error::SecretsError;
pub use fields::{
    FieldKeys, FieldPlace, FieldSealError, OpenedField, RunPart, RunPlace, SealedField,
};
pub use folder::{KeysRotated, ListedSecret, Opened, SecretInfo, Secrets};
pub use log::{SecretLogRecord, What};
pub use redactor::{Redactor, StreamRedactor};
pub use value::{SecretValue, VALUE_BYTES_MAX, VALUE_BYTES_MIN, ValueError};
pub use weakness::{STRONG_BYTES_MIN, Weakness};
