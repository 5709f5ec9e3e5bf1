//! Tests of the simulated disk: what it loses and keeps in a power loss. A simulation that lost
//! nothing would find no fault in any store.

use std::collections::BTreeSet;
use std::sync::Arc;

use sedge_sys::disk::Disk;
use sedge_sys::folder::Folder;

use crate::dice::Dice;
use crate::disk::RecordedDisk;
use crate::images::{Image, Kept, Platter};
use crate::recorder::{Fault, Plan, Recorder};

/// Operations on a disk.
type Done = fn(&dyn Disk);

/// Checks the files, with their contents, that are left after the operations and a power loss.
#[track_caller]
fn check(done: Done, cut: (Kept, Kept), expect: &[(&str, &str)]) {
    let start = Image::default();
    let place = start.place();
    let recorder = Arc::new(Recorder::new(place.folder.path(), &start));
    let disk = RecordedDisk {
        folder: place.folder.share().expect("a descriptor is left"),
        recorder: Arc::clone(&recorder),
    };
    done(&disk);
    let mut platter = Platter::new(&start, true);
    for action in recorder.log() {
        platter.play(&action);
    }
    let left = platter.cut(cut.0, cut.1, &mut Dice::of_seed(0)).place();
    let mut found = Vec::new();
    read(&left.folder, "", &mut found);
    let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(found, expect);
}

fn read(folder: &Folder, path: &str, found: &mut Vec<(String, String)>) {
    for entry in folder.entries(path).expect("it can be listed") {
        let path = match path {
            "" => entry.name.clone(),
            path => format!("{path}/{}", entry.name),
        };
        if entry.is_folder {
            read(folder, &path, found);
        } else {
            let text = folder.read_text(&path, 1000).expect("it is text");
            found.push((path, text.expect("it is listed")));
        }
    }
}

const LOST: (Kept, Kept) = (Kept::Nothing, Kept::Nothing);
const NAMES_ONLY: (Kept, Kept) = (Kept::Nothing, Kept::Everything);
const BYTES_ONLY: (Kept, Kept) = (Kept::Everything, Kept::Nothing);
const KEPT: (Kept, Kept) = (Kept::Everything, Kept::Everything);

#[test]
fn name_needs_folder_sync_and_content_needs_file_sync() {
    let done: Done = |disk| {
        let mut file = disk.create("a").expect("made");
        file.write(b"one").expect("written");
        file.sync().expect("synced");
        file.write(b"two").expect("written");
    };
    check(done, LOST, &[]);
    check(done, BYTES_ONLY, &[]);
    check(done, NAMES_ONLY, &[("a", "one")]);
    check(done, KEPT, &[("a", "onetwo")]);
}

#[test]
fn rename_without_file_sync_leaves_an_empty_file() {
    let done: Done = |disk| {
        let mut file = disk.create("new").expect("made");
        file.write(b"one").expect("written");
        disk.rename("new", "old").expect("renamed");
        disk.sync_folder("").expect("synced");
    };
    check(done, LOST, &[("old", "")]);
    check(done, BYTES_ONLY, &[("old", "one")]);
}

#[test]
fn unsynced_folder_loses_its_files() {
    let made: Done = |disk| {
        disk.create_folder("a/b").expect("made");
        let mut file = disk.create("a/b/c").expect("made");
        file.write(b"one").expect("written");
        file.sync().expect("synced");
        disk.sync_folder("a/b").expect("synced");
        disk.sync_folder("a").expect("synced");
    };
    check(made, LOST, &[]);
    check(made, NAMES_ONLY, &[("a/b/c", "one")]);
}

#[test]
fn moved_file_is_always_in_one_of_the_folders() {
    let done: Done = |disk| {
        disk.create_folder("a").expect("made");
        disk.create("b").expect("made");
        disk.sync_folder("").expect("synced");
        disk.rename("b", "a/b").expect("renamed");
    };
    check(done, LOST, &[("b", "")]);
    check(done, NAMES_ONLY, &[("a/b", "")]);
    let synced: Done = |disk| {
        disk.create_folder("a").expect("made");
        disk.create("b").expect("made");
        disk.sync_folder("").expect("synced");
        disk.rename("b", "a/b").expect("renamed");
        disk.sync_folder("").expect("synced");
    };
    check(synced, LOST, &[("a/b", "")]);
    let removed: Done = |disk| {
        disk.create("a").expect("made");
        disk.sync_folder("").expect("synced");
        disk.remove("a").expect("removed");
    };
    check(removed, LOST, &[("a", "")]);
    check(removed, NAMES_ONLY, &[]);
}

#[test]
fn unsynced_writes_survive_in_whole_sectors() {
    let start = Image::default();
    let place = start.place();
    let recorder = Arc::new(Recorder::new(place.folder.path(), &start));
    let disk = RecordedDisk {
        folder: place.folder.share().expect("a descriptor is left"),
        recorder: Arc::clone(&recorder),
    };
    let mut file = disk.create("a").expect("made");
    for _ in 0..2 {
        file.write(&[b'x'; 1024]).expect("written");
    }
    disk.sync_folder("").expect("synced");
    let mut platter = Platter::new(&start, true);
    for action in recorder.log() {
        platter.play(&action);
    }
    let mut found = BTreeSet::new();
    for seed in 0..200 {
        let image = platter.cut(Kept::Some, Kept::Some, &mut Dice::of_seed(seed));
        let left = image.place();
        let bytes = left.folder.read("a", 3000).expect("it can be read");
        let bytes = bytes.expect("its name was synced");
        let sectors = bytes.chunks(512).map(|sector| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "it is whole");
            if sector[0] == b'x' { 'x' } else { '-' }
        });
        found.insert(sectors.collect::<String>());
    }
    for expect in ["", "x", "xx", "--xx", "-x", "---x", "xxx"] {
        assert!(found.contains(expect), "{expect}: {found:?}");
    }
}

#[test]
fn only_the_chosen_call_fails() {
    let check = |nth: usize, fault: Fault, expect: [bool; 4], written: &str| {
        let start = Image::default();
        let place = start.place();
        let recorder = Arc::new(Recorder::new(place.folder.path(), &start));
        let disk = RecordedDisk {
            folder: place.folder.share().expect("a descriptor is left"),
            recorder: Arc::clone(&recorder),
        };
        let mut file = disk.create("a").expect("made");
        let reads = false;
        recorder.arm(Plan { nth, fault, reads });
        let done = [
            file.write(b"1234").is_ok(),
            disk.entries("").is_ok(),
            file.write(b"5678").is_ok(),
            file.sync().is_ok(),
        ];
        assert_eq!(done, expect, "{nth} {fault:?}");
        let text = place.folder.read_text("a", 100).expect("it is text");
        assert_eq!(text.as_deref(), Some(written), "{nth} {fault:?}");
    };
    check(1, Fault::Once, [false, true, true, true], "5678");
    check(1, Fault::Half, [false, true, true, true], "125678");
    check(1, Fault::Gone, [false, true, false, false], "");
    check(2, Fault::Once, [true, true, false, true], "1234");
    check(3, Fault::Once, [true, true, true, false], "12345678");
    check(4, Fault::Once, [true, true, true, true], "12345678");
}
