//! The measured samples, by subject.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// All samples of one run of the bench.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    of: HashMap<String, Samples>,
}

/// The samples of one subject.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    took: Vec<Duration>,
    peaks_kib: Vec<u64>,
    bytes: Vec<u64>,
}

impl Figures {
    /// Adds a sample.
    pub(crate) fn add(&mut self, subject: &str, took: Duration) {
        self.samples(subject).took.push(took);
    }

    /// Adds the peak memory of a process.
    pub(crate) fn add_peak(&mut self, subject: &str, peak_kib: u64) {
        self.samples(subject).peaks_kib.push(peak_kib);
    }

    /// Adds the number of bytes that the subject processed.
    pub(crate) fn add_bytes(&mut self, subject: &str, n_bytes: u64) {
        self.samples(subject).bytes.push(n_bytes);
    }

    /// Adds the time since `since` as a sample, and returns the current time.
    pub(crate) fn lap(&mut self, subject: &str, since: Instant) -> Instant {
        let now = Instant::now();
        self.add(subject, now - since);
        now
    }

    /// Returns the samples of a subject, if any were taken.
    pub(crate) fn get(&self, subject: &str) -> Option<&Samples> {
        self.of.get(subject)
    }

    fn samples(&mut self, subject: &str) -> &mut Samples {
        if !self.of.contains_key(subject) {
            self.of.insert(subject.to_owned(), Samples::default());
        }
        self.of
            .get_mut(subject)
            .expect("it was added just now, if it was not there")
    }
}

impl Samples {
    /// Returns how many samples there are.
    pub(crate) fn n(&self) -> usize {
        self.took.len()
    }

    /// Returns the nearest-rank percentile of the times, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        rank(&self.took, percent).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }

    /// Returns the median of the memory peaks, if there are any.
    pub(crate) fn peak_kib(&self) -> Option<u64> {
        rank(&self.peaks_kib, 50)
    }

    /// Returns the number of processed bytes, if it was added.
    pub(crate) fn bytes(&self) -> Option<u64> {
        rank(&self.bytes, 50)
    }
}

/// Returns the nearest-rank percentile. Percentile 0 is the minimum.
fn rank<T: Copy + Ord>(values: &[T], percent: usize) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let check = |values: &[u32], percent: usize, expect: Option<u32>| {
            assert_eq!(rank(values, percent), expect, "{values:?} {percent}");
        };
        check(&[], 50, None);
        check(&[7], 0, Some(7));
        check(&[7], 90, Some(7));
        check(&[3, 1, 2], 0, Some(1));
        check(&[3, 1, 2], 50, Some(2));
        check(&[4, 3, 1, 2], 50, Some(2));
        check(&[4, 3, 1, 2], 90, Some(4));
    }
}
