//! Retention: how long data is kept, as the author of a type declares it.

use crate::bindings::exports::sedge::model::model as wire;
use crate::bindings::sedge::model::data;

/// What happens to a write that violates the resource's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnViolation {
    /// The write is refused with [`InvalidContent`](crate::DataError::InvalidContent).
    Refuse,
    /// The write is staged, and the call's log gets a warning.
    Warn,
}

/// How long data is retained, and its tags. An operator can override this in a definition.
///
/// By default every version is retained for ever. A lifetime that is not a valid time span is
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

/// Which older versions are retained.
#[derive(Debug, Clone, Copy)]
enum Keep {
    /// This many, counted from the latest.
    Versions(u32),
    /// Those that are younger than a time span.
    For(&'static str),
}

impl Retention {
    /// Retains every version for ever.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the lifetime of the data: `ephemeral` (until the step ends), `job`, `workflow` (until
    /// the run ends), `infinite`, or a time after it was written, such as `5m`, `1h`, `7d`, `2w`,
    /// `1mo` or `1y`.
    #[must_use]
    pub fn lifetime(mut self, lifetime: &'static str) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Retains this many versions, at least 1. Replaces [`keep_for`](Self::keep_for).
    #[must_use]
    pub fn keep_versions(mut self, n_versions: u32) -> Self {
        self.keep = Some(Keep::Versions(n_versions));
        self
    }

    /// Retains versions for a time such as `30d`. The latest version is always retained. Replaces
    /// [`keep_versions`](Self::keep_versions).
    #[must_use]
    pub fn keep_for(mut self, span: &'static str) -> Self {
        self.keep = Some(Keep::For(span));
        self
    }

    /// Adds a tag to all data of this kind. A key has 1 to 100 bytes, a value up to 255, both
    /// without control characters.
    #[must_use]
    pub fn tag(mut self, key: &'static str, value: &'static str) -> Self {
        self.tags.push((key, value));
        self
    }
}

/// The retention of one version.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteRetention {
    lifetime: Option<String>,
    keep: Option<String>,
}

impl WriteRetention {
    pub(crate) fn lifetime(&mut self, lifetime: impl Into<String>) {
        self.lifetime = Some(lifetime.into());
    }

    pub(crate) fn keep_versions(&mut self, n_versions: u32) {
        self.keep = Some(n_versions.to_string());
    }

    pub(crate) fn keep_for(&mut self, span: impl Into<String>) {
        self.keep = Some(span.into());
    }
}

impl From<WriteRetention> for data::WriteRetention {
    fn from(retention: WriteRetention) -> Self {
        Self {
            lifetime: retention.lifetime,
            keep: retention.keep,
        }
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
    fn retention_has_only_the_fields_that_were_set() {
        check(Retention::new(), None, None);
        check(Retention::new().lifetime("job"), Some("job"), None);
        check(Retention::new().keep_versions(10), None, Some("10"));
        check(Retention::new().keep_for("30d"), None, Some("30d"));
    }

    #[test]
    fn later_setting_for_versions_replaces_the_earlier_one() {
        let retention = Retention::new().keep_versions(10).keep_for("30d");
        check(retention, None, Some("30d"));
    }

    #[test]
    fn retention_of_one_version_has_the_latest_settings() {
        let mut retention = WriteRetention::default();
        let unset = data::WriteRetention::from(retention.clone());
        assert_eq!((unset.lifetime, unset.keep), (None, None));
        retention.lifetime("7d");
        retention.keep_for("30d");
        retention.keep_versions(3);
        let set = data::WriteRetention::from(retention);
        assert_eq!(set.lifetime.as_deref(), Some("7d"));
        assert_eq!(set.keep.as_deref(), Some("3"));
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
