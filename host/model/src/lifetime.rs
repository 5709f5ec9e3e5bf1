//! How long data is retained: spans of time, the lifetime of a piece of data, and the number of old
//! versions.
//!
//! All three are short texts in files and on the command line, and they are persisted as these
//! texts. Each value has exactly one text form, so it is shown as the user wrote it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The maximum length of a [`Span`], in milliseconds: a thousand years of 365 days.
///
/// Users and plugin authors choose the number. JSON and SQL represent a time that is this far from
/// now exactly.
pub const SPAN_MS_MAX: u64 = 1_000 * 365 * DAY_MS;

/// One day, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The maximum number of characters of a refused text that an error repeats.
///
/// The text may come from a guest, which chooses its length.
const SHOWN_CHARS_MAX: usize = 60;

const SPAN_RULE: &str = "it is a whole number from 1 on and a unit, up to `1000y`: \
    `30s`, `5m`, `1h`, `7d`, `2w`, `1mo` (30 days) or `1y` (365 days)";
const LIFETIME_RULE: &str = "it is `ephemeral`, `job`, `workflow`, `infinite`, or a duration: \
    `30s`, `5m`, `1h`, `7d`, `2w`, `1mo` (30 days) or `1y` (365 days), up to `1000y`";
const KEEP_RULE: &str = "it is a number of versions from 1 to 4294967295, as in `10`, or a duration: \
    `30s`, `5m`, `1h`, `7d`, `2w`, `1mo` (30 days) or `1y` (365 days), up to `1000y`";

/// A text is not a value of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a {what}: {rule}", text.escape_debug())]
pub struct LifetimeError {
    /// What the text should be: `duration`.
    pub what: &'static str,
    /// The text that was given, cut if it is long.
    pub text: String,
    /// The rule for such a text.
    pub rule: &'static str,
}

impl LifetimeError {
    fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        let text = text.chars().take(SHOWN_CHARS_MAX).collect();
        Self { what, text, rule }
    }
}

/// A length of time as people write it: `5m`, `7d`, `1mo`.
///
/// Two spans are equal if their texts are equal: `7d` is not `1w`. Use [`Span::ms`] to compare
/// lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    n_units: u64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    const ALL: [Self; 7] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "mo",
            Self::Year => "y",
        }
    }

    fn ms(self) -> u64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60 * 1_000,
            Self::Hour => 60 * 60 * 1_000,
            Self::Day => DAY_MS,
            Self::Week => 7 * DAY_MS,
            Self::Month => 30 * DAY_MS,
            Self::Year => 365 * DAY_MS,
        }
    }
}

impl Span {
    /// Returns the length in milliseconds, from 1000 to [`SPAN_MS_MAX`]. A month has 30 days and a
    /// year has 365 days, independently of the calendar.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.n_units * self.unit.ms()
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        // Zero is invalid, and leading zeros would be a second text form of a number.
        if number.starts_with('0') {
            return None;
        }
        let n_units: u64 = number.parse().ok()?;
        let unit = Unit::ALL.into_iter().find(|it| it.as_str() == unit)?;
        let ms = n_units.checked_mul(unit.ms())?;
        (ms <= SPAN_MS_MAX).then_some(Self { n_units, unit })
    }
}

impl FromStr for Span {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        Self::parse(text).ok_or_else(|| LifetimeError::new("duration", text, SPAN_RULE))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.n_units, self.unit.as_str())
    }
}

/// How long a piece of data is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lifetime {
    /// Until the step that wrote it ends. Without steps, until the run ends.
    Ephemeral,
    /// Until the job that wrote it ends.
    Job,
    /// Until the run that wrote it ends.
    Workflow,
    /// For a length of time from the time when it was written.
    For(Span),
    /// Until a user or a plugin deletes it.
    #[default]
    Infinite,
}

impl Lifetime {
    /// Returns when data that was written at `created_at_ms` expires. Both times are in
    /// milliseconds since 1970. Returns `None` if the expiry does not depend on the time.
    #[must_use]
    pub fn expires_at_ms(&self, created_at_ms: u64) -> Option<u64> {
        match self {
            Self::For(span) => Some(created_at_ms.saturating_add(span.ms())),
            Self::Ephemeral | Self::Job | Self::Workflow | Self::Infinite => None,
        }
    }
}

impl FromStr for Lifetime {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        match text {
            "ephemeral" => Ok(Self::Ephemeral),
            "job" => Ok(Self::Job),
            "workflow" => Ok(Self::Workflow),
            "infinite" => Ok(Self::Infinite),
            span => Span::parse(span)
                .map(Self::For)
                .ok_or_else(|| LifetimeError::new("lifetime", text, LIFETIME_RULE)),
        }
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ephemeral => f.write_str("ephemeral"),
            Self::Job => f.write_str("job"),
            Self::Workflow => f.write_str("workflow"),
            Self::For(span) => span.fmt(f),
            Self::Infinite => f.write_str("infinite"),
        }
    }
}

/// How many old versions of a piece of data are retained.
///
/// In JSON and YAML, a number of versions is a number (its text is accepted as well), and an age is
/// a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The newest versions, up to this number, including the latest.
    Versions(NonZeroU32),
    /// The versions that are younger than this.
    Age(Span),
}

/// How long and how much data of one spec is retained, and the labels that it gets. `None` leaves a
/// choice open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Retention {
    /// How long a version is retained. `None` means forever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// How many versions are retained. `None` means all.
    #[serde(
        default,
        rename = "garbageCollection",
        skip_serializing_if = "Option::is_none"
    )]
    pub keep: Option<Keep>,
    /// Labels of everything that is written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Retention {
    /// Returns whether it contains no rule and no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns these rules, overridden by those of `over`. Labels are merged; if both have a key,
    /// the value of `over` wins.
    #[must_use]
    pub fn overridden(&self, over: &Self) -> Self {
        let mut tags = self.tags.clone();
        tags.extend(over.tags.clone());
        Self {
            lifetime: over.lifetime.or(self.lifetime),
            keep: over.keep.or(self.keep),
            tags,
        }
    }
}

impl FromStr for Keep {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        let is_number = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let keep = if is_number {
            text.parse().ok().map(Self::Versions)
        } else {
            Span::parse(text).map(Self::Age)
        };
        keep.ok_or_else(|| Self::error(text))
    }
}

impl Keep {
    fn error(text: &str) -> LifetimeError {
        LifetimeError::new("number of versions or duration", text, KEEP_RULE)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Versions(n) => n.fmt(f),
            Self::Age(span) => span.fmt(f),
        }
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Versions(n) => n.serialize(serializer),
            Self::Age(span) => span.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeepVisitor)
    }
}

struct KeepVisitor;

impl Visitor<'_> for KeepVisitor {
    type Value = Keep;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of versions such as `10`, or a duration such as `30d`")
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Keep, E> {
        let n_versions = u32::try_from(n).ok().and_then(NonZeroU32::new);
        n_versions
            .map(Keep::Versions)
            .ok_or_else(|| E::custom(Keep::error(&n.to_string())))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Keep, E> {
        let unsigned = u64::try_from(n).map_err(|_| E::custom(Keep::error(&n.to_string())))?;
        self.visit_u64(unsigned)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Keep, E> {
        text.parse().map_err(E::custom)
    }
}

impl TryFrom<String> for Span {
    type Error = LifetimeError;

    fn try_from(text: String) -> Result<Self, LifetimeError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Lifetime {
    type Error = LifetimeError;

    fn try_from(text: String) -> Result<Self, LifetimeError> {
        text.parse()
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_is_a_number_and_a_unit() {
        let check = |text: &str, expect: Option<u64>| {
            let span = text.parse::<Span>();
            assert_eq!(span.as_ref().ok().map(Span::ms), expect, "{text:?}");
            if let Ok(span) = span {
                assert_eq!(span.to_string(), text);
            }
        };
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("90m", Some(5_400_000));
        check("1h", Some(3_600_000));
        check("7d", Some(7 * DAY_MS));
        check("2w", Some(14 * DAY_MS));
        check("1mo", Some(30 * DAY_MS));
        check("1y", Some(365 * DAY_MS));
        check("1000y", Some(SPAN_MS_MAX));
        for bad in [
            "",
            "d",
            "7",
            "0d",
            "07d",
            "-1d",
            "+1d",
            "1.5h",
            "7 d",
            " 7d",
            "7D",
            "7days",
            "1h30m",
            "1001y",
            "99999999999999999999d",
            "18446744073709551615y",
            "１d",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn lifetime_is_a_word_or_a_span() {
        let check = |text: &str, expect: Option<Lifetime>| {
            let lifetime = text.parse::<Lifetime>().ok();
            assert_eq!(lifetime, expect, "{text:?}");
            if let Some(lifetime) = lifetime {
                assert_eq!(lifetime.to_string(), text);
                let json = serde_json::to_string(&lifetime).expect("it is a text");
                assert_eq!(json, format!("{text:?}"));
                let parsed: Lifetime = serde_json::from_str(&json).expect("it was written so");
                assert_eq!(parsed, lifetime);
            }
        };
        check("ephemeral", Some(Lifetime::Ephemeral));
        check("job", Some(Lifetime::Job));
        check("workflow", Some(Lifetime::Workflow));
        check("infinite", Some(Lifetime::default()));
        check("7d", "7d".parse().ok().map(Lifetime::For));
        for bad in ["", "Infinite", "forever", "0d", "10"] {
            check(bad, None);
        }
    }

    #[test]
    fn only_a_span_expires_by_time() {
        let check = |text: &str, created_at_ms: u64, expect: Option<u64>| {
            let lifetime: Lifetime = text.parse().expect("a lifetime");
            assert_eq!(lifetime.expires_at_ms(created_at_ms), expect, "{text}");
        };
        check("1h", 5, Some(3_600_005));
        check("1h", u64::MAX - 1, Some(u64::MAX));
        for text in ["ephemeral", "job", "workflow", "infinite"] {
            check(text, 5, None);
        }
    }

    #[test]
    fn versions_are_retained_by_number_or_by_age() {
        let check = |text: &str, expect: Option<&str>| {
            let keep = text.parse::<Keep>().ok();
            assert_eq!(keep.map(|it| it.to_string()).as_deref(), expect, "{text:?}");
            if let Some(keep) = keep {
                let json = serde_json::to_string(&keep).expect("it is a scalar");
                let parsed: Keep = serde_json::from_str(&json).expect("it was written so");
                assert_eq!(parsed, keep, "{json}");
            }
        };
        check("10", Some("10"));
        check("4294967295", Some("4294967295"));
        check("30d", Some("30d"));
        for bad in ["", "0", "010", "-1", "4294967296", "1.0", "all", "0d"] {
            check(bad, None);
        }
    }

    #[test]
    fn keep_is_a_number_or_a_text_in_a_file() {
        let check = |json: &str, expect: Option<&str>| {
            let keep = serde_json::from_str::<Keep>(json).ok();
            assert_eq!(keep.map(|it| it.to_string()).as_deref(), expect, "{json}");
            let keep = serde_saphyr::from_str::<Keep>(json).ok();
            assert_eq!(keep.map(|it| it.to_string()).as_deref(), expect, "{json}");
        };
        check("10", Some("10"));
        check("\"10\"", Some("10"));
        check("\"30d\"", Some("30d"));
        for bad in ["0", "-3", "1.5", "4294967296", "true", "null", "[1]"] {
            check(bad, None);
        }
    }

    #[test]
    fn error_shows_the_text_and_the_rule() {
        let check = |error: LifetimeError, expect: &str| assert_eq!(error.to_string(), expect);
        check(
            "1 day".parse::<Span>().expect_err("it has a space"),
            "`1 day` is not a duration: it is a whole number from 1 on and a unit, up to \
             `1000y`: `30s`, `5m`, `1h`, `7d`, `2w`, `1mo` (30 days) or `1y` (365 days)",
        );
        let long = "x".repeat(1_000).parse::<Lifetime>();
        let text = long.expect_err("it is no lifetime").text;
        assert_eq!(text.len(), SHOWN_CHARS_MAX);
    }
}
