//! Builds the tree of a document from the parser's events, within bounds of its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::member::{Built, key_of, merged};
use super::node::{Member, Node, NodeKind, Text, TextForm};
use super::outline::{
    FEW_VALUES_MAX, FREE_VALUES_MAX, MERGE_KEY, Outline, SHORT_TEXT_BYTES_MAX, ValueForm,
};
use super::scalar::{self, PlainScalar, WrongNumber};
use super::shared_texts::SharedTexts;
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

/// Parses one document.
///
/// # Errors
/// The first fault.
pub(super) fn tree(file: &Arc<SourceFile>, outline: &'static Outline) -> Result<Node, Diagnostic> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    options.set_emit_comments(false);
    let mut builder = Builder::new(file, outline);
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

/// A list or a map whose end was not read yet.
struct Frame {
    anchor: usize,
    start: usize,
    end: usize,
    height: usize,
    outline: &'static Outline,
    open: Open,
}

enum Open {
    /// The number of the first of its items in [`Builder::items`].
    List(usize),
    Map(OpenMap),
}

struct OpenMap {
    /// The number of the first of its members in [`Builder::members`].
    first: usize,
    key: Option<Located<Arc<str>>>,
    key_is_merge: bool,
    merged: Vec<Member>,
}

struct Anchored {
    node: Node,
    height: usize,
}

struct Builder<'f> {
    file: &'f Arc<SourceFile>,
    outline: &'static Outline,
    frames: Vec<Frame>,
    /// The items of all open lists. In one vector, they take one allocation for each list.
    items: Vec<Node>,
    /// The members of all open maps.
    members: Vec<Member>,
    root: Option<Node>,
    texts: SharedTexts,
    anchors: BTreeMap<usize, Anchored>,
    n_nodes: usize,
    /// The values in parts of the file that have few.
    n_few: usize,
    /// The values in the part of the file that is being read and whose author chooses them.
    n_free: usize,
    copied_bytes: usize,
}

impl<'f> Builder<'f> {
    fn new(file: &'f Arc<SourceFile>, outline: &'static Outline) -> Self {
        Self {
            file,
            outline,
            frames: Vec::new(),
            items: Vec::new(),
            members: Vec::new(),
            root: None,
            texts: SharedTexts::default(),
            anchors: BTreeMap::new(),
            n_nodes: 0,
            n_few: 0,
            n_free: 0,
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
                let outline = self.count(ValueForm::Single, &place)?;
                self.check_length(outline, &text, &place)?;
                let built = self.scalar(text, style, span, tag.as_deref())?;
                self.define(anchor, &built)?;
                self.add(built)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                let place = self.with_dash(place);
                let open = Open::List(self.items.len());
                self.open(anchor, place, ValueForm::List, open)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                let open = Open::Map(OpenMap {
                    first: self.members.len(),
                    key: None,
                    key_is_merge: false,
                    merged: Vec::new(),
                });
                self.open(anchor, place, ValueForm::Keys, open)
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
        &mut self,
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
                value: self.texts.shared(text),
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

    fn open(
        &mut self,
        anchor: usize,
        place: Range<usize>,
        form: ValueForm,
        open: Open,
    ) -> Result<(), Diagnostic> {
        if self.frames.len() >= DEPTH_MAX {
            return Err(self.too_deep(place));
        }
        let outline = self.count(form, &place)?;
        self.frames.push(Frame {
            anchor,
            start: place.start,
            end: place.end,
            height: 0,
            outline,
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
            Open::List(first) => NodeKind::List(self.items.drain(first..).collect()),
            Open::Map(map) => {
                let added = self.added(&self.members[map.first..], &map.merged)?;
                self.members.extend(added);
                NodeKind::Map(self.members.drain(map.first..).collect())
            }
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

    /// Returns those of the merged members whose keys the map does not have itself.
    fn added(&self, members: &[Member], merged: &[Member]) -> Result<Vec<Member>, Diagnostic> {
        /// Up to this number, comparing all keys is faster than a table of them.
        const FEW_KEYS: usize = 16;
        if merged.is_empty() && members.len() <= FEW_KEYS {
            for (at, Member { key, .. }) in members.iter().enumerate() {
                let mut before = members[..at].iter();
                if let Some(first) = before.find(|it| it.key.value == key.value) {
                    return Err(self.given_twice(key, first.key.span.start));
                }
            }
            return Ok(Vec::new());
        }
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
    fn given_twice(&self, key: &Located<Arc<str>>, first: usize) -> Diagnostic {
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
        let file = self.file;
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(built.node);
            return Ok(());
        };
        frame.end = frame.end.max(built.place.end);
        frame.height = frame.height.max(built.height);
        match &mut frame.open {
            Open::List(_) => self.items.push(built.node),
            Open::Map(map) => match map.key.take() {
                None => {
                    map.key_is_merge = built.is_merge;
                    map.key = Some(key_of(built, file)?);
                }
                Some(_) if map.key_is_merge => map.merged.extend(merged(built, file)?),
                Some(key) => {
                    let value = built.node;
                    self.members.push(Member { key, value });
                }
            },
        }
        Ok(())
    }

    /// Counts a value that begins, and returns the outline of its part of the file.
    fn count(
        &mut self,
        form: ValueForm,
        place: &Range<usize>,
    ) -> Result<&'static Outline, Diagnostic> {
        let outer = self.frames.last();
        let outline = match outer {
            None => self.outline,
            Some(frame) => match &frame.open {
                Open::List(_) => frame.outline.of_item(),
                Open::Map(map) => match &map.key {
                    Some(key) => frame.outline.of_key(&key.value),
                    // A text becomes a key, and counts with the value of the key.
                    None if form == ValueForm::Single => return Ok(&Outline::Any),
                    None => &Outline::Few,
                },
            },
        };
        let outline = outline.in_form(form);
        match outline {
            Outline::Any | Outline::List(_) | Outline::Keys(_) => {}
            Outline::Few => {
                self.n_few += 1;
                if self.n_few > FEW_VALUES_MAX {
                    return Err(self.too_many(place, FEW_VALUES_MAX));
                }
            }
            Outline::Free => {
                let is_part = outer.is_some_and(|it| matches!(it.outline, Outline::Free));
                self.n_free = if is_part { self.n_free + 1 } else { 1 };
                if self.n_free > FREE_VALUES_MAX {
                    return Err(self.too_many(place, FREE_VALUES_MAX));
                }
            }
        }
        Ok(outline)
    }

    /// Returns the fault of a value after the last one that its part of the file can have. It is at
    /// the key of the part, if the part has one.
    fn too_many(&self, place: &Range<usize>, n_max: usize) -> Diagnostic {
        let is_limited = |frame: &Frame| matches!(frame.outline, Outline::Few | Outline::Free);
        let first = self.frames.iter().position(is_limited);
        let outer = first.and_then(|at| self.frames.get(at.checked_sub(1)?));
        let key = outer.and_then(|it| match &it.open {
            Open::Map(map) => map.key.as_ref(),
            Open::List(_) => None,
        });
        match key {
            Some(key) => {
                let message = format!("`{}` has more than {n_max} values", key.value);
                self.limit(key.span.clone(), message).with_hint(
                    "check the key and the indentation; large data belongs in a file that a model \
                     reads",
                )
            }
            None => {
                let message = format!(
                    "the file has more than {n_max} values besides arguments, inputs and steps"
                );
                self.limit(place.clone(), message)
                    .with_hint("check the keys and the indentation of the lines before this one")
            }
        }
    }

    /// Refuses a text that is too long for its part of the file.
    fn check_length(
        &self,
        outline: &Outline,
        text: &str,
        place: &Range<usize>,
    ) -> Result<(), Diagnostic> {
        if !matches!(outline, Outline::Few) || text.len() <= SHORT_TEXT_BYTES_MAX {
            return Ok(());
        }
        let n = text.len();
        let message = format!("the text has {n} bytes, more than {SHORT_TEXT_BYTES_MAX}");
        Err(self.limit(super::first_line(self.file, place.clone()), message))
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
