//! How long what a method writes is kept, as the author of its type says it.

use crate::bindings::exports::sedge::model::model as wire;

/// What happens to a resource that violates its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnViolation {
    /// It is not written, and the method gets
    /// [`InvalidContent`](crate::DataError::InvalidContent).
    Refuse,
    /// It is written, and the call's log has a warning.
    Warn,
}

/// How long what a method writes is kept, and how it is labelled. An operator may say
/// otherwise in a definition.
///
/// Without more, every version is kept for ever. A text that is no span of time is
/// refused when the plugin is added.
///
/// ```
/// use sedge_sdk::Retention;
///
/// let week = Retention::new().lifetime("7d").keep_versions(10).tag("kind", "log");
/// # let _ = week;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Retention {
    lifetime: Option<&'static str>,
    keep: Option<Keep>,
    tags: Vec<(&'static str, &'static str)>,
}

/// Which of the older versions are kept.
#[derive(Debug, Clone, Copy)]
enum Keep {
    /// So many, counted from the latest.
    Versions(u32),
    /// Those that are younger than a span of time.
    For(&'static str),
}

impl Retention {
    /// Keeps every version for ever.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the data `ephemeral` (until the step has ended), for the `job`, for the
    /// `workflow` (until the run has ended), `infinite`, or for a time since it was
    /// written: `5m`, `1h`, `7d`, `2w`, `1mo`, `1y`.
    #[must_use]
    pub fn lifetime(mut self, lifetime: &'static str) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Keeps so many versions, at least 1. It replaces [`keep_for`](Self::keep_for).
    #[must_use]
    pub fn keep_versions(mut self, n_versions: u32) -> Self {
        self.keep = Some(Keep::Versions(n_versions));
        self
    }

    /// Keeps versions for so long, `30d`, and the latest in any case. It replaces
    /// [`keep_versions`](Self::keep_versions).
    #[must_use]
    pub fn keep_for(mut self, span: &'static str) -> Self {
        self.keep = Some(Keep::For(span));
        self
    }

    /// Labels everything that is written. A key has 1 to 100 bytes, a value up to 255, both
    /// without control characters.
    #[must_use]
    pub fn tag(mut self, key: &'static str, value: &'static str) -> Self {
        self.tags.push((key, value));
        self
    }
}

impl From<OnViolation> for wire::OnViolation {
    fn from(on_violation: OnViolation) -> Self {
        match on_violation {
            OnViolation::Refuse => Self::Refuse,
            OnViolation::Warn => Self::Warn,
        }
    }
}

impl From<Retention> for wire::Retention {
    fn from(retention: Retention) -> Self {
        let tags = retention.tags.into_iter();
        Self {
            lifetime: retention.lifetime.map(str::to_owned),
            keep: retention.keep.map(|keep| match keep {
                Keep::Versions(n_versions) => n_versions.to_string(),
                Keep::For(span) => span.to_owned(),
            }),
            tags: tags
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(retention: Retention, lifetime: Option<&str>, keep: Option<&str>) {
        let wire = wire::Retention::from(retention);
        assert_eq!(wire.lifetime.as_deref(), lifetime);
        assert_eq!(wire.keep.as_deref(), keep);
    }

    #[test]
    fn a_retention_says_only_what_its_author_said() {
        check(Retention::new(), None, None);
        check(Retention::new().lifetime("job"), Some("job"), None);
        check(Retention::new().keep_versions(10), None, Some("10"));
        check(Retention::new().keep_for("30d"), None, Some("30d"));
    }

    #[test]
    fn the_last_word_on_versions_counts() {
        let retention = Retention::new().keep_versions(10).keep_for("30d");
        check(retention, None, Some("30d"));
    }

    #[test]
    fn tags_are_kept_in_order() {
        let retention = Retention::new().tag("kind", "log").tag("stage", "prod");
        let wire = wire::Retention::from(retention);
        let expect = [("kind", "log"), ("stage", "prod")];
        assert_eq!(
            wire.tags,
            expect.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }
}
