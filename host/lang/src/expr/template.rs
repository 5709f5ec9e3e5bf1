//! Texts with expressions in them: `db-${{ inputs.region }}`.
//!
//! A text that is one expression keeps the type of its value. In a longer text, a text stands as it
//! is, numbers and booleans as the expression language writes them, lists and maps as compact JSON,
//! and null as nothing. `$${{` stands for `${{`.

use serde_json::Value;

use super::lex::{TokenKind, Tokens};
use super::{Env, Evaluated, Expr, Need, RESULT_BYTES_MAX, TextPlace, Variables};
use crate::diagnostic::{Diagnostic, SourceFile};

/// How an expression begins.
const OPEN: &str = "${{";

/// How a text contains [`OPEN`] itself.
const ESCAPED_OPEN: &str = "$${{";

/// A text, parsed once.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    place: TextPlace,
}

/// A part of a template.
#[derive(Debug)]
pub enum Part {
    /// Text that stands as it is.
    Literal(String),
    /// An expression.
    Expr(Box<Expr>),
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// The first fault of an expression, or an expression that does not end, at its place in the
    /// file.
    pub fn parse(text: &str, place: &TextPlace, variables: &Variables) -> Result<Self, Diagnostic> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(OPEN) {
            let open = at + found;
            if text[..open].ends_with('$') && open > at {
                literal.push_str(&text[at..open]);
                literal.push_str(&OPEN[1..]);
                at = open + OPEN.len();
                continue;
            }
            literal.push_str(&text[at..open]);
            let start = open + OPEN.len();
            let end = end_of(text, start).ok_or_else(|| unclosed(text, open, place))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            let expr = Expr::compile(&text[start..end], &place.after(start), variables)?;
            parts.push(Part::Expr(Box::new(expr)));
            at = end + "}}".len();
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        let place = place.clone();
        Ok(Self { parts, place })
    }

    /// Returns whether a text contains an expression. `$${{` is not the beginning of one.
    #[must_use]
    pub fn has_expression(text: &str) -> bool {
        let mut opens = text.match_indices(OPEN);
        opens.any(|(at, _)| !text[..at].ends_with('$'))
    }

    /// Returns what a text without expressions stands for: with `${{` in place of `$${{`.
    #[must_use]
    pub fn unescaped(text: &str) -> String {
        text.replace(ESCAPED_OPEN, OPEN)
    }

    /// Returns whether a text stands for itself: it has no expression, and no `$${{`.
    #[must_use]
    pub fn is_plain(text: &str) -> bool {
        !text.contains(OPEN)
    }

    /// Returns the text if it contains no expression.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            [..] => None,
        }
    }

    /// Returns the parts in the order of the text.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the expressions in the order of the text.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Expr(expr) => Some(&**expr),
        })
    }

    /// Evaluates the expressions. The needs are those of all of them.
    ///
    /// # Errors
    /// An expression has no value, or the text becomes too long.
    pub fn eval(&self, env: &Env<'_>) -> Result<Evaluated, Diagnostic> {
        if let [Part::Expr(expr)] = &self.parts[..] {
            return expr.eval(env);
        }
        let mut text = String::new();
        let mut needs: Vec<Need> = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expr(expr) => match expr.eval(env)? {
                    Evaluated::Value(value) => embed(&mut text, &value),
                    Evaluated::Needs(more) => {
                        let more = more.into_iter().filter(|it| !needs.contains(it));
                        let more: Vec<Need> = more.collect();
                        needs.extend(more);
                    }
                },
            }
            if text.len() > RESULT_BYTES_MAX {
                let message = format!("the text becomes longer than {RESULT_BYTES_MAX} bytes");
                let whole = SourceFile::new("text", "");
                return Err(self.place.moved(Diagnostic::new(&whole, 0..0, message)));
            }
        }
        if needs.is_empty() {
            Ok(Evaluated::Value(Value::String(text)))
        } else {
            Ok(Evaluated::Needs(needs))
        }
    }
}

/// Appends a value to a text.
fn embed(text: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(it) => text.push_str(it),
        Value::Number(it) => match it.as_f64().filter(|_| it.is_f64()) {
            Some(fraction) => text.push_str(&fraction.to_string()),
            None => text.push_str(&it.to_string()),
        },
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => text.push_str(&value.to_string()),
    }
}

/// Returns where the expression that begins at `start` ends: before its `}}`.
fn end_of(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for token in Tokens::new(text, start) {
        match token.kind {
            TokenKind::Unclosed => return None,
            TokenKind::Word | TokenKind::Literal => {}
            TokenKind::Sign => match token.text {
                "{" | "{?" => depth += 1,
                "}" if depth == 0 && text[token.end()..].starts_with('}') => {
                    return Some(token.start);
                }
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            },
        }
    }
    None
}

fn unclosed(text: &str, open: usize, place: &TextPlace) -> Diagnostic {
    let mut tokens = Tokens::new(text, open + OPEN.len());
    let quote = tokens.find(|it| it.kind == TokenKind::Unclosed);
    let whole = SourceFile::new("text", text);
    let fault = Diagnostic::new(
        &whole,
        open..open + OPEN.len(),
        "the expression that begins here does not end: `}}` is missing",
    );
    place.moved(match quote {
        Some(quote) => {
            let first = quote
                .text
                .chars()
                .find(|c| "'\"`".contains(*c))
                .unwrap_or('"');
            fault.with_hint(format!("a {first} in it has no partner"))
        }
        None => fault.with_hint(format!(
            "for the text `{OPEN}` itself, write `{ESCAPED_OPEN}`"
        )),
    })
}
