//! Values as text.

use std::io::{self, IsTerminal};
use std::time::Duration;

use jiff::Timestamp as Instant;
use sedge_api::Time;
use sedge_app::types::Timestamp;

/// Returns a time of day in UTC, to the second: `2026-11-23T21:34:00Z`.
pub(crate) fn time(at: Time) -> String {
    let seconds = i64::try_from(at.ms() / 1000).unwrap_or(i64::MAX);
    Instant::from_second(seconds).map_or_else(|_| format!("{} ms", at.ms()), |at| at.to_string())
}

/// Returns a time for a table: how long ago it was if people read it on a terminal, and otherwise
/// the same as [`time`].
pub(crate) fn time_in_table(at: Time) -> String {
    if io::stdout().is_terminal() {
        age(at, Timestamp::now())
    } else {
        time(at)
    }
}

/// Returns how long ago a time was: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`. Returns
/// the date if that is more than 30 days.
fn age(at: Time, now: Timestamp) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match now.0.saturating_sub(at.ms()) / 1000 {
        0 => "now".to_owned(),
        seconds @ 1..MINUTE => format!("{seconds} s ago"),
        seconds @ MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h ago", seconds / HOUR),
        seconds if seconds <= 30 * DAY => format!("{} d ago", seconds / DAY),
        _ => time(at).chars().take("2026-11-23".len()).collect(),
    }
}

/// Returns a duration with about three figures, in the unit that fits: `0.53 ms`, `4.2 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 1000.0 {
        format!("{ms:.1} ms")
    } else if ms < 120_000.0 {
        format!("{:.1} s", ms / 1000.0)
    } else {
        format!("{:.1} min", ms / 60_000.0)
    }
}

/// Returns milliseconds as [`duration`] does.
pub(crate) fn duration_ms(ms: f64) -> String {
    duration(Duration::from_secs_f64(ms.max(0.0) / 1000.0))
}

/// Returns a number of bytes: `812 B`, `1.4 KiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "two figures are shown")]
    let mut value = n as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// Returns a count with its noun: `1 step`, `2 steps`.
pub(crate) fn count(n: impl TryInto<u64>, thing: &str) -> String {
    let n = n.try_into().unwrap_or(u64::MAX);
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{plural}")
}

/// Returns a text as the user types it in a shell.
pub(crate) fn typed(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Returns names in backticks, separated by commas.
pub(crate) fn quoted<T: ToString>(names: &[T]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.to_string()))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_has_the_unit_that_fits() {
        let check = |seconds: u64, expect: &str| {
            let now = Timestamp(1_795_469_640_123);
            assert_eq!(age(Time::from_ms(now.0 - seconds * 1000), now), expect);
        };
        check(0, "now");
        check(59, "59 s ago");
        check(60, "1 min ago");
        check(2 * 60 * 60, "2 h ago");
        check(30 * 24 * 60 * 60, "30 d ago");
        check(31 * 24 * 60 * 60, "2026-10-23");
        // A clock that was set back.
        assert_eq!(age(Time::from_ms(5000), Timestamp(0)), "now");
    }

    #[test]
    fn number_has_the_unit_that_fits() {
        let check = |micros: u64, expect: &str| {
            assert_eq!(duration(Duration::from_micros(micros)), expect);
        };
        check(531, "0.53 ms");
        check(42_000, "42.0 ms");
        check(4_200_000, "4.2 s");
        check(600_000_000, "10.0 min");
        assert_eq!(
            (count(1_u64, "step"), count(2_usize, "step")),
            ("1 step".into(), "2 steps".into())
        );
        assert_eq!(duration_ms(0.531), "0.53 ms");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1500), "1.5 KiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
        assert_eq!(
            time(Time::from_ms(1_795_469_640_123)),
            "2026-11-23T21:34:00Z"
        );
    }
}
