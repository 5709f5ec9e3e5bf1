//! Conditions on versions of data that a store can look up: the part of a query that limits which
//! rows are read.

use std::cmp::Ordering;

use super::row::DataRow;

/// Conditions that a version must all meet. The default contains no conditions.
#[derive(Default, Clone, Debug, PartialEq)]
pub struct Selection {
    /// The model.
    pub model: Option<String>,
    /// The name of the data.
    pub name: Option<String>,
    /// A prefix of the name of the data.
    pub name_prefix: Option<String>,
    /// A name. The name of the data must be after it in the order of bytes.
    pub name_after: Option<String>,
    /// The spec that it was written under.
    pub spec: Option<String>,
    /// `resource` or `file`.
    pub kind: Option<String>,
    /// The type of the model that wrote it.
    pub type_name: Option<String>,
    /// The run that wrote it.
    pub run: Option<String>,
    /// The method that wrote it.
    pub method: Option<String>,
    /// The number of the version.
    pub version: Option<u64>,
    /// A number that the number of the version must be below.
    pub version_before: Option<u64>,
    /// Tags that it must have, with their values.
    pub tags: Vec<(String, String)>,
    /// The earliest creation time, in milliseconds since 1970: inclusive.
    pub created_from_ms: Option<u64>,
    /// The end of the creation times, in milliseconds since 1970: exclusive.
    pub created_before_ms: Option<u64>,
    /// Whether it is the latest version of its data.
    pub latest: Option<bool>,
    /// The conditions contradict each other: no version can meet them.
    pub nothing: bool,
}

impl Selection {
    /// Returns whether a version meets the conditions.
    #[must_use]
    pub fn admits(&self, row: &DataRow<'_>) -> bool {
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == given)
        };
        let created_at_ms = row.created_at_ms();
        let prefix = self.name_prefix.as_deref().unwrap_or_default();
        let mut tags = self.tags.iter();
        !self.nothing
            && is(&self.model, row.model)
            && is(&self.name, row.name)
            && row.name.starts_with(prefix)
            && self.name_after.as_deref().is_none_or(|it| row.name > it)
            && is(&self.spec, row.spec)
            && is(&self.kind, row.kind)
            && is(&self.type_name, row.type_name)
            && is(&self.run, row.run)
            && is(&self.method, row.method)
            && self.version.is_none_or(|it| it == row.version)
            && self.version_before.is_none_or(|it| row.version < it)
            && tags.all(|(key, value)| row.tags.get(key) == Some(value))
            && self.created_from_ms.is_none_or(|it| created_at_ms >= it)
            && self.created_before_ms.is_none_or(|it| created_at_ms < it)
            && self.latest.is_none_or(|it| it == row.is_latest)
    }

    /// Adds the condition that a text field equals `value`.
    pub(super) fn add_text(&mut self, field: TextField, value: &str) {
        let slot = match field {
            TextField::Model => &mut self.model,
            TextField::Name => &mut self.name,
            TextField::Spec => &mut self.spec,
            TextField::Kind => &mut self.kind,
            TextField::TypeName => &mut self.type_name,
            TextField::Run => &mut self.run,
            TextField::Method => &mut self.method,
        };
        self.nothing |= slot.as_ref().is_some_and(|it| it != value);
        slot.get_or_insert_with(|| value.to_owned());
        self.settle();
    }

    /// Adds the condition that the name begins with `prefix`.
    pub(super) fn add_prefix(&mut self, prefix: &str) {
        let known = self.name_prefix.get_or_insert_with(|| prefix.to_owned());
        if prefix.starts_with(&**known) {
            prefix.clone_into(known);
        } else {
            self.nothing |= !known.starts_with(prefix);
        }
        self.settle();
    }

    /// Adds the condition that a tag has a value.
    pub(super) fn add_tag(&mut self, key: &str, value: &str) {
        match self.tags.iter().find(|(known, _)| known == key) {
            Some((_, known)) => self.nothing |= known != value,
            None => self.tags.push((key.to_owned(), value.to_owned())),
        }
    }

    /// Adds the condition that the version has a number.
    pub(super) fn add_version(&mut self, version: u64) {
        self.nothing |= self.version.is_some_and(|it| it != version);
        self.version.get_or_insert(version);
    }

    /// Adds the condition that the version is the latest one, or is not.
    pub(super) fn add_latest(&mut self, latest: bool) {
        self.nothing |= self.latest.is_some_and(|it| it != latest);
        self.latest.get_or_insert(latest);
    }

    /// Adds the condition that the creation time is at or after `ms`, which may be before 1970.
    pub(super) fn add_created_from(&mut self, ms: i64) {
        let Ok(ms) = u64::try_from(ms) else {
            return;
        };
        self.created_from_ms = Some(self.created_from_ms.map_or(ms, |it| it.max(ms)));
        self.settle();
    }

    /// Adds the condition that the creation time is before `ms`, which may be before 1970.
    pub(super) fn add_created_before(&mut self, ms: i64) {
        let ms = u64::try_from(ms).unwrap_or(0);
        self.created_before_ms = Some(self.created_before_ms.map_or(ms, |it| it.min(ms)));
        self.settle();
    }

    /// Detects conditions that contradict each other.
    fn settle(&mut self) {
        if let (Some(name), Some(prefix)) = (&self.name, &self.name_prefix) {
            self.nothing |= !name.starts_with(prefix.as_str());
        }
        let from_ms = self.created_from_ms.unwrap_or(0);
        let is_empty = |before_ms| from_ms.cmp(&before_ms) != Ordering::Less;
        self.nothing |= self.created_before_ms.is_some_and(is_empty);
    }
}

/// The text fields that a selection can compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextField {
    Model,
    Name,
    Spec,
    Kind,
    TypeName,
    Run,
    Method,
}

impl TextField {
    /// Returns the field of a variable of the language.
    pub(super) fn of(variable: &str) -> Option<Self> {
        match variable {
            "model" => Some(Self::Model),
            "name" => Some(Self::Name),
            "spec" => Some(Self::Spec),
            "kind" => Some(Self::Kind),
            "type" => Some(Self::TypeName),
            "run" => Some(Self::Run),
            "method" => Some(Self::Method),
            _ => None,
        }
    }
}
