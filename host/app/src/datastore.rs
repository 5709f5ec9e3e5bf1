//! The datastore: its state, its locks, and its backups.

pub(crate) mod error;
pub(crate) mod view;

pub mod backup;
pub mod check;
pub mod compact;
pub mod lock_release;
pub mod lock_status;
pub mod restore;
pub mod status;
