//! The clocks of guests. Their resolution is coarse, so that a guest cannot learn about its
//! neighbours by timing.

use std::time::Duration;

use sedge_sys::clock::{Moment, Timestamp};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The resolution of both clocks.
const TICK: Duration = Duration::from_millis(1);

/// A monotonic clock that starts with the call, because the uptime of the machine is none of a
/// guest's business.
#[derive(Debug)]
pub(crate) struct CallClock {
    begin: Moment,
}

impl CallClock {
    pub(crate) fn new() -> Self {
        Self {
            begin: Moment::now(),
        }
    }
}

impl HostMonotonicClock for CallClock {
    fn resolution(&self) -> u64 {
        nanoseconds(TICK)
    }

    fn now(&self) -> u64 {
        let since = nanoseconds(self.begin.elapsed());
        since - since % nanoseconds(TICK)
    }
}

/// The time of day, in UTC.
#[derive(Debug)]
pub(crate) struct DayClock;

impl HostWallClock for DayClock {
    fn resolution(&self) -> Duration {
        TICK
    }

    fn now(&self) -> Duration {
        Duration::from_millis(Timestamp::now().0)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
