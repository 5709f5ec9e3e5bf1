//! Maps offsets in a text that was unescaped or folded to offsets in its file.

use super::node::{Text, TextForm};

/// Returns pairs of an offset in the text and the offset in the file, for a text that is written
/// as `raw` from the byte `start` of the file on.
pub(super) fn offsets(text: &Text, raw: &str, start: usize) -> Vec<(usize, usize)> {
    let walk = |raw, start| Walk {
        raw,
        value: &text.value,
        start,
        at: 0,
        made: 0,
        pairs: Vec::new(),
    };
    let body = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let pairs = match text.form {
        TextForm::Made => Vec::new(),
        TextForm::Plain => walk(raw, start).line_by_line(text.form),
        TextForm::SingleQuoted | TextForm::DoubleQuoted => {
            walk(body, start + 1).line_by_line(text.form)
        }
        TextForm::Block { indent } => walk(raw, start).block(usize::from(indent)),
    };
    if pairs.is_empty() {
        vec![(0, start)]
    } else {
        pairs
    }
}

/// Goes through the written form of a text and its value at the same time.
struct Walk<'t> {
    /// The text as it is written.
    raw: &'t str,
    /// The text as it is meant.
    value: &'t str,
    /// The offset of `raw` in the file.
    start: usize,
    /// The offset in `raw`.
    at: usize,
    /// The offset in `value`.
    made: usize,
    pairs: Vec<(usize, usize)>,
}

impl<'t> Walk<'t> {
    fn rest(&self) -> &'t str {
        &self.raw[self.at..]
    }

    fn rest_of_value(&self) -> &'t str {
        self.value.get(self.made..).unwrap_or_default()
    }

    /// Adds a pair, unless it follows from the last one.
    fn pair(&mut self) {
        let place = self.start + self.at;
        let last = self.pairs.last().copied();
        if last.is_none_or(|(made, file)| file + (self.made - made) != place) {
            self.pairs.push((self.made, place));
        }
    }

    fn step(&mut self, n_raw: usize, n_value: usize) {
        self.pair();
        self.at += n_raw;
        self.made += n_value;
    }

    fn line_by_line(mut self, form: TextForm) -> Vec<(usize, usize)> {
        if self.raw == self.value {
            return vec![(0, self.start)];
        }
        while let Some(next) = self.rest().chars().next() {
            if self.made >= self.value.len() {
                break;
            }
            let (n_raw, n_value) = match next {
                ' ' | '\t' | '\n' | '\r' => self.whitespace(),
                '\\' if form == TextForm::DoubleQuoted => self.escape(),
                '\'' if form == TextForm::SingleQuoted => (2, 1),
                _ => {
                    let plain = self.rest().find([' ', '\t', '\n', '\r', '\\', '\'']);
                    let len = plain.unwrap_or(self.rest().len()).max(next.len_utf8());
                    (len, len)
                }
            };
            self.step(n_raw.min(self.rest().len()), n_value);
        }
        self.pairs
    }

    /// Returns the length of blanks and line breaks, and of what they become: one line break is a
    /// space, and each further one stays.
    fn whitespace(&self) -> (usize, usize) {
        let len = blank_len(self.rest());
        match self.rest()[..len].matches('\n').count() {
            0 => (len, len),
            1 => (len, 1),
            n => (len, n - 1),
        }
    }

    /// Returns the length of an escape in double quotes, and of what it stands for.
    fn escape(&self) -> (usize, usize) {
        let rest = self.rest();
        let n_value = self
            .rest_of_value()
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        let hex = |from: usize, n: usize| {
            let digits = rest.get(from..from + n)?;
            u32::from_str_radix(digits, 16).ok()
        };
        match rest[1..].chars().next() {
            // A line break that is escaped, with the blanks of the next line, stands for nothing.
            Some('\n' | '\r') => {
                let len = blank_len(&rest[1..]);
                let n_breaks = rest[1..=len].matches('\n').count();
                (1 + len, n_breaks.saturating_sub(1))
            }
            Some('x') => (4, n_value),
            Some('u') => match hex(2, 4) {
                // Two escapes are one character.
                Some(0xD800..=0xDBFF) => (12, n_value),
                Some(_) | None => (6, n_value),
            },
            Some('U') => (10, n_value),
            Some(other) => (1 + other.len_utf8(), n_value),
            None => (1, n_value),
        }
    }

    /// Finds the lines of a block text in its value.
    fn block(mut self, indent: usize) -> Vec<(usize, usize)> {
        let mut line_start = 0;
        for line in self.raw.split_inclusive('\n') {
            let is_first = line_start == 0;
            let spaces = line.bytes().take_while(|it| *it == b' ').count();
            let skipped = if is_first { 0 } else { spaces.min(indent) };
            let content = line[skipped..].trim_end_matches(['\n', '\r']);
            self.at = line_start + skipped;
            line_start += line.len();
            if content.is_empty() {
                continue;
            }
            let breaks = self
                .rest_of_value()
                .bytes()
                .take_while(|it| *it == b'\n')
                .count();
            let is_folded = breaks == 0 && !is_first && self.rest_of_value().starts_with(' ');
            self.made += if is_folded { 1 } else { breaks };
            // The value may end within the last line.
            let found = self.rest_of_value().starts_with(content);
            if !found && !content.starts_with(self.rest_of_value()) {
                break;
            }
            self.pair();
            self.made += content.len().min(self.rest_of_value().len());
        }
        self.pairs
    }
}

/// Returns the length of the blanks and line breaks that a text begins with.
fn blank_len(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t', '\n', '\r']).len()
}
