//! All reading of YAML; `sedge_model::yaml_text` writes it.
//!
//! A text becomes a tree ([`Node`]) that has a place for every key and every value. Definitions and
//! workflows are read from the tree, so all of their faults are found at once. Simpler files are
//! deserialized into a type of serde ([`parse`]), which stops at the first fault. Reading is
//! strict: a key that is unknown, given twice, or of the wrong type is a fault with its place, and
//! is never ignored. Only `true` and `false` are booleans, and `012` and `1_000` are text, not
//! numbers.

mod build;
mod deserialize;
pub mod faults;
pub mod keys;
mod member;
pub mod node;
pub(crate) mod outline;
mod places;
pub mod read;
mod scalar;
mod shared_texts;
mod syntax;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};

pub use build::{DEPTH_MAX, NODES_MAX};
pub(crate) use deserialize::TextOrList;
pub use faults::Faults;
pub use keys::{KeySet, Keys};
pub use node::{Member, Node, NodeKind, Text};
pub(crate) use outline::{Outline, OutlineKeys};

/// The maximum size of a YAML file, in bytes.
///
/// A user who can write to the repository chooses the size, and reading takes up to twenty times
/// the memory of the text. The largest known hand-written workflows have about 100 KiB; generated
/// ones have 50 000 steps.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// The form of a list, as messages show it.
const LIST_FORM: &str = "a list: `[a, b]`, or one item on each line after `- `";

/// A value and its place in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place: bytes of the file's text.
    pub span: Range<usize>,
}

/// Parses one document into a tree.
///
/// # Errors
/// The first fault of the syntax, with its place.
pub fn parse_tree(file: &Arc<SourceFile>) -> Result<Node, Diagnostic> {
    parse_outlined(file, &Outline::Any)
}

/// Parses one document into a tree, unless it has too many values where few are expected.
///
/// # Errors
/// The first fault of the syntax, or the place of too many values.
pub(crate) fn parse_outlined(
    file: &Arc<SourceFile>,
    outline: &'static Outline,
) -> Result<Node, Diagnostic> {
    let n_bytes = file.text.len();
    if n_bytes > FILE_BYTES_MAX {
        let message = format!("the file has {n_bytes} bytes, more than {FILE_BYTES_MAX}");
        return Err(Diagnostic::new(file, 0..0, message).with_code(DiagnosticCode::FileLimit));
    }
    build::tree(file, outline)
}

/// Parses one document into a type of serde.
///
/// # Errors
/// The first fault, with its place.
pub fn parse<T: DeserializeOwned>(file: &Arc<SourceFile>) -> Result<T, Diagnostic> {
    deserialize::fill(&parse_tree(file)?, file)
}

/// Returns the fault of a value that does not have the form `expected`.
fn wrong_type(node: &Node, file: &Arc<SourceFile>, expected: &str) -> Diagnostic {
    let span = match node.kind {
        NodeKind::List(_) | NodeKind::Map(_) => first_line(file, node.span.clone()),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => {
            node.span.clone()
        }
    };
    let message = format!("expected {expected}, found {}", node.described(file));
    Diagnostic::new(file, span, message).with_code(DiagnosticCode::WrongType)
}

fn one_of(names: &[&str]) -> String {
    let names = names.iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}

/// Reduces a span to its first line: the span of a list or a map covers all of its lines.
fn first_line(file: &Arc<SourceFile>, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(file.text.len());
    let line = file.text[start..].lines().next().unwrap_or_default();
    let end = start + line.len();
    start..if span.is_empty() {
        end
    } else {
        end.min(span.end)
    }
}
