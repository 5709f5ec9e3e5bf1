//! The scale of a timeline: which part of the width a time is at.

/// The largest part of the width that one span without work takes.
const IDLE_PART: f64 = 0.05;

/// A piecewise linear scale.
#[derive(Debug)]
pub(super) struct TimelineScale {
    /// Times in milliseconds, in order, each with the part of the width where it is: from 0 to 1.
    points: Vec<(u64, f64)>,
    /// The spans without work that are drawn short.
    shortened: Vec<(u64, u64)>,
}

impl TimelineScale {
    /// Returns the scale from `start` to `end`, with the spans in which something worked.
    pub(super) fn new(work: impl Iterator<Item = (u64, u64)>, start: u64, end: u64) -> Self {
        let end = end.max(start + 1);
        let spans = merged(work, start, end);
        let idle = idle_of(&spans, start, end);
        let worked: u64 = spans.iter().map(|(from, until)| until - from).sum();
        // Without work, there is nothing that a long span could hide.
        let idle_max = match worked {
            0 => u64::MAX,
            worked => part_of(worked),
        };
        let mut points = vec![(start, 0.0)];
        let mut shortened = Vec::new();
        let mut at = 0.0;
        let mut parts: Vec<(u64, u64, bool)> = Vec::new();
        parts.extend(spans.iter().map(|(from, until)| (*from, *until, true)));
        parts.extend(idle.iter().map(|(from, until)| (*from, *until, false)));
        parts.sort_unstable();
        for (from, until, is_work) in parts {
            let length = until - from;
            let drawn = match is_work {
                true => length,
                false => length.min(idle_max),
            };
            if drawn < length {
                shortened.push((from, until));
            }
            at += super::float(drawn);
            points.push((until, at));
        }
        let whole = at.max(1.0);
        for (_, at) in &mut points {
            *at /= whole;
        }
        Self { points, shortened }
    }

    /// Returns the part of the width at which a time is, from 0 to 1.
    pub(super) fn at(&self, time: u64) -> f64 {
        let after = self.points.partition_point(|(point, _)| *point <= time);
        match (after.checked_sub(1), self.points.get(after)) {
            (None, _) => 0.0,
            (Some(_), None) => 1.0,
            (Some(before), Some((next, next_at))) => {
                let (from, from_at) = self.points[before];
                let part = super::float(time - from) / super::float(next - from);
                from_at + part * (next_at - from_at)
            }
        }
    }

    /// Returns the spans without work that are drawn short.
    pub(super) fn shortened(&self) -> &[(u64, u64)] {
        &self.shortened
    }
}

/// Returns how many milliseconds of idle time are drawn at most if there is so much work.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is not negative, and far from the largest one"
)]
fn part_of(worked: u64) -> u64 {
    (super::float(worked) * IDLE_PART).ceil() as u64
}

/// Returns spans of time without overlaps, in order and within limits.
fn merged(spans: impl Iterator<Item = (u64, u64)>, start: u64, end: u64) -> Vec<(u64, u64)> {
    let clamped = spans.map(|(from, until)| (from.clamp(start, end), until.clamp(start, end)));
    let mut spans: Vec<(u64, u64)> = clamped.filter(|(from, until)| from < until).collect();
    spans.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, until) in spans {
        match merged.last_mut() {
            Some((_, last)) if from <= *last => *last = (*last).max(until),
            Some(_) | None => merged.push((from, until)),
        }
    }
    merged
}

/// Returns the spans between those with work.
fn idle_of(work: &[(u64, u64)], start: u64, end: u64) -> Vec<(u64, u64)> {
    let mut idle = Vec::new();
    let mut last = start;
    for (from, until) in work.iter().copied().chain([(end, end)]) {
        if last < from {
            idle.push((last, from));
        }
        last = until;
    }
    idle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(work: &[(u64, u64)], end: u64, times: &[(u64, f64)]) {
        let scale = TimelineScale::new(work.iter().copied(), 0, end);
        for (time, expect) in times {
            let found = scale.at(*time);
            assert!((found - expect).abs() < 1e-9, "{time}: {found} {expect}");
        }
    }

    #[test]
    fn time_without_work_is_short() {
        check(
            &[(0, 100)],
            100,
            &[(0, 0.0), (50, 0.5), (100, 1.0), (200, 1.0)],
        );
        // A night between two seconds of work takes a twentieth of it.
        let night = 36_000_000;
        let work = [(0, 1000), (night, night + 1000)];
        check(
            &work,
            night + 1000,
            &[(1000, 1000.0 / 2100.0), (night, 1100.0 / 2100.0)],
        );
        check(&[], 100, &[(50, 0.5)]);
        check(&[], 0, &[(0, 0.0)]);
        check(&[(0, 60), (20, 80), (80, 100)], 100, &[(60, 0.6)]);
    }
}
