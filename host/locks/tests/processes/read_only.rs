//! A read-only folder: the error names the file, and the locks can still be displayed.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::process::{Process, folder, lock, manager, own};

/// The conventional number of the user without privileges.
const NOBODY: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    let set = std::fs::set_permissions(path, Permissions::from_mode(mode));
    set.expect("it is this process's own");
}

/// Starts a process as an unprivileged user, because the super-user may write everywhere.
fn start_unprivileged(folder: &Path) -> Process {
    let own = std::fs::metadata("/proc/self").expect("this is Linux");
    if own.uid() != 0 {
        return Process::start();
    }
    // The unprivileged user may not be able to read the build folder.
    let program = folder.join("program");
    let built = std::env::current_exe().expect("the test has a program");
    std::fs::copy(built, &program).expect("it can be copied");
    set_mode(&program, 0o755);
    Process::start_as(&program, Some(NOBODY))
}

#[test]
fn error_names_the_read_only_folder() {
    let parent = folder();
    let shared = parent.path().join("shared");
    std::fs::create_dir(&shared).expect("a new folder");
    let session = manager(&shared).expect("it begins");
    let held = lock(&session, 1, "sink", 10_000).expect("it is free");
    for file in std::fs::read_dir(&shared).expect("it can be read") {
        set_mode(&file.expect("it can be read").path(), 0o644);
    }
    set_mode(parent.path(), 0o755);
    set_mode(&shared, 0o555);
    let mut process = start_unprivileged(parent.path());
    process.send(&format!("begin {}", shared.display()));
    let answer = process.receive();
    let expect = format!("failed: failed to create `{}/session-", shared.display());
    assert!(answer.starts_with(&expect), "{answer}");
    assert!(answer.contains("Permission denied"), "{answer}");
    process.send(&format!("status {}", shared.display()));
    let pid = std::process::id();
    assert_eq!(
        process.receive(),
        format!("the model `sink` X, held by process {pid}")
    );
    set_mode(&shared, 0o755);
    drop(held);
}

/// A session that is open already can still lock and release. Its journal grows, because it cannot
/// be compacted.
#[test]
fn open_session_works_after_its_folder_becomes_read_only() {
    let parent = folder();
    let shared = parent.path().join("shared");
    std::fs::create_dir(&shared).expect("a new folder");
    set_mode(parent.path(), 0o755);
    set_mode(&shared, 0o777);
    let mut process = start_unprivileged(parent.path());
    process.send(&format!("begin {}", shared.display()));
    assert_eq!(process.receive(), "begun");
    set_mode(&shared, 0o555);
    process.send("relock 500");
    assert_eq!(process.receive(), "relocked");
    assert_eq!(own::locked(&shared), Vec::<String>::new());
    set_mode(&shared, 0o777);
}
