//! The files that the rules check, and the report of a broken rule.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// A file of the tree.
#[derive(Debug, Clone)]
pub(crate) struct TreeFile {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

impl TreeFile {
    /// Creates a file of a test, which shows that a rule can fail.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            bytes: text.as_bytes().to_vec(),
        }
    }

    /// Returns the content as text, with marks in place of invalid bytes.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Returns the stem of the file if it is a Rust file directly in `folder` (`a/b/`).
    pub(crate) fn rust_stem_in(&self, folder: &str) -> Option<&str> {
        let stem = self.path.strip_prefix(folder)?.strip_suffix(".rs")?;
        (!stem.contains('/')).then_some(stem)
    }

    /// Returns whether it is a Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Returns every file that git tracks or would track, sorted by path.
pub(crate) fn files() -> &'static [TreeFile] {
    static FILES: OnceLock<Vec<TreeFile>> = OnceLock::new();
    FILES.get_or_init(read)
}

/// Panics if there are faults, with all of them in the message.
#[track_caller]
pub(crate) fn hold(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}\n\n  {}\n", faults.join("\n  "));
}

fn read() -> Vec<TreeFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listed = Command::new("git")
        .arg("-C")
        .arg(&root)
        .args(["ls-files", "-z", "--cached", "--others"])
        .args(["--exclude-standard", "--deduplicate"])
        .output()
        .expect("git can be started; it lists the files for the rules");
    let complaint = String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success(), "git ls-files failed: {complaint}");
    let paths = String::from_utf8(listed.stdout).expect("paths here are plain text");
    let mut files: Vec<TreeFile> = paths
        .split_terminator('\0')
        // The rules skip files that are tracked, but deleted.
        .filter_map(|path| {
            let bytes = std::fs::read(root.join(path)).ok()?;
            let path = path.to_owned();
            Some(TreeFile { path, bytes })
        })
        .collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!files.is_empty(), "git lists no file of the repository");
    files
}
