//! What a store holds, as a value, and the one place that says what must hold of it.

use std::fmt::Write;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use sedge_model::lineage::Lineage;
use sedge_model::names::ModelName;
use sedge_store::{Claim, DataSummary, RunFilter, RunRecord, Store, StoreError};
use sedge_sys::clock::Timestamp;
use sedge_sys::folder::Folder;

use crate::fixture::success;

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
        for summary in store.data_list(None)? {
            data_lines(store, &summary, &mut lines)?;
        }
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
    match store.call_commit(&claim, &end) {
        Err(StoreError::CallNotRunning(_)) => Ok("free"),
        Err(StoreError::LockLost(_)) => Ok("fenced"),
        Err(error) => Err(error),
        Ok(_) => unreachable!("it never began"),
    }
}

fn data_lines(
    store: &Store,
    summary: &DataSummary,
    lines: &mut Vec<String>,
) -> Result<(), StoreError> {
    let (model, name): (&ModelName, _) = (&summary.model, &summary.name);
    for version in store.data_versions(model, name)? {
        let record = store.data_get(model, name, Some(version.version))?;
        let mut record = record.expect("it is listed");
        record.info.created_at = Timestamp(0);
        lines.push(format!("{model} {name:?}: {record:?}"));
    }
    Ok(())
}
