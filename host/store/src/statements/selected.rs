//! The statements that depend on a filter: the runs, entries of the audit and versions that it
//! selects.

use sedge_lang::query::Selection;

use super::{run_columns, run_tables, version_columns};
use crate::audit::AuditFilter;
use crate::door::SqlValue;
use crate::format::StoredWord;
use crate::runs::RunFilter;

/// Returns the statement for the runs that match a filter, newest first, and its parameters.
///
/// The runs are sorted by row number, and thus in the order of their creation, even if the clock
/// was set back meanwhile.
pub(crate) fn runs_selected(filter: &RunFilter) -> (String, Vec<SqlValue<'_>>) {
    let subject = filter.subject.as_ref();
    let prefix = filter.id_prefix.as_ref();
    let wanted = [
        ("kind = ?", subject.map(|(kind, _)| kind.stored().into())),
        ("subject = ?", subject.map(|(_, subject)| subject.into())),
        (
            "(subject = ? OR subject || '.' || method = ?)",
            filter.of.as_ref().map(SqlValue::from),
        ),
        ("started_at >= ?", filter.since.map(|since| since.0.into())),
        // The first condition is the lower end of the range in the index, the second one the upper.
        ("id >= ?", prefix.map(SqlValue::from)),
        ("id < ? || '~'", prefix.map(SqlValue::from)),
    ];
    let (mut conditions, mut given) = conditions(wanted);
    if !filter.statuses.is_empty() {
        let from = given.len() + 1;
        given.extend(filter.statuses.iter().map(|it| SqlValue::from(it.stored())));
        let places: Vec<String> = (from..=given.len()).map(|n| format!("?{n}")).collect();
        conditions.push(format!("status IN ({})", places.join(", ")));
    }
    if filter.is_root {
        conditions.push("parent IS NULL".to_owned());
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY runs.rowid DESC",
        run_columns!(),
        run_tables!(),
        conditions.join(" AND ")
    );
    (sql, given)
}

/// Returns the statement for the entries of the audit that match a filter, newest first, and its
/// parameters.
pub(crate) fn audit_selected(filter: &AuditFilter) -> (String, Vec<SqlValue<'_>>) {
    let wanted = [
        // The name of a call that the user's process worked for follows the name of the user.
        (
            "(actor = ? OR substr(actor, 1, length(?) + 2) = ? || ', ')",
            filter.actor.as_ref().map(SqlValue::from),
        ),
        ("what = ?", filter.what.as_ref().map(SqlValue::from)),
        // A gate is named `RUN JOB/STEP`.
        (
            "(object = ? OR substr(object, 1, length(?) + 1) = ? || ' ')",
            filter.on.as_ref().map(SqlValue::from),
        ),
        ("at >= ?", filter.since.map(|since| since.0.into())),
    ];
    let (conditions, given) = conditions(wanted);
    let sql = format!(
        "SELECT n, at, actor, uid, what, object, detail FROM audit WHERE {} ORDER BY n DESC",
        conditions.join(" AND ")
    );
    (sql, given)
}

/// Returns the conditions that have a value, with numbered parameters, and the values.
fn conditions<'a, const N: usize>(
    wanted: [(&str, Option<SqlValue<'a>>); N],
) -> (Vec<String>, Vec<SqlValue<'a>>) {
    let mut given = Vec::new();
    let mut conditions = vec!["1 = 1".to_owned()];
    for (condition, value) in wanted {
        if let Some(value) = value {
            given.push(value);
            conditions.push(condition.replace('?', &format!("?{}", given.len())));
        }
    }
    (conditions, given)
}

/// Returns the next model that has data, without reading the names of the models in between.
pub(crate) const DATA_MODEL_AFTER: &str =
    "SELECT model FROM data WHERE model > ?1 ORDER BY model LIMIT 1";

/// Returns the statement for the selected versions, and its parameters. The versions are sorted by
/// model and name, the newest of a name first.
pub(crate) fn versions_selected(selection: &Selection) -> (String, Vec<SqlValue<'_>>) {
    let texts = [
        ("d.model = ?", &selection.model),
        ("d.name = ?", &selection.name),
        // No byte of a text is 0xFF, so this is a range of the index, and it has all such names.
        (
            "d.name >= ? AND d.name < ? || CAST(x'FF' AS TEXT)",
            &selection.name_prefix,
        ),
        ("d.name > ?", &selection.name_after),
        ("v.spec = ?", &selection.spec),
        ("v.kind = ?", &selection.kind),
        ("o.type = ?", &selection.type_name),
        ("v.run = ?", &selection.run),
        ("o.method = ?", &selection.method),
    ];
    let numbers = [
        ("v.version = ?", selection.version),
        ("v.version < ?", selection.version_before),
        ("v.created_at >= ?", selection.created_from_ms),
        ("v.created_at < ?", selection.created_before_ms),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(text, value)| Some((text, SqlValue::from(value.as_ref()?))));
    let numbers = numbers
        .into_iter()
        .filter_map(|(text, value)| Some((text, SqlValue::from(value?))));
    let mut given = Vec::new();
    let mut conditions = Vec::new();
    for (text, value) in texts.chain(numbers) {
        given.push(value);
        conditions.push(text.replace('?', &format!("?{}", given.len())));
    }
    for (at, (key, value)) in selection.tags.iter().enumerate() {
        given.extend([SqlValue::from(key), SqlValue::from(value)]);
        let n = given.len();
        let tag = format!("key = ?{} AND value = ?{n}", n - 1);
        conditions.push(match selection.latest {
            Some(true) if at == 0 => format!("{} AND {}", name_has(&tag), latest_has(&tag)),
            Some(true) => latest_has(&tag),
            Some(false) | None => version_has(&tag),
        });
    }
    conditions.extend(selection.latest.map(|is_latest| {
        let relation = if is_latest { "=" } else { "<>" };
        format!("v.version {relation} d.latest")
    }));
    if selection.nothing {
        conditions.push("1 = 0".to_owned());
    }
    let join = if reads_names_first(selection) {
        "CROSS JOIN"
    } else {
        ","
    };
    let sql = format!(
        "SELECT {}
         FROM data AS d {join} data_versions AS v {join} origins AS o
         WHERE v.data = d.id AND o.id = v.origin {} ORDER BY d.model, d.name, v.version DESC",
        version_columns!(),
        conditions
            .iter()
            .map(|condition| format!("AND {condition} "))
            .collect::<String>()
    );
    (sql, given)
}

/// Returns whether the tables are to be read in the order of the statement. The result is then
/// sorted and can be streamed; otherwise SQLite would read all versions by the index of times, and
/// sort them. If a selection probably matches few versions of many names, sorting is faster.
fn reads_names_first(selection: &Selection) -> bool {
    let has_time = selection.created_from_ms.is_some() || selection.created_before_ms.is_some();
    let is_latest = selection.latest == Some(true);
    selection.run.is_none() && (is_latest || !has_time && selection.tags.is_empty())
}

/// Returns the condition that a version has a tag.
fn version_has(tag: &str) -> String {
    format!("(v.data, v.version) IN (SELECT data, version FROM data_tags WHERE {tag})")
}

/// Returns the condition that the latest version of a name has a tag.
fn latest_has(tag: &str) -> String {
    format!("EXISTS (SELECT 1 FROM data_tags WHERE {tag} AND data = d.id AND version = d.latest)")
}

/// Returns the condition that some version of a name has a tag. It skips from name to name in the
/// index, because a thousand versions of each name may have the tag.
fn name_has(tag: &str) -> String {
    format!(
        "d.id IN (
         WITH RECURSIVE tagged (data) AS (
             SELECT min(data) FROM data_tags WHERE {tag}
             UNION ALL
             SELECT (SELECT min(data) FROM data_tags WHERE {tag} AND data > tagged.data)
             FROM tagged WHERE tagged.data IS NOT NULL)
         SELECT data FROM tagged WHERE data IS NOT NULL)"
    )
}
