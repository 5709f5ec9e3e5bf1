//! The logs of changes and uses: one line of JSON per record, in two files of bounded size.
//!
//! Changes of secrets are in one file. Their records are synced before the change is made, so a
//! crash can leave a record without its change, but never a change without its record. Uses are in
//! the other file, so that many uses do not displace the records of changes. That file is not
//! synced, and a power loss may lose its last records.

use sedge_model::names::SecretName;
use sedge_sys::clock::Timestamp;
use sedge_sys::disk::PrivateDisk;
use sedge_sys::folder::FileError;
use serde::{Deserialize, Serialize};

use crate::files;

/// The most bytes of a log file. A full file is renamed, and replaces the one that was renamed
/// before.
///
/// Calls choose how often they use a secret, so without a limit they could fill the disk. A record
/// takes about 120 bytes.
pub(crate) const LOG_BYTES_MAX: usize = 256 << 10;

/// The most bytes of an actor's name. Guests influence the names of calls.
const BY_BYTES_MAX: usize = 256;

/// The suffix of a full file that was renamed.
const FORMER: &str = ".former";

/// An operation on secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A value was put, with the version in the record.
    Put,
    /// A secret was deleted.
    Delete,
    /// All secrets were sealed by a new key.
    Rotate,
    /// A secret was passed to a call.
    Use,
}

/// A record of an operation on secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretLogRecord {
    /// The time, in milliseconds since 1970.
    pub at_ms: u64,
    /// The operation.
    pub what: What,
    /// The secret; `None` if the operation was on all secrets.
    pub name: Option<SecretName>,
    /// The version that was put.
    pub version: Option<u64>,
    /// The actor: a user at a machine, or a call.
    pub by: String,
}

/// A log, consisting of a file and its renamed predecessor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    path: &'static str,
    /// Whether a record is durable once it is written.
    is_synced: bool,
}

/// The log of changes.
pub(crate) const CHANGES: Log = Log {
    path: "changes.log",
    is_synced: true,
};

/// The log of uses.
pub(crate) const USES: Log = Log {
    path: "uses.log",
    is_synced: false,
};

impl SecretLogRecord {
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

/// Returns an actor's name, cut to the length that is recorded.
pub(crate) fn bounded(by: &str) -> &str {
    &by[..by.floor_char_boundary(BY_BYTES_MAX)]
}

impl Log {
    /// Adds a record. The caller must hold the lock.
    pub(crate) fn add(
        self,
        disk: &dyn PrivateDisk,
        record: &SecretLogRecord,
    ) -> Result<(), FileError> {
        let mut line = serde_json::to_vec(record).expect("a record is plain data");
        line.push(b'\n');
        let former = content(disk, self.path)?;
        if former.last().is_some_and(|byte| *byte != b'\n') {
            // The last record was interrupted, so this one starts on a new line.
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

    /// Returns the retained records, oldest first. Incomplete lines are skipped.
    pub(crate) fn records(self, disk: &dyn PrivateDisk) -> Result<Vec<SecretLogRecord>, FileError> {
        let mut records = Vec::new();
        for path in [&self.former(), self.path] {
            let content = content(disk, path)?;
            let lines = content.split(|byte| *byte == b'\n');
            // ignored: an incomplete line is not a record.
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

    fn record(n: usize) -> SecretLogRecord {
        SecretLogRecord::new(What::Use, None, &n.to_string())
    }

    #[test]
    fn full_log_is_renamed_and_total_size_is_bounded() {
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
    fn incomplete_record_does_not_affect_others() {
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
    fn actor_name_is_cut_at_a_character_boundary() {
        assert_eq!(bounded("me"), "me");
        let long = "é".repeat(BY_BYTES_MAX);
        assert_eq!(bounded(&long), "é".repeat(BY_BYTES_MAX / 2));
        assert_eq!(bounded(&format!("x{long}")).len(), BY_BYTES_MAX - 1);
    }
}
