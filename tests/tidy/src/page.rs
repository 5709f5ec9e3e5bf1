//! Pages that are made from the code: a test compares them with the code, or writes them.

use std::path::Path;

use crate::tree::{TreeFile, files, hold};

/// The variable that makes the tests write their pages instead of comparing them.
const UPDATE: &str = "SEDGE_UPDATE";

/// Holds that the committed page at `path` is `page`, which was made from `origin`.
#[track_caller]
pub(crate) fn hold_current(path: &str, origin: &str, page: &str) {
    if std::env::var_os(UPDATE).is_some() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::write(root.join(path), page).expect("the tree can be written");
        return;
    }
    let faults: Vec<String> = stale(files(), path, origin, page).into_iter().collect();
    hold("the page is made from the code", &faults);
}

fn stale(files: &[TreeFile], path: &str, origin: &str, page: &str) -> Option<String> {
    let is_current = |file: &TreeFile| file.path == path && file.text() == page;
    let is_stale = !files.iter().any(is_current);
    is_stale.then(|| {
        format!(
            "{path}: it differs from {origin}; write it: `{UPDATE}=1 cargo test --release -p sedge-tidy`"
        )
    })
}

/// Returns a page with another text between two of its marks, each of which is a line.
pub(crate) fn with_part(page: &str, marks: [&str; 2], part: &str) -> String {
    let [begin, end] = marks;
    let (before, rest) = page
        .split_once(begin)
        .unwrap_or_else(|| panic!("the page has no line `{begin}`"));
    let (_, after) = rest
        .split_once(end)
        .unwrap_or_else(|| panic!("the page has no line `{end}` after `{begin}`"));
    format!("{before}{begin}\n{part}{end}{after}")
}

#[test]
fn stale_page_is_found() {
    let check = |path: &str, text: &str, expect: bool| {
        let fault = stale(&[TreeFile::new(path, text)], "docs/a.md", "b.rs", "page");
        assert_eq!(fault.is_some(), expect, "{path}: {text}");
    };
    check("docs/a.md", "page", false);
    check("docs/a.md", "former page", true);
    check("docs/b.md", "page", true);
}

#[test]
fn part_of_a_page_is_replaced() {
    let page = with_part("a\n<b>\nold\n<e>\nz\n", ["<b>", "<e>"], "new\n");
    assert_eq!(page, "a\n<b>\nnew\n<e>\nz\n");
}
