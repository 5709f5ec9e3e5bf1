//! Migrates an older schema to the current one, in one transaction.

use std::collections::HashMap;

use rusqlite::Connection;
use sedge_model::digest::Digest;
use sedge_model::lifetime::Lifetime;
use sedge_model::run::{RunEvent, StepAttempt};

use crate::blobs::{Blobs, INLINE_BYTES_MAX};
use crate::door::{RowFlow, Tx, TxFault, values};
use crate::format::StoredEvent;
use crate::medium::Medium;
use crate::run_log::run_event;
use crate::schema::{
    AUDIT_TABLES, DATA_BY_CALL, DATA_TABLES, INPUT_TABLES, ITEM_TABLES, RUNS_BY_CALL,
    UNSAVED_TABLES, USE_TABLES, VERSION_INDEXES, VERSIONS_TABLE, WORKFLOW_TABLES,
};

/// Schema 2 had one table of data, with the content as JSON in its rows.
const OLD_VERSIONS: &str = "
    SELECT old.model, name, version, spec, content, created_at, run, path, step,
           coalesce(method, 'unknown'), coalesce(plugin, '')
    FROM data_versions_2 AS old LEFT JOIN calls USING (run, path)
    ORDER BY old.model, name, version";

/// The events of format 1 that start and end steps.
const EVENTS_OF_STEPS: &str = r#"
    SELECT run, seq, event FROM run_events
    WHERE event LIKE '{"event":"step-started"%' OR event LIKE '{"event":"step-succeeded"%'
        OR event LIKE '{"event":"step-failed"%'
    ORDER BY run, seq"#;

/// Migrates the tables of schema `found` to the current one. When this returns, content that was
/// moved to files is durable.
pub(crate) fn migrate(
    medium: &Medium,
    tx: &Tx<'_>,
    connection: &Connection,
    found: i64,
) -> Result<(), TxFault> {
    if found < 3 {
        connection.execute_batch("ALTER TABLE data_versions RENAME TO data_versions_2")?;
        connection.execute_batch(DATA_TABLES)?;
        connection.execute_batch(VERSIONS_TABLE)?;
        connection.execute_batch(VERSION_INDEXES)?;
        data_of_schema_2(&Blobs::new(medium.disk.clone()), tx)?;
        connection.execute_batch("DROP TABLE data_versions_2")?;
    }
    if found < 4 {
        connection.execute_batch(USE_TABLES)?;
    }
    if found < 5 {
        connection.execute_batch(INPUT_TABLES)?;
        connection.execute_batch(UNSAVED_TABLES)?;
    }
    if found < 6 {
        connection.execute_batch(WORKFLOW_TABLES)?;
        connection.execute_batch(AUDIT_TABLES)?;
        ends_of_format_1(tx)?;
    }
    if found < 7 {
        if found >= 3 {
            connection.execute_batch("DROP INDEX data_versions_by_run")?;
        }
        connection.execute_batch(DATA_BY_CALL)?;
        connection.execute_batch(ITEM_TABLES)?;
    }
    if found < 8 {
        if found >= 3 {
            connection.execute_batch("ALTER TABLE data_versions ADD COLUMN environment TEXT")?;
        }
        connection.execute_batch("ALTER TABLE runs ADD COLUMN by_call TEXT")?;
        connection.execute_batch(RUNS_BY_CALL)?;
        runs_of_commands(tx)?;
    }
    Ok(())
}

/// Fills the column with the call whose command started a run. Before schema 8, only the name of the
/// user had it: `ada, by a command of the call k3v9q2x8w1mz/1`.
fn runs_of_commands(tx: &Tx<'_>) -> Result<(), TxFault> {
    tx.execute(
        "UPDATE runs SET by_call = substr(started_by, instr(started_by, ?1) + length(?1))
         WHERE instr(started_by, ?1) > 0",
        &values![", by a command of the call "],
    )?;
    Ok(())
}

/// Adds to the end of each step the ordinal of its call, which the events of format 1 did not have:
/// the results of steps are found by it. An event that cannot be read is left as it is, because its
/// run is refused when it is read, and the rest of the datastore can be used.
fn ends_of_format_1(tx: &Tx<'_>) -> Result<(), TxFault> {
    let mut run = String::new();
    let mut calls: HashMap<StepAttempt, u32> = HashMap::new();
    let mut changed = Vec::new();
    tx.each(EVENTS_OF_STEPS, &[], |row| {
        let (of, seq): (String, u64) = (row.get(0)?, row.get(1)?);
        if of != run {
            run = of;
            calls.clear();
        }
        let Ok(mut event) = row.text(2, run_event)? else {
            return Ok(RowFlow::More);
        };
        if let RunEvent::StepStarted { step, call, .. } = event {
            calls.insert(step, call);
            return Ok(RowFlow::More);
        }
        if let RunEvent::StepSucceeded { step, call } | RunEvent::StepFailed { step, call, .. } =
            &mut event
            && call.is_none()
            && let Some(found) = calls.get(step)
        {
            *call = Some(*found);
            changed.push((run.clone(), seq, event));
        }
        Ok(RowFlow::More)
    })?;
    for (run, seq, event) in changed {
        let text =
            serde_json::to_string(&StoredEvent::from(&event)).expect("an event has a form in JSON");
        tx.execute(
            "UPDATE run_events SET event = ?3 WHERE run = ?1 AND seq = ?2",
            &values![&run, seq, &text],
        )?;
    }
    Ok(())
}

fn data_of_schema_2(blobs: &Blobs, tx: &Tx<'_>) -> Result<(), TxFault> {
    tx.execute(
        "INSERT INTO data (model, name, latest, written)
         SELECT model, name, max(version), max(version) FROM data_versions_2 GROUP BY model, name",
        &[],
    )?;
    tx.execute(
        "INSERT INTO origins (type, method, plugin, definition)
         SELECT DISTINCT '', coalesce(method, 'unknown'), coalesce(plugin, ''), ''
         FROM data_versions_2 LEFT JOIN calls USING (run, path)",
        &[],
    )?;
    tx.each(OLD_VERSIONS, &[], |row| {
        let content: String = row.get(4)?;
        let (digest, content) = if content.len() > INLINE_BYTES_MAX {
            let file = blobs.write(content.as_bytes())?;
            let digest = file.1;
            blobs.publish(&[file])?;
            (digest, None)
        } else {
            tx.execute(
                crate::statements::CONTENT_INSERT,
                &values![content.as_bytes()],
            )?;
            (Digest::of(content.as_bytes()), Some(tx.inserted()))
        };
        let size = row.text(4, str::len)? as u64;
        let texts = [0, 1, 3, 6, 7, 9, 10].map(|column| row.get::<String>(column));
        let [model, name, spec, run, path, method, plugin] = texts;
        let (version, created_at): (u64, u64) = (row.get(2)?, row.get(5)?);
        let step: Option<String> = row.get(8)?;
        tx.execute(
            "INSERT INTO data_versions (data, version, kind, spec, size, digest, content, lifetime,
                                        created_at, run, path, step, origin)
             VALUES ((SELECT id FROM data WHERE model = ?1 AND name = ?2), ?3, 'resource', ?4, ?5,
                     ?6, ?7, ?8, ?9, ?10, ?11, ?12,
                     (SELECT id FROM origins WHERE plugin = ?13 AND method = ?14))",
            &values![
                &model?,
                &name?,
                version,
                &spec?,
                size,
                digest.0.as_slice(),
                content,
                &Lifetime::Infinite.to_string(),
                created_at,
                &run?,
                &path?,
                step.as_ref(),
                &plugin?,
                &method?,
            ],
        )?;
        Ok(RowFlow::More)
    })
}

#[cfg(test)]
mod tests {
    use sedge_lang::query::Selection;
    use sedge_model::lineage::Lineage;
    use sedge_model::names::RunId;
    use sedge_sys::folder::Folder;

    use super::*;
    use crate::Store;
    use crate::schema::{APPLICATION_ID, tables_of};

    /// Makes a datastore with the tables of schema 7. `started_by` names the users of its runs, which
    /// have the ids 1, 2 and so on; the first one has written a version.
    fn schema_7(folder: &Folder, started_by: &[String]) {
        let connection = Connection::open(folder.path_of("sedge.db")).expect("it can be made");
        let tables = tables_of(7).concat();
        let make = format!(
            "PRAGMA journal_mode = WAL; BEGIN; {tables}
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 7; COMMIT"
        );
        connection.execute_batch(&make).expect("they are SQL");
        for (n, by) in (1..).zip(started_by) {
            let id = RunId::from_bits(n).to_string();
            connection
                .execute(
                    "INSERT INTO runs VALUES
                     (?1, 'workflow', 'deploy', NULL, 'name: deploy', 0, 'running', 's', 1, ?2, 1, NULL)",
                    (&id, by),
                )
                .expect("the row fits");
            for sql in [
                "INSERT INTO run_details VALUES (?1, 1000, NULL, '{}')",
                r#"INSERT INTO run_events VALUES (?1, 1, 1, '{"event":"started"}')"#,
            ] {
                connection.execute(sql, [&id]).expect("the row fits");
            }
        }
        let version = "
            INSERT INTO data VALUES (1, 'sink', 'record', '@test/sink', 1, 1, NULL, NULL);
            INSERT INTO origins VALUES (1, '@test/sink', 'run', '00', '');
            INSERT INTO contents VALUES (1, x'37');";
        connection.execute_batch(version).expect("the rows fit");
        let (digest, run) = (Digest::of(b"7"), RunId::from_bits(1).to_string());
        connection
            .execute(
                "INSERT INTO data_versions VALUES (1, 1, 'resource', 'record', NULL, 1, ?1, 1, NULL,
                                                   'infinite', 1, ?2, '1', NULL, 1)",
                (digest.0.as_slice(), &run),
            )
            .expect("the row fits");
    }

    #[test]
    fn migration_of_schema_7_finds_the_runs_of_commands() {
        let keep = tempfile::tempdir().expect("a folder can be made");
        let folder = Folder::open(keep.path()).expect("it is there");
        let root = Lineage::root(RunId::from_bits(1));
        let by = |call: &Lineage| format!("ada, by a command of the call {call}");
        let started_by = [
            "ada".to_owned(),
            by(&root.child(1)),
            by(&root.child(12).child(1)),
            "ada, by a command of a call that has ended".to_owned(),
        ];
        schema_7(&folder, &started_by);
        let store = Store::open(&folder).expect("it is there");
        let report = store.check(true, |_| {}).expect("readable");
        assert_eq!(report.findings, []);
        let found = |above: &Lineage| {
            let runs = store.runs_of_commands(above).expect("readable");
            runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
        };
        assert_eq!(found(&root), [2, 3].map(RunId::from_bits));
        assert_eq!(found(&root.child(12)), [RunId::from_bits(3)]);
        let run = store.run_get(&RunId::from_bits(2)).expect("it was made");
        assert_eq!(run.by.name, started_by[1]);
        let all = store.data_select(&Selection::default()).expect("readable");
        let versions: Vec<_> = all.iter().map(|it| (it.version, &it.origin)).collect();
        let [(1, origin)] = versions[..] else {
            panic!("{versions:?}");
        };
        assert!(origin.environment.is_empty(), "{origin:?}");
    }
}
