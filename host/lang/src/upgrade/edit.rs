//! Edits the lines of a definition whose values change.
//!
//! A key is edited if it stands alone at the beginning of its line, as in all documents. The lines
//! of a key are its own and the following ones that are indented more. The caller parses the result
//! and compares it with the wanted arguments, so a text in another form is refused, not damaged.

use std::ops::Range;

use sedge_model::names::TypeVersion;
use sedge_model::yaml_text;
use serde_json::{Map, Value};

use super::{ARGUMENTS, VERSION};
use crate::yaml::node::{Member, Node, NodeKind};

/// Returns the text with changes of single arguments. Returns `None` if it has another form.
pub(super) fn edited(
    text: &str,
    tree: &Node,
    arguments: &Map<String, Value>,
    version: &TypeVersion,
) -> Option<String> {
    let mut edits = LineEdits::new(text);
    edits.version(tree, version)?;
    match tree.member(ARGUMENTS) {
        Some(member) if member.value.value() == Value::Object(arguments.clone()) => {}
        Some(member) => {
            let indent = edits.indent(member)?;
            edits.change(member, indent, &Value::Object(arguments.clone()));
        }
        None => edits.append(arguments),
    }
    edits.apply()
}

/// Returns the text with all arguments written again.
pub(super) fn edited_as_a_whole(
    text: &str,
    tree: &Node,
    arguments: &Map<String, Value>,
    version: &TypeVersion,
) -> Option<String> {
    let mut edits = LineEdits::new(text);
    edits.version(tree, version)?;
    match tree.member(ARGUMENTS) {
        Some(member) => {
            let indent = edits.indent(member)?;
            edits.replace(member, indent, &Value::Object(arguments.clone()));
        }
        None => edits.append(arguments),
    }
    edits.apply()
}

/// Changes of parts of a text.
struct LineEdits<'a> {
    text: &'a str,
    line_end: &'static str,
    /// The ranges of the text that change, each with its new text.
    edits: Vec<(Range<usize>, String)>,
}

impl<'a> LineEdits<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            line_end: if text.contains("\r\n") { "\r\n" } else { "\n" },
            edits: Vec::new(),
        }
    }

    /// Returns the changed text. Returns `None` if two changes overlap.
    fn apply(mut self) -> Option<String> {
        self.edits.sort_by_key(|(at, _)| (at.start, at.end));
        let mut changed = String::with_capacity(self.text.len());
        let mut done = 0;
        for (at, new) in self.edits {
            changed.push_str(self.text.get(done..at.start)?);
            changed.push_str(&new);
            done = at.end;
        }
        changed.push_str(self.text.get(done..)?);
        Some(changed)
    }

    /// Sets the version of the type.
    fn version(&mut self, tree: &Node, version: &TypeVersion) -> Option<()> {
        let value = Value::from(version.as_str());
        if let Some(member) = tree.member(VERSION) {
            let indent = self.indent(member)?;
            self.change(member, indent, &value);
            return Some(());
        }
        // The type may follow from the folder, and then the file does not name it.
        let before = tree.member("type").or_else(|| tree.member("name"))?;
        let indent = self.indent(before)?;
        let new = self.rendered(indent, VERSION, &value);
        let at = self.lines(before, indent).end;
        self.insert(at, new);
        Some(())
    }

    /// Adds the arguments to a text that has none.
    fn append(&mut self, arguments: &Map<String, Value>) {
        if arguments.is_empty() {
            return;
        }
        let new = self.rendered(0, ARGUMENTS, &Value::Object(arguments.clone()));
        self.insert(self.text.len(), new);
    }

    /// Changes the value of a key: only the parts that differ, if that is possible.
    fn change(&mut self, member: &Member, indent: usize, value: &Value) {
        let n_before = self.edits.len();
        if let (NodeKind::Map(members), Value::Object(new)) = (&member.value.kind, value)
            && self.members(members, new).is_some()
        {
            return;
        }
        self.edits.truncate(n_before);
        match self.scalar(member, value) {
            Some(edit) => self.edits.push(edit),
            None => self.replace(member, indent, value),
        }
    }

    /// Changes the members of a map. Returns `None` if they are not one below the other, or if none
    /// is left.
    fn members(&mut self, members: &[Member], new: &Map<String, Value>) -> Option<()> {
        let indent = self.indent(members.first()?)?;
        if new.is_empty() || members.iter().any(|it| self.indent(it) != Some(indent)) {
            return None;
        }
        for member in members {
            match new.get(&*member.key.value) {
                None => self.edits.push((self.lines(member, indent), String::new())),
                Some(value) if member.value.value() == *value => {}
                Some(value) => self.change(member, indent, value),
            }
        }
        let is_new = |key: &str| members.iter().all(|it| *it.key.value != *key);
        let added = new.iter().filter(|(key, _)| is_new(key));
        let added: String = added
            .map(|(key, value)| self.rendered(indent, key, value))
            .collect();
        let at = self.lines(members.last()?, indent).end;
        self.insert(at, added);
        Some(())
    }

    /// Returns the change of a value on the line of its key, after which a comment may follow.
    /// Returns `None` if the old or the new value has several lines.
    fn scalar(&self, member: &Member, value: &Value) -> Option<(Range<usize>, String)> {
        let at = member.value.span.clone();
        let is_plain = match &member.value.kind {
            NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => true,
            NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => false,
        };
        let between = self.text.get(member.key.span.end..at.start)?;
        let old = self.text.get(at.clone())?;
        let is_on_line = between.trim() == ":" && !between.contains('\n') && !old.contains('\n');
        let is_block = old.is_empty() || old.starts_with(['|', '>']);
        if !is_plain || !is_on_line || is_block || value.is_array() || value.is_object() {
            return None;
        }
        let new = self.rendered(0, "k", value);
        let new = new.trim_end().strip_prefix("k: ")?.to_owned();
        (!new.contains('\n')).then_some((at, new))
    }

    /// Writes the lines of a key again.
    fn replace(&mut self, member: &Member, indent: usize, value: &Value) {
        let new = self.rendered(indent, &member.key.value, value);
        self.edits.push((self.lines(member, indent), new));
    }

    /// Inserts lines at the beginning of a line, or at the end of the text.
    fn insert(&mut self, at: usize, mut new: String) {
        if new.is_empty() {
            return;
        }
        if at > 0 && !self.text[..at].ends_with('\n') {
            new.insert_str(0, self.line_end);
        }
        self.edits.push((at..at, new));
    }

    /// Returns a key with its value, as lines with this indent.
    fn rendered(&self, indent: usize, key: &str, value: &Value) -> String {
        let member = [(key.to_owned(), value.clone())];
        let text = yaml_text::write(&member.into_iter().collect::<Map<_, _>>());
        let line = |line: &str| match line {
            "" => self.line_end.to_owned(),
            line => format!("{:indent$}{line}{}", "", self.line_end),
        };
        text.lines().map(line).collect()
    }

    /// Returns the indent of a key. Returns `None` if it does not begin its line.
    fn indent(&self, member: &Member) -> Option<usize> {
        let key = &member.key.span;
        let before = self.text.get(self.line_start(key.start)..key.start)?;
        before.chars().all(|c| c == ' ').then_some(before.len())
    }

    /// Returns the lines of a key: its own, and those that are indented more. Comments and blank
    /// lines before the next key belong to that.
    fn lines(&self, member: &Member, indent: usize) -> Range<usize> {
        let start = self.line_start(member.key.span.start);
        let mut end = self.line_after(member.key.span.end);
        let value = &member.value.span;
        let is_closed = |at: usize| {
            self.text
                .as_bytes()
                .get(at)
                .is_some_and(|c| b"]}".contains(c))
        };
        if value.start >= member.key.span.end && value.end > end && is_closed(value.end - 1) {
            end = self.line_after(value.end - 1);
        }
        let has_items = matches!(member.value.kind, NodeKind::List(_));
        let mut at = end;
        while at < self.text.len() {
            let next = self.line_after(at);
            let line = self.text[at..next].trim_end();
            let depth = line.len() - line.trim_start_matches(' ').len();
            let content = line.trim_start();
            let is_item = has_items && (content == "-" || content.starts_with("- "));
            let is_apart = content.is_empty() || (content.starts_with('#') && depth <= indent);
            if !is_apart && depth <= indent && !(is_item && depth == indent) {
                break;
            }
            at = next;
            if !is_apart {
                end = at;
            }
        }
        start..end
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |at| at + 1)
    }

    /// Returns where the line after the one of `at` begins.
    fn line_after(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.find('\n').map_or(self.text.len(), |n| at + n + 1)
    }
}
