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
    AUDIT_TABLES, DATA_BY_CALL, DATA_TABLES, INPUT_TABLES, ITEM_TABLES, UNSAVED_TABLES, USE_TABLES,
    WORKFLOW_TABLES,
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
