//! The replica: this process's copy of the shared lock table.
//!
//! Processes share a *journal*: a file with one line for each operation on the table. Since the
//! table is a pure function of the operations, all processes that have read the whole journal
//! have the same table (state machine replication: Lamport 1978, Schneider 1990). A process takes
//! the lock on the file, reads the new lines, decides, and appends its own operations.
//! PROTOCOL.md describes the format, and what happens if the file is truncated, removed or of
//! another version.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sedge_sys::folder::{FileError, Folder};
use sedge_sys::shared_file::SharedFile;
use sedge_sys::{host, random};

use crate::error::LockError;
use crate::format::{FormatError, read_header, read_line, write_line};
use crate::owner::SessionId;
use crate::session::{self, Session};
use crate::table::{LockRequest, LockTable, QueuePlace, RequestId, Snapshot, TableEntry};

/// The name of the journal.
pub(crate) const TABLE_FILE: &str = "table.log";

/// The size in bytes from which a journal is compacted.
///
/// A process that starts reads the whole journal, which takes about a millisecond for 64 KiB. A
/// compaction takes 50 µs.
const BYTES_MAX: u64 = 16 << 10;

/// The factor by which a journal must exceed its compacted size before it is compacted.
///
/// With many requests in the table, most of the journal cannot be dropped.
const GROWTH_MIN: u64 = 4;

/// The maximum number of bytes that are read of a journal at once.
///
/// Any process that may write the file controls its size, so without a limit it could exhaust the
/// memory of every other process. A request takes some 300 bytes, and a journal is compacted when
/// it is four times as large as its requests.
const READ_BYTES_MAX: u64 = 64 << 20;

/// The identity of a table. A table that starts empty gets a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// The first line: the header, with the number of earlier requests.
    Table(Header),
    /// A request that was in the table when the journal was compacted.
    Entry(TableEntry),
    /// An operation on the table.
    Operation(TableOperation),
    /// The end of this file: later operations are in another file.
    Moved(Epoch),
}

/// An operation on the table, with its time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TableOperation {
    /// The insertion of a request.
    Request(LockRequest, u64),
    /// The release of requests.
    Release(Vec<RequestId>, u64),
    /// The release of all requests of a session whose process has ended.
    SessionEnded(SessionId, u64),
}

/// The header of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The kernel's id of the boot in which the table was created.
    pub(crate) boot: String,
    /// The identity of the table.
    pub(crate) epoch: Epoch,
    /// The number of requests that were made before this journal begins.
    pub(crate) n_requests: u64,
}

/// What changed since this process held the table lock last.
#[derive(Debug, Default)]
pub(crate) struct TableUpdate {
    /// The requests that were granted.
    pub(crate) granted: Vec<RequestId>,
    /// Whether the file was replaced. Grants and removals in between are then not listed.
    pub(crate) was_replaced: bool,
}

/// This process's copy of the shared table.
#[derive(Debug)]
pub(crate) struct Replica {
    table: LockTable,
    file: SharedFile,
    path: PathBuf,
    header: Header,
    /// How many bytes of the file have been applied to the table.
    n_bytes: u64,
    /// Whether this file ends with [`Line::Moved`]: later operations are in another file.
    is_moved: bool,
    /// The size in bytes from which the file is compacted.
    n_bytes_max: u64,
    /// The operations of this critical section, to be appended to the file.
    lines: String,
}

impl Replica {
    /// Opens the journal, and creates it if it does not exist. Does not read it yet.
    pub(crate) fn open(session: &Session) -> Result<Self, LockError> {
        let path = session.files().path_of(TABLE_FILE);
        let boot = host::boot_id()
            .map_err(|source| FileError::new("read the boot id for", &path, source))?;
        let header = Header {
            boot,
            epoch: Epoch(random::bits()),
            n_requests: 0,
        };
        let file = loop {
            if let Some(file) = SharedFile::open(session.files(), TABLE_FILE, true)? {
                break file;
            }
            let own = text(&header, &LockTable::default());
            SharedFile::create(session.files(), TABLE_FILE, own.as_bytes())?;
        };
        Ok(Self {
            table: LockTable::default(),
            file,
            path,
            header,
            n_bytes: 0,
            is_moved: false,
            n_bytes_max: BYTES_MAX,
            lines: String::new(),
        })
    }

    pub(crate) fn table(&self) -> &LockTable {
        &self.table
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.header.epoch
    }

    /// Takes the table lock if it is free, and reads the new lines.
    ///
    /// If another thread has already taken the lock, `locked` is the file that it locked.
    pub(crate) fn enter(
        &mut self,
        session: &Session,
        locked: Option<SharedFile>,
    ) -> Result<Option<TableUpdate>, LockError> {
        let mut update = TableUpdate::default();
        match locked {
            Some(file) => self.adopt(file, &mut update),
            None if self.file.try_lock()? => {}
            None => return Ok(None),
        }
        let entered = self.follow(session, &mut update);
        if !matches!(entered, Ok(true)) {
            // The lock is released, since this process cannot use it.
            self.file.unlock();
        }
        Ok(entered?.then_some(update))
    }

    /// Reads the new lines in the file that is the current table.
    ///
    /// Returns false if another process holds the lock on that file.
    fn follow(&mut self, session: &Session, update: &mut TableUpdate) -> Result<bool, LockError> {
        let files = session.files();
        while !self.file.is_current(files, TABLE_FILE)? {
            // The file was replaced, or removed by the user.
            self.catch_up(session, update)?;
            let next = match SharedFile::open(files, TABLE_FILE, true)? {
                Some(next) => next,
                None => {
                    self.restore_file(session, update)?;
                    continue;
                }
            };
            if !next.try_lock()? {
                return Ok(false);
            }
            self.mark_moved()?;
            self.adopt(next, update);
        }
        self.catch_up(session, update)?;
        Ok(true)
    }

    /// Ends the critical section: appends its operations to the file and releases the table lock.
    pub(crate) fn leave(&mut self, session: &Session) -> Result<(), LockError> {
        let lines = std::mem::take(&mut self.lines);
        let written = self.file.append(self.n_bytes, lines.as_bytes());
        let left = match written {
            Ok(()) => {
                self.n_bytes += lines.len() as u64;
                if let Err(error) = self.compact(session) {
                    // The operations are in the file and count. The file is only longer than
                    // necessary.
                    tracing::debug!(%error, "failed to write the lock table again");
                    self.n_bytes_max = GROWTH_MIN * self.n_bytes;
                }
                Ok(())
            }
            Err(error) => {
                // None of the operations is in the file, so none of them counts.
                self.n_bytes = 0;
                let again = self.catch_up(session, &mut TableUpdate::default());
                again.and(Err(error.into()))
            }
        };
        self.file.unlock();
        left
    }

    pub(crate) fn insert(&mut self, request: LockRequest, now: u64) -> (RequestId, QueuePlace) {
        self.operation(TableOperation::Request(request.clone(), now));
        self.table.insert(request, now)
    }

    pub(crate) fn release(&mut self, ids: &[RequestId], now: u64) -> Vec<RequestId> {
        let here = |id: &&RequestId| self.table.entry(**id).is_some();
        let ids: Vec<RequestId> = ids.iter().filter(here).copied().collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let granted = self.table.release(&ids, now);
        self.operation(TableOperation::Release(ids, now));
        granted
    }

    pub(crate) fn session_ended(&mut self, id: SessionId, now: u64) -> Vec<RequestId> {
        let ids = self.table.of_session(id);
        if ids.is_empty() {
            return Vec::new();
        }
        self.operation(TableOperation::SessionEnded(id, now));
        self.table.release(&ids, now)
    }

    fn operation(&mut self, operation: TableOperation) {
        write_line(&mut self.lines, &Line::Operation(operation));
    }

    fn adopt(&mut self, file: SharedFile, update: &mut TableUpdate) {
        if !file.is_same(&self.file) {
            self.n_bytes = 0;
            self.is_moved = false;
            update.was_replaced = true;
        }
        self.file = file;
    }

    /// Restores the table's file, which was removed, from this process's copy.
    ///
    /// If another process restores the file first, its file is used.
    ///
    /// The copy may be stale: other processes may have moved to a later file that was removed,
    /// too. Restoring a stale copy would bring back released requests and lose later ones. A
    /// session without a file may have ended, and no process would notice its death, so its locks
    /// would stay for ever. In both cases the table starts empty with a new epoch, which fences
    /// off all earlier locks.
    fn restore_file(
        &mut self,
        session: &Session,
        update: &mut TableUpdate,
    ) -> Result<(), LockError> {
        let mut header = self.header_now();
        let mut table = self.table.clone();
        if self.is_moved || !remove_dead(&mut table, session)? {
            header.epoch = Epoch(random::bits());
            table = LockTable::default();
        }
        header.n_requests = table.n_requests();
        self.mark_moved()?;
        let own = text(&header, &table);
        SharedFile::create(session.files(), TABLE_FILE, own.as_bytes())?;
        update.was_replaced = true;
        Ok(())
    }

    /// Writes to the file that later operations are in another file.
    ///
    /// If all later files are removed, a process that still has this file open can thus detect
    /// that its copy is stale.
    fn mark_moved(&mut self) -> Result<(), LockError> {
        if !self.is_moved {
            let mut line = String::new();
            write_line(&mut line, &Line::Moved(self.header.epoch));
            self.file.append(self.n_bytes, line.as_bytes())?;
            self.n_bytes += line.len() as u64;
            self.is_moved = true;
        }
        Ok(())
    }

    /// Compacts the file if most of it is obsolete.
    fn compact(&mut self, session: &Session) -> Result<(), LockError> {
        if self.n_bytes < self.n_bytes_max {
            return Ok(());
        }
        let own = text(&self.header_now(), &self.table);
        self.n_bytes_max = BYTES_MAX.max(GROWTH_MIN * own.len() as u64);
        if self.n_bytes < self.n_bytes_max {
            return Ok(());
        }
        // The mark is written before the file is replaced. If the process dies in between, the
        // only consequence of the mark is that a removed file is not restored.
        let n_bytes = self.n_bytes;
        self.mark_moved()?;
        let next = match self
            .file
            .replace(session.files(), TABLE_FILE, own.as_bytes())
        {
            Ok(next) => next,
            Err(error) => {
                self.file.cut(n_bytes)?;
                (self.n_bytes, self.is_moved) = (n_bytes, false);
                return Err(error.into());
            }
        };
        std::mem::replace(&mut self.file, next).unlock();
        (self.n_bytes, self.is_moved) = (own.len() as u64, false);
        Ok(())
    }

    fn header_now(&self) -> Header {
        Header {
            n_requests: self.table.n_requests(),
            ..self.header.clone()
        }
    }

    /// Reads the new lines of the file, and cuts off an incomplete line of a process that died.
    fn catch_up(&mut self, session: &Session, update: &mut TableUpdate) -> Result<(), LockError> {
        let bytes = match self.file.read_from(self.n_bytes, READ_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            // The file was truncated, so the operations that others had appended are lost.
            Ok(None) => return self.start_empty(session, update),
            Err(error)
                if error.source.kind() == ErrorKind::FileTooLarge && session.is_alone()? =>
            {
                return self.start_empty(session, update);
            }
            Err(error) => return Err(error.into()),
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let (lines, rest) = bytes.split_at(whole.map_or(0, |at| at + 1));
        if self.n_bytes == 0 && !self.is_of_this_boot(lines, session)? {
            return self.start_empty(session, update);
        }
        match read(lines, self.n_bytes == 0, &mut self.table) {
            Ok(Read {
                header,
                granted,
                is_moved,
            }) => {
                self.header = header.unwrap_or_else(|| self.header.clone());
                self.is_moved |= is_moved;
                update.granted.extend(granted);
            }
            Err(_) if session.is_alone()? => return self.start_empty(session, update),
            Err(reason) => {
                let path = self.path.clone();
                // The table may have been updated up to any line before the error.
                self.n_bytes = 0;
                return Err(LockError::Unreadable { path, reason });
            }
        }
        self.n_bytes += lines.len() as u64;
        if !rest.is_empty() {
            self.file.cut(self.n_bytes)?;
        }
        Ok(())
    }

    /// Returns whether the file belongs to this boot and this version.
    ///
    /// A table of another boot is stale. So is a table of another version if no other session is
    /// alive.
    fn is_of_this_boot(&self, lines: &[u8], session: &Session) -> Result<bool, LockError> {
        match header_of(lines, &self.path) {
            Ok(header) => Ok(header.boot == self.header.boot),
            Err(_) if session.is_alone()? => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn start_empty(
        &mut self,
        session: &Session,
        update: &mut TableUpdate,
    ) -> Result<(), LockError> {
        self.header.epoch = Epoch(random::bits());
        self.table = LockTable::default();
        let own = text(&self.header_now(), &self.table);
        let next = self
            .file
            .replace(session.files(), TABLE_FILE, own.as_bytes())?;
        std::mem::replace(&mut self.file, next).unlock();
        (self.n_bytes, self.is_moved) = (own.len() as u64, false);
        update.was_replaced = true;
        Ok(())
    }
}

/// Returns the shared table without taking the table lock.
///
/// The file is complete up to its last whole line. Returns `None` if there is no table, or if it
/// belongs to another boot.
pub(crate) fn read_unlocked(files: &Folder) -> Result<Option<LockTable>, LockError> {
    let path = files.path_of(TABLE_FILE);
    let Some(file) = SharedFile::open(files, TABLE_FILE, false)? else {
        return Ok(None);
    };
    let bytes = file.read_from(0, READ_BYTES_MAX)?;
    let bytes = bytes.expect("no file is shorter than nothing");
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let lines = &bytes[..whole.map_or(0, |at| at + 1)];
    let header = header_of(lines, &path)?;
    let boot = host::boot_id();
    let boot = boot.map_err(|source| FileError::new("read the boot id for", &path, source))?;
    if boot != header.boot {
        return Ok(None);
    }
    let mut table = LockTable::default();
    match read(lines, true, &mut table) {
        Ok(_) => Ok(Some(table)),
        Err(reason) => Err(LockError::Unreadable { path, reason }),
    }
}

/// Returns the header of a journal, given its lines.
fn header_of(lines: &[u8], path: &Path) -> Result<Header, LockError> {
    let first = lines.split(|byte| *byte == b'\n').next();
    let first = first.expect("what is split has a first part");
    read_header(first).map_err(|error| {
        let path = path.to_owned();
        match error {
            FormatError::Version { found, known } => LockError::Version { path, found, known },
            FormatError::Json(_)
            | FormatError::Name(_)
            | FormatError::Session(_)
            | FormatError::NoHeader => LockError::Unreadable {
                path,
                reason: format!("its first line is not that of a lock table: {error}"),
            },
        }
    })
}

/// Drops the requests of dead sessions.
///
/// Returns false if another session in the table has no file. Its state is then unknown, and no
/// part of the table can be kept.
fn remove_dead(table: &mut LockTable, session: &Session) -> Result<bool, FileError> {
    let mut others: Vec<SessionId> = table.entries().map(|it| it.request.owner.session).collect();
    others.sort_unstable();
    others.dedup();
    for other in others.into_iter().filter(|id| *id != session.id()) {
        if !session::has_file(session.files(), other)? {
            return Ok(false);
        }
        if session::is_dead(session.files(), other)? {
            let left = table.of_session(other);
            table.release(&left, 0);
        }
    }
    Ok(true)
}

#[derive(Default)]
struct Read {
    header: Option<Header>,
    granted: Vec<RequestId>,
    is_moved: bool,
}

/// Applies lines of a journal to a table.
///
/// `from_start` says that the first of them is the header.
fn read(lines: &[u8], from_start: bool, table: &mut LockTable) -> Result<Read, String> {
    let mut read = Read::default();
    let mut snapshot = None;
    for (at, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let fault = |reason: String| format!("line {}: {reason}", at + 1);
        let line = read_line(line).map_err(|error| fault(error.to_string()))?;
        match (line, &mut snapshot) {
            (Line::Table(header), None) if from_start && at == 0 => {
                snapshot = Some(Snapshot {
                    n_requests: header.n_requests,
                    entries: Vec::new(),
                });
                read.header = Some(header);
            }
            (Line::Entry(entry), Some(snapshot)) => snapshot.entries.push(entry),
            (line @ (Line::Table(_) | Line::Entry(_)), _) => {
                return Err(fault(format!("it is out of place: {line:?}")));
            }
            (Line::Moved(_), _) => read.is_moved = true,
            (Line::Operation(operation), snapshot) => {
                if let Some(snapshot) = snapshot.take() {
                    *table = snapshot.into();
                }
                read.granted.extend(apply(table, operation));
            }
        }
    }
    if let Some(snapshot) = snapshot {
        *table = snapshot.into();
    }
    if from_start && read.header.is_none() {
        return Err("it has no first line".to_owned());
    }
    Ok(read)
}

fn apply(table: &mut LockTable, operation: TableOperation) -> Vec<RequestId> {
    match operation {
        TableOperation::Request(request, now) => {
            let (id, place) = table.insert(request, now);
            if place == QueuePlace::Granted {
                vec![id]
            } else {
                Vec::new()
            }
        }
        TableOperation::Release(ids, now) => table.release(&ids, now),
        TableOperation::SessionEnded(session, now) => {
            table.release(&table.of_session(session), now)
        }
    }
}

/// Returns the text of a journal that starts with `table`.
fn text(header: &Header, table: &LockTable) -> String {
    let mut text = String::new();
    write_line(&mut text, &Line::Table(header.clone()));
    for entry in table.entries() {
        write_line(&mut text, &Line::Entry(entry.clone()));
    }
    text
}
