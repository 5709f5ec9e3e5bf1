//! Checks of the invariants of `FORMAT.md`, with the numbers of its list.

use std::collections::{BTreeMap, BTreeSet};

use sedge_model::digest::Digest;
use sedge_model::names::ModelName;
use sedge_sys::disk::FileReader;

use super::{CheckReport, StoreFinding};
use rusqlite::Connection;

use crate::Store;
use crate::audit::audit_record;
use crate::blobs::{Blobs, ContentReader};
use crate::data::data_record;
use crate::door::{RowFlow, SqlRow, Tx, TxFault, values};
use crate::error::StoreError;
use crate::run_log::run_event;
use crate::runs::{json, run_inputs, run_options, run_record};
use crate::statements::checks as sql;
use crate::tasks::{StoredContentRow, items_of, task_of};
use crate::unsaved::unsaved_record;

/// The most findings that are reported, which is enough to recognise the problem.
const FINDINGS_MAX: usize = 100;

pub(super) fn check(
    store: &Store,
    deep: bool,
    mut progress: impl FnMut(u64),
) -> Result<CheckReport, StoreError> {
    let mut check = Check::new(Content::Folder(&store.blobs), deep, &mut progress);
    store
        .door
        .look("check the database", |it| check.database(it))?;
    // The files are listed first. Files of later rows are written before their rows, so they are
    // found. A file in the list whose row is deleted meanwhile is reported as an orphan only if the
    // snapshot has no reference to it.
    let files: BTreeMap<Digest, u64> = store.blobs.list()?.into_iter().collect();
    check.report.n_files = files.len() as u64;
    store.door.read("check the datastore", |tx| {
        check.rows(tx)?;
        check.files(tx, &files)
    })?;
    for (path, size) in store.blobs.passing_list()? {
        check.leftover(format!("`{path}` ({size} bytes) is an unfinished file"));
    }
    Ok(check.report)
}

/// Returns the first fault of a database that is not in place yet. Checks all invariants but that
/// of unreferenced files. Of large content, only the files and their sizes are known.
pub(crate) fn first_fault(
    connection: &Connection,
    tx: &Tx<'_>,
    files: &BTreeMap<Digest, u64>,
) -> Result<Option<String>, TxFault> {
    let mut progress = |_| {};
    let mut check = Check::new(Content::Known(files), true, &mut progress);
    check.database(connection)?;
    check.rows(tx)?;
    let fault = check.report.findings.into_iter().find(|it| it.is_fault);
    Ok(fault.map(|it| it.what))
}

/// The source of large content.
enum Content<'a> {
    Folder(&'a Blobs),
    /// The files were compared with their digests before. These are their sizes.
    Known(&'a BTreeMap<Digest, u64>),
}

/// A table with what steps were started with.
#[derive(Clone, Copy)]
struct StartedTable {
    statement: &'static str,
    what: &'static str,
}

struct Check<'a> {
    content: Content<'a>,
    deep: bool,
    report: CheckReport,
    hashed: BTreeSet<Digest>,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a> Check<'a> {
    fn new(content: Content<'a>, deep: bool, progress: &'a mut dyn FnMut(u64)) -> Self {
        Self {
            content,
            deep,
            report: CheckReport::default(),
            hashed: BTreeSet::new(),
            progress,
        }
    }

    /// Checks invariants 2 to 7 and 9 to 14.
    fn rows(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        self.relations(tx)?;
        self.versions(tx)?;
        self.runs(tx)?;
        self.calls(tx)?;
        self.uses(tx)?;
        self.unsaved(tx)?;
        self.tasks(tx)?;
        self.audit(tx)
    }

    fn fault(&mut self, what: String) {
        self.note(what, true);
    }

    fn leftover(&mut self, what: String) {
        self.note(what, false);
    }

    fn note(&mut self, what: String, is_fault: bool) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(StoreFinding { what, is_fault });
        }
    }

    /// Checks invariant 1: SQLite's own integrity checks.
    fn database(&mut self, connection: &Connection) -> Result<(), TxFault> {
        let pragma = if self.deep {
            "PRAGMA integrity_check"
        } else {
            "PRAGMA quick_check"
        };
        let mut statement = connection.prepare(pragma)?;
        let answers = statement.query_map([], |row| row.get::<_, String>(0))?;
        for answer in answers.collect::<Result<Vec<_>, _>>()? {
            if answer != "ok" {
                self.fault(format!("the database: {answer}"));
            }
        }
        let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
        let missing = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?))
        })?;
        for (from, to) in missing.collect::<Result<BTreeSet<_>, _>>()? {
            self.fault(format!(
                "a row of `{from}` refers to a row of `{to}` that does not exist"
            ));
        }
        Ok(())
    }

    /// Checks invariants 2 to 5 by statements that find violations.
    fn relations(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        for (what, statement, is_fault) in sql::RELATIONS {
            let found = tx.all(statement, &[], |row| row.get::<String>(0))?;
            for found in found {
                self.note(format!("{found}: {what}"), is_fault);
            }
        }
        Ok(())
    }

    /// Checks invariants 6 and 7: every version can be read, and has its content.
    fn versions(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        tx.each(sql::VERSIONS, &[], |row| {
            self.report.n_versions += 1;
            (self.progress)(self.report.n_versions);
            self.version(tx, row)?;
            Ok(RowFlow::More)
        })
    }

    fn version(&mut self, tx: &Tx<'_>, row: &SqlRow<'_>) -> Result<(), TxFault> {
        let record = match data_record(row) {
            Ok(record) => record,
            Err(TxFault::Refused(error)) => {
                self.fault(format!("a version of data: {error}"));
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        let version = format!(
            "version {} of `{}` of `{}`",
            record.version, record.name, record.model
        );
        match row.get::<Option<i64>>(19)? {
            Some(content) => self.inline(tx, &version, content, (record.size, &record.digest)),
            None => self.file(&version, (record.size, &record.digest)),
        }
    }

    fn inline(
        &mut self,
        tx: &Tx<'_>,
        version: &str,
        content: i64,
        (size, digest): (u64, &Digest),
    ) -> Result<(), TxFault> {
        let found = tx.first(sql::CONTENT_SIZE, &values![content], |row| {
            row.get::<u64>(0)
        })?;
        if found != Some(size) {
            self.fault(format!("{version}: its content is missing or cut off"));
        } else if self.deep {
            let bytes: Vec<u8> = tx.value(crate::statements::CONTENT_GET, &values![content])?;
            self.report.n_hashed_bytes += size;
            if Digest::of(&bytes) != *digest {
                self.fault(format!("{version}: its content is damaged"));
            }
        }
        Ok(())
    }

    fn file(&mut self, version: &str, (size, digest): (u64, &Digest)) -> Result<(), TxFault> {
        let (file, found) = match self.content {
            Content::Known(sizes) => (None, sizes.get(digest).copied()),
            Content::Folder(blobs) => {
                let file = blobs.open(digest)?;
                let found = file.as_ref().map(FileReader::size);
                (file, found)
            }
        };
        let Some(found) = found else {
            self.fault(format!(
                "{version}: the file of its content `{digest}` is missing"
            ));
            return Ok(());
        };
        if found != size {
            self.fault(format!(
                "{version}: the file of its content `{digest}` has {found} bytes instead of {size}"
            ));
        } else if let Some(file) = file
            && self.deep
            && self.hashed.insert(*digest)
        {
            self.report.n_hashed_bytes += size;
            let read = ContentReader::of_file(file, *digest).each(|_| {
                (self.progress)(self.report.n_versions);
                Ok::<_, StoreError>(())
            });
            if let Err(error) = read {
                self.fault(format!("{version}: {error}"));
            }
        }
        Ok(())
    }

    /// Checks invariant 8: a file without references only takes up space.
    fn files(&mut self, tx: &Tx<'_>, files: &BTreeMap<Digest, u64>) -> Result<(), TxFault> {
        for (digest, size) in files {
            let key = values![digest.0.as_slice()];
            if tx
                .first(crate::statements::FILE_IS_USED, &key, |_| Ok(()))?
                .is_none()
            {
                self.leftover(format!(
                    "nothing refers to the file `{digest}` ({size} bytes)"
                ));
            }
        }
        Ok(())
    }

    /// Checks invariant 9: every run, its options, its inputs and its events can be read.
    fn runs(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        self.readable(tx, sql::RUNS, "a run", |row| run_record(row).map(drop))?;
        self.readable(tx, sql::OPTIONS, "the options of a run", |row| {
            run_options(row).map(drop)
        })?;
        self.readable(tx, sql::INPUTS, "the inputs of a run", |row| {
            row.text(0, run_inputs)?.map(drop)
        })?;
        self.readable(tx, sql::EVENTS, "an event", |row| {
            row.text(0, run_event)?.map(drop)
        })
    }

    /// Checks invariant 10: every call and log line can be read.
    fn calls(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        self.readable(tx, sql::CALLS, "a call", |row| {
            let run: String = row.get(11)?;
            let run = crate::runs::word("run id", run)?;
            crate::calls::call_record(&run, row).map(drop)
        })?;
        self.readable(tx, sql::LOG_LINES, "a line of a log", |row| {
            row.text(0, |text| {
                json::<Vec<(String, serde_json::Value)>>("log line", text)
            })?
            .map(drop)
        })
    }

    /// Checks invariant 11: every use of a permission can be read.
    fn uses(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        self.readable(tx, sql::USES, "a use of a permission", |row| {
            let _: ModelName = crate::runs::word("model name", row.get(0)?)?;
            let _: (String, u64) = (row.get(1)?, row.get(2)?);
            Ok(())
        })
    }

    /// Checks invariant 12: every unsaved model can be read.
    fn unsaved(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        self.readable(tx, sql::UNSAVED, "an unsaved model", |row| {
            unsaved_record(row).map(drop)
        })
    }

    /// Checks invariant 13: what every step was started with can be read, and has its file if it is
    /// large.
    fn tasks(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        let mut files = Vec::new();
        let task = |text: &str| task_of(text).map(drop);
        let of_tasks = StartedTable {
            statement: sql::TASKS,
            what: "the task of the step",
        };
        self.started(tx, of_tasks, task, &mut files)?;
        let items = |text: &str| items_of(text).map(drop);
        let of_items = StartedTable {
            statement: sql::ITEMS,
            what: "the values of the event",
        };
        self.started(tx, of_items, items, &mut files)?;
        for (what, size, digest) in files {
            self.file(&what, (size, &digest))?;
        }
        Ok(())
    }

    /// Checks the rows of a table with what steps were started with, and notes their files.
    fn started(
        &mut self,
        tx: &Tx<'_>,
        StartedTable { statement, what }: StartedTable,
        read: impl Fn(&str) -> Result<(), TxFault>,
        files: &mut Vec<(String, u64, Digest)>,
    ) -> Result<(), TxFault> {
        self.readable(tx, statement, what, |row| {
            match StoredContentRow::read(row)? {
                StoredContentRow::Text(text) => read(&text),
                StoredContentRow::File { digest, size } => {
                    let (run, number): (String, u64) = (row.get(3)?, row.get(4)?);
                    files.push((format!("{what} `{run}/{number}`"), size, digest));
                    Ok(())
                }
            }
        })
    }

    /// Checks invariant 14: every entry of the audit can be read.
    fn audit(&mut self, tx: &Tx<'_>) -> Result<(), TxFault> {
        self.readable(tx, sql::AUDIT, "an entry of the audit", |row| {
            audit_record(row).map(drop)
        })
    }

    fn readable(
        &mut self,
        tx: &Tx<'_>,
        statement: &str,
        what: &str,
        mut read: impl FnMut(&SqlRow<'_>) -> Result<(), TxFault>,
    ) -> Result<(), TxFault> {
        tx.each(statement, &[], |row| {
            match read(row) {
                Ok(()) => {}
                Err(TxFault::Refused(error)) => self.fault(format!("{what}: {error}")),
                Err(fault) => return Err(fault),
            }
            Ok(RowFlow::More)
        })
    }
}
