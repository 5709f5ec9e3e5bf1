//! Attacks by the content of a clone: a `.sedge/store` that an attacker made.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use sedge_app::AppError;
use sedge_app::data::list::data_list;
use sedge_app::types::Scan;

use crate::fixture::{House, words};
use crate::harness::Attack;

/// A datastore with a trigger that deletes all data as soon as a run has an event.
const WITH_TRIGGER: &[u8] = include_bytes!("../../../store/tests/fixtures/hostile.db");

/// The same datastore without the trigger.
const SOUND: &[u8] = include_bytes!("../../../store/tests/fixtures/schema-4.db");

pub(crate) fn attacks() -> Vec<Attack> {
    let not_a_file = "it is not a regular file";
    vec![
        cloned(
            "a clone's database with a trigger",
            |store| fs::write(store.join("sedge.db"), WITH_TRIGGER).expect("written"),
            "it has the trigger `t`",
        ),
        cloned(
            "a clone's database that is a link to a file of the user",
            |store| {
                fs::write(store.join("victim"), SOUND).expect("written");
                symlink("victim", store.join("sedge.db")).expect("linked");
            },
            not_a_file,
        ),
        cloned(
            "a clone's write-ahead log that is a link to a file of the user",
            |store| {
                fs::write(store.join("sedge.db"), SOUND).expect("written");
                fs::write(store.join("victim"), "precious").expect("written");
                symlink("victim", store.join("sedge.db-wal")).expect("linked");
            },
            not_a_file,
        ),
        cloned(
            "a clone's database that is a pipe",
            |store| pipe(&store.join("sedge.db")),
            not_a_file,
        ),
        cloned(
            "a clone's lock that is a pipe",
            |store| {
                fs::write(store.join("sedge.db"), SOUND).expect("written");
                pipe(&store.join("write.lock"));
            },
            not_a_file,
        ),
        cloned(
            "a clone's journal that has SQLite delete a file of the user",
            |store| {
                fs::write(store.join("sedge.db"), SOUND).expect("written");
                let mut journal = vec![0; 600];
                // The end of a journal that names another journal.
                journal.extend([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
                fs::write(store.join("sedge.db-journal"), journal).expect("written");
            },
            "it names another file",
        ),
        cloned(
            "a clone's folder of contents that is a link to a folder of the user",
            |store| {
                fs::write(store.join("sedge.db"), SOUND).expect("written");
                symlink("/tmp", store.join("objects")).expect("linked");
            },
            "it has to be a folder",
        ),
    ]
}

/// Makes a datastore in a new repository, and has Sedge read it.
fn cloned(name: &str, make: fn(&Path), ends: &str) -> Attack {
    let run = async move |_| {
        let house = House::empty();
        let store = house.path().join(".sedge/store");
        // It replaces the datastore of the new repository.
        fs::remove_dir_all(&store).expect("it is there");
        fs::create_dir(&store).expect("made");
        make(&store);
        let read = data_list::<AppError>(&house.cx(), None, |_| Ok(Scan::More));
        match read {
            Ok(_) => "it was read".to_owned(),
            Err(error) => words(&error),
        }
    };
    Attack::other(name, run, ends)
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("it is installed").success());
}
