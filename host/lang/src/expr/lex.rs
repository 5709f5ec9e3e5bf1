//! Splits an expression into tokens, as far as it is needed before the parser reads it.
//!
//! The parser and the evaluator are recursive and slow for hostile text, so the number of signs is
//! limited first. Names with hyphens, which the language does not have, are replaced by names that
//! it has; a [`Rewritten`] text leads back to the places of the text as it was written.

use super::Limits;

/// The variables after whose point a hyphen belongs to the name: `steps.get-all.status`.
const HYPHENATED: &[&str] = &["inputs", "jobs", "model", "steps"];

/// Names that the parser does not accept after a point, because they are words of the language.
const WORDS: &[&str] = &["false", "in", "null", "true"];

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a word.
    Word,
    /// A number, a text, bytes, or a quoted name.
    Literal,
    /// A text or a quoted name that does not end.
    Unclosed,
    /// An operator or a bracket.
    Sign,
}

/// A token and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) text: &'t str,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == sign
    }
}

/// Splits a text into tokens. Blanks and comments are skipped.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    /// Begins at a place of a text.
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at }
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            let rest = &self.text[self.at..];
            if !rest.starts_with("//") {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let (kind, n_bytes) = if is_name(first) && !first.is_ascii_digit() {
            let n_word = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            match text_end(rest, n_word) {
                Some(end) if is_prefix(&rest[..n_word]) => end,
                Some(_) | None => (TokenKind::Word, n_word),
            }
        } else if first.is_ascii_digit() {
            (TokenKind::Literal, number_end(rest))
        } else if let Some(end) = text_end(rest, 0) {
            end
        } else {
            let pairs = ["&&", "||", "==", "!=", "<=", ">=", ".?", "[?", "{?"];
            let pair = pairs.iter().find(|pair| rest.starts_with(**pair));
            (
                TokenKind::Sign,
                pair.map_or(first.len_utf8(), |it| it.len()),
            )
        };
        let start = self.at;
        self.at += n_bytes;
        let text = &rest[..n_bytes];
        Some(Token { kind, start, text })
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns whether a word before a quote belongs to the text: `r"…"`, `b'…'`.
fn is_prefix(word: &str) -> bool {
    ["r", "b", "br", "rb"].contains(&word.to_ascii_lowercase().as_str())
}

/// Returns the end of the text whose quote follows after `n_prefix` bytes, if there is a quote.
fn text_end(rest: &str, n_prefix: usize) -> Option<(TokenKind, usize)> {
    let (prefix, quoted) = rest.split_at(n_prefix);
    let quote = quoted.chars().next().filter(|c| "'\"`".contains(*c))?;
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let is_triple = quote != '`' && quoted.starts_with(&triple);
    let close = if is_triple { &triple[..] } else { &triple[..1] };
    let is_raw = quote == '`' || prefix.to_ascii_lowercase().contains('r');
    let mut at = n_prefix + close.len();
    while let Some(c) = rest[at..].chars().next() {
        if rest[at..].starts_with(close) {
            return Some((TokenKind::Literal, at + close.len()));
        }
        if c == '\n' && !is_triple {
            return Some((TokenKind::Unclosed, at));
        }
        at += c.len_utf8();
        if c == '\\' && !is_raw {
            at += rest[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    Some((TokenKind::Unclosed, at))
}

/// Returns the end of a number.
fn number_end(rest: &str) -> usize {
    let mut end = 0;
    let bytes = rest.as_bytes();
    while let Some(byte) = bytes.get(end) {
        let after = bytes.get(end + 1).copied().unwrap_or(b' ');
        let is_exponent = byte.eq_ignore_ascii_case(&b'e') && !rest.starts_with("0x");
        if byte.is_ascii_alphanumeric() || (*byte == b'.' && after.is_ascii_digit()) {
            end += 1;
            if is_exponent && (after == b'-' || after == b'+') {
                end += 1;
            }
        } else {
            break;
        }
    }
    end
}

/// The maximum number of items, members and arguments of an expression.
///
/// The author chooses the number, and the parser takes up to 8 KiB for each.
pub(super) const ENTRIES_MAX: usize = 8_000;

/// The maximum number of characters of an expression that are not ASCII.
///
/// The author chooses the number, and the parser takes five microseconds for each.
pub(super) const NON_ASCII_MAX: usize = 10_000;

/// A reason for which the parser must not read a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLarge {
    /// It has too many operators and calls.
    Operators,
    /// Its brackets are nested too deep.
    Nesting,
    /// It has too many items, members and arguments.
    Entries,
    /// It has too many characters that are not ASCII.
    NonAscii,
}

/// Checks the number of signs, entries and characters, and the depth of the brackets.
///
/// A call, an index or an operator has one sign; the exact number is counted in the syntax tree.
pub(super) fn check_size(text: &str, limits: &Limits) -> Result<(), TooLarge> {
    if text.chars().filter(|c| !c.is_ascii()).count() > NON_ASCII_MAX {
        return Err(TooLarge::NonAscii);
    }
    let (mut n_signs, mut n_entries) = (0, 0);
    let (mut depth, mut depth_max) = (0_usize, 0);
    for token in Tokens::new(text, 0) {
        if token.kind != TokenKind::Sign {
            continue;
        }
        match token.text {
            "(" => depth += 1,
            "[" | "{" | "[?" | "{?" => {
                depth += 1;
                n_signs += 1;
            }
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," | ":" => n_entries += 1,
            _ => n_signs += 1,
        }
        depth_max = depth_max.max(depth);
    }
    if n_signs > 2 * limits.operators {
        Err(TooLarge::Operators)
    } else if depth_max > 2 * limits.brackets {
        Err(TooLarge::Nesting)
    } else if n_entries > ENTRIES_MAX {
        Err(TooLarge::Entries)
    } else {
        Ok(())
    }
}

/// A text in which names that the parser does not accept are replaced.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// The text for the parser.
    pub(super) text: String,
    /// The names by which it was written, after the word that stands for them.
    names: Vec<(String, String)>,
    /// Places of `text` with the places of the original.
    anchors: Vec<(usize, usize)>,
}

impl Rewritten {
    /// Replaces the names with hyphens after `inputs.`, `jobs.`, `model.` and `steps.`.
    pub(super) fn of(text: &str) -> Self {
        let mut rewritten = Self::default();
        let mut stem = "h_".to_owned();
        while text.contains(&stem) {
            stem.push('_');
        }
        let (mut copied, mut at) = (0, 0);
        let mut before: [Option<Token<'_>>; 2] = [None, None];
        while let Some(token) = Tokens::new(text, at).next() {
            at = token.end();
            let name = hyphenated(before, token, &text[at..]);
            before = [before[1], Some(token)];
            let Some(name) = name else {
                continue;
            };
            rewritten.text.push_str(&text[copied..at]);
            rewritten.anchors.push((rewritten.text.len(), at));
            let word = format!("{stem}{}", rewritten.names.len());
            rewritten.text.push_str(&word);
            rewritten.names.push((word, name.to_owned()));
            at += name.len();
            rewritten.anchors.push((rewritten.text.len(), at));
            copied = at;
        }
        rewritten.text.push_str(&text[copied..]);
        rewritten
    }

    /// Keeps a text as it is.
    pub(super) fn unchanged(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the name that a word stands for.
    pub(super) fn name_of(&self, word: &str) -> Option<&str> {
        let mut names = self.names.iter();
        names
            .find(|(known, _)| known == word)
            .map(|(_, name)| name.as_str())
    }

    /// Returns whether a name was replaced.
    pub(super) fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Returns the place of the original for a place of the text.
    pub(super) fn original(&self, at: usize) -> usize {
        let n_before = self.anchors.partition_point(|(place, _)| *place <= at);
        let next = self.anchors.get(n_before);
        let (place, original) = match n_before.checked_sub(1) {
            Some(last) => self.anchors[last],
            None => (0, 0),
        };
        let mapped = original + (at - place);
        next.map_or(mapped, |(_, limit)| mapped.min(*limit))
    }
}

/// Returns the name at the beginning of `rest` if the parser would not accept it.
fn hyphenated<'t>(
    before: [Option<Token<'_>>; 2],
    point: Token<'_>,
    rest: &'t str,
) -> Option<&'t str> {
    let [earlier, root] = before;
    let is_point = point.is_sign(".") || point.is_sign(".?");
    let is_member = earlier.is_some_and(|it| it.is_sign(".") || it.is_sign(".?"));
    let root = root.filter(|it| it.kind == TokenKind::Word && HYPHENATED.contains(&it.text));
    if !is_point || is_member || root.is_none() {
        return None;
    }
    let mut end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    if end == 0 {
        return None;
    }
    while let Some(after) = rest[end..].strip_prefix('-') {
        let n_more = after.find(|c| !is_name(c)).unwrap_or(after.len());
        if n_more == 0 {
            break;
        }
        end += 1 + n_more;
    }
    let name = &rest[..end];
    let is_odd = name.contains('-') || name.starts_with(|c: char| c.is_ascii_digit());
    (is_odd || WORDS.contains(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_skip_texts_and_comments() {
        let check = |text: &str, expect: &[&str]| {
            let tokens: Vec<&str> = Tokens::new(text, 0).map(|it| it.text).collect();
            assert_eq!(tokens, expect, "{text}");
        };
        check("a.b == 'x}}'", &["a", ".", "b", "==", "'x}}'"]);
        check("r'\\' + 1", &["r'\\'", "+", "1"]);
        check(r#"'a\'b' c"#, &[r#"'a\'b'"#, "c"]);
        check("'''a'b''' c", &["'''a'b'''", "c"]);
        check("a // 'x\n + 1", &["a", "+", "1"]);
        check("1e-5-x.?y", &["1e-5", "-", "x", ".?", "y"]);
        check("0xE-1", &["0xE", "-", "1"]);
        check("'open", &["'open"]);
    }

    #[test]
    fn names_with_hyphens_are_replaced_and_their_places_kept() {
        let check = |text: &str, expect: &str| {
            assert_eq!(Rewritten::of(text).text, expect, "{text}");
        };
        check("inputs.a-b", "inputs.h_0");
        check("inputs.a - b", "inputs.a - b");
        check("inputs.a -b", "inputs.a -b");
        check("steps.1st.x-y + h_", "steps.h__0.x-y + h_");
        check("x.inputs.a-b", "x.inputs.a-b");
        check("jobs.in.status", "jobs.h_0.status");
        check("model.?a-b", "model.?h_0");
        let rewritten = Rewritten::of("inputs.long-name + 1");
        assert_eq!(rewritten.text, "inputs.h_0 + 1");
        assert_eq!(rewritten.original(0), 0);
        assert_eq!(rewritten.original(7), 7);
        assert_eq!(rewritten.original(10), 16);
        assert_eq!(rewritten.original(13), 19);
        assert_eq!(rewritten.name_of("h_0"), Some("long-name"));
    }
}
