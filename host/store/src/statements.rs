//! Every SQL statement, by name. Another database engine would need its own set.
//!
//! The statements use the common subset of SQLite and PostgreSQL, with numbered parameters.
//! SQLite's operations on the whole file (checkpoints, copies, checks) are in `door` and `health`.

pub(crate) mod checks;
mod selected;

pub(crate) use selected::{DATA_MODEL_AFTER, audit_selected, runs_selected, versions_selected};

/// The columns of a run, as `runs::run_record` reads them.
macro_rules! run_columns {
    () => {
        "id, kind, subject, method, status, session, claim, started_by, started_at, ended_at,
         exclusive, uid, parent"
    };
}

/// The tables of a run's columns. An older version of Sedge made no details.
macro_rules! run_tables {
    () => {
        "runs LEFT JOIN run_details ON run_details.run = runs.id"
    };
}

use {run_columns, run_tables};

/// The columns of a version and its name, as `data::data_record` reads them.
macro_rules! version_columns {
    () => {
        "d.model, d.name, v.version = d.latest, v.version, v.kind, v.spec, v.media_type, v.size,
         v.digest, v.tags, v.lifetime, v.created_at, v.run, v.path, v.step,
         o.type, o.method, o.plugin, o.definition, v.content, v.environment"
    };
}

use version_columns;

pub(crate) const RUN_INSERT: &str = "
    INSERT INTO runs (id, kind, subject, method, source, exclusive, status, session, claim,
                      started_by, started_at, by_call)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, 1, ?8, ?9, ?10)";
pub(crate) const RUN_CLAIM: &str = "
    UPDATE runs SET claim = claim + 1, session = ?1, status = 'running', ended_at = NULL
    WHERE id = ?2 AND claim = ?3 AND status = ?4";
pub(crate) const RUN_STATUS_SET: &str = "UPDATE runs SET status = ?1, ended_at = ?2 WHERE id = ?3";
pub(crate) const RUN_CLAIM_NUMBER: &str = "SELECT claim FROM runs WHERE id = ?1";
pub(crate) const RUN_SOURCE: &str = "SELECT source FROM runs WHERE id = ?1";
pub(crate) const RUN_INPUTS_INSERT: &str = "INSERT INTO run_inputs (run, inputs) VALUES (?1, ?2)";
pub(crate) const RUN_INPUTS: &str = "
    SELECT inputs FROM runs LEFT JOIN run_inputs ON run_inputs.run = runs.id WHERE runs.id = ?1";
pub(crate) const RUN_SOURCE_NAMED: &str = "SELECT subject, source FROM runs WHERE id = ?1";
/// Replaces the inputs, or adds those of a run that had none.
pub(crate) const RUN_INPUTS_SET: &str = "
    INSERT INTO run_inputs (run, inputs) VALUES (?1, ?2)
    ON CONFLICT (run) DO UPDATE SET inputs = ?2";
pub(crate) const RUN_SOURCE_SET: &str = "UPDATE runs SET source = ?2 WHERE id = ?1";
pub(crate) const RUN_RELEASE: &str =
    "UPDATE runs SET session = '' WHERE id = ?1 AND status = 'running'";
pub(crate) const RUN_DETAILS_INSERT: &str =
    "INSERT INTO run_details (run, uid, parent, options) VALUES (?1, ?2, ?3, ?4)";
pub(crate) const RUN_OPTIONS: &str = "
    SELECT parent, options FROM runs LEFT JOIN run_details ON run_details.run = runs.id
    WHERE runs.id = ?1";
pub(crate) const RUN_CHILDREN: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM run_details JOIN runs ON runs.id = run_details.run
    WHERE parent = ?1 ORDER BY runs.rowid"
);
pub(crate) const RUNS_OF_CALLS: &str = concat!(
    "SELECT ",
    run_columns!(),
    ", options FROM run_details JOIN runs ON runs.id = run_details.run
    WHERE parent = ?1 AND options LIKE '%\"parent_call\":{%'"
);
pub(crate) const RUNS_OF_COMMANDS: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM ",
    run_tables!(),
    " WHERE by_call >= ?1 AND by_call < ?2 AND status IN ('running', 'suspended')
    ORDER BY runs.rowid"
);
pub(crate) const RUN_OF_CALL_UNENDED: &str = r#"
    SELECT 1 FROM run_details JOIN runs ON runs.id = run_details.run
    WHERE run_details.run = ?1 AND options LIKE '%"parent_call":{%'
      AND status IN ('running', 'suspended')"#;
pub(crate) const RUN_CHILD_IDS: &str = "SELECT run FROM run_details WHERE parent = ?1";
pub(crate) const RUN_PARENT: &str = "SELECT parent FROM run_details WHERE run = ?1";
pub(crate) const RUN_GET: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM ",
    run_tables!(),
    " WHERE id = ?1"
);
pub(crate) const RUNS_WITH_GATES: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM ",
    run_tables!(),
    " WHERE status IN ('running', 'suspended') ORDER BY runs.rowid"
);
pub(crate) const RUNS_ENDED_BEFORE: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM ",
    run_tables!(),
    " WHERE ended_at < ?1 AND status IN ('succeeded', 'failed', 'cancelled') AND parent IS NULL
    ORDER BY runs.rowid"
);
pub(crate) const RUN_EVENT_INSERT: &str =
    "INSERT INTO run_events (run, seq, at, event) VALUES (?1, ?2, ?3, ?4)";
pub(crate) const RUN_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM run_events WHERE run = ?1";
pub(crate) const RUN_EVENTS_AFTER: &str =
    "SELECT seq, at, event FROM run_events WHERE run = ?1 AND seq > ?2 ORDER BY seq";
/// The events that open gates or end their wait. The store writes the kind of an event first.
pub(crate) const RUN_EVENTS_OF_GATES: &str = r#"
    SELECT seq, at, event FROM run_events
    WHERE run = ?1 AND (event LIKE '{"event":"gate-%' OR event LIKE '{"event":"step-skipped"%'
        OR event LIKE '{"event":"reset"%' OR event LIKE '{"event":"cancel-requested"%'
        OR event LIKE '{"event":"deadline-passed"%')
    ORDER BY seq"#;

pub(crate) const TASK_INSERT: &str =
    "INSERT INTO step_tasks (run, call, task, digest, size) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(crate) const TASK_GET: &str =
    "SELECT task, digest, size FROM step_tasks WHERE run = ?1 AND call = ?2";
pub(crate) const ITEMS_INSERT: &str =
    "INSERT INTO step_items (run, seq, items, digest, size) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(crate) const ITEMS_GET: &str =
    "SELECT items, digest, size FROM step_items WHERE run = ?1 AND seq = ?2";
/// The files of what the steps of a run were started with.
pub(crate) const RUN_FILES: &str = "
    SELECT digest, size FROM step_tasks WHERE run = ?1 AND digest IS NOT NULL
    UNION ALL SELECT digest, size FROM step_items WHERE run = ?1 AND digest IS NOT NULL";

pub(crate) const AUDIT_INSERT: &str = "
    INSERT INTO audit (at, actor, uid, what, object, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Deletes a run and its dependent rows, in an order that satisfies all foreign keys.
pub(crate) const RUN_DELETE: [&str; 9] = [
    "DELETE FROM log_lines WHERE run = ?1",
    "DELETE FROM calls WHERE run = ?1",
    "DELETE FROM run_events WHERE run = ?1",
    "DELETE FROM fences WHERE run = ?1",
    "DELETE FROM run_inputs WHERE run = ?1",
    "DELETE FROM step_tasks WHERE run = ?1",
    "DELETE FROM step_items WHERE run = ?1",
    "DELETE FROM run_details WHERE run = ?1",
    "DELETE FROM runs WHERE id = ?1",
];

pub(crate) const CALL_INSERT: &str = "
    INSERT INTO calls (run, path, step, model, method, plugin, status, arguments, started_at, undone)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, ?8, ?9)";
/// Begins a call again that was cut off when a caller of it was rolled back.
pub(crate) const CALL_RESTART: &str = "
    UPDATE calls SET status = 'running', result = NULL
    WHERE run = ?1 AND path = ?2 AND status = 'cancelled'";
pub(crate) const CALL_END: &str = "
    UPDATE calls SET status = ?1, result = ?2, elapsed_us = ?3, waited_us = ?4
    WHERE run = ?5 AND path = ?6 AND status = 'running'";
pub(crate) const CALL_IS_RUNNING: &str =
    "SELECT 1 FROM calls WHERE run = ?1 AND path = ?2 AND status = 'running'";
pub(crate) const CALL_ROLLED_BACK: &str = "
    UPDATE calls SET undone = undone + 1 WHERE run = ?1 AND path = ?2 AND status = 'running'";

/// Deletes calls whose path is in a range, and their dependent rows.
pub(crate) const CALLS_FORGET: [&str; 3] = [
    "DELETE FROM log_lines WHERE run = ?1 AND path >= ?2 AND path < ?3",
    FENCES_FORGET,
    "DELETE FROM calls WHERE run = ?1 AND path >= ?2 AND path < ?3",
];
/// Deletes those calls in a range of paths that have not ended, and below which none has ended.
pub(crate) const CALLS_CUT_OFF_FORGET: &str = "
    DELETE FROM calls
    WHERE run = ?1 AND path >= ?2 AND path < ?3 AND status IN ('running', 'cancelled')
    AND NOT EXISTS (SELECT 1 FROM calls AS below
                    WHERE below.run = calls.run
                    AND below.path >= calls.path || '/' AND below.path < calls.path || '0'
                    AND below.status IN ('succeeded', 'failed'))";
/// Marks the other calls in the range that have not ended.
pub(crate) const CALLS_CUT_OFF: &str = "
    UPDATE calls SET status = 'cancelled', result = ?4
    WHERE run = ?1 AND path >= ?2 AND path < ?3 AND status = 'running'";
pub(crate) const CALL_LIST_BELOW: &str = "
    SELECT path, step, model, method, status, arguments, result, started_at, elapsed_us,
           waited_us, undone
    FROM calls WHERE run = ?1 AND path >= ?2 AND path < ?3";
pub(crate) const CALL_LIST: &str = "
    SELECT path, step, model, method, status, arguments, result, started_at, elapsed_us,
           waited_us, undone
    FROM calls WHERE run = ?1";
/// The calls whose path is in a range.
pub(crate) const CALLS_IN_RANGE: &str = "
    SELECT path, step, model, method, status, arguments, result, started_at, elapsed_us,
           waited_us, undone
    FROM calls WHERE run = ?1 AND path >= ?2 AND path < ?3";
pub(crate) const CALL_RUNNING_OLDEST: &str = "
    SELECT calls.run, calls.path, calls.model, calls.method, calls.started_at, runs.session
    FROM runs JOIN calls ON calls.run = runs.id
    WHERE runs.status = 'running' AND calls.status = 'running'
    ORDER BY calls.started_at";
pub(crate) const LOG_INSERT: &str = "
    INSERT INTO log_lines (run, path, n, level, message, fields) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub(crate) const CALLS_WITH_LOG: &str = "
    SELECT path, step, model, method FROM calls
    WHERE run = ?1 AND EXISTS (SELECT 1 FROM log_lines AS log
                               WHERE log.run = calls.run AND log.path = calls.path)";
pub(crate) const LOG_OF_CALL: &str = "
    SELECT level, message, fields FROM log_lines WHERE run = ?1 AND path = ?2 ORDER BY n";
pub(crate) const RUN_CALL_FAILED: &str =
    "SELECT 1 FROM calls WHERE run = ?1 AND path = '1' AND status = 'failed'";

/// Records a use. A recorded time in the future is replaced, too: the clock was set back since.
pub(crate) const USE_NOTE: &str = "
    INSERT INTO permission_uses (model, permission, used_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (model, permission) DO UPDATE SET used_at = ?3
    WHERE NOT (permission_uses.used_at > ?4 AND permission_uses.used_at <= ?3)";
pub(crate) const USES_OF: &str = "SELECT permission, used_at FROM permission_uses WHERE model = ?1";
pub(crate) const USES_FORGET: &str = "DELETE FROM permission_uses WHERE model = ?1";

/// The columns of an unsaved model are those that `unsaved::unsaved_record` reads.
pub(crate) const UNSAVED_GET: &str = "
    SELECT name, type, definition, created_by, created_at FROM unsaved_models WHERE name = ?1";
pub(crate) const UNSAVED_LIST: &str = "
    SELECT name, type, definition, created_by, created_at FROM unsaved_models ORDER BY name";
pub(crate) const UNSAVED_INSERT: &str = "
    INSERT INTO unsaved_models (name, type, definition, created_by, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING";
pub(crate) const UNSAVED_UPDATE: &str = "
    UPDATE unsaved_models SET definition = ?3
    WHERE name = ?1 AND type = ?2 AND definition = ?4";
pub(crate) const UNSAVED_DELETE: &str = "DELETE FROM unsaved_models WHERE name = ?1";
/// The unsaved models without data and without a run or call, apart from runs that ended before a
/// time.
pub(crate) const UNSAVED_UNUSED: &str = "
    SELECT name FROM unsaved_models
    WHERE name NOT IN (SELECT model FROM data WHERE latest > 0)
    AND name NOT IN (
        SELECT subject FROM runs WHERE kind = 'method' AND NOT (
            coalesce(ended_at, ?1) < ?1 AND status IN ('succeeded', 'failed', 'cancelled')))
    AND name NOT IN (
        SELECT model FROM calls JOIN runs ON runs.id = calls.run WHERE NOT (
            coalesce(runs.ended_at, ?1) < ?1
            AND runs.status IN ('succeeded', 'failed', 'cancelled')))
    ORDER BY name";

pub(crate) const EPOCH_GET: &str = "SELECT epoch FROM lock_table WHERE one = 1";
pub(crate) const EPOCH_SET: &str = "
    INSERT INTO lock_table (one, epoch) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET epoch = ?1";
pub(crate) const FENCE_INSERT: &str = "
    INSERT INTO fences (run, claim, path, at)
    VALUES (?1, (SELECT coalesce(max(claim), 0) FROM runs WHERE id = ?1), ?2, ?3)
    ON CONFLICT DO NOTHING";
/// Deletes the fences whose path is in a range.
pub(crate) const FENCES_FORGET: &str =
    "DELETE FROM fences WHERE run = ?1 AND path >= ?2 AND path < ?3";
pub(crate) const FENCES_OF: &str = "SELECT path FROM fences WHERE run = ?1 AND claim = ?2";

/// Finds a name, and resolves it if it is a former one.
pub(crate) const DATA_FIND: &str = "
    SELECT found.id, found.name, found.owner, found.latest, found.written, asked.forward IS NOT NULL
    FROM data AS asked JOIN data AS found ON found.id = coalesce(asked.forward, asked.id)
    WHERE asked.model = ?1 AND asked.name = ?2";
/// The call that wrote a version.
pub(crate) const VERSION_BY: &str =
    "SELECT run, path FROM data_versions WHERE data = ?1 AND version = ?2";
pub(crate) const DATA_INSERT: &str = "
    INSERT INTO data (model, name, owner, latest, written, keep, forward)
    VALUES (?1, ?2, ?3, 0, 0, NULL, ?4)";
pub(crate) const DATA_WRITTEN: &str =
    "UPDATE data SET latest = ?2, written = ?2, keep = ?3, owner = ?4 WHERE id = ?1";
/// A restored version changes neither the retention of the name nor its owner.
pub(crate) const DATA_RESTORED: &str = "UPDATE data SET latest = ?2, written = ?2 WHERE id = ?1";
pub(crate) const DATA_RENAME: &str = "UPDATE data SET name = ?2 WHERE id = ?1";
pub(crate) const DATA_FORWARD_DELETE: &str =
    "DELETE FROM data WHERE model = ?1 AND name = ?2 AND forward IS NOT NULL";
pub(crate) const DATA_LATEST_SET: &str = "
    UPDATE data SET latest = coalesce((SELECT max(version) FROM data_versions WHERE data = ?1), 0)
    WHERE id = ?1";
/// Deletes a name without versions, and its former names.
pub(crate) const DATA_DELETE_EMPTY: [&str; 2] = [
    "DELETE FROM data WHERE forward = ?1
       AND NOT EXISTS (SELECT 1 FROM data_versions WHERE data = ?1)",
    "DELETE FROM data WHERE id = ?1
       AND NOT EXISTS (SELECT 1 FROM data_versions WHERE data = ?1)",
];
/// The names of a model with a prefix, without former names.
pub(crate) const DATA_NAMES: &str = "
    SELECT id, name FROM data
    WHERE model = ?1 AND (?2 IS NULL OR substr(name, 1, length(?2)) = ?2) AND forward IS NULL
    ORDER BY name";
pub(crate) const DATA_FORWARDS: &str = "
    SELECT former.name, data.name FROM data AS former JOIN data ON data.id = former.forward
    WHERE former.model = ?1 ORDER BY former.name";
pub(crate) const DATA_MODELS: &str = "
    SELECT model, count(DISTINCT data.id), count(*), sum(size)
    FROM data JOIN data_versions AS v ON v.data = data.id GROUP BY model ORDER BY model";

pub(crate) const ORIGIN_FIND: &str = "
    SELECT id FROM origins WHERE plugin = ?1 AND definition = ?2 AND method = ?3 AND type = ?4";
pub(crate) const ORIGIN_GET: &str =
    "SELECT type, method, plugin, definition FROM origins WHERE id = ?1";
pub(crate) const ORIGIN_INSERT: &str =
    "INSERT INTO origins (plugin, definition, method, type) VALUES (?1, ?2, ?3, ?4)";

pub(crate) const CONTENT_INSERT: &str = "INSERT INTO contents (bytes) VALUES (?1)";
pub(crate) const CONTENT_COPY: &str =
    "INSERT INTO contents (bytes) SELECT bytes FROM contents WHERE id = ?1";
pub(crate) const CONTENT_GET: &str = "SELECT bytes FROM contents WHERE id = ?1";
pub(crate) const CONTENT_DELETE: &str = "DELETE FROM contents WHERE id = ?1";

pub(crate) const VERSION_INSERT: &str = "
    INSERT INTO data_versions (data, version, kind, spec, media_type, size, digest, content, tags,
                               lifetime, created_at, run, path, step, origin, environment)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
/// Writes a version again under another number, with another content row, lifetime, time and
/// origin.
pub(crate) const VERSION_RESTORE: &str = "
    INSERT INTO data_versions (data, version, kind, spec, media_type, size, digest, content, tags,
                               lifetime, created_at, run, path, step, origin, environment)
    SELECT data, ?3, kind, spec, media_type, size, digest, ?4, tags, ?5, ?6, run, path, step, ?7,
           environment
    FROM data_versions WHERE data = ?1 AND version = ?2";
pub(crate) const VERSION_STORED: &str = "
    SELECT digest, content, size, lifetime, origin FROM data_versions
    WHERE data = ?1 AND version = ?2";
pub(crate) const VERSION_CONTENT: &str =
    "SELECT digest, content FROM data_versions WHERE data = ?1 AND version = ?2";
/// Whether the version before or after a version shares its content.
pub(crate) const VERSION_SHARES: &str = "
    SELECT 1 WHERE ?3 IN (
        (SELECT content FROM data_versions WHERE data = ?1 AND version < ?2
         ORDER BY version DESC LIMIT 1),
        (SELECT content FROM data_versions WHERE data = ?1 AND version > ?2
         ORDER BY version LIMIT 1))";
pub(crate) const VERSION_DELETE: &str =
    "DELETE FROM data_versions WHERE data = ?1 AND version = ?2";
pub(crate) const VERSION_NUMBERS: &str = "
    SELECT version, size FROM data_versions WHERE data = ?1 AND (?2 IS NULL OR version = ?2)
    ORDER BY version";
pub(crate) const TAG_INSERT: &str =
    "INSERT INTO data_tags (key, value, data, version) VALUES (?1, ?2, ?3, ?4)";
pub(crate) const TAGS_RESTORE: &str = "
    INSERT INTO data_tags (key, value, data, version)
    SELECT key, value, data, ?3 FROM data_tags WHERE data = ?1 AND version = ?2";
pub(crate) const FILE_USES: &str = "
    SELECT (SELECT count(*) FROM data_versions WHERE digest = ?1 AND content IS NULL)
         + (SELECT count(*) FROM step_tasks WHERE digest = ?1)
         + (SELECT count(*) FROM step_items WHERE digest = ?1)";
pub(crate) const FILE_IS_USED: &str = "
    SELECT 1 FROM data_versions WHERE digest = ?1 AND content IS NULL
    UNION ALL SELECT 1 FROM step_tasks WHERE digest = ?1
    UNION ALL SELECT 1 FROM step_items WHERE digest = ?1 LIMIT 1";
/// The digests of all files that rows refer to.
pub(crate) const FILES: &str = "
    SELECT digest FROM data_versions WHERE content IS NULL
    UNION SELECT digest FROM step_tasks WHERE digest IS NOT NULL
    UNION SELECT digest FROM step_items WHERE digest IS NOT NULL";

/// A version (the latest if the number is null), with its content if that is in the database.
pub(crate) const VERSION_GET: &str = concat!(
    "SELECT ",
    version_columns!(),
    ", c.bytes
    FROM data AS asked
    JOIN data AS d ON d.id = coalesce(asked.forward, asked.id)
    JOIN data_versions AS v ON v.data = d.id AND v.version = coalesce(?3, d.latest)
    JOIN origins AS o ON o.id = v.origin
    LEFT JOIN contents AS c ON c.id = v.content
    WHERE asked.model = ?1 AND asked.name = ?2"
);
/// The versions that the calls of a run wrote whose paths are in a range.
pub(crate) const VERSIONS_OF_CALLS: &str = concat!(
    "SELECT ",
    version_columns!(),
    "
    FROM data_versions AS v
    JOIN data AS d ON d.id = v.data
    JOIN origins AS o ON o.id = v.origin
    WHERE v.run = ?1 AND v.path >= ?2 AND v.path < ?3
    ORDER BY v.data, v.version"
);
pub(crate) const VERSION_LIST: &str = concat!(
    "SELECT ",
    version_columns!(),
    "
    FROM data AS d
    JOIN data_versions AS v ON v.data = d.id
    JOIN origins AS o ON o.id = v.origin
    WHERE d.id = ?1 ORDER BY v.version"
);
/// All versions for a collection, each name's latest first.
pub(crate) const VERSIONS_FOR_GC: &str = "
    SELECT d.id, d.model, d.name, d.keep, v.version, v.spec, v.lifetime, v.created_at, v.run,
           v.path, v.step, v.size, CASE WHEN v.content IS NULL THEN v.digest END
    FROM data_versions AS v JOIN data AS d ON d.id = v.data
    ORDER BY v.data DESC, v.version DESC";
pub(crate) const RUN_STATUS_GET: &str = "SELECT status FROM runs WHERE id = ?1";
pub(crate) const CALL_STATUS_GET: &str = "SELECT status FROM calls WHERE run = ?1 AND path = ?2";

pub(crate) const COUNTS: [&str; 5] = [
    "SELECT count(*) FROM runs",
    "SELECT count(*) FROM calls",
    "SELECT count(*) FROM data WHERE forward IS NULL",
    "SELECT count(*) FROM data_versions",
    "SELECT count(*) FROM log_lines",
];

/// The versions that calls of a run wrote although they did not succeed, sorted by name and number.
/// Restored versions are excluded, because a user wrote them: the `plugin` of their origin contains
/// a space.
pub(crate) const KEPT_OF_RUN: &str = "
    SELECT calls.path, data.name, v.version
    FROM data_versions AS v JOIN data ON data.id = v.data
    JOIN origins AS o ON o.id = v.origin
    JOIN calls ON calls.run = v.run AND calls.path = v.path
    WHERE v.run = ?1 AND calls.status <> 'succeeded' AND o.plugin NOT LIKE '% %'
    ORDER BY v.data, v.version";

#[cfg(test)]
mod tests {
    use sedge_lang::query::Selection;

    use super::*;
    use crate::Store;
    use crate::door::SqlValue;
    use crate::runs::RunFilter;

    /// Returns SQLite's query plan for a selection.
    fn plan(selection: &Selection) -> String {
        let (sql, given) = versions_selected(selection);
        plan_of(&sql, &given)
    }

    /// Returns how SQLite would carry out a statement.
    fn plan_of(sql: &str, given: &[SqlValue<'_>]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = sedge_sys::folder::Folder::open(folder.path()).expect("it is there");
        let store = Store::create(&folder).expect("a datastore");
        let steps = store.door.read("explain a query", |tx| {
            tx.all(&format!("EXPLAIN QUERY PLAN {sql}"), given, |row| {
                row.get::<String>(3)
            })
        });
        steps.expect("it is a statement").join("\n")
    }

    fn check(selection: &Selection, must_sort: bool) {
        let plan = plan(selection);
        // The versions of a single name may be sorted: `FOR LAST TERM OF ORDER BY`.
        let sorts = plan.contains("TEMP B-TREE FOR ORDER BY");
        assert_eq!(sorts, must_sort, "{selection:?}\n{plan}");
    }

    #[test]
    fn common_selections_need_no_sort() {
        let text = |text: &str| Some(text.to_owned());
        let all = Selection::default();
        let mut wanted = vec![
            all.clone(),
            Selection {
                model: text("m"),
                ..all.clone()
            },
            Selection {
                model: text("m"),
                name: text("n"),
                ..all.clone()
            },
            Selection {
                model: text("m"),
                name_after: text("n"),
                ..all.clone()
            },
            Selection {
                model: text("m"),
                name_prefix: text("n"),
                ..all.clone()
            },
            Selection {
                name: text("n"),
                ..all.clone()
            },
            Selection {
                spec: text("s"),
                kind: text("file"),
                ..all.clone()
            },
            Selection {
                type_name: text("@a/b"),
                method: text("run"),
                ..all.clone()
            },
            Selection {
                version: Some(1),
                ..all.clone()
            },
        ];
        for at in 0..wanted.len() {
            wanted.push(Selection {
                latest: Some(true),
                ..wanted[at].clone()
            });
        }
        wanted.push(Selection {
            latest: Some(true),
            created_from_ms: Some(1),
            ..all
        });
        for selection in &wanted {
            check(selection, false);
        }
    }

    #[test]
    fn a_run_is_found_by_the_beginning_of_its_id_without_reading_all() {
        let filter = RunFilter {
            id_prefix: Some("k3".to_owned()),
            ..RunFilter::default()
        };
        let (sql, given) = runs_selected(&filter);
        let plan = plan_of(&sql, &given);
        assert!(plan.contains("SEARCH runs USING INDEX"), "{plan}");
        let all = RunFilter::default();
        let (sql, given) = runs_selected(&all);
        let plan = plan_of(&sql, &given);
        // The details of each run are looked up by its id, and nothing is sorted.
        assert!(plan.starts_with("SCAN runs\nSEARCH run_details"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    /// A driver makes these for each step, so none may read more than it returns.
    #[test]
    fn rows_of_a_run_are_found_by_an_index() {
        let one_by_one = [
            RUN_SEQ,
            RUN_EVENTS_AFTER,
            RUN_EVENTS_OF_GATES,
            RUN_OPTIONS,
            RUN_CHILDREN,
            RUN_CHILD_IDS,
            RUNS_OF_CALLS,
            RUNS_OF_COMMANDS,
            RUN_OF_CALL_UNENDED,
            RUN_PARENT,
            CALLS_IN_RANGE,
            TASK_GET,
            ITEMS_GET,
            RUN_FILES,
            VERSIONS_OF_CALLS,
            FILE_USES,
            FILE_IS_USED,
        ];
        for sql in one_by_one.into_iter().chain(RUN_DELETE) {
            let is_given = |n: &usize| sql.contains(&format!("?{n}"));
            let given = vec![SqlValue::Null; (1..=9).filter(is_given).count()];
            let plan = plan_of(sql, &given);
            let scans = |line: &str| line.starts_with("SCAN") && line != "SCAN CONSTANT ROW";
            assert!(!plan.lines().any(scans), "{sql}\n{plan}");
        }
    }

    /// The runs of commands are found although other runs are far more.
    #[test]
    fn runs_of_commands_are_found_by_their_calls() {
        let plan = plan_of(RUNS_OF_COMMANDS, &[SqlValue::Null; 2]);
        let by_call = "INDEX runs_by_call (by_call>? AND by_call<?)";
        assert!(plan.contains(by_call), "{plan}");
    }

    /// The data of one step among many is found by its calls.
    #[test]
    fn versions_of_a_call_are_found_by_its_path() {
        let plan = plan_of(VERSIONS_OF_CALLS, &[SqlValue::Null; 3]);
        let by_call = "INDEX data_versions_by_call (run=? AND path>? AND path<?)";
        assert!(plan.contains(by_call), "{plan}");
    }

    #[test]
    fn few_versions_are_looked_up_and_sorted() {
        let run = Selection {
            run: Some("r".to_owned()),
            ..Selection::default()
        };
        let since = Selection {
            created_from_ms: Some(1),
            ..Selection::default()
        };
        let tags = vec![("key".to_owned(), "value".to_owned())];
        let tagged = Selection {
            tags: tags.clone(),
            ..Selection::default()
        };
        let latest = Selection {
            tags,
            latest: Some(true),
            ..Selection::default()
        };
        for selection in [run, since, tagged, latest] {
            check(&selection, true);
        }
    }
}
