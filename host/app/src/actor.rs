//! The user who asks for something.

use sedge_model::run::Actor;
use sedge_sys::host;

/// Returns the user that this process runs as: the one that the operating system has authenticated.
#[must_use]
pub fn actor() -> Actor {
    Actor {
        name: host::user(),
        uid: Some(host::user_number()),
    }
}
