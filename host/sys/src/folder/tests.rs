//! What [`Folder`] guarantees.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::bell::Bell;
use crate::clock::Timestamp;
use crate::disk::{Disk, PrivateDisk};
use crate::file_lock::{FileLock, FileQueue};
use crate::owner::Owners;
use crate::shared_file::SharedFile;

fn folder() -> (tempfile::TempDir, Folder) {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(temporary.path()).expect("it is there");
    (temporary, folder)
}

#[test]
fn new_file_never_replaces_an_existing_one() {
    let (_keep, folder) = folder();
    folder.create_folder("a").expect("made");
    folder.write_new("a/f", b"1").expect("written");
    let error = folder.write_new("a/f", b"2").expect_err("taken");
    assert_eq!(error.source.kind(), ErrorKind::AlreadyExists);
    assert_eq!(folder.read("a/f", 10).expect("read"), Some(b"1".to_vec()));
    folder.write("a/f", b"3").expect("replaced");
    assert_eq!(folder.read("a/f", 10).expect("read"), Some(b"3".to_vec()));
    assert_eq!(
        folder.files("a").expect("listed"),
        ["f"],
        "no temporary file stays"
    );
}

#[test]
fn changed_file_has_another_stamp() {
    let (keep, folder) = folder();
    let stamp = || folder.stamp("f").expect("it can be inspected");
    assert_eq!(stamp(), None);
    folder.write("f", b"1").expect("written");
    let first = stamp().expect("it exists");
    assert_eq!(stamp(), Some(first));
    std::fs::write(keep.path().join("f"), b"22").expect("written in place");
    let second = stamp().expect("it exists");
    assert_ne!(second, first, "it has another size");
    std::fs::rename(keep.path().join("f"), keep.path().join("g")).expect("moved");
    folder.write("f", b"33").expect("written");
    assert_ne!(stamp(), Some(second), "it is another file");
}

#[test]
fn stamp_is_settled_some_time_after_the_change() {
    let (_keep, folder) = folder();
    let now = Timestamp::now();
    folder.write("f", b"1").expect("written");
    let stamp = folder.stamp("f").expect("it can be inspected");
    let stamp = stamp.expect("it exists");
    assert!(!stamp.is_settled(now));
    assert!(!stamp.is_settled(Timestamp(0)), "the clock was set back");
    assert!(stamp.is_settled(Timestamp(now.0 + 3_600_000)));
}

#[test]
fn stamps_of_many_files_are_those_of_each() {
    let (keep, folder) = folder();
    for inner in ["a", "b"] {
        std::fs::create_dir(keep.path().join(inner)).expect("created");
    }
    for file in ["a/one", "a/two", "b/one"] {
        folder.write(file, b"1").expect("written");
    }
    std::os::unix::fs::symlink("one", keep.path().join("a/link")).expect("linked");
    let mut stamps = folder.stamps();
    for file in ["a/one", "a/two", "b/one", "a/one"] {
        let expect = folder.stamp(file).expect("it can be inspected");
        let stamp = expect.expect("it exists");
        assert_eq!(stamps.of(file), expect, "{file}");
        assert_eq!(FileStamp::of_numbers(stamp.numbers()), stamp, "{file}");
    }
    for file in ["a/none", "a/link", "none/one", "a"] {
        assert_eq!(stamps.of(file), None, "{file}");
    }
    folder.write("a/one", b"longer").expect("written");
    let expect = folder.stamp("a/one").expect("it can be inspected");
    assert_eq!(stamps.of("a/one"), expect);
}

#[test]
fn path_that_leads_out_is_refused() {
    let (keep, folder) = folder();
    std::os::unix::fs::symlink("/etc", keep.path().join("etc")).expect("linked");
    for path in ["../x", "/etc/passwd", "etc/passwd"] {
        folder.read(path, 10_000).expect_err(path);
        folder.write(path, b"x").expect_err(path);
    }
}

#[test]
fn failed_lookup_is_not_absence() {
    let (keep, folder) = folder();
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, keep.path().join(name)).expect("linked");
    };
    folder.write("f", b"").expect("written");
    link("/etc", "out");
    link("loop", "loop");
    link("nothing", "dangling");
    for (path, expect) in [
        ("f", Some(true)),
        ("none", Some(false)),
        ("none/g", Some(false)),
        ("f/g", Some(false)),
        ("dangling", Some(false)),
        ("out/passwd", None),
        ("loop", None),
    ] {
        assert_eq!(folder.has(path).ok(), expect, "{path}");
    }
}

#[test]
fn find_up_fails_at_a_folder_it_cannot_search() {
    let (keep, folder) = folder();
    folder.create_folder("a/b").expect("made");
    folder.write("name", b"").expect("written");
    let start = keep.path().join("a/b");
    let found = Folder::find_up(&start, "name").expect("searched");
    assert_eq!(found.expect("it is there").path(), folder.path());
    folder.create_folder("a/name").expect("made");
    let found = Folder::find_up(&start, "name").expect("searched");
    assert_eq!(found.expect("a folder is none").path(), folder.path());
    std::os::unix::fs::symlink("name", keep.path().join("a/b/name")).expect("linked");
    let error = Folder::find_up(&start, "name").expect_err("a loop");
    assert!(error.path.ends_with("a/b/name"), "{error}");
}

#[test]
fn link_is_listed_and_error_names_a_broken_one() {
    let (keep, folder) = folder();
    folder.create_folder("a/folder").expect("made");
    folder.write("f", b"").expect("written");
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, keep.path().join(name)).expect("linked");
    };
    link("../f", "a/link");
    link("folder", "a/to-folder");
    assert_eq!(folder.files("a").expect("listed"), ["link"]);
    for to in ["nothing", "/etc/passwd", "bad"] {
        link(to, "a/bad");
        let error = folder.files("a").expect_err(to);
        assert!(error.path.ends_with("a/bad"), "{error}");
        folder.remove("a/bad").expect("removed");
    }
}

#[test]
fn link_stays_when_its_target_is_written() {
    let (keep, folder) = folder();
    folder.create_folder("a/b").expect("made");
    folder.write("a/b/f", b"1").expect("written");
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, keep.path().join(name)).expect("linked");
    };
    link("b/f", "a/inner");
    link("a/inner", "outer");
    folder.write_through("outer", b"2").expect("written");
    assert_eq!(folder.read("a/b/f", 10).expect("read"), Some(b"2".to_vec()));
    for name in ["a/inner", "outer"] {
        let found = std::fs::symlink_metadata(keep.path().join(name));
        assert!(found.expect("it is there").is_symlink(), "{name}");
    }
    folder.write_through("a/b/f", b"3").expect("written");
    folder.write_through("a/new", b"4").expect("written");
    assert_eq!(folder.read("outer", 10).expect("read"), Some(b"3".to_vec()));
    for to in ["nothing", "/etc/passwd", "bad"] {
        link(to, "bad");
        folder.write_through("bad", b"5").expect_err(to);
        folder.remove("bad").expect("removed");
    }
}

#[test]
fn a_file_over_the_bound_is_an_error() {
    let (_keep, folder) = folder();
    folder.write("f", b"12345").expect("written");
    assert!(folder.read("f", 5).is_ok());
    assert_eq!(
        folder.read("f", 4).expect_err("larger").source.kind(),
        ErrorKind::FileTooLarge
    );
    assert_eq!(folder.read("g", 4).expect("no file"), None);
}

fn keeping(is_shared: bool) -> Keeping {
    Keeping {
        is_shared,
        owners: Owners::of_process(None),
    }
}

fn mode(folder: &Folder, relative: &str) -> u32 {
    let found = folder.attributes_in(relative).expect("looked at");
    found.expect("it is there").mode
}

/// A repository that was cloned may contain links in its run-time state.
#[test]
fn links_in_a_kept_folder_are_not_followed() {
    let (keep, folder) = folder();
    let state = folder.keep("state", keeping(false)).expect("made");
    state.create_folder("a/b").expect("made");
    folder.write("state/a/b/f", b"1").expect("written");
    folder.write("outer", b"secret").expect("written");
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, keep.path().join("state").join(name)).expect("linked");
    };
    link("../outer", "file");
    link("a", "way");
    link("nothing", "dangling");
    for path in ["file", "way/b/f", "way/b", "dangling"] {
        state.read(path, 100).expect_err(path);
        Disk::open(&state, path).expect_err(path);
        state.has(path).expect_err(path);
        state.append_private(path).expect_err(path);
    }
    for path in ["way/new", "way/b/new"] {
        state.write(path, b"x").expect_err(path);
        state.write_new(path, b"x").expect_err(path);
        state.create_folder(path).expect_err(path);
        state.files(path).expect_err(path);
        state.remove(path).expect_err(path);
    }
    state.keep("way", keeping(false)).expect_err("it is a link");
    folder
        .keep("state/way", keeping(false))
        .expect_err("it is a link");
    assert_eq!(state.read("a/b/f", 100).expect("read"), Some(b"1".to_vec()));
    assert_eq!(folder.files("state/a/b").expect("listed"), ["f"]);
    // A link is replaced like a file, and its target is not written.
    state.write("file", b"mine").expect("replaced");
    assert_eq!(
        folder.read("outer", 100).expect("read"),
        Some(b"secret".to_vec())
    );
    state.read("../outer", 100).expect_err("it leads out");
}

#[test]
fn files_of_a_kept_folder_have_fixed_modes() {
    for (is_shared, of_folder, of_file) in [(false, 0o700, 0o600), (true, 0o2770, 0o660)] {
        let (_keep, folder) = folder();
        let state = folder.keep("state", keeping(is_shared)).expect("made");
        state.create_folder("a/b").expect("made");
        state.write("a/f", b"").expect("written");
        state.write_new_fleeting("pass", b"").expect("written");
        drop(state.create_private("sealed").expect("made"));
        drop(state.create_sole("sole").expect("made"));
        drop(state.append_private("log").expect("made"));
        drop(FileLock::create(&state, "lock", "").expect("made"));
        let queue = FileQueue::open(&state, "queue", Duration::ZERO);
        drop(queue.expect("made"));
        SharedFile::create(&state, "table", b"").expect("made");
        let bell = Bell::create(&state, "bell").expect("made");
        for name in ["", "a", "a/b"] {
            assert_eq!(mode(&folder, &format!("state/{name}")), of_folder, "{name}");
        }
        let files = [
            "a/f",
            "pass",
            "sealed",
            "log",
            "lock",
            "queue",
            "queue.next",
        ];
        for name in files.into_iter().chain(["table", "bell"]) {
            assert_eq!(mode(&folder, &format!("state/{name}")), of_file, "{name}");
        }
        assert_eq!(mode(&folder, "state/sole"), 0o600);
        drop(bell);
    }
}

#[test]
fn modes_of_a_kept_folder_are_adjusted_when_it_is_opened() {
    let (keep, folder) = folder();
    folder.create_folder("state/a").expect("made");
    let set = |name: &str, mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(keep.path().join("state").join(name), mode).expect("ours");
    };
    for (name, mode) in [("f", 0o644), ("a/g", 0o666), ("key", 0o600), ("a/r", 0o444)] {
        folder
            .write(&format!("state/{name}"), b"")
            .expect("written");
        set(name, mode);
    }
    std::os::unix::fs::symlink("../outer", keep.path().join("state/link")).expect("linked");
    folder.write("outer", b"").expect("written");
    let outer = mode(&folder, "outer");
    set("", 0o755);
    let check = |is_shared: bool, expect: &[(&str, u32)]| {
        let state = folder.kept("state", keeping(is_shared)).expect("opened");
        state
            .expect("it is there")
            .modes_settle(&["key"])
            .expect("settled");
        for (name, expect) in expect {
            assert_eq!(mode(&folder, &format!("state/{name}")), *expect, "{name}");
        }
        assert_eq!(mode(&folder, "outer"), outer, "no link is followed");
    };
    check(
        false,
        &[
            ("", 0o700),
            ("a", 0o700),
            ("f", 0o600),
            ("a/g", 0o600),
            ("a/r", 0o400),
        ],
    );
    check(
        true,
        &[
            ("", 0o2770),
            ("a", 0o2770),
            ("f", 0o660),
            ("a/g", 0o660),
            ("key", 0o600),
        ],
    );
    check(
        false,
        &[
            ("", 0o700),
            ("a", 0o700),
            ("f", 0o600),
            ("a/g", 0o600),
            ("key", 0o600),
        ],
    );
    set("", 0o500);
    check(false, &[("", 0o500)]);
}

#[test]
fn wrong_modes_are_found_and_set() {
    let (keep, folder) = folder();
    let state = folder.keep("state", keeping(false)).expect("made");
    state.create_folder("a").expect("made");
    for name in ["f", "a/g", "a/r", "key"] {
        state.write(name, b"").expect("written");
    }
    std::os::unix::fs::symlink("../outer", keep.path().join("state/link")).expect("linked");
    assert_eq!(state.modes_wrong(&["key"]).expect("readable"), [""; 0]);
    let set = |name: &str, mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(keep.path().join("state").join(name), mode).expect("ours");
    };
    for (name, mode) in [
        ("f", 0o644),
        ("a/g", 0o666),
        ("a/r", 0o400),
        ("a", 0o755),
        ("key", 0o644),
    ] {
        set(name, mode);
    }
    let wrong = state.modes_wrong(&["key"]).expect("readable");
    assert_eq!(wrong, ["a", "a/g", "f"]);
    state.modes_settle_all(&["key"]).expect("settled");
    assert_eq!(state.modes_wrong(&["key"]).expect("readable"), [""; 0]);
    for (name, expect) in [("f", 0o600), ("a/r", 0o400), ("a", 0o700), ("key", 0o644)] {
        assert_eq!(mode(&folder, &format!("state/{name}")), expect, "{name}");
    }
    assert!(state.others_exclude("key").expect("it is ours"));
    assert!(!state.others_exclude("key").expect("it is ours"));
    assert_eq!(mode(&folder, "state/key"), 0o600);
}

/// Opening a pipe for reading would wait until a process writes to it.
#[test]
fn pipe_is_refused_without_waiting() {
    let (_keep, folder) = folder();
    drop(folder.make_pipe("pipe").expect("made"));
    let state = folder.keep("state", keeping(false)).expect("made");
    drop(state.make_pipe("pipe").expect("made"));
    for folder in [&folder, &state] {
        let error = folder.read("pipe", 10).expect_err("a pipe");
        assert_eq!(error.source.kind(), ErrorKind::InvalidData, "{error}");
        Disk::open(folder, "pipe").expect_err("a pipe");
        assert!(folder.has("pipe").expect("looked for"));
        folder.append_private("pipe").expect_err("a pipe");
        assert!(FileLock::is_held(folder, "pipe").is_err());
        folder.create_folder("folder").expect("made");
        let error = folder.read("folder", 10).expect_err("a folder");
        assert_eq!(error.source.kind(), ErrorKind::IsADirectory, "{error}");
    }
    assert_eq!(
        folder.files("").expect("listed"),
        ["pipe"],
        "a folder is none"
    );
}

/// Only a path that does not exist leads to nothing. Links in a circle may hide a file.
#[test]
fn path_that_cannot_be_looked_up_is_not_missing() {
    let (keep, _folder) = folder();
    let at = |name: &str| keep.path().join(name);
    std::fs::write(at("file"), "").expect("written");
    std::os::unix::fs::symlink(at("circle"), at("circle")).expect("made");
    let check = |path: &Path, is_file: bool, is_folder: bool| {
        assert_eq!(is_named_file(path).expect("looked up"), is_file);
        assert_eq!(is_named_folder(path).expect("looked up"), is_folder);
    };
    check(&at("file"), true, false);
    check(keep.path(), false, true);
    check(&at("nothing"), false, false);
    check(&at("file/below"), false, false);
    let error = is_named_file(&at("circle")).expect_err("a circle");
    assert_eq!(error.path, at("circle"));
    is_named_folder(&at("circle")).expect_err("a circle");
}
