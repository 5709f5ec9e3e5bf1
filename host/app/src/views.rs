//! The views that use cases return: the types of `sedge-api`, made from those of the crates below.
//!
//! There is one module per noun. The conversions are written out, so that a change of the format on
//! disk or of the internal types does not change the machine output.

pub(crate) mod call;
pub(crate) mod permission;

use sedge_api::Time;
use sedge_sys::clock::Timestamp;

/// Returns the view of a time.
pub(crate) fn time(at: Timestamp) -> Time {
    Time::from_ms(at.0)
}
