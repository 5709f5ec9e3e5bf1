//! The content of a store as a value, and the checks that every store must pass.

use std::fmt::Write;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use sedge_lang::query::Selection;
use sedge_model::lineage::Lineage;
use sedge_model::run::RunEvent;
use sedge_store::{
    AuditFilter, DataRecord, GcRules, LockOwner, RunFilter, RunRecord, Scan, Store, StoreError,
    WritePermit,
};
use sedge_sys::clock::Timestamp;
use sedge_sys::folder::Folder;
use sedge_sys::input::Input;
use sedge_sys::thread::Stop;

use crate::fixture::{Place, log_of, model_name, permit};
use crate::operations::BACKUP;

/// The most characters that are shown of a differing line.
const SHOWN_MAX: usize = 240;

/// Everything that can be read from a store, without times of day; `None` if no store exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State(Option<Vec<String>>);

impl State {
    /// The state without a store.
    pub(crate) const ABSENT: Self = Self(None);

    /// Reads the whole content of a store.
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
        store.audit_scan(&AuditFilter::default(), |record| {
            lines.push(format!("audit {}: {:?}", record.seq, record.entry));
            Ok::<_, StoreError>(Scan::More)
        })?;
        for model in store.unsaved_list()? {
            lines.push(format!("unsaved {}: {:?}", model.name, model.text));
        }
        backup_lines(store, &mut lines)?;
        Ok(Self(Some(lines)))
    }

    /// Returns the lines that only one of the two states has.
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

/// Opens the store of a folder, as the next process would.
pub(crate) fn open(folder: &Folder) -> Result<Option<Store>, StoreError> {
    match Store::open(folder) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks that a store is in one of `states`, each of which an operation made from the one before,
/// and that it is not in one of the first `n_acknowledged` states, which acknowledged operations
/// have left. So nothing acknowledged is lost, and everything else is visible completely or not at
/// all.
///
/// Returns the index of its state.
pub(crate) fn find_state(
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

/// Checks the files of a store.
///
/// The journal mode is checked, too, because of a bug: if a call failed while SQLite changed the
/// mode to WAL, the error was lost, because the result was not read to its end. The new datastore
/// then kept its first journal mode, in which readers and writers block each other and a power loss
/// could undo acknowledged commits. The fix reads the result to its end.
pub(crate) fn check_files(folder: &Folder) -> Result<(), String> {
    let path = folder.path_of("sedge.db");
    if !Path::new(&path).is_file() {
        return Ok(());
    }
    let check = || -> Result<Vec<String>, rusqlite::Error> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Closing the connection must not change the log.
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
        // A file without an application id is not a datastore yet.
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

/// Returns an error with its causes.
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
    lines.push(format!("inputs of {id}: {:?}", store.run_inputs(id)?));
    lines.push(format!("options of {id}: {:?}", store.run_options(id)?));
    for child in store.run_children(id)? {
        lines.push(format!("{} is a part of {id}", child.id));
    }
    for event in store.run_events(id)? {
        if let RunEvent::StepStarted { call, .. } = event.event {
            lines.push(format!(
                "task {call} of {id}: {:?}",
                store.step_task(id, call)?
            ));
        }
        if let RunEvent::Expanded { .. } = event.event {
            let items = store.step_items(id, event.seq)?;
            lines.push(format!("values {} of {id}: {items:?}", event.seq));
        }
        lines.push(format!("event of {id}: {} {:?}", event.seq, event.event));
    }
    for mut call in store.call_list(id)? {
        call.started_at = Timestamp(0);
        lines.push(format!("{call:?}"));
    }
    for line in log_of(store, id)? {
        lines.push(format!("{line:?}"));
    }
    lines.push(format!("fences of {id}: {:?}", fenced(store, &run)?));
    Ok(())
}

/// Returns whether calls of a run are fenced off: one that no test starts, and a callee.
fn fenced(store: &Store, run: &RunRecord) -> Result<[bool; 2], StoreError> {
    let root = Lineage::root(run.id.clone());
    let is_fenced = |lineage: Lineage| {
        let owner = LockOwner {
            lineage,
            claim: run.claim,
            under: None,
        };
        store.fenced(&owner).map(|call| call.is_some())
    };
    Ok([
        is_fenced(root.child(u32::MAX))?,
        is_fenced(root.child(1).child(2))?,
    ])
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

/// Adds the content of the backup, if one exists, by restoring it elsewhere.
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

/// Checks that leftovers only take up space, and that a collection removes them.
pub(crate) fn check_leftovers(store: &Store) -> Result<(), String> {
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

/// Returns a permit for the valid lock table.
fn permit_of(store: &Store) -> Result<WritePermit, String> {
    let epoch = store.lock_epoch().map_err(|error| chain(&error))?;
    Ok(WritePermit {
        lock_epoch: epoch.unwrap_or(1),
        ..permit()
    })
}
