//! Who did what, and when: a line of JSON for each, in two files of bounded size.
//!
//! What changed secrets is in one, and on disk before it happens: there may be a record of what a
//! crash then kept from happening, never the other way round. Who used them is in the other, so
//! that many uses do not drive the changes out; a power cut may take the last ones.

use sedge_model::names::SecretName;
use sedge_sys::clock::Timestamp;
use sedge_sys::disk::PrivateDisk;
use sedge_sys::folder::FileError;
use serde::{Deserialize, Serialize};

use crate::files;

/// The most bytes that a file of records may have before it is put aside, in place of the one
/// that was put aside before.
///
/// Calls choose how often they use a secret; without a limit, they could fill the disk. A record
/// takes some 120 bytes.
pub(crate) const LOG_BYTES_MAX: usize = 256 << 10;

/// The most bytes of the name of who did it. Guests have a say in names of calls.
const BY_BYTES_MAX: usize = 256;

/// What is added to the name of a file that was put aside.
const FORMER: &str = ".former";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A value was put, as the version that is told.
    Put,
    /// A secret was deleted.
    Delete,
    /// All secrets were sealed by a new key.
    Rotate,
    /// A secret was handed to a call.
    Use,
}

/// What somebody did with secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRecord {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What was done.
    pub what: What,
    /// With which secret; none where it was done with all.
    pub name: Option<SecretName>,
    /// Which version of it was put or deleted.
    pub version: Option<u64>,
    /// Who did it: a person at a machine, or a call.
    pub by: String,
}

/// A file of records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    path: &'static str,
    /// Whether a record survives a power cut once it is written.
    is_synced: bool,
}

/// What changed secrets.
pub(crate) const CHANGES: Log = Log {
    path: "changes.log",
    is_synced: true,
};

/// Who used secrets.
pub(crate) const USES: Log = Log {
    path: "uses.log",
    is_synced: false,
};

impl LogRecord {
    pub(crate) fn new(what: What, name: Option<&SecretName>, by: &str) -> Self {
        Self {
            at_ms: Timestamp::now().0,
            what,
            name: name.cloned(),
            version: None,
            by: bounded(by).to_owned(),
        }
    }
}

/// Returns the name of who did something, as it is kept.
pub(crate) fn bounded(by: &str) -> &str {
    &by[..by.floor_char_boundary(BY_BYTES_MAX)]
}

impl Log {
    /// Adds a record, for who has the turn.
    pub(crate) fn add(self, disk: &dyn PrivateDisk, record: &LogRecord) -> Result<(), FileError> {
        let mut line = serde_json::to_vec(record).expect("a record is plain data");
        line.push(b'\n');
        let former = content(disk, self.path)?;
        if former.last().is_some_and(|byte| *byte != b'\n') {
            // Its last record was cut off; this one begins on a line of its own.
            line.insert(0, b'\n');
        }
        let is_full = former.len() + line.len() > LOG_BYTES_MAX;
        if is_full {
            disk.rename(self.path, &self.former())?;
        }
        let mut file = disk.append_private(self.path)?;
        file.write(&line)?;
        if self.is_synced {
            file.sync()?;
        }
        if self.is_synced && (is_full || former.is_empty()) {
            disk.sync_folder("")?;
        }
        Ok(())
    }

    /// Returns the records that are left, oldest first. What was cut off is passed over.
    pub(crate) fn records(self, disk: &dyn PrivateDisk) -> Result<Vec<LogRecord>, FileError> {
        let mut records = Vec::new();
        for path in [&self.former(), self.path] {
            let content = content(disk, path)?;
            let lines = content.split(|byte| *byte == b'\n');
            // ignored: a line that was cut off is no record.
            records.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        }
        Ok(records)
    }

    fn former(self) -> String {
        format!("{}{FORMER}", self.path)
    }
}

fn content(disk: &dyn PrivateDisk, path: &str) -> Result<Vec<u8>, FileError> {
    let Some(mut file) = disk.open(path)? else {
        return Ok(Vec::new());
    };
    Ok(files::read(&mut file, LOG_BYTES_MAX)?.to_vec())
}

#[cfg(test)]
mod tests {
    use sedge_sys::folder::Folder;

    use super::*;

    fn record(n: usize) -> LogRecord {
        LogRecord::new(What::Use, None, &n.to_string())
    }

    #[test]
    fn a_full_file_is_put_aside_and_what_is_left_is_bounded() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        let line = serde_json::to_vec(&record(0)).expect("plain data").len() + 1;
        let n_records = 3 * LOG_BYTES_MAX / line;
        (0..n_records).for_each(|n| USES.add(&folder, &record(n)).expect("written"));
        let sizes = ["uses.log", "uses.log.former"].map(|path| {
            let file = folder.read(path, LOG_BYTES_MAX as u64).expect("bounded");
            file.expect("it is there").len()
        });
        assert!(sizes[0] > 0 && sizes[1] > LOG_BYTES_MAX - 2 * line);
        let records = USES.records(&folder).expect("read");
        let last: Vec<usize> = records.iter().filter_map(|it| it.by.parse().ok()).collect();
        let expect: Vec<usize> = (n_records - last.len()..n_records).collect();
        assert_eq!(last, expect, "the last ones, in their order");
    }

    #[test]
    fn a_record_that_was_cut_off_spoils_no_other() {
        let keep = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(keep.path()).expect("it is there");
        CHANGES.add(&folder, &record(1)).expect("written");
        let mut file = folder.append_private(CHANGES.path).expect("opened");
        file.write(b"{\"atMs\": 1, \"wh").expect("written");
        CHANGES.add(&folder, &record(2)).expect("written");
        let records = CHANGES.records(&folder).expect("read");
        let by: Vec<&str> = records.iter().map(|it| it.by.as_str()).collect();
        assert_eq!(by, ["1", "2"]);
    }

    #[test]
    fn who_did_it_is_cut_where_a_character_ends() {
        assert_eq!(bounded("me"), "me");
        let long = "é".repeat(BY_BYTES_MAX);
        assert_eq!(bounded(&long), "é".repeat(BY_BYTES_MAX / 2));
        assert_eq!(bounded(&format!("x{long}")).len(), BY_BYTES_MAX - 1);
    }
}
