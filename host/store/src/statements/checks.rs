//! Statements that find violated invariants.

/// The description of a violation, the statement that finds it (with one column that names each
/// case), and whether data is lost or wrong.
pub(crate) const RELATIONS: [(&str, &str, bool); 9] = [
    (
        "its latest version is not the newest one",
        "SELECT model || ' ' || name FROM data WHERE forward IS NULL AND latest IS NOT
         (SELECT max(version) FROM data_versions WHERE data = data.id)",
        true,
    ),
    (
        "a version has a number that was never assigned",
        "SELECT model || ' ' || name FROM data WHERE written < latest",
        true,
    ),
    (
        "a former name has its own versions, or refers to a former name",
        "SELECT former.model || ' ' || former.name
         FROM data AS former JOIN data AS present ON present.id = former.forward
         WHERE former.latest <> 0 OR present.forward IS NOT NULL OR former.model <> present.model
            OR EXISTS (SELECT 1 FROM data_versions WHERE data = former.id)",
        true,
    ),
    (
        "two names share the row of their content",
        "SELECT 'content ' || content FROM data_versions WHERE content IS NOT NULL
         GROUP BY content HAVING count(DISTINCT data) > 1",
        true,
    ),
    (
        "nothing refers to this content",
        "SELECT 'content ' || id FROM contents
         WHERE id NOT IN (SELECT content FROM data_versions WHERE content IS NOT NULL)",
        false,
    ),
    (
        "its labels differ from the index of labels",
        "SELECT d.model || ' ' || d.name || ' ' || v.version
         FROM data_versions AS v JOIN data AS d ON d.id = v.data
         WHERE v.tags IS NOT NULL AND
            (SELECT count(*) FROM json_each(v.tags)) <>
            (SELECT count(*) FROM data_tags AS t JOIN json_each(v.tags) AS tag
                ON tag.key = t.key AND tag.value = t.value
             WHERE t.data = v.data AND t.version = v.version)",
        true,
    ),
    (
        "the index has a label that the version does not have",
        "SELECT t.key || '=' || t.value FROM data_tags AS t
         JOIN data_versions AS v ON v.data = t.data AND v.version = t.version
         WHERE NOT EXISTS (SELECT 1 FROM json_each(coalesce(v.tags, '{}')) AS tag
                           WHERE tag.key = t.key AND tag.value = t.value)",
        true,
    ),
    (
        "its log of events has a gap",
        "SELECT 'run ' || run FROM run_events GROUP BY run HAVING max(seq) <> count(*)",
        true,
    ),
    (
        "it is older than the run that it is a part of",
        "SELECT 'run ' || child.id FROM run_details
         JOIN runs AS child ON child.id = run_details.run
         JOIN runs AS parent ON parent.id = run_details.parent
         WHERE child.rowid <= parent.rowid",
        true,
    ),
];

pub(crate) const CONTENT_SIZE: &str = "SELECT length(bytes) FROM contents WHERE id = ?1";
pub(crate) const VERSIONS: &str = concat!(
    "SELECT ",
    super::version_columns!(),
    " FROM data_versions AS v JOIN data AS d ON d.id = v.data JOIN origins AS o ON o.id = v.origin
    ORDER BY v.data, v.version"
);
pub(crate) const RUNS: &str = concat!(
    "SELECT ",
    super::run_columns!(),
    " FROM ",
    super::run_tables!()
);
pub(crate) const OPTIONS: &str = "SELECT parent, options FROM run_details";
pub(crate) const TASKS: &str = "SELECT task, digest, size, run, call FROM step_tasks";
pub(crate) const ITEMS: &str = "SELECT items, digest, size, run, seq FROM step_items";
pub(crate) const AUDIT: &str = "SELECT n, at, actor, uid, what, object, detail FROM audit";
pub(crate) const INPUTS: &str = "SELECT inputs FROM run_inputs";
pub(crate) const EVENTS: &str = "SELECT event FROM run_events";
pub(crate) const CALLS: &str = "
    SELECT path, step, model, method, status, arguments, result, started_at, elapsed_us,
           waited_us, undone, run
    FROM calls";
pub(crate) const LOG_LINES: &str = "SELECT fields FROM log_lines";
pub(crate) const UNSAVED: &str = super::UNSAVED_LIST;
pub(crate) const USES: &str = "SELECT model, permission, used_at FROM permission_uses";
