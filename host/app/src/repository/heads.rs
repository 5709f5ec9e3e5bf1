//! The name and the id that each file of a definition or a workflow gives, which a look-up by name
//! compares.
//!
//! A process looks up many models, and each look-up may compare the names of all files. So what a
//! file gives is known until the file changes: a look-up inspects each file, and reads only those
//! that have changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sedge_lang::diagnostic::SourceFile;
use sedge_lang::yaml;
use sedge_sys::clock::Clock;
use sedge_sys::folder::{FileStamp, FileStamps};

use super::Repository;
use super::files::source;
use crate::error::AppError;

/// What a file gives.
pub(super) struct HeadRead {
    pub(super) head: FileHead,
    /// The file, if it had to be read.
    pub(super) file: Option<Arc<SourceFile>>,
    /// The stamp of the file, taken before it was read, if every later change of the file changes it.
    pub(super) stamp: Option<FileStamp>,
}

/// What is known about the files that this process has read, by their paths.
#[derive(Debug, Default)]
pub(super) struct KnownHeads(Mutex<HashMap<String, (FileStamp, FileHead)>>);

impl KnownHeads {
    /// Returns what a file with this stamp gives, if it is known.
    fn get(&self, path: &str, stamp: FileStamp) -> Option<FileHead> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, head) = known.get(path)?;
        (*of == stamp).then(|| head.clone())
    }

    /// Records what a file gives, or that it is gone.
    fn set(&self, path: &str, found: Option<(FileStamp, &FileHead)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Some((stamp, head)) => {
                known.insert(path.to_owned(), (stamp, head.clone()));
            }
            None => {
                known.remove(path);
            }
        }
    }
}

impl Repository {
    /// Returns the name and the id that a file gives; none if it gives none, or is not YAML. The
    /// file follows if it had to be read. Returns `None` if the file was removed meanwhile.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn head_and_file(
        &self,
        path: &str,
        stamps: &mut FileStamps<'_>,
    ) -> Result<Option<HeadRead>, AppError> {
        if let Some(stamp) = stamps.of(path)
            && let Some(head) = self.heads.get(path, stamp)
        {
            return Ok(Some(HeadRead {
                head,
                file: None,
                stamp: Some(stamp),
            }));
        }
        self.head_read(path, |_| true)
    }

    /// Adds what an earlier process knew about a file: what it gave when it had this stamp, which every
    /// later change changes.
    pub(crate) fn head_known(&self, path: &str, stamp: FileStamp, head: &FileHead) {
        self.heads.set(path, Some((stamp, head)));
    }

    /// Returns the name and the id that a file gives; none if it gives none, or is not YAML.
    /// Returns `None` if the file was removed meanwhile, or if it would have to be parsed and its
    /// text does not match.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn head_if(
        &self,
        path: &str,
        may_match: impl FnOnce(&SourceFile) -> bool,
    ) -> Result<Option<FileHead>, AppError> {
        let read = self.head_read(path, may_match)?;
        Ok(read.map(|read| read.head))
    }

    fn head_read(
        &self,
        path: &str,
        may_match: impl FnOnce(&SourceFile) -> bool,
    ) -> Result<Option<HeadRead>, AppError> {
        // The times of files are those of the machine.
        let now = Clock::machine().now();
        // The stamp is older than the content. If the file changes in between, it has another stamp
        // at the next look-up.
        let stamp = self.folder.stamp(path)?;
        if let Some(stamp) = stamp
            && let Some(head) = self.heads.get(path, stamp)
        {
            return Ok(Some(HeadRead {
                head,
                file: None,
                stamp: Some(stamp),
            }));
        }
        let Some(file) = source(&self.folder, path)? else {
            self.folder.link_check(path)?;
            self.heads.set(path, None);
            return Ok(None);
        };
        let head = match FileHead::of_lines(&file.text) {
            Some(head) => head,
            None if may_match(&file) => FileHead::of(&file),
            None => return Ok(None),
        };
        // A change that follows at once may leave the stamp as it is.
        let settled = stamp.filter(|it| it.is_settled(now));
        self.heads.set(path, settled.map(|it| (it, &head)));
        Ok(Some(HeadRead {
            head,
            file: Some(file),
            stamp: settled,
        }))
    }
}

/// The name and the id that a file gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileHead {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
}

impl FileHead {
    /// Reads the head of a file. A usual file is not parsed for it.
    pub(crate) fn of(file: &Arc<SourceFile>) -> Self {
        if let Some(head) = Self::of_lines(&file.text) {
            return head;
        }
        // ignored: the command that uses the file reports its faults.
        let Ok(tree) = yaml::parse_tree(file) else {
            return Self::default();
        };
        let text = |key: &str| {
            let value = tree.get(key)?.value();
            value
                .as_str()
                .map(str::to_owned)
                .or_else(|| value.is_number().then(|| value.to_string()))
        };
        Self {
            name: text("name"),
            id: text("id"),
        }
    }

    /// Reads the head from lines that begin with `name:` and `id:`. Returns `None` if the form of
    /// the file allows keys in other lines, or lines of this form that are not keys.
    fn of_lines(text: &str) -> Option<Self> {
        let (mut name, mut id) = (None, None);
        for line in text.lines() {
            let found = match line.as_bytes().first() {
                Some(b'n') => line.strip_prefix("name:").map(|it| (&mut name, it)),
                Some(b'i') => line.strip_prefix("id:").map(|it| (&mut id, it)),
                // A quoted key, a map in braces, an explicit key, or a second document.
                Some(b'"' | b'\'' | b'{' | b'?' | b'<') => return None,
                Some(_) | None => None,
            };
            let Some((slot, value)) = found else { continue };
            let value = plain_scalar(value)?;
            if slot.replace(value).is_some() {
                return None;
            }
        }
        Some(Self {
            name: Some(name?),
            id,
        })
    }
}

/// Returns the text of a scalar that is written in a usual way. Returns `None` for all others.
fn plain_scalar(written: &str) -> Option<String> {
    if !written.starts_with([' ', '\t']) {
        return None;
    }
    let mut written = written.trim();
    if let Some((value, _)) = written.split_once(" #") {
        written = value.trim_end();
    }
    let quoted = |quote: char| written.strip_prefix(quote)?.strip_suffix(quote);
    let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(written);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@/._-".contains(c);
    (!value.is_empty() && value.chars().all(is_plain)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use sedge_sys::folder::Folder;

    use super::*;

    #[test]
    fn head_is_known_until_the_file_changes() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let folder = Folder::open(home.path()).expect("it was just made");
        let stamp = |text: &str| {
            let written = folder.write("a.yaml", text.as_bytes());
            written.expect("it can be written");
            let stamp = folder.stamp("a.yaml").expect("it can be inspected");
            stamp.expect("it exists")
        };
        let (known, first) = (KnownHeads::default(), stamp("name: a\n"));
        let head = FileHead {
            name: Some("a".to_owned()),
            id: None,
        };
        known.set("a.yaml", Some((first, &head)));
        assert_eq!(known.get("a.yaml", first), Some(head));
        assert_eq!(known.get("b.yaml", first), None);
        assert_eq!(known.get("a.yaml", stamp("name: longer\n")), None);
        known.set("a.yaml", None);
        assert_eq!(known.get("a.yaml", first), None);
    }

    fn head(text: &str) -> (Option<String>, Option<String>) {
        let head = FileHead::of(&SourceFile::new("f.yaml", text));
        (head.name, head.id)
    }

    #[test]
    fn head_is_the_same_with_and_without_parsing() {
        let check = |text: &str, is_quick: bool, name: Option<&str>, id: Option<&str>| {
            let expect = (name.map(str::to_owned), id.map(str::to_owned));
            assert_eq!(head(text), expect, "{text}");
            assert_eq!(FileHead::of_lines(text).is_some(), is_quick, "{text}");
        };
        check("name: a\n", true, Some("a"), None);
        check(
            "# x\r\nname: \"@acme/a\" # y\r\nid: 5d4a\r\n",
            true,
            Some("@acme/a"),
            Some("5d4a"),
        );
        check(
            "type: x\nname: 'a'\njobs:\n  - name: b\n",
            true,
            Some("a"),
            None,
        );
        check("{name: a, id: b}\n", false, Some("a"), Some("b"));
        check("\"name\": a\n", false, Some("a"), None);
        check("name: >-\n  a\n", false, Some("a"), None);
        check("type: x\n", false, None, None);
        check("[a\n", false, None, None);
    }
}
