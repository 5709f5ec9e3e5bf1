//! Inputs in files and in streams: a JSON object, a JSON array, JSON lines, or YAML documents.
//!
//! A stream is split into its items while it is read, so that its length has no effect on the
//! memory. This module does not read it: the caller passes the bytes on.

use std::sync::Arc;

use sedge_model::json;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, DiagnosticCode, INPUT_FORM, SourceFile};
use crate::yaml::node::NodeKind;
use crate::yaml::parse_tree;

/// The maximum size of one item of a stream, in bytes.
///
/// The author of the stream chooses the size, and an item is in memory several times. Larger
/// values belong in a file that a model reads.
pub const ITEM_BYTES_MAX: usize = 16 << 20;

/// The maximum number of items of a stream.
///
/// Each item is a run with a record of its own. Without a limit, a stream that never ends would
/// fill the datastore.
pub const ITEMS_MAX: usize = 10_000;

/// Returns the inputs that a file has: a JSON object, or a YAML document of keys with values. An
/// empty file has no inputs.
///
/// # Errors
/// The file is neither, or would lose information. The fault has its place, and hides the text of the
/// file, in which there may be sensitive values.
pub fn inputs_file(file: &Arc<SourceFile>) -> Result<Map<String, Value>, InputsFileError> {
    inputs_read(file).map_err(Diagnostic::hide_text)
}

fn inputs_read(file: &Arc<SourceFile>) -> Result<Map<String, Value>, Diagnostic> {
    // This is faster than YAML for large files, and finds the same values.
    if let Ok(Value::Object(inputs)) = json::parse(&file.text) {
        return Ok(inputs);
    }
    if !has_content(file.text.as_bytes()) {
        return Ok(Map::new());
    }
    let node = parse_tree(file)?;
    match (node.value(), &node.kind) {
        (Value::Object(inputs), _) => Ok(inputs),
        (Value::Null, _) => Ok(Map::new()),
        (_, kind) => {
            let message = format!(
                "expected inputs as keys with values, found {}",
                node.described(file)
            );
            let fault = Diagnostic::new(file, node.span.clone(), message);
            let fault = fault.with_code(DiagnosticCode::WrongType);
            Err(match kind {
                NodeKind::List(_) => fault.with_hint(
                    "a list of items, with one run for each, is read from stdin as a JSON array, \
                     JSON lines, or YAML documents between `---`",
                ),
                NodeKind::Null
                | NodeKind::Bool(_)
                | NodeKind::Number(_)
                | NodeKind::Text(_)
                | NodeKind::Map(_) => fault.with_hint(format!("write `{INPUT_FORM}`")),
            })
        }
    }
}

/// The fault of a file of inputs.
pub type InputsFileError = Diagnostic;

/// A stream cannot be split into items, or an item is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputItemError {
    /// An item is larger than [`ITEM_BYTES_MAX`].
    #[error("item {0} has more than {ITEM_BYTES_MAX} bytes")]
    TooLarge(usize),
    /// There are more items than [`ITEMS_MAX`].
    #[error("there are more than {ITEMS_MAX} items")]
    TooMany,
    /// An item is not text.
    #[error("item {0} is not text in UTF-8")]
    NotText(usize),
    /// Where an item should begin, there is something else.
    #[error("item {n} should be a JSON object, but begins with `{found}`")]
    NotObject {
        /// The number of the item, from 1.
        n: usize,
        /// The character.
        found: char,
    },
    /// The items of an array are not separated, or have a comma too much.
    #[error("there is a comma missing, or one too much, before item {0}")]
    Comma(usize),
    /// There is something after the end of an array.
    #[error("there is something after the end of the JSON array")]
    AfterEnd,
    /// The stream ends too early.
    #[error("the items end in the middle of item {0}, or of the JSON array")]
    Unfinished(usize),
    /// An item has a fault.
    #[error(transparent)]
    Fault(Box<Diagnostic>),
}

/// Splits a stream into items. Each is an object with inputs.
#[derive(Debug, Default)]
pub struct InputItems {
    form: ItemForm,
    /// The bytes that are not taken yet.
    buffer: Vec<u8>,
    /// How many bytes of the buffer were looked at.
    n_scanned: usize,
    /// How many items were taken.
    n_items: usize,
    scan: JsonScan,
    has_ended: bool,
}

/// The form of a stream, by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ItemForm {
    #[default]
    Unknown,
    /// JSON objects, one after the other: one, or JSON lines.
    Objects,
    /// The items of a JSON array. `comma` says that a comma has to follow, or the end.
    Array { comma: CommaState },
    /// YAML documents.
    Documents,
    /// Nothing more is read.
    Done,
}

/// What may come next in a JSON array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommaState {
    /// The first item, or the end.
    First,
    /// A comma, or the end.
    Comma,
    /// An item.
    Item,
    /// The array has ended.
    Ended,
}

/// The state inside of a JSON object.
#[derive(Debug, Clone, Copy, Default)]
struct JsonScan {
    depth: usize,
    is_string: bool,
    is_escaped: bool,
}

impl JsonScan {
    /// Takes one byte of an object. Returns true if the object ends with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.is_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.is_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl InputItems {
    /// Returns a stream of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.form != ItemForm::Done {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Records that the stream has ended.
    pub fn end(&mut self) {
        self.has_ended = true;
    }

    /// Returns the number of the last item that was taken, from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.n_items
    }

    /// Returns whether no further item can come, once [`InputItems::take`] returns `None`.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.has_ended || self.form == ItemForm::Done
    }

    /// Takes the next item. Returns `None` if the bytes so far have no further complete item.
    ///
    /// # Errors
    /// The stream cannot be split further: nothing more is returned then. Or one item has a
    /// fault: [`InputItemError::Fault`]; the next ones can be taken.
    pub fn take(&mut self) -> Result<Option<Map<String, Value>>, InputItemError> {
        let taken = self.text();
        if taken.is_err() {
            self.form = ItemForm::Done;
            self.buffer = Vec::new();
        }
        let Some(text) = taken? else {
            return Ok(None);
        };
        let file = SourceFile::new(format!("stdin (item {})", self.n_items), text);
        let inputs = inputs_file(&file);
        inputs
            .map(Some)
            .map_err(|fault| InputItemError::Fault(Box::new(fault)))
    }

    /// Takes the text of the next item.
    fn text(&mut self) -> Result<Option<String>, InputItemError> {
        if self.form == ItemForm::Unknown {
            let Some(first) = self.first_byte() else {
                return Ok(None);
            };
            self.form = match first {
                b'{' => ItemForm::Objects,
                b'[' => {
                    self.buffer.remove(0);
                    let comma = CommaState::First;
                    ItemForm::Array { comma }
                }
                _ => ItemForm::Documents,
            };
        }
        let text = match self.form {
            ItemForm::Unknown | ItemForm::Done => None,
            ItemForm::Documents => self.document()?,
            ItemForm::Objects => match self.first_byte() {
                Some(_) => self.object()?,
                None => None,
            },
            ItemForm::Array { comma } => self.array_item(comma)?,
        };
        match text {
            Some(_) if self.n_items == ITEMS_MAX => Err(InputItemError::TooMany),
            Some(bytes) => {
                self.n_items += 1;
                let text = String::from_utf8(bytes);
                // ignored: the number of the item is a better place than the byte's.
                let text = text.map_err(|_| InputItemError::NotText(self.n_items))?;
                Ok(Some(text))
            }
            None => Ok(None),
        }
    }

    /// Returns the first byte that is not white space, and drops what is before it.
    fn first_byte(&mut self) -> Option<u8> {
        if self.n_scanned > 0 {
            return self.buffer.first().copied();
        }
        // Some editors begin a file with this mark.
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.form == ItemForm::Unknown && !self.buffer.is_empty() {
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            } else if BYTE_ORDER_MARK.starts_with(&self.buffer) && !self.has_ended {
                return None;
            }
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let n_space = self.buffer.iter().take_while(|byte| is_space(byte)).count();
        self.buffer.drain(..n_space);
        self.buffer.first().copied()
    }

    /// Takes the next item of a JSON array.
    fn array_item(&mut self, mut comma: CommaState) -> Result<Option<Vec<u8>>, InputItemError> {
        let next = self.n_items + 1;
        while let Some(first) = self.first_byte() {
            comma = match (comma, first) {
                (CommaState::First | CommaState::Comma, b']') => CommaState::Ended,
                (CommaState::Comma, b',') => CommaState::Item,
                (CommaState::Ended, _) => return Err(InputItemError::AfterEnd),
                (CommaState::Comma, _)
                | (CommaState::Item, b']')
                | (CommaState::First | CommaState::Item, b',') => {
                    return Err(InputItemError::Comma(next));
                }
                (CommaState::First | CommaState::Item, _) => {
                    let item = self.object()?;
                    if item.is_some() {
                        let comma = CommaState::Comma;
                        self.form = ItemForm::Array { comma };
                    }
                    return Ok(item);
                }
            };
            self.form = ItemForm::Array { comma };
            self.buffer.remove(0);
        }
        if self.has_ended && comma != CommaState::Ended {
            return Err(InputItemError::Unfinished(next));
        }
        Ok(None)
    }

    /// Takes a JSON object, which begins at the first byte.
    fn object(&mut self) -> Result<Option<Vec<u8>>, InputItemError> {
        let next = self.n_items + 1;
        if let Some(first) = self.buffer.first().filter(|it| **it != b'{') {
            let found = String::from_utf8_lossy(&self.buffer).chars().next();
            let found = found.unwrap_or(char::from(*first));
            return Err(InputItemError::NotObject { n: next, found });
        }
        while let Some(byte) = self.buffer.get(self.n_scanned) {
            self.n_scanned += 1;
            if self.scan.ends_with(*byte) {
                return self.cut(self.n_scanned, 0).map(Some);
            }
        }
        if self.buffer.len() > ITEM_BYTES_MAX {
            return Err(InputItemError::TooLarge(next));
        }
        match self.has_ended && !self.buffer.is_empty() {
            true => Err(InputItemError::Unfinished(next)),
            false => Ok(None),
        }
    }

    /// Takes a YAML document. Documents without content are left out.
    fn document(&mut self) -> Result<Option<Vec<u8>>, InputItemError> {
        loop {
            let Some(marker) = self.marker() else {
                if self.buffer.len() > ITEM_BYTES_MAX {
                    return Err(InputItemError::TooLarge(self.n_items + 1));
                }
                if !self.has_ended {
                    return Ok(None);
                }
                let rest = self.cut(self.buffer.len(), 0)?;
                return Ok(Some(rest).filter(|it| has_content(it)));
            };
            let (at, len) = marker;
            let document = self.cut(at, len)?;
            if has_content(&document) {
                return Ok(Some(document));
            }
        }
    }

    /// Returns the place and the length of the next line that separates documents: `---`, perhaps
    /// with content after a blank, which belongs to the next document.
    fn marker(&mut self) -> Option<(usize, usize)> {
        const MARKER: &[u8] = b"---";
        loop {
            let line = self.n_scanned;
            let rest = &self.buffer[line..];
            let len = rest.iter().position(|byte| *byte == b'\n');
            if len.is_none() && !self.has_ended || rest.is_empty() {
                return None;
            }
            let text = &rest[..len.unwrap_or(rest.len())];
            let after = text.strip_prefix(MARKER).map(|it| it.first().copied());
            if matches!(after, Some(None | Some(b' ' | b'\t' | b'\r'))) {
                return Some((line, MARKER.len()));
            }
            self.n_scanned += len.map_or(rest.len(), |len| len + 1);
        }
    }

    /// Takes the first bytes of the buffer, and drops as many after them.
    fn cut(&mut self, len: usize, n_dropped: usize) -> Result<Vec<u8>, InputItemError> {
        if len > ITEM_BYTES_MAX {
            return Err(InputItemError::TooLarge(self.n_items + 1));
        }
        let rest = self.buffer.split_off(len + n_dropped);
        let mut item = std::mem::replace(&mut self.buffer, rest);
        item.truncate(len);
        self.n_scanned = 0;
        self.scan = JsonScan::default();
        Ok(item)
    }
}

/// Returns whether a YAML document has more than white space and comments.
fn has_content(document: &[u8]) -> bool {
    let mut lines = document.split(|byte| *byte == b'\n');
    lines.any(|line| {
        let line = line.trim_ascii();
        !line.is_empty() && !line.starts_with(b"#") && line != b"..."
    })
}
