//! What is on disk: runs, their events, calls, and versioned data.
//!
//! This is the only crate that knows the format. A [`Store`] can be used by many threads
//! and many processes at once. Each method is one transaction: once it returns, all that
//! it wrote is visible to everybody, or nothing is; its documentation says whether it
//! also survives a power cut from then on.

mod calls;
mod data;
mod door;
mod error;
mod locks;
mod medium;
mod runs;
mod schema;

use sedge_sys::folder::Folder;

pub use calls::{CallEnd, CallRecord, CallStart, LogRecord};
pub use data::{DataDelete, DataRecord, DataSummary, VersionRecord};
pub use error::StoreError;
pub use medium::Medium;
pub use runs::{Author, Claim, EventRecord, GateRecord, RunFilter, RunRecord, RunStart};

use door::Door;

/// A datastore in a folder.
#[derive(Debug)]
pub struct Store {
    door: Door,
}

impl Store {
    /// Makes the datastore in `folder`, or opens the one that is there. Two processes may
    /// do so at once.
    ///
    /// # Errors
    /// The folder cannot be written, or what is there is no datastore of this version.
    pub fn create(folder: &Folder) -> Result<Self, StoreError> {
        Self::create_on(Medium::new(folder)?)
    }

    /// Makes a datastore as [`Store::create`] does, on any medium.
    ///
    /// # Errors
    /// As there.
    pub fn create_on(medium: Medium) -> Result<Self, StoreError> {
        Door::create(medium).map(|door| Self { door })
    }

    /// Opens the datastore in `folder`. That it is one of this version is checked when it
    /// is first read or written.
    ///
    /// # Errors
    /// There is none ([`StoreError::Missing`]).
    pub fn open(folder: &Folder) -> Result<Self, StoreError> {
        Self::open_on(Medium::new(folder)?)
    }

    /// Opens a datastore as [`Store::open`] does, on any medium.
    ///
    /// # Errors
    /// As there.
    pub fn open_on(medium: Medium) -> Result<Self, StoreError> {
        Door::open(medium).map(|door| Self { door })
    }
}
