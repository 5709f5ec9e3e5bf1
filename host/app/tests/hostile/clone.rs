//! Attacks by the content of a clone or of a folder above it: links, pipes, paths and owners.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use sedge_app::datastore::lock_status::datastore_lock_status;
use sedge_app::init::init;
use sedge_app::model::get::model_get;
use sedge_app::types::Scan;
use sedge_app::{AppError, ModelError, Repository};

use crate::fixture::cx_of;
use crate::harness::{Attack, Scene};

/// A change to a repository before it is used.
type Plant = fn(&Path);

/// A user who is not root.
const OTHER: u32 = 65_533;

pub(crate) fn attacks() -> Vec<Attack> {
    let no_link = "without following links";
    let no_file = "not a regular file";
    let mut attacks = vec![
        planted(
            "a state folder that is a link",
            |it| moved(it, ".sedge"),
            no_link,
        ),
        planted(
            "a folder of locks that is a link",
            |it| moved(it, ".sedge/locks"),
            no_link,
        ),
        planted(
            "a lock table that is a link",
            |it| moved(it, ".sedge/locks/table.log"),
            "symbolic links",
        ),
        planted(
            "a lock table that is a pipe",
            |it| pipe(it, ".sedge/locks/table.log"),
            no_file,
        ),
        planted("a lock table of a terabyte", huge, "more than"),
        planted(
            "a definition that is a pipe",
            |it| pipe(it, "models/a.yaml"),
            no_file,
        ),
        planted(
            "a configuration that is a pipe",
            |it| pipe(it, "sedge.yaml"),
            no_file,
        ),
        planted("a digest that leads out", digest, "is not a digest"),
        planted(
            "a repository that all may write to",
            open,
            "every local user may write",
        ),
    ];
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        attacks.push(planted(
            "a repository of another user",
            foreign,
            "belongs to user",
        ));
    }
    attacks
}

fn planted(name: &str, plant: Plant, ends: &str) -> Attack {
    let run = async move |_: Scene| {
        let keep = tempfile::tempdir().expect("a folder");
        let path = keep.path().join("repository");
        init(&path).expect("a new folder");
        let locks = path.join(".sedge/locks");
        fs::create_dir_all(&locks).expect("it is ours");
        plant(&path);
        match used(&path) {
            Ok(()) => "it was used".to_owned(),
            Err(error) => whole(&error),
        }
    };
    Attack::other(name, run, ends)
}

fn used(path: &Path) -> Result<(), AppError> {
    let repository = Repository::open(path)?;
    datastore_lock_status(&cx_of(&repository), |_| Ok::<_, AppError>(Scan::More))?;
    match model_get(&cx_of(&repository), "a") {
        Ok(_) | Err(AppError::Model(ModelError::Missing { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}

fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn moved(path: &Path, name: &str) {
    let target = path.join("elsewhere");
    if !path.join(name).exists() {
        fs::write(path.join(name), "").expect("it is ours");
    }
    fs::rename(path.join(name), &target).expect("it is ours");
    symlink(target, path.join(name)).expect("the name is free");
}

fn pipe(path: &Path, name: &str) {
    let path = path.join(name);
    // The file may not exist.
    let _ = fs::remove_file(&path);
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("there is such a program").success());
}

fn huge(path: &Path) {
    let table = File::options()
        .write(true)
        .create_new(true)
        .open(path.join(".sedge/locks/table.log"));
    table
        .expect("it is ours")
        .set_len(1 << 40)
        .expect("it takes no room");
}

fn digest(path: &Path) {
    let text = "version: 1\nplugins:\n  \"@a/b\": {version: 2026.11.23.1, sha256: ../../../../etc/passwd, contract: 0.4.0, source: x}\n";
    fs::write(path.join("sedge.lock"), text).expect("it is ours");
}

fn open(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).expect("it is ours");
}

fn foreign(path: &Path) {
    chown(path, Some(OTHER), Some(OTHER)).expect("root may");
}
