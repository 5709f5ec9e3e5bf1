//! Colours, for terminals that have them.
//!
//! Colour repeats what the text says, and never says more. It is off if the output is not a
//! terminal, with `NO_COLOR`, and with `--color never`.

use clap::builder::styling::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

/// The words that begin a line of the program on stderr, and their styles.
const MARKS: [(&str, Style); 5] = [
    ("error:", AnsiColor::Red.on_default().bold()),
    ("caused by:", AnsiColor::Red.on_default()),
    ("warning:", AnsiColor::Yellow.on_default().bold()),
    ("note:", AnsiColor::Blue.on_default().bold()),
    ("hint:", AnsiColor::Cyan.on_default().bold()),
];

/// Returns lines with their first word in colour, if it is a mark such as `error:`. The stream that
/// prints them removes the colours if they are off.
pub(crate) fn marked(lines: &str) -> String {
    for (mark, style) in MARKS {
        if let Some(rest) = lines.strip_prefix(mark) {
            return format!("{style}{mark}{style:#}{rest}");
        }
    }
    lines.to_owned()
}

/// Returns a text with the statuses of its tables in colour. A table begins with a line of capital
/// letters, and ends with an empty line.
pub(crate) fn tables(text: &str) -> String {
    let mut column = None;
    let mut coloured = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let is_heading = !line.chars().any(char::is_lowercase);
        if line.trim().is_empty() {
            column = None;
        } else if let Some(found) = status_column(line).filter(|_| is_heading) {
            column = Some(found);
        } else if let Some(column) = column {
            coloured.push_str(&with_status(line, column));
            continue;
        }
        coloured.push_str(line);
    }
    coloured
}

fn status_column(heading: &str) -> Option<usize> {
    heading.find("STATUS").or_else(|| heading.find("STATE"))
}

/// Returns a line of a table with the status in colour that begins at a column of the terminal.
fn with_status(line: &str, column: usize) -> String {
    let mut n_columns = 0;
    let begin = line.char_indices().find(|(_, c)| {
        let is_here = n_columns >= column;
        n_columns += c.width().unwrap_or(0);
        is_here
    });
    let Some((begin, _)) = begin else {
        return line.to_owned();
    };
    let (before, rest) = line.split_at(begin);
    let word = rest.split_whitespace().next().unwrap_or_default();
    let Some(style) = of_status(word) else {
        return line.to_owned();
    };
    let after = &rest[word.len()..];
    format!("{before}{style}{word}{style:#}{after}")
}

/// Returns the style of a status or state, by its word.
fn of_status(word: &str) -> Option<Style> {
    let colour = match word {
        "succeeded" | "ok" | "approved" => AnsiColor::Green,
        "failed" | "fault" | "rejected" | "missing" => AnsiColor::Red,
        "suspended" | "interrupted" | "warning" => AnsiColor::Yellow,
        "running" => AnsiColor::Cyan,
        "cancelled" => AnsiColor::BrightBlack,
        _ => return None,
    };
    Some(colour.on_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_found_by_its_column() {
        let check = |line: &str, column: usize, expect: &str| {
            assert_eq!(with_status(line, column), expect);
        };
        check("a  failed  b", 3, "a  \u{1b}[31mfailed\u{1b}[0m  b");
        // A wide character takes two columns.
        check("日  ok", 4, "日  \u{1b}[32mok\u{1b}[0m");
        check("failed  x", 8, "failed  x");
        check("a", 3, "a");
    }

    #[test]
    fn status_has_colour_in_tables_only() {
        let text = "failed  x\n\nRUN  STATUS\na    failed\n\na    failed\n";
        let expect = "failed  x\n\nRUN  STATUS\na    \u{1b}[31mfailed\u{1b}[0m\n\na    failed\n";
        assert_eq!(tables(text), expect);
    }

    #[test]
    fn only_marks_at_the_begin_of_a_line_have_colour() {
        assert_eq!(marked("error: x"), "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m x");
        assert_eq!(marked("  error: x"), "  error: x");
    }
}
