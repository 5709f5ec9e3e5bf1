//! What use cases return: the types of `sedge-api`, made from those of the crates below.
//!
//! One module a noun. The conversions are written out, so that a change of what is on disk or of
//! what the program thinks with is not a change of what leaves for machines.

pub(crate) mod call;
pub(crate) mod data;
pub(crate) mod datastore;
pub(crate) mod model;
pub(crate) mod permission;
pub(crate) mod plugin;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod workflow;

use sedge_api::Time;
use sedge_sys::clock::Timestamp;

/// Returns a time as documents have it.
pub(crate) fn time(at: Timestamp) -> Time {
    Time::from_ms(at.0)
}
