//! Renders text that a plugin chose, so that it cannot be mistaken for the program's own output.
//!
//! All such text goes through this module. Control characters, characters that change the
//! direction of text, and invisible characters are shown as marks. In a single line, a newline is a
//! mark too; in a block, all lines but the first are indented. A text that is too long is cut, and
//! the number of missing characters or lines is shown.

use sedge_api::PluginText;

/// The most characters that are shown of a text in one line.
const LINE_CHARS_MAX: usize = 500;

/// The most characters that are shown of a text in several lines.
const BLOCK_CHARS_MAX: usize = 8000;

/// The most lines that are shown of a text in several lines.
const BLOCK_LINES_MAX: usize = 100;

/// The most characters that are shown in a cell of a table.
const CELL_CHARS_MAX: usize = 120;

/// The indent of all lines of a text but the first.
pub(crate) const INDENT: &str = "  ";

/// Returns a plugin's text in one line.
pub(crate) fn in_line(text: &PluginText) -> String {
    line(text.raw())
}

/// Returns a text in one line.
pub(crate) fn line(text: &str) -> String {
    one_line(text, LINE_CHARS_MAX)
}

/// Returns a text as a cell of a table.
pub(crate) fn cell(text: &str) -> String {
    one_line(text, CELL_CHARS_MAX)
}

/// Returns a text in one line, of any length.
pub(crate) fn unbroken(text: &str) -> String {
    one_line(text, usize::MAX)
}

fn one_line(text: &str, chars_max: usize) -> String {
    let (shown, n_cut) = cut(text, chars_max);
    let mut line = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            '\n' => line.push('\u{2424}'),
            '\t' => line.push(' '),
            c => push_visible(&mut line, c),
        }
    }
    push_cut(&mut line, n_cut);
    line
}

/// Returns a text in lines, all but the first with `indent`.
pub(crate) fn block(text: &str, indent: &str) -> String {
    let (shown, n_cut) = cut(text, BLOCK_CHARS_MAX);
    let n_lines = shown.lines().count();
    let lines: Vec<String> = shown.lines().take(BLOCK_LINES_MAX).map(visible).collect();
    let mut block = lines.join(&format!("\n{indent}"));
    if let n_more @ 1.. = n_lines.saturating_sub(BLOCK_LINES_MAX) {
        block.push_str(&format!("\n{indent}… ({n_more} more lines)"));
    }
    push_cut(&mut block, n_cut);
    block
}

/// Returns a text with marks in place of control characters and invisible characters. Newlines and
/// tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => seen.push(c),
            c => push_visible(&mut seen, c),
        }
    }
    seen
}

/// Returns a text whose lines are no longer than the terminal is wide. The terminal itself would
/// continue a long line at the left edge, where only the program's own lines begin.
///
/// A line is broken at a space if there is one in its second half. Its rest is indented by `indent`,
/// or further than its beginning. The bars of a tree continue before the rest. A hint has a command,
/// which is not broken.
pub(crate) fn folded(text: &str, columns: usize, indent: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let own = line.len() - line.trim_start_matches(' ').len();
        match line[own..].starts_with("hint: ") {
            true => folded_around_commands(line, columns, &format!("{:own$}{INDENT}", "")),
            false => folded_line(line, columns, indent),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn folded_line(line: &str, columns: usize, indent: &str) -> String {
    let room = columns.saturating_sub(1).max(2 * indent.len() + 1);
    let indent = continued_indent(line, room, indent);
    let mut folded = String::with_capacity(line.len());
    let mut rest = line;
    let mut left = room;
    loop {
        let end = end_of(rest, left);
        if end == rest.len() {
            folded.push_str(rest);
            return folded;
        }
        let space = match rest[end..].starts_with(' ') {
            true => Some(end),
            false => rest[..end].rfind(' ').filter(|at| 2 * at > end),
        };
        let (shown, behind) = match space {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => rest.split_at(end),
        };
        folded.push_str(shown);
        folded.push('\n');
        folded.push_str(&indent);
        rest = behind;
        left = room.saturating_sub(columns_most(&indent));
    }
}

/// Returns what is before the rest of a line that is folded.
fn continued_indent(line: &str, room: usize, indent: &str) -> String {
    let text = line.trim_start_matches([' ', '│', '├', '└', '─']);
    let own = &line[..line.len() - text.len()];
    if own.contains(['│', '├', '└']) {
        let bars = own.replace('├', "│").replace(['└', '─'], " ");
        return match columns_most(own) < room / 2 {
            true => format!("{bars}{INDENT}"),
            false => indent.to_owned(),
        };
    }
    match own.len() >= indent.len() && own.len() < room / 4 {
        true => format!("{own}{INDENT}"),
        false => indent.to_owned(),
    }
}

/// Returns a sentence of the program in lines that fit, all but the first with `indent`. A command in
/// backticks is not broken, because users copy it: the terminal continues one that is too long.
///
/// A text that a plugin chose is folded by [`folded`].
pub(crate) fn folded_around_commands(text: &str, columns: usize, indent: &str) -> String {
    let room = columns.saturating_sub(1);
    let mut folded = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            folded.push('\n');
        }
        let mut used = 0;
        for (at, part) in unbreakable_parts(line).into_iter().enumerate() {
            let width = columns_most(part);
            if at > 0 && used + 1 + width > room {
                folded.push('\n');
                folded.push_str(indent);
                used = indent.len();
            } else if at > 0 {
                folded.push(' ');
                used += 1;
            }
            folded.push_str(part);
            used += width;
        }
    }
    folded
}

/// Returns the parts of a line between the spaces that are not in backticks.
fn unbreakable_parts(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut is_command = false;
    for (at, c) in line.char_indices() {
        match c {
            '`' => is_command = !is_command,
            ' ' if !is_command => {
                parts.push(&line[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&line[begin..]);
    parts
}

/// Returns the beginning of a text that takes at most some columns. If that is not all of it, it
/// ends with `…`.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    if columns_most(text) <= columns {
        return text.to_owned();
    }
    // The mark counts as one column, as almost all terminals show it.
    let columns = columns.saturating_sub(1);
    match columns {
        0 => "…".to_owned(),
        columns => format!("{}…", &text[..end_of(text, columns)]),
    }
}

/// Returns the most columns that a text may take: characters beyond ASCII may take two, except for the
/// lines and blocks of which trees and bars are drawn.
pub(crate) fn columns_most(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

fn char_columns(c: char) -> usize {
    match c {
        '\u{2500}'..='\u{259f}' => 1,
        c if c.is_ascii() => 1,
        _ => 2,
    }
}

/// Returns the end, in bytes, of the beginning of a text that fits into some columns. It has at
/// least one character.
fn end_of(text: &str, columns: usize) -> usize {
    let mut used = 0;
    let ends = text.char_indices().skip_while(|(at, c)| {
        used += char_columns(*c);
        *at == 0 || used <= columns
    });
    ends.map(|(at, _)| at).next().unwrap_or(text.len())
}

/// Data that is printed to a terminal piece by piece, with every line indented.
#[derive(Debug, Default)]
pub(crate) struct TerminalData {
    /// The first bytes of a character whose other bytes are in the next piece.
    open: Vec<u8>,
    is_in_line: bool,
}

impl TerminalData {
    /// Returns the printable form of a piece.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.open.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.open) {
            Ok(_) => self.open.len(),
            // An incomplete character can only be at the end of the piece.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.open.len(),
        };
        let rest = self.open.split_off(whole);
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.open, rest)).into_owned();
        self.shown(&text)
    }

    /// Returns the printable form of the remaining bytes.
    pub(crate) fn finish(mut self) -> String {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.open)).into_owned();
        let mut shown = self.shown(&text);
        if self.is_in_line {
            shown.push('\n');
        }
        shown
    }

    fn shown(&mut self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            if !self.is_in_line {
                shown.push_str("  ");
            }
            self.is_in_line = !line.ends_with('\n');
            shown.push_str(&visible(line));
        }
        shown
    }
}

/// Returns whether a character is invisible, or changes how others are shown.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn push_visible(seen: &mut String, c: char) {
    match c {
        // Unicode has a picture of each control character, from U+2400 on.
        '\0'..='\u{1f}' => seen.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7f}' => seen.push('\u{2421}'),
        c if is_hidden(c) => seen.push_str(&format!("<U+{:04X}>", u32::from(c))),
        c => seen.push(c),
    }
}

/// Returns the beginning of a text, and the number of characters that were cut off.
fn cut(text: &str, chars_max: usize) -> (&str, usize) {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => (&text[..at], text[at..].chars().count()),
        None => (text, 0),
    }
}

fn push_cut(shown: &mut String, n_cut: usize) {
    if n_cut > 0 {
        shown.push_str(&format!("… ({n_cut} more characters)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts by which a plugin may imitate the program, each with its rendering in one line.
    const FORGERIES: [(&str, &str); 12] = [
        ("a\nerror: it is broken", "a␤error: it is broken"),
        ("a\r\nIt may do all", "a␍␤It may do all"),
        ("a\rgranted", "a␍granted"),
        ("\u{1b}[2K\u{1b}[1Ggranted", "␛[2K␛[1Ggranted"),
        (
            "\u{1b}]8;;https://evil\u{7}here\u{1b}]8;;\u{7}",
            "␛]8;;https://evil␇here␛]8;;␇",
        ),
        ("a\u{9b}2Jb", "a<U+009B>2Jb"),
        ("a\u{8}\u{8}b\u{7f}", "a␈␈b␡"),
        ("\u{202e}detnarg\u{202c}", "<U+202E>detnarg<U+202C>"),
        ("gra\u{200b}nted\u{feff}", "gra<U+200B>nted<U+FEFF>"),
        ("a\u{2028}b\u{2029}c\u{85}d", "a<U+2028>b<U+2029>c<U+0085>d"),
        ("a\u{b}b\u{c}c\td", "a␋b␌c d"),
        ("tag\u{e0041}", "tag<U+E0041>"),
    ];

    #[test]
    fn forged_line_is_rendered_in_one_line_with_marks() {
        for (text, expect) in FORGERIES {
            assert_eq!(line(text), expect);
            assert_eq!(cell(text), expect);
        }
        assert_eq!(line("zażółć 😀 日本"), "zażółć 😀 日本");
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(
            block("a\nerror: b\r\ngranted", "| "),
            "a\n| error: b\n| granted"
        );
        for (text, _) in FORGERIES {
            let shown = block(&format!("first\n{text}"), "| ");
            assert!(
                !shown
                    .chars()
                    .any(|c| c != '\n' && c != '\t' && is_hidden(c)),
                "{shown:?}"
            );
            assert!(
                shown.lines().skip(1).all(|line| line.starts_with("| ")),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn long_text_is_cut_with_a_count() {
        assert_eq!(
            cell(&"é".repeat(CELL_CHARS_MAX)),
            "é".repeat(CELL_CHARS_MAX)
        );
        let shown = cell(&"é".repeat(CELL_CHARS_MAX + 7));
        assert!(shown.ends_with("é… (7 more characters)"), "{shown}");
        let lines = block(&"a\n".repeat(BLOCK_LINES_MAX + 3), "  ");
        assert!(lines.ends_with("\n  … (3 more lines)"), "{lines}");
        let shown = block(&"a".repeat(BLOCK_CHARS_MAX + 1), "  ");
        assert!(shown.ends_with("a… (1 more characters)"));
    }

    #[test]
    fn shortened_text_has_a_mark() {
        let check = |columns: usize, expect: &str| assert_eq!(shortened("abcd日", columns), expect);
        check(6, "abcd日");
        check(5, "abcd…");
        check(2, "a…");
        check(1, "…");
        check(0, "…");
    }

    #[test]
    fn folded_line_is_narrower_than_the_terminal() {
        let shown = folded("abcdefghij\nerror: 日本", 9, "  ");
        assert_eq!(shown, "abcdefgh\n  ij\nerror:\n  日本");
    }

    #[test]
    fn line_is_folded_between_words() {
        let check = |text: &str, expect: &str| assert_eq!(folded(text, 21, "  "), expect);
        check("a note about the first", "a note about the\n  first");
        check("12345678901234567890 a", "12345678901234567890\n  a");
        check(
            "a 1234567890123456789012345",
            "a 123456789012345678\n  9012345",
        );
        check("  a note about the first", "  a note about the\n    first");
        check(
            "  hint: `sedge workflow approve w g` (or `reject`)",
            "  hint:\n    `sedge workflow approve w g`\n    (or `reject`)",
        );
        check("", "");
    }

    #[test]
    fn bars_of_a_tree_continue_before_the_rest_of_a_line() {
        let check = |text: &str, expect: &str| assert_eq!(folded(text, 31, "  "), expect);
        check(
            "├─ step a: failed after 3 s, too late",
            "├─ step a: failed after 3 s,\n│    too late",
        );
        check(
            "│  └─ the value is not valid at all",
            "│  └─ the value is not valid\n│       at all",
        );
    }

    #[test]
    fn command_in_a_hint_is_not_broken() {
        let check = |text: &str, expect: &str| {
            assert_eq!(folded_around_commands(text, 31, "  "), expect);
        };
        check("hint: a short one", "hint: a short one");
        check(
            "hint: decide the gate with `sedge workflow approve w g` (or `reject`)",
            "hint: decide the gate with\n  `sedge workflow approve w g`\n  (or `reject`)",
        );
        check(
            "hint: then `sedge workflow resume a-name-that-is-long`",
            "hint: then\n  `sedge workflow resume a-name-that-is-long`",
        );
        check("hint: x:\n    - y", "hint: x:\n    - y");
    }

    #[test]
    fn data_on_a_terminal_is_indented() {
        let mut data = TerminalData::default();
        let mut shown = String::new();
        for piece in [
            b"a\nerr".as_slice(),
            b"or: \xc3",
            b"\xa9\x1b[0m\n\xff",
            b"\xe6\x97",
        ] {
            shown.push_str(&data.push(piece));
        }
        shown.push_str(&data.finish());
        assert_eq!(shown, "  a\n  error: é␛[0m\n  \u{fffd}\u{fffd}\n");
    }
}
