//! The format of the journal: one line of JSON for each operation on the table.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::FormatError;
use super::request::{StoredEntry, StoredRequest};
use crate::replica::{Epoch, Header, Line, TableOperation};
use crate::table::RequestId;

/// The version of the journal's format and of the table's rules.
///
/// The rules are included because processes with different rules would compute different tables.
const VERSION: u32 = 4;

/// A line. Its only key is the kind of the line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredLine<'a> {
    Table(#[serde(borrow)] StoredHeader<'a>),
    Entry(#[serde(borrow)] StoredEntry<'a>),
    Ask(#[serde(borrow)] StoredRequest<'a>, u64),
    Free(Vec<u64>, u64),
    Dead(#[serde(borrow)] Cow<'a, str>, u64),
    Moved(u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredHeader<'a> {
    version: u32,
    #[serde(borrow)]
    boot: Cow<'a, str>,
    epoch: u64,
    n_requests: u64,
}

/// The part of the first line that is the same in every version.
#[derive(Deserialize)]
struct AnyFirstLine {
    table: AnyHeader,
}

#[derive(Deserialize)]
struct AnyHeader {
    version: u32,
}

/// Appends a line to a text.
pub(crate) fn write_line(text: &mut String, line: &Line) {
    let stored = StoredLine::from(line);
    let json = serde_json::to_string(&stored).expect("a line has a form in JSON");
    text.push_str(&json);
    text.push('\n');
}

/// Reads a line, given without its line end.
///
/// # Errors
/// The line is not one that this version writes.
pub(crate) fn read_line(line: &[u8]) -> Result<Line, FormatError> {
    let stored: StoredLine<'_> = serde_json::from_slice(line)?;
    stored.try_into()
}

/// Reads the first line of a journal.
///
/// # Errors
/// The line has another version, or is not a header.
pub(crate) fn read_header(line: &[u8]) -> Result<Header, FormatError> {
    let any: AnyFirstLine = serde_json::from_slice(line)?;
    check_version(any.table.version)?;
    match read_line(line)? {
        Line::Table(header) => Ok(header),
        Line::Entry(_) | Line::Operation(_) | Line::Moved(_) => Err(FormatError::NoHeader),
    }
}

fn check_version(found: u32) -> Result<(), FormatError> {
    let known = VERSION;
    match found == known {
        true => Ok(()),
        false => Err(FormatError::Version { found, known }),
    }
}

impl<'a> From<&'a Line> for StoredLine<'a> {
    fn from(line: &'a Line) -> Self {
        match line {
            Line::Table(header) => Self::Table(header.into()),
            Line::Entry(entry) => Self::Entry(entry.into()),
            Line::Operation(operation) => operation.into(),
            Line::Moved(epoch) => Self::Moved(epoch.0),
        }
    }
}

impl<'a> From<&'a TableOperation> for StoredLine<'a> {
    fn from(operation: &'a TableOperation) -> Self {
        match operation {
            TableOperation::Request(request, now) => Self::Ask(request.into(), *now),
            TableOperation::Release(ids, now) => {
                Self::Free(ids.iter().map(|id| id.0).collect(), *now)
            }
            TableOperation::SessionEnded(session, now) => {
                Self::Dead(session.to_string().into(), *now)
            }
        }
    }
}

impl TryFrom<StoredLine<'_>> for Line {
    type Error = FormatError;

    fn try_from(stored: StoredLine<'_>) -> Result<Self, FormatError> {
        let operation = match stored {
            StoredLine::Table(header) => return Ok(Self::Table(header.try_into()?)),
            StoredLine::Entry(entry) => return Ok(Self::Entry(entry.try_into()?)),
            StoredLine::Moved(epoch) => return Ok(Self::Moved(Epoch(epoch))),
            StoredLine::Ask(request, now) => TableOperation::Request(request.try_into()?, now),
            StoredLine::Free(ids, now) => {
                TableOperation::Release(ids.into_iter().map(RequestId).collect(), now)
            }
            StoredLine::Dead(session, now) => TableOperation::SessionEnded(session.parse()?, now),
        };
        Ok(Self::Operation(operation))
    }
}

impl<'a> From<&'a Header> for StoredHeader<'a> {
    fn from(header: &'a Header) -> Self {
        let Header {
            boot,
            epoch,
            n_requests,
        } = header;
        Self {
            version: VERSION,
            boot: boot.into(),
            epoch: epoch.0,
            n_requests: *n_requests,
        }
    }
}

impl TryFrom<StoredHeader<'_>> for Header {
    type Error = FormatError;

    fn try_from(stored: StoredHeader<'_>) -> Result<Self, FormatError> {
        let StoredHeader {
            version,
            boot,
            epoch,
            n_requests,
        } = stored;
        check_version(version)?;
        Ok(Self {
            boot: boot.into_owned(),
            epoch: Epoch(epoch),
            n_requests,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as every version of Sedge with format 4 writes them.
    const LINES: [&str; 9] = [
        r#"{"table":{"version":4,"boot":"96381260-\"é\"","epoch":17891627733450849451,"n_requests":4}}"#,
        r#"{"entry":{"id":3,"place":"granted","since":1795638173187,"request":{"owner":{"session":"388701da4aaefe0a","lineage":"k3v9q2x8w1mz/1"},"resource":"datastore","mode":"IX","what":"sink.run"}}}"#,
        r#"{"entry":{"id":7,"place":"overtaking","since":0,"request":{"owner":{"session":"0000000000000000","lineage":"k3v9q2x8w1mz"},"resource":"datastore","mode":"IS","what":""}}}"#,
        r#"{"entry":{"id":8,"place":"waiting","since":0,"request":{"owner":{"session":"ffffffffffffffff","lineage":"k3v9q2x8w1mz/1/2"},"resource":{"model":"sink"},"mode":"S","what":"\u0007\n\"é\""}}}"#,
        r#"{"ask":[{"owner":{"session":"388701da4aaefe0a","lineage":"k3v9q2x8w1mz/1"},"resource":{"model":"sink"},"mode":"X","what":"sink.run"},1795638173187]}"#,
        r#"{"ask":[{"owner":{"under":{"under":{"session":"0000000000000001","lineage":"000000000001/2"},"session":"0000000000000002","lineage":"000000000002/1"},"session":"0000000000000003","lineage":"000000000003/1/1"},"resource":{"model":"sink"},"mode":"X","what":"sink.run"},1]}"#,
        r#"{"free":[[3,18446744073709551615],1795638173238]}"#,
        r#"{"dead":["388701da4aaefe0a",1795638173240]}"#,
        r#"{"moved":17891627733450849451}"#,
    ];

    #[test]
    fn every_line_is_written_as_it_was_read() {
        for line in LINES {
            let read = read_line(line.as_bytes());
            let read = read.unwrap_or_else(|error| panic!("{line}: {error}"));
            let mut again = String::new();
            write_line(&mut again, &read);
            assert_eq!(again, format!("{line}\n"));
        }
    }

    #[test]
    fn unknown_line_is_an_error() {
        let check = |line: &str, expect: &str| {
            let error = read_line(line.as_bytes()).expect_err(line);
            assert!(error.to_string().contains(expect), "{line}: {error}");
        };
        check("", "EOF");
        check(r#"{"teleported":1}"#, "teleported");
        check(r#"{"dead":["7",1]}"#, "`7` is not a session number");
        check(
            r#"{"table":{"version":2,"boot":"","epoch":1,"n_requests":0}}"#,
            "its format is 2, not 4",
        );
        let ask = |owner: &str, resource: &str| {
            format!(
                r#"{{"ask":[{{"owner":{owner},"resource":{resource},"mode":"X","what":""}},1]}}"#
            )
        };
        let owner = r#"{"session":"388701da4aaefe0a","lineage":"k3v9q2x8w1mz/1"}"#;
        check(&ask(owner, r#"{"model":"../sink"}"#), "../sink");
        let no_call = owner.replace("/1", "/0");
        check(&ask(&no_call, r#""datastore""#), "k3v9q2x8w1mz/0");
    }

    #[test]
    fn a_first_line_tells_its_version_whatever_else_is_in_it() {
        let header = read_header(LINES[0].as_bytes()).expect("it is one");
        assert_eq!(
            (header.epoch.0, header.n_requests),
            (17891627733450849451, 4)
        );
        let found = read_header(br#"{"table":{"version":5,"ring":7},"more":[]}"#);
        let is_other = matches!(
            found,
            Err(FormatError::Version {
                found: 5,
                known: VERSION
            })
        );
        assert!(is_other, "{found:?}");
        read_header(LINES[8].as_bytes()).expect_err("it is not a header");
    }
}
