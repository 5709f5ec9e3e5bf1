//! The limits: one table, from which follow the keys of the files, the defaults, the names in
//! errors, and `docs/limits.md`.
//!
//! To add a limit, add a row to `limits/table.rs` and enforce its value.

mod table;

use std::time::Duration;

pub use table::{
    ComponentLimit, ComponentLimits, ComponentLimitsFile, HttpLimit, HttpLimits, HttpLimitsFile,
    LIMITS, LimitName, ModelLimits, ModelLimitsFile, ProcessLimitsFile,
};

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRow {
    /// The key of its section in the files: `limits`, `limits.http`; empty for a fixed limit.
    pub section: &'static str,
    /// Its key in the section; `None` for a fixed limit, which no file sets.
    pub key: Option<&'static str>,
    /// Its name in errors and in the datastore; `None` if no error names it.
    pub name: Option<&'static str>,
    /// The unit of its values in files.
    pub unit: Unit,
    /// Its value if no file sets it.
    pub default: LimitDefault,
    /// What it limits.
    pub scope: LimitScope,
    /// What it limits and why, in one or two sentences.
    pub doc: &'static str,
}

/// The unit of a limit's values in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Seconds.
    Seconds,
    /// Units of 1024 bytes.
    Kibibytes,
    /// Units of 1024² bytes.
    Mebibytes,
}

/// The value of a limit that no file sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitDefault {
    /// This number of units.
    Value(u32),
    /// Nothing is limited.
    Unlimited,
    /// The machine decides; the text says how.
    Machine(&'static str),
    /// The limit is a constant of the host.
    Fixed,
}

/// What a limit applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitScope {
    /// Each call by itself. The definition of its model sets the limit, or else `sedge.yaml`.
    Call,
    /// All calls of a run together. The run is compared with the limit of a model when a call of
    /// that model begins. The model's definition sets it, or else `sedge.yaml`.
    Run,
    /// All calls of a process. Only `sedge.yaml` sets the limit.
    Process,
    /// A plugin that is added. Only `sedge.yaml` sets the limit.
    Plugin,
}

impl Unit {
    /// Returns the unit's symbol; empty for a number of things.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Seconds => "s",
            Self::Kibibytes => "KiB",
            Self::Mebibytes => "MiB",
        }
    }

    /// Returns how many bytes, seconds or things one unit is, as a power of two.
    fn shift(self) -> u32 {
        match self {
            Self::Count | Self::Seconds => 0,
            Self::Kibibytes => 10,
            Self::Mebibytes => 20,
        }
    }
}

impl LimitScope {
    /// Returns the scope in a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Run => "run",
            Self::Process => "process",
            Self::Plugin => "plugin",
        }
    }
}

impl LimitRow {
    /// Returns the key, or the name of a limit that has no key.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.key.or(self.name).unwrap_or_default()
    }

    /// Returns a value in bytes, seconds or things in the unit of the files, rounded down.
    #[must_use]
    pub fn in_units(&self, value: u64) -> u64 {
        value >> self.unit.shift()
    }

    /// Returns the smallest number of units that allows a value.
    #[must_use]
    pub fn units_for(&self, value: u64) -> u64 {
        value.div_ceil(1 << self.unit.shift())
    }

    /// Returns the line of a file that allows twice `value`; `None` for a fixed limit.
    #[must_use]
    pub fn raised(&self, value: u64) -> Option<String> {
        let value = self.in_units(value).saturating_mul(2).max(1);
        let mut line = format!("{}: {value}", self.key?);
        for key in self.section.rsplit('.') {
            line = format!("{key}: {{{line}}}");
        }
        Some(line)
    }
}

impl LimitName {
    /// Returns the limit's name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().name.unwrap_or_default()
    }

    /// Returns the line of a file that allows twice `value`; `None` for a limit that cannot be set.
    #[must_use]
    pub fn raised(self, value: u64) -> Option<String> {
        self.row().raised(value)
    }

    /// Returns whether it applies to more than one call, so that `sedge.yaml` is the file in which
    /// to raise it first.
    #[must_use]
    pub fn is_of_repository(self) -> bool {
        match self.row().scope {
            LimitScope::Call => false,
            LimitScope::Run | LimitScope::Process | LimitScope::Plugin => true,
        }
    }
}

impl HttpLimit {
    /// Returns the limit's name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().name.unwrap_or_default()
    }
}

impl ComponentLimit {
    /// Returns the limit's name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().name.unwrap_or_default()
    }
}

fn seconds(units: u32) -> Duration {
    Duration::from_secs(units.into())
}

/// Returns a number of bytes in memory.
fn kibibytes(units: u32) -> usize {
    usize::try_from(u64::from(units) << 10).unwrap_or(usize::MAX)
}

fn mebibytes(units: u32) -> u64 {
    u64::from(units) << 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys_are_unique() {
        let mut names: Vec<_> = LIMITS.iter().filter_map(|row| row.name).collect();
        let mut keys: Vec<_> = LIMITS
            .iter()
            .filter_map(|row| Some((row.section, row.key?)))
            .collect();
        let (n_names, n_keys) = (names.len(), keys.len());
        names.sort_unstable();
        names.dedup();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!((names.len(), keys.len()), (n_names, n_keys));
    }

    #[test]
    fn line_of_yaml_raises_a_limit() {
        let check = |row: &LimitRow, value: u64, expect: Option<&str>| {
            assert_eq!(row.raised(value).as_deref(), expect);
        };
        let memory = LimitName::MemoryBytes.row();
        check(memory, 7 << 20, Some("limits: {memoryMebibytes: 14}"));
        check(memory, 1, Some("limits: {memoryMebibytes: 1}"));
        let requests = HttpLimit::Requests.row();
        check(requests, 4, Some("limits: {http: {requests: 8}}"));
        let descriptors = LimitName::ProcessDescriptors.row();
        check(descriptors, 5, Some("processLimits: {descriptors: 10}"));
        check(LimitName::JsonBytes.row(), 5, None);
        assert_eq!(ComponentLimit::FunctionBytes.row().units_for(1025), 2);
    }

    #[test]
    fn unset_limit_has_its_default() {
        let file = ModelLimitsFile {
            memory_mebibytes: Some(1),
            ..ModelLimitsFile::default()
        };
        let fallback = ModelLimitsFile {
            memory_mebibytes: Some(2),
            log_kibibytes: Some(3),
            http: HttpLimitsFile {
                requests: Some(4),
                ..HttpLimitsFile::default()
            },
            ..ModelLimitsFile::default()
        };
        let limits = file.or(&fallback).values();
        assert_eq!((limits.memory_bytes, limits.log_bytes), (1 << 20, 3 << 10));
        assert_eq!((limits.cpu_time, limits.http.requests), (None, 4));
        assert_eq!(limits.wall_time, Duration::from_secs(300));
        assert_eq!(ModelLimitsFile::default().values(), ModelLimits::default());
    }
}
