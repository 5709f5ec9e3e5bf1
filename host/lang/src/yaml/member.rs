//! Values that become keys of a map, and values that are merged into one.

use std::ops::Range;
use std::sync::Arc;

use super::Located;
use super::node::{Member, Node, NodeKind};
use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};

/// A value that is complete, and how it is used.
pub(super) struct Built {
    pub(super) node: Node,
    /// The nesting depth of lists and maps in it; 0 for a scalar.
    pub(super) height: usize,
    /// Where it stands: for an alias, the place of the alias.
    pub(super) place: Range<usize>,
    /// Whether it is the plain text `<<`.
    pub(super) is_merge: bool,
}

/// Returns the key that a value is. A number or a boolean is a key as it is written.
pub(super) fn key_of(
    built: Built,
    file: &Arc<SourceFile>,
) -> Result<Located<Arc<str>>, Diagnostic> {
    let Built { node, place, .. } = built;
    let value = match node.kind {
        NodeKind::Text(text) => text.value,
        NodeKind::Bool(_) | NodeKind::Number(_) => file.slice(node.span).into(),
        NodeKind::Null => {
            let fault = Diagnostic::new(file, place, "a key is missing before the `:`");
            return Err(fault.with_code(DiagnosticCode::Syntax));
        }
        NodeKind::List(_) | NodeKind::Map(_) => {
            let fault = Diagnostic::new(file, place, "a key has to be a text");
            return Err(fault.with_code(DiagnosticCode::Syntax).with_hint(
                "a text that begins with `{` or `[` has to be in quotes; an expression is \
                 written `${{ … }}`",
            ));
        }
    };
    Ok(Located { value, span: place })
}

/// Returns the members that the value of `<<` adds to a map.
pub(super) fn merged(built: Built, file: &Arc<SourceFile>) -> Result<Vec<Member>, Diagnostic> {
    let wrong = || {
        Diagnostic::new(
            file,
            built.place.clone(),
            "`<<` adds the keys of another map",
        )
        .with_code(DiagnosticCode::Syntax)
        .with_hint("write `<<: *name`, and `&name` before that map")
    };
    match built.node.kind {
        NodeKind::Map(members) => Ok(members.to_vec()),
        NodeKind::List(items) => {
            let mut all = Vec::new();
            for item in items.iter() {
                match &item.kind {
                    NodeKind::Map(members) => all.extend_from_slice(members),
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
