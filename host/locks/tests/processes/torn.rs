//! A table with an incomplete last line, because the process died while writing it.

use crate::process::{Process, folder, lock, manager, own};

#[test]
fn a_last_line_that_is_torn_anywhere_does_not_count() {
    let parent = folder();
    let whole = parent.path().join("whole");
    std::fs::create_dir(&whole).expect("a new folder");
    let session = manager(&whole).expect("it begins");
    let _held = ["one", "two"].map(|model| lock(&session, 1, model, 10_000).expect("free"));
    let text = std::fs::read(whole.join("table.log")).expect("it is there");
    let body = &text[..text.len() - 1];
    let last = body
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("three lines")
        + 1;
    let mut process = Process::start();
    for end in last..=text.len() {
        let path = parent.path().join(format!("cut-at-{end}"));
        std::fs::create_dir(&path).expect("a new folder");
        std::fs::write(path.join("table.log"), &text[..end]).expect("written");
        let one = "the model `one` X, held by process unknown".to_owned();
        let two = "the model `two` X, held by process unknown".to_owned();
        let expect = if end < text.len() {
            vec![one]
        } else {
            vec![one, two]
        };
        assert_eq!(own::locked(&path), expect, "cut at {end}");
        process.send(&format!("begin {}", path.display()));
        assert_eq!(process.receive(), "begun", "cut at {end}");
        process.send("lock 2 three 10000");
        assert_eq!(process.receive(), "locked", "cut at {end}");
        let three = format!("the model `three` X, held by process {}", process.id());
        let mut now = own::locked(&path);
        assert!(now.contains(&three), "cut at {end}: {now:?}");
        now.retain(|it| *it != three);
        assert_eq!(now, expect, "cut at {end}");
    }
    println!("{} tables, each cut elsewhere", text.len() - last + 1);
}
