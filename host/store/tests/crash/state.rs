//! What a store holds, as a value, and the one place that says what must hold of it.

use std::fmt::Write;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use sedge_model::lineage::Lineage;
use sedge_model::query::Selection;
use sedge_store::{Claim, DataRecord, GcRules, Permit, RunFilter, RunRecord, Store, StoreError};
use sedge_sys::clock::Timestamp;
use sedge_sys::folder::Folder;
use sedge_sys::input::Input;
use sedge_sys::thread::Stop;

use crate::fixture::{Place, model_name, permit, success};
use crate::operations::BACKUP;

/// The most of a line that is shown of a difference, in characters.
const SHOWN_MAX: usize = 240;

/// All that can be read of a store, but for times of day; none where there is no store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State(Option<Vec<String>>);

impl State {
    /// Where there is no store.
    pub(crate) const ABSENT: Self = Self(None);

    /// Reads all of a store.
    pub(crate) fn of(store: &Store) -> Result<Self, StoreError> {
        let mut lines = vec![format!("lock epoch {:?}", store.lock_epoch()?)];
        let mut runs = store.run_list(&RunFilter::default(), usize::MAX)?;
        runs.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        for run in &runs {
            run_lines(store, run, &mut lines)?;
        }
        for gate in store.gates_open()? {
            lines.push(format!("gate {} of {}", gate.gate, gate.run.id));
        }
        for record in store.data_select(&Selection::default())? {
            data_line(store, record, &mut lines)?;
        }
        for model in store.data_models()? {
            for (former, present) in store.data_forwards(&model.model)? {
                lines.push(format!("{former:?} of {} is {present:?}", model.model));
            }
        }
        for model in ["sink", "sink-two"] {
            let uses = store.permission_uses(&model_name(model))?;
            lines.extend(uses.keys().map(|used| format!("{model} used {used}")));
        }
        backup_lines(store, &mut lines)?;
        Ok(Self(Some(lines)))
    }

    /// Returns the lines that only one of two has.
    fn difference(&self, other: &Self) -> String {
        let lines = |it: &Self| it.0.clone().unwrap_or_else(|| vec!["no store".to_owned()]);
        let (own, others) = (lines(self), lines(other));
        let mut text = String::new();
        let mut show = |sign: char, lines: &[String], but: &[String]| {
            for line in lines.iter().filter(|line| !but.contains(line)) {
                let shown: String = line.chars().take(SHOWN_MAX).collect();
                writeln!(text, "    {sign} {shown}").expect("a text grows");
            }
        };
        show('-', &others, &own);
        show('+', &own, &others);
        text
    }
}

/// Opens what is in a folder, as the next process would.
pub(crate) fn open(folder: &Folder) -> Result<Option<Store>, StoreError> {
    match Store::open(folder) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks what must hold of a store whatever happened: it is in one of these states, each of
/// which an operation made of the one before, and not in one before the `n_acknowledged`
/// that were said to be done. So nothing acknowledged is lost, and of what was not, all is
/// visible or nothing.
///
/// Returns in which one it is.
pub(crate) fn whole(
    store: Option<&Store>,
    states: &[State],
    n_acknowledged: usize,
) -> Result<usize, String> {
    let found = match store {
        None => State::ABSENT,
        Some(store) => {
            State::of(store).map_err(|error| format!("unreadable: {}", chain(&error)))?
        }
    };
    let mut behind = states.iter().skip(n_acknowledged);
    if let Some(at) = behind.position(|state| *state == found) {
        return Ok(n_acknowledged + at);
    }
    if let Some(at) = states.iter().position(|state| *state == found) {
        return Err(format!(
            "what was acknowledged is lost: it is in state {at} of {}, and {n_acknowledged} are left for good",
            states.len()
        ));
    }
    let mut text = format!("it is in none of {} states\n", states.len());
    for (n, state) in states.iter().enumerate() {
        let difference = found.difference(state);
        writeln!(text, "  what is other than in state {n}:\n{difference}").expect("it grows");
    }
    Err(text)
}

/// Checks the files of a store by themselves.
///
/// The kind of journal is one of these things. The bug: where a call failed as SQLite changed
/// it to a write-ahead log, nobody was told, for the answer was read and not the end behind
/// it. The consequence: the datastore was made, and had its first journal for ever; readers
/// and writers waited for each other, and a power cut could take back what was acknowledged.
/// The fix: the answer is read to its end.
pub(crate) fn sound(folder: &Folder) -> Result<(), String> {
    let path = folder.path_of("sedge.db");
    if !Path::new(&path).is_file() {
        return Ok(());
    }
    let check = || -> Result<Vec<String>, rusqlite::Error> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Closing it must leave the log to the store.
        let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        database.set_db_config(keep, true)?;
        let mut faults = Vec::new();
        database.pragma_query(None, "integrity_check", |row| {
            faults.push(row.get::<_, String>(0)?);
            Ok(())
        })?;
        faults.retain(|fault| fault != "ok");
        database.pragma_query(None, "foreign_key_check", |row| {
            faults.push(format!(
                "a dangling reference in {}",
                row.get::<_, String>(0)?
            ));
            Ok(())
        })?;
        let mode: String = database.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        let mark: i64 = database.pragma_query_value(None, "application_id", |row| row.get(0))?;
        // A file without a mark is one that is not made yet.
        if mark != 0 && mode != "wal" {
            faults.push(format!("its journal is of the kind `{mode}`"));
        }
        Ok(faults)
    };
    match check() {
        Ok(faults) if faults.is_empty() => Ok(()),
        Ok(faults) => Err(format!("unsound: {}", faults.join("; "))),
        Err(error) => Err(format!("unsound: {error}")),
    }
}

/// Returns an error with what led to it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, ": {error}").expect("a text grows");
        source = error.source();
    }
    text
}

fn run_lines(store: &Store, run: &RunRecord, lines: &mut Vec<String>) -> Result<(), StoreError> {
    let id = &run.id;
    let mut run = run.clone();
    run.started_at = Timestamp(0);
    run.ended_at = run.ended_at.map(|_| Timestamp(0));
    lines.push(format!("{run:?}"));
    lines.push(format!("source of {id}: {:?}", store.run_source(id)?));
    for event in store.run_events(id)? {
        lines.push(format!("event of {id}: {} {:?}", event.seq, event.event));
    }
    for mut call in store.call_list(id)? {
        call.started_at = Timestamp(0);
        lines.push(format!("{call:?}"));
    }
    for line in store.log_list(id)? {
        lines.push(format!("{line:?}"));
    }
    lines.push(format!("a call of {id} is {}", fenced(store, &run)?));
    Ok(())
}

/// Returns whether the calls of a run are fenced off. That cannot be read: it is what a call
/// is told that wants to commit and never began.
fn fenced(store: &Store, run: &RunRecord) -> Result<&'static str, StoreError> {
    let claim = Claim {
        run: run.id.clone(),
        number: run.claim,
    };
    let call = Lineage::root(run.id.clone()).child(u32::MAX);
    let mut end = success(&call, "sink", &[]);
    end.lock_epoch = store.lock_epoch()?.unwrap_or_default();
    match store.call_commit(&claim, end).wait() {
        Err(StoreError::CallNotRunning(_)) => Ok("free"),
        Err(StoreError::LockLost(_)) => Ok("fenced"),
        Err(error) => Err(error),
        Ok(_) => unreachable!("it never began"),
    }
}

fn data_line(
    store: &Store,
    mut record: DataRecord,
    lines: &mut Vec<String>,
) -> Result<(), StoreError> {
    let key = (&record.model, &record.name, Some(record.version));
    let found = store.data_open(key.0, key.1, key.2)?;
    let (_, content) = found.expect("it is listed");
    let content = String::from_utf8_lossy(&content.read_all()?).into_owned();
    record.created_at = Timestamp(0);
    lines.push(format!("{record:?}: {content}"));
    Ok(())
}

/// Tells what is in a backup, if there is one: it is restored elsewhere to see.
fn backup_lines(store: &Store, lines: &mut Vec<String>) -> Result<(), StoreError> {
    let path = store.medium().path().join(BACKUP);
    if !path.is_file() {
        return Ok(());
    }
    let place = Place::new();
    let other = Store::create(&place.folder)?;
    other.restore(&permit(), Input::named(&path)?, &Stop::default(), |_, _| {})?;
    let State(restored) = State::of(&other)?;
    lines.extend(
        restored
            .into_iter()
            .flatten()
            .map(|line| format!("backup: {line}")),
    );
    Ok(())
}

/// Checks that what is left over takes up room only, and that a collection gives it back.
pub(crate) fn tidy(store: &Store) -> Result<(), String> {
    let check = || {
        let report = store.check(true, |_| {}).map_err(|error| chain(&error))?;
        Ok::<_, String>(report.findings)
    };
    let faults: Vec<_> = check()?.into_iter().filter(|it| it.is_fault).collect();
    if !faults.is_empty() {
        return Err(format!("faults: {faults:?}"));
    }
    let collected = store.data_gc(&permit_of(store)?, &GcRules::default());
    collected.map_err(|error| chain(&error))?;
    let left = check()?;
    if left.is_empty() {
        return Ok(());
    }
    Err(format!("left after a collection: {left:?}"))
}

/// Returns what allows a change under whatever lock table counts.
fn permit_of(store: &Store) -> Result<Permit, String> {
    let epoch = store.lock_epoch().map_err(|error| chain(&error))?;
    Ok(Permit {
        lock_epoch: epoch.unwrap_or(1),
        ..permit()
    })
}
