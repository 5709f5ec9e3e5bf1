//! Migrates an older schema to the current one, in one transaction.

use rusqlite::Connection;
use sedge_model::digest::Digest;
use sedge_model::lifetime::Lifetime;

use crate::blobs::{Blobs, INLINE_BYTES_MAX};
use crate::door::{RowFlow, Tx, TxFault, values};
use crate::medium::Medium;
use crate::schema::{DATA_TABLES, INPUT_TABLES, UNSAVED_TABLES, USE_TABLES};

/// Schema 2 had one table of data, with the content as JSON in its rows.
const OLD_VERSIONS: &str = "
    SELECT old.model, name, version, spec, content, created_at, run, path, step,
           coalesce(method, 'unknown'), coalesce(plugin, '')
    FROM data_versions_2 AS old LEFT JOIN calls USING (run, path)
    ORDER BY old.model, name, version";

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
