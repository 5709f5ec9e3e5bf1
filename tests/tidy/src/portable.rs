//! The files of the tree work on every machine, and are small enough to be cloned.

use crate::tree::{TreeFile, files, hold};

/// Texts that are specific to one machine: its home and work folders, and the hosts of package
/// registries, for which a machine may use mirrors. They are split, so that this file has none.
const MACHINE_MARKS: [&str; 8] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs"),
    concat!("files.", "pythonhosted"),
    concat!("deb.", "debian"),
];

/// The largest file that may be tracked, in bytes.
///
/// Every clone contains every version of it forever. A larger file can be built, or is not a
/// source.
const FILE_BYTES_MAX: usize = 512 << 10;

/// A path of one machine works only there, and reveals details about it.
#[test]
fn no_file_names_a_machine() {
    let faults: Vec<String> = files().iter().flat_map(machine_faults).collect();
    hold("files are independent of the machine", &faults);
}

/// See [`FILE_BYTES_MAX`].
#[test]
fn no_file_is_large() {
    let faults: Vec<String> = files().iter().filter_map(size_fault).collect();
    hold("tracked files are small", &faults);
}

fn machine_faults(file: &TreeFile) -> Vec<String> {
    let text = file.text();
    let mut faults = Vec::new();
    for (n, line) in text.lines().enumerate() {
        for mark in MACHINE_MARKS.iter().filter(|mark| line.contains(**mark)) {
            faults.push(format!(
                "{}:{}: `{mark}` is specific to one machine; write a relative path, or describe it",
                file.path,
                n + 1
            ));
        }
    }
    faults
}

fn size_fault(file: &TreeFile) -> Option<String> {
    let size = file.bytes.len();
    (size > FILE_BYTES_MAX).then(|| {
        format!(
            "{}: it has {size} bytes, more than {FILE_BYTES_MAX}; build it where it is needed",
            file.path
        )
    })
}

#[test]
fn the_rule_on_machines_can_fail() {
    let check = |text: &str, expect: usize| {
        assert_eq!(
            machine_faults(&TreeFile::new("x", text)).len(),
            expect,
            "{text}"
        );
    };
    check("see target/release and https://crates.io/crates/toml", 0);
    for mark in MACHINE_MARKS {
        check(&format!("a\ncd {mark}x\n"), 1);
    }
}

#[test]
fn the_rule_on_size_can_fail() {
    let check = |size: usize, expect: bool| {
        let file = TreeFile::new("x", &"x".repeat(size));
        assert_eq!(size_fault(&file).is_some(), expect, "{size}");
    };
    check(FILE_BYTES_MAX, false);
    check(FILE_BYTES_MAX + 1, true);
}
