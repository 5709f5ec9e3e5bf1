//! The table that the suite prints: one line for each attack.

use std::fmt::Write as _;
use std::time::Duration;

use crate::harness::{DEADLINE, GRACE, Row};

/// The maximum number of characters of an attack's result.
const ENDED_MAX: usize = 78;

/// Returns the table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = String::from("\n");
    let on_time = format!("≤{}", shown(DEADLINE + GRACE));
    line(
        &mut table,
        [
            "attack",
            "how it ended",
            "time",
            &on_time,
            "memory",
            "neighbour",
            "files",
        ],
    );
    for row in rows {
        let is_on_time = row.took <= DEADLINE + GRACE;
        let memory = row.grew_bytes.map_or_else(
            || "unknown".to_owned(),
            |bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        );
        line(
            &mut table,
            [
                &row.name,
                &cut(&row.ended),
                &shown(row.took),
                if is_on_time { "yes" } else { "NO" },
                &memory,
                &format!("{} calls", row.n_neighbour),
                &row.n_open.to_string(),
            ],
        );
    }
    let n_late = rows.iter().filter(|it| it.took > DEADLINE + GRACE).count();
    let n_bad = rows.iter().filter(|it| !it.faults.is_empty()).count();
    let _ = writeln!(
        table,
        "{} attacks, {n_late} of them late, {n_bad} of them at fault",
        rows.len()
    );
    table
}

fn line(table: &mut String, [name, ended, time, on_time, memory, neighbour, files]: [&str; 7]) {
    let _ = writeln!(
        table,
        "{name:<44} | {ended:<ENDED_MAX$} | {time:>8} | {on_time:>8} | {memory:>10} | {neighbour:>11} | {files:>5}"
    );
}

fn shown(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

fn cut(text: &str) -> String {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.chars().count() <= ENDED_MAX {
        return plain;
    }
    let kept: String = plain.chars().take(ENDED_MAX - 1).collect();
    format!("{kept}…")
}
