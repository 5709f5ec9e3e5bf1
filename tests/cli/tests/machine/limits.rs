//! Few descriptors, an open umask, no `/proc`, and locks that another process keeps.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::scene::{Scene, can_mount};

#[test]
fn commands_with_few_descriptors_lose_no_data() {
    let scene = Scene::new();
    let ended = scene.script(
        r#"for n in $(seq 24 2 64); do
            # Both limits, so that the program cannot raise its own.
            (ulimit -n "$n"; t model method run a run; t data list; t data get a record; t model list; t datastore status)
        done"#,
    );
    ended.expect("24 to 64 descriptors", &[0, 75]);
    scene.check(1 + ended.n_succeeded("model method run"));
}

/// Returns the files of a folder whose mode has a bit of `mask`, with their modes.
fn with_bits(folder: &Path, mask: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the test owns it") {
        let entry = entry.expect("the test owns it");
        let metadata = entry.metadata().expect("it is there");
        if metadata.mode() & mask != 0 && !metadata.is_symlink() {
            found.push(format!(
                "{:o} {}",
                metadata.mode() & 0o7777,
                entry.path().display()
            ));
        }
        if metadata.is_dir() {
            found.extend(with_bits(&entry.path(), mask));
        }
    }
    found
}

#[test]
fn files_are_private_with_any_umask() {
    for umask in ["000", "002"] {
        let scene = Scene::bare();
        let ended = scene.script(&format!(
            "umask {umask}\nt init; t plugin add \"$GUESTS/sink.wasm\"; t model create @sedge/sink a; t model method run a run; printf 12345678abc | t secret put NAME; t data list; t datastore lock status; t datastore check; t init new/folder"
        ));
        ended.expect(&format!("umask {umask}"), &[0]);
        let state = scene.env.repository().join(".sedge");
        let mode = fs::metadata(&state).expect("it is there").mode() & 0o7777;
        assert_eq!(mode, 0o700, "umask {umask}");
        assert_eq!(with_bits(&state, 0o077), [""; 0], "umask {umask}");
        assert_eq!(
            with_bits(&scene.env.repository(), 0o002),
            [""; 0],
            "umask {umask}"
        );
        scene.check(1);
    }
}

/// The lock table needs the boot id of the machine, which is in `/proc`.
#[test]
fn commands_without_proc_read_or_fail_cleanly() {
    if !can_mount() {
        return;
    }
    let scene = Scene::new();
    let ended = scene.script_in_namespace(
        "mount -t tmpfs tmpfs /proc || exit 1\nt model list; t data list; t data get a record; t workflow list; t plugin list",
    );
    ended.expect("reading without /proc", &[0]);
    let ended = scene.script_in_namespace(
        "mount -t tmpfs tmpfs /proc || exit 1\nt model method run a run; t data gc; t datastore status; t datastore lock status",
    );
    ended.expect("other commands without /proc", &[0, 3, 75]);
    scene.check(1 + ended.n_succeeded("model method run"));
}

/// A process that may only read a file can still hold its lock without a limit.
#[test]
fn commands_end_while_another_process_holds_a_lock() {
    let scene = Scene::new();
    let ended = scene.script(
        r#"for lock in store/write.lock store/write.lock.next locks/table.log locks/plugins.lock secrets/turn.lock; do
            [ -e ".sedge/$lock" ] || { printf 12345678abc | "$SEDGE" secret put NAME > /dev/null 2>&1; "$SEDGE" plugin add "$GUESTS/sink.wasm" > /dev/null 2>&1; }
            exec 9< ".sedge/$lock" || exit 1
            flock --shared 9 || exit 1
            export SEDGE_LOCK_TIMEOUT=1
            t model method run a run 9<&-
            t model list 9<&-
            t data delete a no-such 9<&-
            unset SEDGE_LOCK_TIMEOUT
            # Without a timeout, the command ends on SIGTERM.
            "$SEDGE" model method run a run > /dev/null 2>&1 9<&- &
            # At any point of its work, it must end.
            sleep 0.3
            kill -TERM $!
            wait $!
            echo "TERM $?"
            exec 9<&-
        done"#,
    );
    ended.expect("a lock that another process keeps", &[0, 3, 75]);
    let terminated: Vec<&String> = ended
        .lines
        .iter()
        .filter(|it| it.starts_with("TERM"))
        .collect();
    assert_eq!(terminated.len(), 5, "{:?}", ended.lines);
    for line in terminated {
        assert!(
            ["TERM 0", "TERM 130", "TERM 143"].contains(&line.as_str()),
            "{line}"
        );
    }
    scene.check(1 + ended.n_succeeded("model method run"));
}
