//! An open umask, and locks that another process keeps.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::scene::Scene;

/// Returns what in a folder has a bit of `mask`, with its mode.
fn with_bits(folder: &Path, mask: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it is ours") {
        let entry = entry.expect("it is ours");
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
fn files_are_closed_to_others_whatever_the_umask() {
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

/// A process that may only read a file can hold its lock for as long as it likes.
#[test]
fn locks_that_another_process_keeps() {
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
            # Without a deadline of its own, it ends when it is asked to.
            "$SEDGE" model method run a run > /dev/null 2>&1 9<&- &
            # However far it is by then, it must end.
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
