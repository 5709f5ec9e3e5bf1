//! Builds the tree of a document from the parser's events, within bounds of its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Member, Node, NodeKind, Text, TextForm};
use super::scalar::{self, PlainScalar, WrongNumber};
use super::{Located, syntax};
use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};

/// The maximum number of values in a file.
///
/// The author of the file chooses the number, and each takes about 100 bytes. A workflow with
/// 50 000 steps has about a million.
pub const NODES_MAX: usize = 2_000_000;

/// The maximum nesting depth of lists and maps.
///
/// The author of the file chooses the depth, and reading a tree is recursive, so without a limit a
/// file could exhaust the stack.
pub const DEPTH_MAX: usize = 64;

/// The maximum number of anchors (`&name`) in a file.
///
/// The author of the file chooses the number, and each anchor keeps a copy of its value.
const ANCHORS_MAX: usize = 1_000;

/// The maximum memory of the copies that anchors and aliases make, in bytes.
///
/// Aliases of aliases multiply: without a limit, a file of one KiB takes all memory.
const COPIED_BYTES_MAX: usize = 16 << 20;

/// The key whose value is merged into the map that it is a key of.
const MERGE_KEY: &str = "<<";

/// Parses one document.
///
/// # Errors
/// The first fault.
pub(super) fn tree(file: &Arc<SourceFile>) -> Result<Node, Diagnostic> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    options.set_emit_comments(false);
    let mut builder = Builder::new(file);
    for event in Parser::new_from_str_with_options(&file.text, options) {
        let (event, span) = event.map_err(|error| syntax::explain(file, &error))?;
        builder.event(event, span)?;
    }
    // A file with comments alone, or with `---` alone, has no value.
    let root = builder
        .root
        .filter(|it| !(it.is_null() && it.span.is_empty()));
    root.ok_or_else(|| {
        let end = file.text.len();
        Diagnostic::new(file, end..end, "the file is empty").with_code(DiagnosticCode::Syntax)
    })
}

/// A value that is complete, and how it is used.
struct Built {
    node: Node,
    /// The nesting depth of lists and maps in it; 0 for a scalar.
    height: usize,
    /// Where it stands: for an alias, the place of the alias.
    place: Range<usize>,
    /// Whether it is the plain text `<<`.
    is_merge: bool,
}

/// A list or a map whose end was not read yet.
struct Frame {
    anchor: usize,
    start: usize,
    end: usize,
    height: usize,
    open: Open,
}

enum Open {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    members: Vec<Member>,
    key: Option<Located<String>>,
    key_is_merge: bool,
    merged: Vec<Member>,
}

struct Anchored {
    node: Node,
    height: usize,
}

struct Builder<'f> {
    file: &'f Arc<SourceFile>,
    frames: Vec<Frame>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Anchored>,
    n_nodes: usize,
    copied_bytes: usize,
}

impl<'f> Builder<'f> {
    fn new(file: &'f Arc<SourceFile>) -> Self {
        Self {
            file,
            frames: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            n_nodes: 0,
            copied_bytes: 0,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events of the library are no part of the tree"
    )]
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let place = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => Err(self
                .fault(place, "a second document begins here")
                .with_code(DiagnosticCode::Syntax)
                .with_hint(
                    "a file has one document: remove `---`, or move the rest to a file of its own",
                )),
            Event::Scalar(text, style, anchor, tag) => {
                let built = self.scalar(text, style, span, tag.as_deref())?;
                self.define(anchor, &built)?;
                self.add(built)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                let place = self.with_dash(place);
                self.open(anchor, place, Open::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                self.open(anchor, place, Open::Map(OpenMap::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(place),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Ok(()),
        }
    }

    fn fault(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.file, span, message)
    }

    fn limit(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        self.fault(span, message)
            .with_code(DiagnosticCode::FileLimit)
    }

    /// Makes the value of a scalar.
    fn scalar(
        &self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        span: Span,
        tag: Option<&Tag>,
    ) -> Result<Built, Diagnostic> {
        let place = span.byte_range().unwrap_or(0..0);
        let place = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.without_end(place),
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                self.after_key(place)
            }
        };
        let is_typed = tag.is_some_and(|it| !is_text_tag(it));
        let is_plain = matches!(style, ScalarStyle::Plain) && tag.is_none();
        let plain = match is_plain || is_typed {
            true => scalar::plain(&text).map_err(|wrong| self.wrong_number(&place, wrong))?,
            false => PlainScalar::Text,
        };
        let type_name = match &plain {
            PlainScalar::Null => "null",
            PlainScalar::Bool(_) => "bool",
            PlainScalar::Number(it) if it.is_f64() => "float",
            PlainScalar::Number(_) => "int",
            PlainScalar::Text => "str",
        };
        self.check_tag(tag, type_name, span)?;
        let kind = match plain {
            PlainScalar::Null => NodeKind::Null,
            PlainScalar::Bool(it) => NodeKind::Bool(it),
            PlainScalar::Number(it) => NodeKind::Number(it),
            PlainScalar::Text => NodeKind::Text(Text {
                form: form(style, span.indent),
                value: text.into_owned(),
            }),
        };
        Ok(Built {
            is_merge: is_plain && self.file.slice(place.clone()) == MERGE_KEY,
            node: Node {
                span: place.clone(),
                kind,
            },
            height: 0,
            place,
        })
    }

    /// Returns the place of a block text without the empty lines and the indentation after it.
    fn without_end(&self, place: Range<usize>) -> Range<usize> {
        let content = self.file.slice(place.clone()).trim_end();
        match content.len() {
            0 => place,
            len => place.start..place.start + len,
        }
    }

    /// Returns the place of a value. The one of an absent value is after the colon of its key.
    fn after_key(&self, place: Range<usize>) -> Range<usize> {
        if !place.is_empty() {
            return place;
        }
        let key = self.frames.last().and_then(|it| match &it.open {
            Open::Map(map) => map.key.as_ref(),
            Open::List(_) => None,
        });
        key.map_or(place, |key| {
            let rest = self.file.text.get(key.span.end..).unwrap_or_default();
            let at = key.span.end + rest.find(':').map_or(0, |at| at + 1);
            at..at
        })
    }

    /// Returns the place of a list with its first `-`. Where a list is not indented more than its
    /// key, the parser's place begins with the first item.
    fn with_dash(&self, place: Range<usize>) -> Range<usize> {
        let (before, list) = self.file.text.split_at(place.start);
        let has_dash = list.starts_with('[') || list.starts_with("- ") || list.starts_with("-\n");
        match before.trim_end() {
            item if item.ends_with('-') && !has_dash => item.len() - 1..place.end,
            _ => place,
        }
    }

    fn wrong_number(&self, place: &Range<usize>, wrong: WrongNumber) -> Diagnostic {
        let text = self.file.slice(place.clone());
        let message = match wrong {
            WrongNumber::Rounded => {
                format!("`{text}` is a whole number of more than 64 bits, which would be rounded")
            }
            WrongNumber::TooLarge => format!("`{text}` is larger than the largest number"),
            WrongNumber::NotFinite => format!("`{text}` is not a number that can be stored"),
        };
        self.fault(place.clone(), message)
            .with_hint("put it in quotes: then it is text, and stays as it is")
    }

    /// Refuses a tag that does not name the type that the value has anyway.
    fn check_tag(&self, tag: Option<&Tag>, type_name: &str, span: Span) -> Result<(), Diagnostic> {
        let Some(tag) = tag else {
            return Ok(());
        };
        let is_known = tag.is_yaml_core_schema_tag(type_name)
            || (type_name == "str" && is_text_tag(tag))
            || (type_name == "int" && tag.is_yaml_core_schema_tag("float"));
        if is_known {
            return Ok(());
        }
        let place = span.tag_span().and_then(|it| it.byte_range());
        let place = place.or(span.byte_range()).unwrap_or(0..0);
        let written = self.file.slice(place.clone());
        let message = match tag.is_yaml_core_schema() {
            true => format!("the value is not of the type `{written}`"),
            false => format!("the tag `{written}` has no meaning here"),
        };
        Err(self
            .fault(place, message)
            .with_code(DiagnosticCode::Syntax)
            .with_hint("remove it; a text that begins with `!` has to be in quotes"))
    }

    /// Keeps a copy of a value that has an anchor.
    fn define(&mut self, anchor: usize, built: &Built) -> Result<(), Diagnostic> {
        if anchor == 0 {
            return Ok(());
        }
        if self.anchors.len() >= ANCHORS_MAX {
            let message = format!("the file has more than {ANCHORS_MAX} anchors (`&name`)");
            return Err(self.limit(built.place.clone(), message));
        }
        self.charge(&built.node, &built.place)?;
        let anchored = Anchored {
            node: built.node.clone(),
            height: built.height,
        };
        self.anchors.insert(anchor, anchored);
        Ok(())
    }

    fn charge(&mut self, node: &Node, place: &Range<usize>) -> Result<(), Diagnostic> {
        self.copied_bytes += bytes_of(node);
        if self.copied_bytes <= COPIED_BYTES_MAX {
            return Ok(());
        }
        let message = format!(
            "the values that aliases (`*name`) repeat have more than {COPIED_BYTES_MAX} bytes"
        );
        Err(self.limit(place.clone(), message))
    }

    fn alias(&mut self, anchor: usize, place: Range<usize>) -> Result<(), Diagnostic> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            let name = self.file.slice(place.clone());
            let message = format!("`{name}` stands for a value that it is a part of");
            return Err(self.fault(place, message).with_code(DiagnosticCode::Syntax));
        };
        let (node, height) = (anchored.node.clone(), anchored.height);
        if self.frames.len() + height > DEPTH_MAX {
            return Err(self.too_deep(place));
        }
        self.charge(&node, &place)?;
        self.add(Built {
            node,
            height,
            place,
            is_merge: false,
        })
    }

    fn too_deep(&self, place: Range<usize>) -> Diagnostic {
        let message = format!("lists and maps are nested more than {DEPTH_MAX} deep");
        self.limit(place, message)
    }

    fn open(&mut self, anchor: usize, place: Range<usize>, open: Open) -> Result<(), Diagnostic> {
        if self.frames.len() >= DEPTH_MAX {
            return Err(self.too_deep(place));
        }
        self.frames.push(Frame {
            anchor,
            start: place.start,
            end: place.end,
            height: 0,
            open,
        });
        Ok(())
    }

    fn close(&mut self, place: Range<usize>) -> Result<(), Diagnostic> {
        let frame = self.frames.pop().expect("each end has a beginning");
        // The end of a block is at the next line, and that of brackets is the bracket.
        let is_bracket = matches!(self.file.slice(place.clone()), "]" | "}");
        let end = if is_bracket { place.end } else { frame.end };
        let span = frame.start..end.max(frame.start);
        let kind = match frame.open {
            Open::List(mut items) => {
                items.shrink_to_fit();
                NodeKind::List(items)
            }
            Open::Map(map) => NodeKind::Map(self.members(map)?),
        };
        let built = Built {
            node: Node {
                span: span.clone(),
                kind,
            },
            height: frame.height + 1,
            place: span,
            is_merge: false,
        };
        self.define(frame.anchor, &built)?;
        self.add(built)
    }

    /// Returns the members of a map, with those that were merged into it.
    fn members(&self, map: OpenMap) -> Result<Vec<Member>, Diagnostic> {
        let OpenMap {
            mut members,
            merged,
            ..
        } = map;
        let added = self.added(&members, &merged)?;
        members.extend(added);
        members.shrink_to_fit();
        Ok(members)
    }

    /// Returns those of the merged members whose keys the map does not have itself.
    fn added(&self, members: &[Member], merged: &[Member]) -> Result<Vec<Member>, Diagnostic> {
        let mut starts: HashMap<&str, usize> = HashMap::with_capacity(members.len());
        for Member { key, .. } in members {
            if let Some(first) = starts.insert(&key.value, key.span.start) {
                return Err(self.given_twice(key, first));
            }
        }
        let mut added = Vec::new();
        for member in merged {
            let key = &member.key;
            if starts.insert(&key.value, key.span.start).is_none() {
                added.push(member.clone());
            }
        }
        Ok(added)
    }

    /// Returns the fault of a key that is also given where `first` is.
    fn given_twice(&self, key: &Located<String>, first: usize) -> Diagnostic {
        let (line, _) = self.file.line_column(first);
        let message = format!("the key `{}` is given twice", key.value);
        self.fault(key.span.clone(), message)
            .with_code(DiagnosticCode::DuplicateKey)
            .with_hint(format!(
                "the first one is in line {line}; remove one of them"
            ))
    }

    /// Adds a value to the list or the map that it is in.
    fn add(&mut self, built: Built) -> Result<(), Diagnostic> {
        self.n_nodes += 1;
        if self.n_nodes > NODES_MAX {
            let message = format!("the file has more than {NODES_MAX} values");
            return Err(self.limit(built.place, message));
        }
        let Some(mut frame) = self.frames.pop() else {
            self.root = Some(built.node);
            return Ok(());
        };
        frame.end = frame.end.max(built.place.end);
        frame.height = frame.height.max(built.height);
        match &mut frame.open {
            Open::List(items) => items.push(built.node),
            Open::Map(map) => self.add_to_map(map, built)?,
        }
        self.frames.push(frame);
        Ok(())
    }

    fn add_to_map(&self, map: &mut OpenMap, built: Built) -> Result<(), Diagnostic> {
        let Some(key) = map.key.take() else {
            map.key_is_merge = built.is_merge;
            map.key = Some(self.key(built)?);
            return Ok(());
        };
        if map.key_is_merge {
            map.merged.extend(self.merged(built)?);
        } else {
            let value = built.node;
            map.members.push(Member { key, value });
        }
        Ok(())
    }

    /// Returns the key that a value is. A number or a boolean is a key as it is written.
    fn key(&self, built: Built) -> Result<Located<String>, Diagnostic> {
        let Built { node, place, .. } = built;
        let value = match node.kind {
            NodeKind::Text(text) => text.value,
            NodeKind::Bool(_) | NodeKind::Number(_) => self.file.slice(node.span).to_owned(),
            NodeKind::Null => {
                let fault = self.fault(place, "a key is missing before the `:`");
                return Err(fault.with_code(DiagnosticCode::Syntax));
            }
            NodeKind::List(_) | NodeKind::Map(_) => {
                let fault = self.fault(place, "a key has to be a text");
                return Err(fault.with_code(DiagnosticCode::Syntax).with_hint(
                    "a text that begins with `{` or `[` has to be in quotes; an expression is \
                     written `${{ … }}`",
                ));
            }
        };
        Ok(Located { value, span: place })
    }

    /// Returns the members that the value of `<<` adds to a map.
    fn merged(&self, built: Built) -> Result<Vec<Member>, Diagnostic> {
        let wrong = || {
            self.fault(built.place.clone(), "`<<` adds the keys of another map")
                .with_code(DiagnosticCode::Syntax)
                .with_hint("write `<<: *name`, and `&name` before that map")
        };
        match built.node.kind {
            NodeKind::Map(members) => Ok(members),
            NodeKind::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    match item.kind {
                        NodeKind::Map(members) => all.extend(members),
                        NodeKind::Null
                        | NodeKind::Bool(_)
                        | NodeKind::Number(_)
                        | NodeKind::Text(_)
                        | NodeKind::List(_) => return Err(wrong()),
                    }
                }
                Ok(all)
            }
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => {
                Err(wrong())
            }
        }
    }
}

/// Returns whether a tag makes a text of any scalar.
fn is_text_tag(tag: &Tag) -> bool {
    tag.is_yaml_core_schema_tag("str") || tag.parts() == ("", "!") || tag.parts() == ("!", "")
}

fn form(style: ScalarStyle, indent: Option<usize>) -> TextForm {
    match style {
        ScalarStyle::Plain => TextForm::Plain,
        ScalarStyle::SingleQuoted => TextForm::SingleQuoted,
        ScalarStyle::DoubleQuoted => TextForm::DoubleQuoted,
        ScalarStyle::Literal | ScalarStyle::Folded => {
            match indent.and_then(|it| u16::try_from(it).ok()) {
                Some(indent) => TextForm::Block { indent },
                None => TextForm::Made,
            }
        }
    }
}

/// Returns the approximate memory that a copy of a node takes, in bytes.
fn bytes_of(node: &Node) -> usize {
    let own = size_of::<Node>();
    match &node.kind {
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => own,
        NodeKind::Text(text) => own + text.value.len(),
        NodeKind::List(items) => own + items.iter().map(bytes_of).sum::<usize>(),
        NodeKind::Map(members) => {
            let members = members.iter();
            let members =
                members.map(|it| size_of::<Member>() + it.key.value.len() + bytes_of(&it.value));
            own + members.sum::<usize>()
        }
    }
}
