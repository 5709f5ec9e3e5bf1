//! The clocks of guests: as fine as work needs, and too coarse to spy on neighbours by how long
//! something takes.

use std::time::Duration;

use sedge_sys::clock::{Moment, Timestamp};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// What both clocks count by.
const TICK: Duration = Duration::from_millis(1);

/// Counts from the beginning of the call: how long the machine has been up is not the guest's
/// business.
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

/// The time of day.
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
