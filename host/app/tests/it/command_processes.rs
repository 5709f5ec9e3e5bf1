//! Programs that write their process ids to a file, for tests of what is left of a command.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::commands::script;
use crate::fixture::until;

/// Returns whether a process executes. A zombie does not.
pub(crate) fn lives(number: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
    !matches!(state, None | Some(b'Z' | b'X'))
}

/// Returns the process ids that a script has written to a file.
pub(crate) fn numbers_so_far(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(str::to_owned).collect()
}

/// Returns the process ids that a script wrote to a file, after there are `n`.
pub(crate) async fn numbers(file: &Path, n: usize) -> Vec<String> {
    until("they have begun", || numbers_so_far(file).len() >= n).await;
    numbers_so_far(file)
}

/// Waits until all processes that a killed script has started are dead. Returns whether all three
/// had started.
pub(crate) async fn three_started_and_are_dead(file: &Path) -> bool {
    let numbers = numbers_so_far(file);
    for number in &numbers {
        until("it is dead", || !lives(number)).await;
    }
    numbers.len() == 3
}

/// A program that never ends, with one child in its process group and one child in its own session
/// whose parent has ended. All write their process ids.
pub(crate) fn endless(file: &Path) -> Value {
    let note = format!("echo $$ >> {}", file.display());
    script(&format!(
        "{note}\n\
         sh -c '{note}; exec sleep 3600' &\n\
         setsid sh -c \"setsid sh -c '{}; exec sleep 3600' & exit\"\n\
         while :; do sleep 1; done",
        note.replace('$', "\\$")
    ))
}
