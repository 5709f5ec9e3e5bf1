//! The imports of a plugin, as the rest of the SDK calls them.
//!
//! In a component they are the functions of the host and of WASI. On other targets, where the tests of a
//! plugin run, they are those of [`testing`](crate::testing), which answer from memory. Both have the
//! same names and types, so the rest of the SDK does not know the difference.

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::sedge::model::{
    calls, commands, context, data, log, models, secrets, workflows,
};
#[cfg(target_arch = "wasm32")]
pub use wasip2::io::poll::{Pollable, poll};
#[cfg(target_arch = "wasm32")]
pub(crate) use wasip2::io::streams::{InputStream, OutputStream, StreamError};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::imports::io::{InputStream, OutputStream, StreamError};
#[cfg(not(target_arch = "wasm32"))]
pub use crate::testing::imports::io::{Pollable, poll};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::imports::{
    calls, clock, commands, context, data, log, models, secrets, workflows,
};

/// Returns a pollable that is ready once this time has passed. [`poll`] waits for several of them.
#[must_use]
pub fn timer(time: Duration) -> Pollable {
    clock::timer(time)
}

/// The clock of a component.
#[cfg(target_arch = "wasm32")]
pub(crate) mod clock {
    use std::time::{Duration, SystemTime};

    use wasip2::clocks::monotonic_clock::subscribe_duration;
    use wasip2::io::poll::Pollable;

    pub(crate) fn now() -> SystemTime {
        SystemTime::now()
    }

    pub(crate) fn sleep(time: Duration) {
        std::thread::sleep(time);
    }

    pub(crate) fn timer(time: Duration) -> Pollable {
        subscribe_duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}
