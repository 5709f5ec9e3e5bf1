//! Times of day, as every document has them.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A time of day. Documents have it in UTC with milliseconds, as RFC 3339 says:
/// `2026-11-23T21:34:00.250Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Returns the time that is so many milliseconds after the beginning of 1970 in UTC.
    #[must_use]
    pub fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Returns the milliseconds since the beginning of 1970 in UTC.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0
    }
}

/// Shows the time as documents have it.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        // A number that is no time of four-digit years is shown as the last of them.
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        write!(f, "{at:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_utc_with_milliseconds() {
        let check = |ms: u64, expect: &str| assert_eq!(Time::from_ms(ms).to_string(), expect);
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_795_469_640_120, "2026-11-23T21:34:00.120Z");
        check(u64::MAX, &format!("{:.3}", Timestamp::MAX));
    }
}
