//! How texts are written in a command line that a person copies into a shell.

use std::path::Path;

/// Returns a text as one word of a command line of a POSIX shell.
#[must_use]
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Returns a path as one word; what is not UTF-8 in it is shown as marks.
#[must_use]
pub fn word_of(path: &Path) -> String {
    word(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_if_a_shell_would_read_it_otherwise() {
        let check = |text: &str, expect: &str| assert_eq!(word(text), expect);
        check("a/b.c:1", "a/b.c:1");
        check("a b", "'a b'");
        check("-x", "'-x'");
        check("", "''");
        check("it's $x", "'it'\\''s $x'");
    }
}
