//! A parsed YAML document: values, each with its place in the file.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::{Located, places};
use crate::diagnostic::SourceFile;
use crate::expr::TextPlace;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The place of the value: bytes of the file's text. The value of an alias has the place of
    /// its anchor's value.
    pub span: Range<usize>,
    /// The value.
    pub kind: NodeKind,
}

/// A value of a YAML document.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// `null`, `~`, or nothing after a key.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Text),
    /// A list. Copies of the node share it.
    List(Arc<[Node]>),
    /// Keys with values, in the order of the file. Each key is there once. Copies of the node share
    /// them.
    Map(Arc<[Member]>),
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text as it is meant: without quotes, unescaped and unfolded.
    pub value: Arc<str>,
    /// How it is written, which says where its parts are in the file.
    pub(super) form: TextForm,
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextForm {
    /// Without quotes.
    Plain,
    /// In `'`.
    SingleQuoted,
    /// In `"`.
    DoubleQuoted,
    /// Below `|` or `>`, indented by this many spaces.
    Block { indent: u16 },
    /// In no file, or indented deeper: all of its parts have the place of the node.
    Made,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key.
    pub key: Located<Arc<str>>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Makes a node from a value that was not read from a file. All its parts have the same place.
    #[must_use]
    pub fn from_value(value: &Value, span: Range<usize>) -> Self {
        let kind = match value {
            Value::Null => NodeKind::Null,
            Value::Bool(it) => NodeKind::Bool(*it),
            Value::Number(it) => NodeKind::Number(it.clone()),
            Value::String(it) => NodeKind::Text(Text {
                value: it.as_str().into(),
                form: TextForm::Made,
            }),
            Value::Array(items) => {
                let items = items.iter();
                NodeKind::List(items.map(|it| Self::from_value(it, span.clone())).collect())
            }
            Value::Object(members) => {
                let members = members.iter().map(|(key, value)| Member {
                    key: Located {
                        value: key.as_str().into(),
                        span: span.clone(),
                    },
                    value: Self::from_value(value, span.clone()),
                });
                NodeKind::Map(members.collect())
            }
        };
        Self { span, kind }
    }

    /// Returns the value without places.
    #[must_use]
    pub fn value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(it) => Value::Bool(*it),
            NodeKind::Number(it) => Value::Number(it.clone()),
            NodeKind::Text(it) => Value::String(it.value.to_string()),
            NodeKind::List(items) => items.iter().map(Self::value).collect(),
            NodeKind::Map(members) => {
                let members = members.iter();
                let members = members.map(|it| (it.key.value.to_string(), it.value.value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// Returns whether the value is null: `null`, `~`, or nothing after a key.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.kind, NodeKind::Null)
    }

    /// Returns the text, if the value is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Text(it) => Some(&it.value),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => None,
        }
    }

    /// Returns where the parts of the text are in the file, if the value is a text.
    #[must_use]
    pub fn text_place(&self, file: &Arc<SourceFile>) -> Option<TextPlace> {
        match &self.kind {
            NodeKind::Text(text) => {
                let raw = file.slice(self.span.clone());
                let offsets = places::offsets(text, raw, self.span.start);
                Some(TextPlace::mapped(Arc::clone(file), offsets))
            }
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => None,
        }
    }

    /// Returns a number or a boolean as it is written: `1.10`.
    pub(super) fn written(&self, file: &Arc<SourceFile>) -> String {
        match file.slice(self.span.clone()) {
            "" => self.value().to_string(),
            written => written.trim_matches(['"', '\'']).to_owned(),
        }
    }

    /// Returns the items, if the value is a list.
    #[must_use]
    pub fn items(&self) -> Option<&[Self]> {
        match &self.kind {
            NodeKind::List(items) => Some(items),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::Text(_)
            | NodeKind::Map(_) => None,
        }
    }

    /// Returns the keys with their values, if the value has keys.
    #[must_use]
    pub fn members(&self) -> Option<&[Member]> {
        match &self.kind {
            NodeKind::Map(members) => Some(members),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::Text(_)
            | NodeKind::List(_) => None,
        }
    }

    /// Returns the key and the value of a key.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members()?.iter().find(|it| *it.key.value == *key)
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|it| &it.value)
    }

    /// Returns the node at a JSON pointer (`/limits/0/name`), or the nearest existing node above
    /// it.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Self {
        let mut at = self;
        for part in pointer.split('/').skip(1) {
            match at.part(part) {
                Some(below) => at = below,
                None => break,
            }
        }
        at
    }

    /// Returns the node at a JSON pointer.
    #[must_use]
    pub fn find(&self, pointer: &str) -> Option<&Self> {
        let mut parts = pointer.split('/').skip(1);
        parts.try_fold(self, Self::part)
    }

    /// Returns the key and the value at a JSON pointer. Returns `None` if there is no value, or if
    /// it has no key because it is an item of a list.
    #[must_use]
    pub fn member_at(&self, pointer: &str) -> Option<&Member> {
        let (outer, key) = pointer.rsplit_once('/')?;
        self.find(outer)?.member(&unescaped(key))
    }

    /// Returns the value that one part of a JSON pointer names.
    fn part(&self, part: &str) -> Option<&Self> {
        match &self.kind {
            NodeKind::List(items) => items.get(part.parse::<usize>().ok()?),
            NodeKind::Map(_) => self.get(&unescaped(part)),
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => None,
        }
    }

    /// Returns the value as a message names it: "`x`", "a list".
    #[must_use]
    pub fn described(&self, file: &Arc<SourceFile>) -> String {
        match &self.kind {
            NodeKind::Null => "nothing".to_owned(),
            NodeKind::Bool(_) | NodeKind::Number(_) => format!("`{}`", self.written(file)),
            NodeKind::Text(it) if it.value.is_empty() => "an empty text".to_owned(),
            NodeKind::Text(it) => format!("the text `{}`", shown(&it.value)),
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "keys with values".to_owned(),
        }
    }
}

/// Returns a part of a JSON pointer as a key.
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// Returns the first line of a text, cut if it is long.
fn shown(text: &str) -> String {
    /// The maximum number of characters of a value that a message repeats.
    const SHOWN_CHARS_MAX: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let start: String = line.chars().take(SHOWN_CHARS_MAX).collect();
    if start.len() == text.len() {
        start
    } else {
        format!("{start}…")
    }
}
