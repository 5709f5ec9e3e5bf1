//! Checks that a database is trustworthy before Sedge uses it.
//!
//! A repository, including its `.sedge`, may come from an untrusted source, and so may a backup.
//! SQLite executes parts of a schema (triggers, views, generated columns, indices of expressions),
//! so the schema must be exactly the one that Sedge makes. The database's files must be regular
//! files: SQLite would write through a link, and would delete the file that a rollback journal
//! names as its super-journal.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use sedge_sys::disk::FolderEntry;

use super::{DATABASE_FILE, QUEUE_FILE};
use crate::error::StoreError;
use crate::medium::Medium;
use crate::schema::tables_of;

/// The names of the folders that may be beside the database.
const FOLDERS: [&str; 2] = ["objects", "restore"];

/// The most bytes of a rollback journal. Only the creation of a datastore makes one, of one page;
/// Sedge makes no larger journal.
const JOURNAL_BYTES_MAX: u64 = 64 << 10;

/// The last bytes of a rollback journal that names a super-journal (SQLite's file format, 3.0).
const SUPER_JOURNAL_END: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Configures a connection so that it executes no part of a schema.
pub(crate) fn harden(connection: &Connection) -> Result<(), rusqlite::Error> {
    for (config, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        connection.set_db_config(config, is_on)?;
    }
    Ok(())
}

/// Checks that the files SQLite is about to open are regular files, and that the entries beside
/// them have the right types. Returns whether the database exists.
pub(super) fn check_files(medium: &Medium) -> Result<bool, StoreError> {
    let refuse = |name: &str, reason: String| StoreError::Untrusted {
        path: medium.path.join(name),
        reason,
    };
    let files = [
        DATABASE_FILE.to_owned(),
        format!("{DATABASE_FILE}-wal"),
        format!("{DATABASE_FILE}-shm"),
        journal_file(),
        QUEUE_FILE.to_owned(),
        format!("{QUEUE_FILE}.next"),
    ];
    let entries = medium.disk.entries(medium.below)?;
    for entry in &entries {
        let is_folder = FOLDERS.contains(&entry.name.as_str());
        if is_folder && !entry.is_folder {
            return Err(refuse(&entry.name, "it has to be a folder".to_owned()));
        }
        if files.contains(&entry.name) && !entry.is_file {
            return Err(refuse(
                &entry.name,
                "it is not a regular file (a link, a folder, a pipe or a device)".to_owned(),
            ));
        }
    }
    let has = |name: &str| entries.iter().find(|entry| entry.name == name);
    if let Some(journal) = has(&journal_file())
        && let Some(reason) = journal_fault(medium, journal)?
    {
        return Err(refuse(&journal.name, reason));
    }
    Ok(has(DATABASE_FILE).is_some())
}

fn journal_file() -> String {
    format!("{DATABASE_FILE}-journal")
}

/// Returns why SQLite must not play back a rollback journal.
fn journal_fault(medium: &Medium, journal: &FolderEntry) -> Result<Option<String>, StoreError> {
    if journal.size > JOURNAL_BYTES_MAX {
        return Ok(Some("Sedge creates no journal of this size".to_owned()));
    }
    let path = match medium.below {
        "" => journal.name.clone(),
        folder => format!("{folder}/{}", journal.name),
    };
    let Some(mut file) = medium.disk.open(&path)? else {
        return Ok(None);
    };
    let mut content = vec![0; usize::try_from(JOURNAL_BYTES_MAX).unwrap_or(usize::MAX)];
    let mut n_read = 0;
    while n_read < content.len() {
        match file.read(&mut content[n_read..])? {
            0 => break,
            n => n_read += n,
        }
    }
    // The header of a journal begins with the same bytes, and the journal may consist of the header
    // only.
    let names_another = n_read > 16 && content[..n_read].ends_with(&SUPER_JOURNAL_END);
    Ok(names_another.then(|| "it names another file, which SQLite would delete".to_owned()))
}

/// Checks that a database has exactly the tables and indices of one version of the schema: no
/// trigger, no view, and no computed column or index.
pub(crate) fn check_schema(
    path: &Path,
    connection: &Connection,
    version: i64,
) -> Result<(), StoreError> {
    let refuse = |reason: String| StoreError::Untrusted {
        path: path.to_owned(),
        reason,
    };
    let found = found(connection).map_err(|source| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => refuse(format!("SQLite cannot read it: {source}")),
        _ => StoreError::of_database("read its schema", source),
    })?;
    let expected = expected(version);
    if let Some(item) = found.difference(expected).next() {
        return Err(refuse(format!(
            "it has {}, which Sedge does not create",
            item.words()
        )));
    }
    if let Some(item) = expected.difference(&found).next() {
        return Err(refuse(format!("{} is missing", item.words())));
    }
    Ok(())
}

/// A part of a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    kind: String,
    name: String,
    /// Its statement, as [`plain`] returns it.
    sql: String,
}

impl Item {
    fn words(&self) -> String {
        const SHOWN_MAX: usize = 100;
        let [kind, name, sql] = [&self.kind, &self.name, &self.sql].map(|it| shown(it, SHOWN_MAX));
        format!("the {kind} `{name}` (`{sql}`)")
    }

    /// Returns the item that a statement `CREATE TABLE name …` or `CREATE INDEX name …` makes.
    fn of(sql: &str) -> Self {
        let mut words = sql.split([' ', '(']).skip(1);
        let mut word = || words.next().unwrap_or("");
        Self {
            kind: word().to_ascii_lowercase(),
            name: word().to_owned(),
            sql: sql.to_owned(),
        }
    }
}

/// Returns the beginning of an untrusted text, with control characters escaped.
pub(crate) fn shown(text: &str, n_chars_max: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(n_chars_max) {
        match c {
            ' '..='~' => shown.push(c),
            other => shown.extend(other.escape_default()),
        }
    }
    shown
}

fn found(connection: &Connection) -> Result<BTreeSet<Item>, rusqlite::Error> {
    // An index without a statement is SQLite's own index of a key, which its table's statement
    // defines.
    let mut statement = connection.prepare(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema
         WHERE sql IS NOT NULL OR type <> 'index' OR name NOT LIKE 'sqlite\\_autoindex\\_%' ESCAPE '\\'",
    )?;
    let items = statement.query_map([], |row| {
        let sql: String = row.get(2)?;
        Ok(Item {
            kind: row.get(0)?,
            name: row.get(1)?,
            sql: plain(&sql),
        })
    })?;
    items.collect()
}

/// Returns the parts of one version's schema; empty for an unknown version.
fn expected(version: i64) -> &'static BTreeSet<Item> {
    // process-wide: they are constants that have to be computed.
    static PRESENT: OnceLock<BTreeSet<Item>> = OnceLock::new();
    // process-wide: as above.
    static OLDER: [OnceLock<BTreeSet<Item>>; 6] = [const { OnceLock::new() }; 6];
    let slot = match version {
        2 => &OLDER[0],
        3 => &OLDER[1],
        4 => &OLDER[2],
        5 => &OLDER[3],
        6 => &OLDER[4],
        7 => &OLDER[5],
        _ => &PRESENT,
    };
    slot.get_or_init(|| {
        tables_of(version)
            .iter()
            .flat_map(|tables| {
                let text = plain(tables);
                let items = text.split(';').map(str::trim).filter(|sql| !sql.is_empty());
                items.map(Item::of).collect::<Vec<_>>()
            })
            .collect()
    })
}

/// Returns a statement without comments, with one blank between words, and none beside `(`, `)` and `,`:
/// SQLite puts an added column into the text of its table with white space of its own.
///
/// Sedge's statements contain no quoted texts or names. An untrusted statement with quotes may be
/// changed by this, but never into one of Sedge's.
fn plain(sql: &str) -> String {
    const PUNCTUATION: [char; 3] = ['(', ')', ','];
    let mut text = String::with_capacity(sql.len());
    for line in sql.lines() {
        let code = line.split_once("--").map_or(line, |(code, _)| code);
        for word in code.split_ascii_whitespace() {
            if !text.is_empty() && !text.ends_with(PUNCTUATION) && !word.starts_with(PUNCTUATION) {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_white_space_are_removed() {
        let check = |sql: &str, expect: &str| assert_eq!(plain(sql), expect);
        check(
            "CREATE  TABLE t (\n  a INT, -- b; c\n  d INT\n)",
            "CREATE TABLE t(a INT,d INT)",
        );
        check(
            "CREATE TABLE t (\n  a INT\n, b INT)",
            "CREATE TABLE t(a INT,b INT)",
        );
        check("CREATE TABLE t (a'(' INT)", "CREATE TABLE t(a'(' INT)");
        check("", "");
    }

    /// Each process checks its database once, even for `data get`. The test prints the time for
    /// review: `cargo test --release -p sedge-store --lib -- trust --nocapture`.
    #[test]
    fn valid_schema_passes_the_check() {
        const N_CHECKS: u32 = 1000;
        let keep = tempfile::tempdir().expect("a folder can be made");
        let folder = sedge_sys::folder::Folder::open(keep.path()).expect("it is there");
        let medium = Medium::new(&folder).expect("a descriptor is left");
        let door = crate::door::SqlDoor::create(medium).expect("the folder is empty");
        let check = |connection: &Connection| -> Result<(), crate::door::TxFault> {
            let since = sedge_sys::clock::thread_cpu_time();
            for _ in 0..N_CHECKS {
                check_schema(keep.path(), connection, crate::schema::SCHEMA_VERSION)?;
            }
            let took = sedge_sys::clock::thread_cpu_time().saturating_sub(since);
            println!("one check of the schema takes {:?}", took / N_CHECKS);
            Ok(())
        };
        door.look("check", check).expect("it is sound");
    }

    #[test]
    fn untrusted_text_is_shown_escaped() {
        let item = Item {
            kind: "view".to_owned(),
            name: "a\u{1b}[2Jb\u{202e}".to_owned(),
            sql: "x".repeat(200),
        };
        let expect = format!(
            "the view `a\\u{{1b}}[2Jb\\u{{202e}}` (`{}`)",
            "x".repeat(100)
        );
        assert_eq!(item.words(), expect);
    }

    #[test]
    fn every_version_has_its_own_schema() {
        let n_items = |version| expected(version).len();
        assert_eq!([2, 3, 4, 5, 6, 7].map(n_items), [9, 18, 19, 21, 26, 28]);
    }
}
