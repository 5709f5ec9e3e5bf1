//! Parses the most common expressions without the grammar: a variable and its members,
//! `inputs.region` or `self.name`.
//!
//! The parser of the grammar is made for whole programs, and took a quarter of the time of reading a
//! definition. For these expressions, the syntax tree is the same.

use cel::common::ast::{Expr, IdedExpr, SelectExpr, SourceInfo};

/// The maximum number of members.
///
/// The parser of the grammar bounds the depth of longer paths.
const MEMBERS_MAX: usize = 8;

/// The words that are no names, or not everywhere. The parser of the grammar decides about them.
const WORDS: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// Returns the syntax tree of a variable with its members, and the places of its nodes. Returns
/// `None` for every other text.
pub(super) fn member_path(text: &str) -> Option<(IdedExpr, SourceInfo)> {
    let is_space = |c: char| [' ', '\t', '\r', '\n'].contains(&c);
    let path = text.trim_matches(is_space);
    let mut at = text.len() - text.trim_start_matches(is_space).len();
    let mut names = path.split('.');
    let variable = names.next().filter(|it| is_name(it))?;
    let mut info = SourceInfo::default();
    text.clone_into(&mut info.source);
    // ignored: the grammar decides about a text that is so long.
    let place = |at: usize| u32::try_from(at).ok();
    info.add_offset(1, place(at)?, place(at + variable.len() - 1)?);
    let mut node = IdedExpr {
        id: 1,
        expr: Expr::Ident(variable.to_owned()),
    };
    at += variable.len();
    for (n_before, name) in names.enumerate() {
        if n_before == MEMBERS_MAX || !is_name(name) {
            return None;
        }
        let id = node.id + 1;
        // The place of a member is its point.
        info.add_offset(id, place(at)?, place(at)?);
        let member = SelectExpr {
            operand: Box::new(node),
            field: name.to_owned(),
            test: false,
        };
        node = IdedExpr {
            id,
            expr: Expr::Select(member),
        };
        at += 1 + name.len();
    }
    Some((node, info))
}

fn is_name(text: &str) -> bool {
    let is_first = |c: u8| c.is_ascii_alphabetic() || c == b'_';
    let mut bytes = text.bytes();
    bytes.next().is_some_and(is_first)
        && bytes.all(|c| is_first(c) || c.is_ascii_digit())
        && !WORDS.contains(&text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::expr::functions::environment;

    /// Compares the result with that of the parser of the grammar, if there is one.
    fn check(text: &str, is_path: bool) {
        let found = member_path(text);
        assert_eq!(found.is_some(), is_path, "{text:?}");
        let Some((expr, info)) = found else { return };
        let parser = environment().parser().enable_ident_escape_syntax(true);
        let parsed = parser.max_recursion_depth(48).parse_with_source_info(text);
        let (expected, places) = parsed.expect(text);
        assert_eq!(expr, expected, "{text:?}");
        assert_eq!(info.source, places.source);
        for id in 0..=expr.id + 1 {
            assert_eq!(info.offset_for(id), places.offset_for(id), "{text:?} {id}");
        }
    }

    #[test]
    fn path_is_parsed_as_by_the_grammar() {
        check("inputs", true);
        check("inputs.region", true);
        check(" \n inputs.a_b.C1._x\t", true);
        check("a.b.c.d.e.f.g.h.i", true);
        check("a.b.c.d.e.f.g.h.i.j", false);
    }

    #[test]
    fn other_text_is_left_to_the_grammar() {
        for text in [
            "", " ", ".", ".a", "a.", "a..b", "a .b", "a. b", "a.?b", "a[0]", "a.b()", "1.a",
            "a.1", "true", "a.in", "in.a", "null", "while", "a.if", "a.`b`", "a.é", "'a'", "a-b",
            "a // b",
        ] {
            check(text, false);
        }
    }

    proptest! {
        #[test]
        fn each_accepted_text_is_parsed_as_by_the_grammar(text in "[ab_1.in ]{1,10}") {
            check(&text, member_path(&text).is_some());
        }
    }
}
