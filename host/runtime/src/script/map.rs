//! Maps places in a bundled script to places in its author's files.
//!
//! A component that was made of a script may have a source map (version 3, the format of browsers)
//! in a custom section. The component's author controls it. It is read once, in the process that
//! compiles the component, and its size and the number of its entries are limited.

use sedge_model::backtrace::{SourcePlace, StackFrame};
use serde::{Deserialize, Serialize};

/// The custom section of a component with the source map of its script.
pub(crate) const SOURCE_MAP_SECTION: &str = "sedge:source-map";

/// The name of the bundled script in the frames of its engine.
pub(crate) const SCRIPT_FILE: &str = "plugin.js";

/// The maximum size of a source map, in bytes.
///
/// The map of a bundle of 10 MB has about as many bytes. Without a limit, the author of a component
/// would control how much memory reading it takes.
pub(crate) const MAP_BYTES_MAX: usize = 32 << 20;

/// The maximum number of entries that are used. A script of 20 000 lines has about 200 000.
const ROWS_MAX: usize = 1 << 19;

/// The maximum number of files.
const FILES_MAX: usize = 1 << 12;

/// The maximum size of a path, in bytes. The end of a longer one is kept.
const PATH_BYTES_MAX: usize = 160;

/// The file number of code that belongs to no file of the author.
const NO_FILE: u32 = u32::MAX;

/// Line and column in the bundle, the number of the file, and line and column in it, all from 0.
type Row = (u32, u32, u32, u32, u32);

/// The places of a script.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScriptMap {
    files: Vec<String>,
    /// Sorted by their first two fields.
    rows: Vec<Row>,
}

/// What is used of a source map.
#[derive(Debug, Serialize, Deserialize)]
struct SourceMap {
    version: u32,
    sources: Vec<Option<String>>,
    #[serde(default)]
    names: Vec<String>,
    mappings: String,
}

impl ScriptMap {
    /// Reads a source map, and drops the places of files for which `is_kept` returns `false`.
    ///
    /// # Errors
    /// It is too large, or is not a source map.
    pub(crate) fn read(text: &[u8], is_kept: impl Fn(&str) -> bool) -> Result<Self, String> {
        if text.len() > MAP_BYTES_MAX {
            return Err(format!("it has more than {} MiB", MAP_BYTES_MAX >> 20));
        }
        let map: SourceMap = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if map.version != 3 {
            return Err(format!("it is of version {}, not 3", map.version));
        }
        let mut files = Vec::new();
        let numbers: Vec<u32> = (map.sources.iter())
            .map(|source| {
                let source = source.as_deref().filter(|it| is_kept(it));
                match (source, u32::try_from(files.len())) {
                    (Some(source), Ok(number)) if files.len() < FILES_MAX => {
                        files.push(end_of(source).to_owned());
                        number
                    }
                    (_, _) => NO_FILE,
                }
            })
            .collect();
        let mut rows = rows_read(&map.mappings, &numbers).ok_or("its mappings are damaged")?;
        rows.sort_by_key(|row| (row.0, row.1));
        rows.dedup_by(|next, one| {
            let is_same_line = next.0 == one.0;
            is_same_line && (next.2, next.3, next.4) == (one.2, one.3, one.4)
        });
        Ok(Self { files, rows })
    }

    /// Reads the source map in a custom section. A map that is not valid counts as none.
    pub(crate) fn of_section(text: &[u8]) -> Option<Self> {
        Self::read(text, |_| true)
            .map_err(|reason| tracing::debug!(reason, "a source map of a plugin is not valid"))
            .ok() // ignored: the reason was logged
    }

    /// Returns the map as a source map of version 3.
    pub(crate) fn to_source_map(&self) -> Vec<u8> {
        let map = SourceMap {
            version: 3,
            sources: self.files.iter().cloned().map(Some).collect(),
            names: Vec::new(),
            mappings: rows_written(&self.rows),
        };
        serde_json::to_vec(&map).expect("it has a form in JSON")
    }

    /// Returns the place in the author's files of a place in the bundle, both from 1. Returns `None`
    /// if it belongs to none of them.
    fn place(&self, line: u32, column: u32) -> Option<SourcePlace> {
        let (line, column) = (line.checked_sub(1)?, column.saturating_sub(1));
        let behind = self
            .rows
            .partition_point(|row| (row.0, row.1) <= (line, column));
        let row = self.rows.get(behind.checked_sub(1)?)?;
        if row.0 != line {
            return None;
        }
        Some(SourcePlace {
            file: self.files.get(row.2 as usize)?.clone(),
            line: row.3.saturating_add(1),
            column: row.4.saturating_add(1),
        })
    }

    /// Replaces places in the bundle by those in the author's files. If at least one frame has such a
    /// place, the frames of code that is not the author's are left out; otherwise they lose the place
    /// in the bundle, which is of no use to a reader.
    pub(crate) fn frames(&self, frames: Vec<StackFrame>) -> Vec<StackFrame> {
        let mut all = Vec::new();
        let mut own = Vec::new();
        for frame in frames {
            match &frame.place {
                Some(place) if place.file == SCRIPT_FILE => {
                    let found = self.place(place.line, place.column);
                    let function = frame.function;
                    let frame = StackFrame {
                        function,
                        place: found,
                    };
                    if frame.place.is_some() {
                        own.push(frame.clone());
                    }
                    all.push(frame);
                }
                Some(_) | None => {
                    own.push(frame.clone());
                    all.push(frame);
                }
            }
        }
        match own.iter().any(|frame| frame.place.is_some()) {
            true => own,
            false => all,
        }
    }
}

/// Returns the end of a path, without the parts that only the machine that built the plugin has.
fn end_of(path: &str) -> &str {
    let cut = path.len().saturating_sub(PATH_BYTES_MAX);
    path[path.ceil_char_boundary(cut)..].trim_start_matches("./")
}

/// Decodes mappings: lines are separated by `;`, entries by `,`, and an entry has 1, 4 or 5 numbers,
/// each relative to the one before it. `numbers` has the file number of each source. Returns `None` if
/// they are damaged. Entries beyond [`ROWS_MAX`] are left out.
fn rows_read(mappings: &str, numbers: &[u32]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut source, mut source_line, mut source_column) = (0_i64, 0_i64, 0_i64);
    for (line, entries) in (0_u32..).zip(mappings.split(';')) {
        let mut column = 0_i64;
        for entry in entries.split(',').filter(|entry| !entry.is_empty()) {
            let (fields, n_fields) = fields_read(entry)?;
            column = column.checked_add(fields[0])?;
            let mut file = NO_FILE;
            if n_fields >= 4 {
                source = source.checked_add(fields[1])?;
                source_line = source_line.checked_add(fields[2])?;
                source_column = source_column.checked_add(fields[3])?;
                file = *numbers.get(usize::try_from(source).ok()?)?;
            }
            let place = match file {
                NO_FILE => (0, 0),
                _ => (
                    u32::try_from(source_line).ok()?,
                    u32::try_from(source_column).ok()?,
                ),
            };
            if rows.len() < ROWS_MAX {
                rows.push((line, u32::try_from(column).ok()?, file, place.0, place.1));
            }
        }
    }
    Some(rows)
}

/// The digits of a number, in base 64.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes an entry: numbers in base 64 with the least significant digit first, of which each has a bit
/// that says whether another one follows. The lowest bit of a number is its sign.
fn fields_read(entry: &str) -> Option<([i64; 5], usize)> {
    let (mut fields, mut n_fields) = ([0; 5], 0);
    let (mut value, mut shift) = (0_i64, 0_u32);
    for byte in entry.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        let digit = i64::try_from(digit).ok()?;
        // Six digits are enough for each line and column of 32 bits.
        if shift > 35 {
            return None;
        }
        value |= (digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            let magnitude = value >> 1;
            *fields.get_mut(n_fields)? = if value & 1 == 1 {
                -magnitude
            } else {
                magnitude
            };
            n_fields += 1;
            (value, shift) = (0, 0);
        }
    }
    (shift == 0 && matches!(n_fields, 1 | 4 | 5)).then_some((fields, n_fields))
}

/// Encodes rows as mappings.
fn rows_written(rows: &[Row]) -> String {
    let mut text = String::new();
    let (mut line, mut column) = (0, 0);
    let mut source = (0_i64, 0_i64, 0_i64);
    let mut is_first = true;
    for row in rows {
        while line < row.0 {
            text.push(';');
            (line, column, is_first) = (line + 1, 0, true);
        }
        if !is_first {
            text.push(',');
        }
        is_first = false;
        number_write(&mut text, i64::from(row.1) - column);
        column = i64::from(row.1);
        if row.2 != NO_FILE {
            let now = (i64::from(row.2), i64::from(row.3), i64::from(row.4));
            number_write(&mut text, now.0 - source.0);
            number_write(&mut text, now.1 - source.1);
            number_write(&mut text, now.2 - source.2);
            source = now;
        }
    }
    text
}

fn number_write(text: &mut String, number: i64) {
    let mut rest = (number.unsigned_abs() << 1) | u64::from(number < 0);
    loop {
        let digit = (rest & 31) as usize;
        rest >>= 5;
        let more = if rest > 0 { 32 } else { 0 };
        text.push(char::from(DIGITS[digit | more]));
        if rest == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line 1 of the bundle is code of a library. Line 2 begins with `a.ts:3:5`, has code of the library
    /// from column 11 on, and from column 21 on `b.ts:1:1`. Line 4 is `a.ts:100001:1`.
    fn map() -> ScriptMap {
        ScriptMap {
            files: vec!["a.ts".to_owned(), "b.ts".to_owned()],
            rows: vec![
                (0, 0, NO_FILE, 0, 0),
                (1, 0, 0, 2, 4),
                (1, 10, NO_FILE, 0, 0),
                (1, 20, 1, 0, 0),
                (3, 0, 0, 100_000, 0),
            ],
        }
    }

    #[test]
    fn place_in_the_bundle_is_one_in_the_authors_files() {
        let map = map();
        let check = |line: u32, column: u32, expect: Option<&str>| {
            let found = map.place(line, column).map(|place| place.to_string());
            assert_eq!(found.as_deref(), expect, "{line}:{column}");
        };
        check(0, 0, None);
        check(1, 1, None);
        check(2, 1, Some("a.ts:3:5"));
        check(2, 10, Some("a.ts:3:5"));
        check(2, 11, None);
        check(2, 21, Some("b.ts:1:1"));
        check(2, 4000, Some("b.ts:1:1"));
        check(3, 1, None);
        check(4, 1, Some("a.ts:100001:1"));
        check(5, 1, None);
    }

    #[test]
    fn map_is_read_as_it_was_written() {
        let written = map().to_source_map();
        assert_eq!(ScriptMap::read(&written, |_| true), Ok(map()));
        let text = String::from_utf8(written.clone()).expect("it is text");
        assert_eq!(
            text,
            r#"{"version":3,"sources":["a.ts","b.ts"],"names":[],"mappings":"A;AAEI,U,UCFJ;;ADgqjGA"}"#
        );
        let of_b = ScriptMap::read(&written, |file| file == "b.ts").expect("it is valid");
        assert_eq!(of_b.place(2, 1), None);
        let place = of_b.place(2, 21).map(|place| place.to_string());
        assert_eq!(place.as_deref(), Some("b.ts:1:1"));
    }

    #[test]
    fn damaged_maps_are_refused() {
        let check = |text: &str| {
            assert!(
                ScriptMap::read(text.as_bytes(), |_| true).is_err(),
                "{text}"
            );
            assert_eq!(ScriptMap::of_section(text.as_bytes()), None, "{text}");
        };
        let of = |mappings: &str| {
            format!(r#"{{"version":3,"sources":["a.ts"],"mappings":"{mappings}"}}"#)
        };
        assert!(ScriptMap::read(of("AAAA").as_bytes(), |_| true).is_ok());
        check("");
        check("[]");
        check(r#"{"version":2,"sources":[],"mappings":""}"#);
        check(&of("!"));
        check(&of("AA"));
        check(&of("AAAAAA"));
        check(&of("AC"));
        check(&of("ACAA"));
        check(&of("D"));
        check(&of("AADA"));
        check(&of("g"));
        check(&of("ggggggggggggggggggggB"));
    }

    #[test]
    fn frames_of_the_author_are_shown_with_their_places() {
        let frames = |all: &[&str]| -> Vec<StackFrame> {
            all.iter().map(|text| StackFrame::parse(text)).collect()
        };
        let check = |given: &[&str], expect: &[&str]| {
            let found = map().frames(frames(given));
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expect);
        };
        check(
            &[
                "parse at plugin.js:1:7",
                "run at plugin.js:2:3",
                "invoke at plugin.js:1:9",
            ],
            &["run at a.ts:3:5"],
        );
        check(&["parse at plugin.js:1:7", "native"], &["parse", "native"]);
        check(
            &["run at other.js:1:7", "in at plugin.js:1:1"],
            &["run at other.js:1:7"],
        );
        check(&[], &[]);
    }
}
