//! Edits the key `grants:` in the text of a definition, and leaves all other bytes as they are.
//!
//! The text is edited in the forms that the documents show: `grants:` at the beginning of a line,
//! each kind on a line of its own, and its grants either one below the other, each behind `- `, or
//! all of them in brackets behind the kind. Every other form is refused. The new text is parsed
//! again, and is returned only if it means what was wanted, so a mistake here cannot change
//! anything else.

use std::ops::Range;

use sedge_model::permission::PermissionKind;
use sedge_model::permission::grants::Grants;
use serde_json::Value;

use crate::definition::Definition;
use crate::diagnostic::SourceFile;

/// The key that is edited.
const KEY: &str = "grants";

/// The indent of kinds and of grants that are added, in spaces, where the file does not have one.
const INDENT: usize = 2;

/// Words that are not text in some version of YAML.
const RESERVED: [&str; 10] = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf",
];

/// The grants of a definition cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{form}")]
pub struct GrantsEditError {
    /// The form of the text that is not edited.
    pub form: GrantsForm,
    /// The lines that belong in the definition in place of its grants.
    pub yaml: String,
}

/// A form of the key `grants:` that is not edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantsForm {
    /// A map in braces.
    #[error("`grants:` is written in braces")]
    Braces,
    /// An anchor, an alias or a tag.
    #[error("its grants have an anchor, an alias or a tag")]
    Anchor,
    /// A list that has neither one grant on each line nor all of them in brackets on one line.
    #[error(
        "the list `{0}:` has neither one grant behind each `- ` nor all of them in brackets on one line"
    )]
    List(&'static str),
    /// Any other form.
    #[error("its text has a form in which the grants cannot be changed alone")]
    Other,
}

/// Returns the text of a definition's file with other grants.
///
/// # Errors
/// The text has a form that is not edited.
pub fn grants_edited(definition: &Definition, wanted: &Grants) -> Result<String, GrantsEditError> {
    let refused = |form| GrantsEditError {
        form,
        yaml: grants_text(wanted),
    };
    let (before, after) = (value_of(&definition.grants), value_of(wanted));
    let mut text = definition.file.text.clone();
    for kind in PermissionKind::ALL {
        let change = ListChange::new(kind.as_str(), &before, &after);
        text = change.apply(text).map_err(refused)?;
    }
    let file = SourceFile::new(definition.file.name.as_str(), text);
    match Definition::parse(&file) {
        Ok(edited) if edited.grants == *wanted && edited.differs_only_in_grants(definition) => {
            Ok(file.text.clone())
        }
        Ok(_) | Err(_) => Err(refused(GrantsForm::Other)),
    }
}

/// Returns the key `grants:` with all grants, as in a definition.
fn grants_text(grants: &Grants) -> String {
    if grants.is_empty() {
        return format!("{KEY}: {{}}");
    }
    let mut lines = vec![format!("{KEY}:")];
    let value = value_of(grants);
    for kind in PermissionKind::ALL {
        let items = list_of(&value, kind.as_str());
        if !items.is_empty() {
            lines.extend(list_lines(kind.as_str(), INDENT, &flows(items)));
        }
    }
    lines.join("\n")
}

fn value_of(grants: &Grants) -> Value {
    serde_json::to_value(grants).expect("every grant has a form in JSON")
}

fn list_of<'a>(grants: &'a Value, kind: &str) -> &'a [Value] {
    grants
        .get(kind)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Returns the lines of a list, without line ends.
fn list_lines(kind: &str, indent: usize, items: &[String]) -> Vec<String> {
    let mut lines = vec![format!("{}{kind}:", " ".repeat(indent))];
    lines.extend(item_lines(indent + INDENT, items));
    lines
}

fn item_lines(indent: usize, items: &[String]) -> Vec<String> {
    let line = |item: &String| format!("{}- {item}", " ".repeat(indent));
    items.iter().map(line).collect()
}

fn flows(items: &[Value]) -> Vec<String> {
    items.iter().map(flow).collect()
}

/// Returns a value in YAML's flow style, on one line: `{url: "https://a.test", methods: [GET]}`.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", flows(items).join(", ")),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| format!("{key}: {}", flow(value));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Returns a text, in quotes unless it is certainly read as the same text without them.
fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let is_reserved = RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if begins && text.chars().all(is_plain) && !is_reserved {
        return text.to_owned();
    }
    // A string of JSON is one of YAML, too.
    Value::from(text).to_string()
}

/// The changes to the list of one kind.
#[derive(Debug)]
struct ListChange {
    kind: &'static str,
    n_before: usize,
    /// The places of the grants that go.
    removed: Vec<usize>,
    /// The grants that come, in the flow style.
    added: Vec<String>,
}

impl ListChange {
    fn new(kind: &'static str, before: &Value, after: &Value) -> Self {
        let (before, after) = (list_of(before, kind), list_of(after, kind));
        let mut n_kept = 0;
        let mut removed = Vec::new();
        for (at, item) in before.iter().enumerate() {
            if after.get(n_kept) == Some(item) {
                n_kept += 1;
            } else {
                removed.push(at);
            }
        }
        Self {
            kind,
            n_before: before.len(),
            removed,
            added: flows(&after[n_kept..]),
        }
    }

    /// Adds first, so that a list that gets other grants is not removed in between.
    fn apply(&self, mut text: String) -> Result<String, GrantsForm> {
        if !self.added.is_empty() {
            text = self.add(&text)?;
        }
        if !self.removed.is_empty() {
            text = self.remove(&text)?;
        }
        Ok(text)
    }

    fn add(&self, text: &str) -> Result<String, GrantsForm> {
        let mut lines = GrantLines::new(text);
        let Some(block) = lines.block()? else {
            let mut new = vec![format!("{KEY}:")];
            new.extend(list_lines(self.kind, INDENT, &self.added));
            lines.insert(lines.0.len(), new, text);
            return Ok(lines.0.concat());
        };
        match lines.list(&block, self.kind)? {
            None => {
                if block.is_empty_map {
                    lines.0[block.key] = lines.0[block.key].replacen(" {}", "", 1);
                }
                let new = list_lines(self.kind, block.indent, &self.added);
                lines.insert(block.end, new, text);
            }
            Some(GrantList {
                items: GrantItems::Lines(items, indent),
                ..
            }) => {
                let end = items.last().map_or(block.end, |item| item.end);
                lines.insert(end, item_lines(indent, &self.added), text);
            }
            Some(GrantList {
                line,
                items: GrantItems::Brackets { open, items },
            }) => {
                let added = self.added.join(", ");
                match items.last() {
                    Some(last) => lines.0[line].insert_str(last.end, &format!(", {added}")),
                    None => lines.0[line].insert_str(open + 1, &added),
                }
            }
        }
        Ok(lines.0.concat())
    }

    fn remove(&self, text: &str) -> Result<String, GrantsForm> {
        let other = GrantsForm::List(self.kind);
        let mut lines = GrantLines::new(text);
        let block = lines.block()?.ok_or(GrantsForm::Other)?;
        let list = lines.list(&block, self.kind)?.ok_or(GrantsForm::Other)?;
        let n_items = self.n_before + self.added.len();
        if list.items.len() != n_items {
            return Err(other);
        }
        let is_kept = |at: &usize| !self.removed.contains(at);
        let is_emptied = self.removed.len() == n_items;
        let mut gone = vec![false; lines.0.len()];
        match &list.items {
            GrantItems::Lines(items, _) => {
                for at in &self.removed {
                    gone[items[*at].clone()].fill(true);
                }
            }
            GrantItems::Brackets { items, .. } if !is_emptied => {
                let line = &mut lines.0[list.line];
                let kept = (0..n_items).filter(is_kept);
                let kept: Vec<&str> = kept.map(|at| &line[items[at].clone()]).collect();
                let kept = kept.join(", ");
                line.replace_range(items[0].start..items[n_items - 1].end, &kept);
            }
            GrantItems::Brackets { .. } => {}
        }
        gone[list.line] |= is_emptied;
        let is_left = |n: usize| !gone[n] && has_content(&lines.0[n]);
        if !(block.key + 1..block.end).any(is_left) {
            gone[block.key] = true;
        }
        let left = lines.0.into_iter().zip(gone);
        Ok(left
            .filter(|(_, gone)| !gone)
            .map(|(line, _)| line)
            .collect())
    }
}

/// The lines of a text, with their ends.
#[derive(Debug)]
struct GrantLines(Vec<String>);

/// The position of the grants.
#[derive(Debug)]
struct GrantBlock {
    /// The line of the key.
    key: usize,
    /// The line after the last one that has content.
    end: usize,
    /// The indent of the kinds.
    indent: usize,
    /// Whether the value is `{}`.
    is_empty_map: bool,
}

/// The list of one kind.
#[derive(Debug)]
struct GrantList {
    /// The line of its key.
    line: usize,
    items: GrantItems,
}

#[derive(Debug)]
enum GrantItems {
    /// The lines of each item, and the indent of the items.
    Lines(Vec<Range<usize>>, usize),
    /// The bytes of each item in the line of the key.
    Brackets {
        open: usize,
        items: Vec<Range<usize>>,
    },
}

impl GrantItems {
    fn len(&self) -> usize {
        match self {
            Self::Lines(items, _) | Self::Brackets { items, .. } => items.len(),
        }
    }
}

impl GrantLines {
    fn new(text: &str) -> Self {
        Self(text.split_inclusive('\n').map(str::to_owned).collect())
    }

    /// Inserts lines, with the line ends that the text has.
    fn insert(&mut self, at: usize, new: Vec<String>, text: &str) {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        if at > 0 && !self.0[at - 1].ends_with('\n') {
            self.0[at - 1].push_str(end);
        }
        let new = new.into_iter().map(|line| line + end);
        self.0.splice(at..at, new);
    }

    /// Finds the grants. Returns `None` if the text has no such key.
    fn block(&self) -> Result<Option<GrantBlock>, GrantsForm> {
        let is_key = |line: &String| indent(line) == 0 && value_after(line, KEY).is_some();
        let Some(key) = self.0.iter().position(is_key) else {
            return Ok(None);
        };
        let value = value_after(&self.0[key], KEY).unwrap_or_default();
        let is_empty_map = value.strip_prefix("{}").is_some_and(is_blank);
        match value.chars().next() {
            _ if is_blank(value) || is_empty_map => {}
            Some('{') => return Err(GrantsForm::Braces),
            Some('&' | '*' | '!') => return Err(GrantsForm::Anchor),
            Some(_) | None => return Err(GrantsForm::Other),
        }
        let lines = self.0.iter().enumerate().skip(key + 1);
        let inside = lines.take_while(|(_, line)| !has_content(line) || indent(line) > 0);
        let content: Vec<usize> = inside
            .filter(|(_, line)| has_content(line))
            .map(|(n, _)| n)
            .collect();
        Ok(Some(GrantBlock {
            key,
            end: content.last().map_or(key + 1, |last| last + 1),
            indent: content
                .first()
                .map_or(INDENT, |first| indent(&self.0[*first])),
            is_empty_map,
        }))
    }

    /// Finds the list of a kind. Returns `None` if the grants have none.
    fn list(
        &self,
        block: &GrantBlock,
        kind: &'static str,
    ) -> Result<Option<GrantList>, GrantsForm> {
        let is_key = |n: &usize| {
            let line = &self.0[*n];
            indent(line) == block.indent && value_after(line, kind).is_some()
        };
        let Some(line) = (block.key + 1..block.end).find(is_key) else {
            return Ok(None);
        };
        let value = value_after(&self.0[line], kind).unwrap_or_default();
        let items = match value.chars().next() {
            _ if is_blank(value) => self.items(line + 1..block.end, block.indent, kind)?,
            Some('[') => brackets(&self.0[line], kind)?,
            Some('&' | '*' | '!') => return Err(GrantsForm::Anchor),
            Some(_) | None => return Err(GrantsForm::List(kind)),
        };
        Ok(Some(GrantList { line, items }))
    }

    /// Finds items that are below each other.
    fn items(
        &self,
        within: Range<usize>,
        indent_min: usize,
        kind: &'static str,
    ) -> Result<GrantItems, GrantsForm> {
        let mut items: Vec<Range<usize>> = Vec::new();
        let mut own = None;
        for n in within {
            let line = &self.0[n];
            if !has_content(line) {
                continue;
            }
            let depth = indent(line);
            let item = item_of(line);
            match (own, item) {
                (None, Some(_)) if depth >= indent_min => {
                    own = Some(depth);
                    items.push(n..n + 1);
                }
                (Some(own), Some(_)) if depth == own => items.push(n..n + 1),
                (Some(own), _) if depth > own => {
                    if let Some(last) = items.last_mut() {
                        last.end = n + 1;
                    }
                }
                (Some(_) | None, _) => break,
            }
            if item.is_some_and(|item| item.starts_with(['&', '*', '!'])) {
                return Err(GrantsForm::Anchor);
            }
        }
        own.map(|own| GrantItems::Lines(items, own))
            .ok_or(GrantsForm::List(kind))
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Returns whether a line has more than white space and a comment.
fn has_content(line: &str) -> bool {
    !is_blank(line)
}

/// Returns whether a text has only white space and a comment.
fn is_blank(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.starts_with('#')
}

/// Returns what is behind a key, with a comment; `None` if the line has another key.
fn value_after<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.trim_start_matches(' ').strip_prefix(key)?;
    let value = value.strip_prefix(':')?;
    (value.is_empty() || value.starts_with(char::is_whitespace)).then(|| value.trim())
}

/// Returns what is behind the mark of an item; `None` if the line begins no item.
fn item_of(line: &str) -> Option<&str> {
    let item = line.trim().strip_prefix('-')?;
    (item.is_empty() || item.starts_with(' ')).then(|| item.trim())
}

/// Finds items that are in brackets on the line of their key.
fn brackets(line: &str, kind: &'static str) -> Result<GrantItems, GrantsForm> {
    let other = GrantsForm::List(kind);
    let open = line.find('[').ok_or(other)?;
    let mut scan = FlowScan::default();
    let mut items = Vec::new();
    let mut start = open + 1;
    for (at, c) in line.char_indices().filter(|(at, _)| *at > open) {
        match scan.next(c)? {
            FlowToken::Inside => continue,
            FlowToken::Broken => return Err(other),
            FlowToken::Comma => items.push(trimmed(line, start..at)),
            FlowToken::End => {
                let last = trimmed(line, start..at);
                // The last comma may have no item behind it.
                if !last.is_empty() {
                    items.push(last);
                }
                let is_good = items.iter().all(|item| !item.is_empty());
                return match is_good && is_blank(&line[at + 1..]) {
                    true => Ok(GrantItems::Brackets { open, items }),
                    false => Err(other),
                };
            }
        }
        start = at + 1;
    }
    Err(other)
}

/// Returns a range without the white space at its ends.
fn trimmed(line: &str, range: Range<usize>) -> Range<usize> {
    let text = &line[range.clone()];
    let start = range.start + (text.len() - text.trim_start().len());
    start..start + text.trim().len()
}

/// A scan of a list in brackets, from the first character inside it.
#[derive(Debug)]
struct FlowScan {
    /// How many brackets and braces are open.
    depth: usize,
    quote: Option<char>,
    /// Whether the character before was a backslash in double quotes.
    is_escaped: bool,
    /// Whether a value may begin here.
    is_start: bool,
    before: char,
}

/// The syntactic role of one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlowToken {
    /// A part of an item.
    Inside,
    /// The comma between two items.
    Comma,
    /// The bracket that closes the list.
    End,
    /// Something that is not edited.
    Broken,
}

impl Default for FlowScan {
    fn default() -> Self {
        Self {
            depth: 0,
            quote: None,
            is_escaped: false,
            is_start: true,
            before: '[',
        }
    }
}

impl FlowScan {
    fn next(&mut self, c: char) -> Result<FlowToken, GrantsForm> {
        let before = std::mem::replace(&mut self.before, c);
        if let Some(quote) = self.quote {
            let is_end = c == quote && !self.is_escaped;
            self.is_escaped = quote == '"' && c == '\\' && !self.is_escaped;
            if is_end {
                self.quote = None;
            }
            return Ok(FlowToken::Inside);
        }
        let is_start = std::mem::replace(&mut self.is_start, matches!(c, '[' | '{' | ','));
        match c {
            // Two single quotes within single quotes are one.
            '\'' if is_start || before == '\'' => self.quote = Some(c),
            '"' if is_start => self.quote = Some(c),
            '&' | '*' | '!' if is_start => return Err(GrantsForm::Anchor),
            '#' if before.is_whitespace() => return Ok(FlowToken::Broken),
            '[' | '{' => self.depth += 1,
            ']' if self.depth == 0 => return Ok(FlowToken::End),
            '}' if self.depth == 0 => return Ok(FlowToken::Broken),
            ']' | '}' => self.depth -= 1,
            ',' if self.depth == 0 => return Ok(FlowToken::Comma),
            ' ' => self.is_start = is_start || before == ':',
            _ => {}
        }
        Ok(FlowToken::Inside)
    }
}

#[cfg(test)]
mod tests;
