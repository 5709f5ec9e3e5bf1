//! The content of a folder as a value, now or after a power loss.
//!
//! The rules are those of POSIX and no more. Bytes of a file survive if the file was synced after
//! they were written. A new, changed or removed name survives if its folder was synced. Unsynced
//! writes may survive or not, independently, and one of them in part. Of the unsynced changes of
//! names, only the first ones survive, because file systems keep them in a journal.

use std::collections::BTreeMap;
use std::path::Path;

use sedge_sys::folder::Folder;
use tempfile::TempDir;

use crate::dice::Dice;
use crate::recorder::{Action, FileId};

/// The unit of an atomic write.
const SECTOR_BYTES: u64 = 512;

/// Files that are not part of an image. SQLite rebuilds the first from the log, and the second is
/// locked and never written.
const LEFT_OUT: [&str; 2] = ["sedge.db-shm", "write.lock"];

/// The content of a folder: files with their bytes, and folders without, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Image(BTreeMap<String, Option<Vec<u8>>>);

/// A temporary folder, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _keep: TempDir,
    pub(crate) folder: Folder,
}

/// The content of a simulated disk: what is durable, and what may survive.
#[derive(Debug)]
pub(crate) struct Platter {
    files: BTreeMap<FileId, Bytes>,
    names: BTreeMap<String, Option<FileId>>,
    unsynced: Vec<Naming>,
    /// Whether a failed sync discards the data that it should have written, so that the next sync
    /// writes nothing and succeeds, as on Linux. Otherwise the data stays to be written.
    failed_syncs_lose: bool,
}

#[derive(Debug, Default)]
struct Bytes {
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate { size: u64 },
}

/// Changes of names that become durable together, by a sync of any of the folders.
#[derive(Debug)]
struct Naming {
    folders: Vec<String>,
    changes: Vec<(String, Named)>,
}

#[derive(Debug, Clone, Copy)]
enum Named {
    File(FileId),
    Folder,
    Nothing,
}

/// Which part of the unsynced data survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    Everything,
    Some,
}

impl Image {
    /// Reads a folder.
    pub(crate) fn of(folder: &Folder) -> Self {
        let mut image = Self::default();
        image.read(folder.path(), "");
        image
    }

    /// Writes the image to a temporary folder.
    pub(crate) fn place(&self) -> Place {
        let keep = tempfile::tempdir().expect("a folder can be made");
        for (path, bytes) in &self.0 {
            let path = keep.path().join(path);
            match bytes {
                None => std::fs::create_dir(path).expect("folders come before what is in them"),
                Some(bytes) => std::fs::write(path, bytes).expect("it can be written"),
            }
        }
        let folder = Folder::open(keep.path()).expect("it is there");
        Place {
            _keep: keep,
            folder,
        }
    }

    /// Returns the initial ids of its files in a log.
    pub(crate) fn file_ids(&self) -> BTreeMap<String, Option<FileId>> {
        let named = (1..).zip(&self.0).map(|(n, (path, bytes))| {
            let id = bytes.as_ref().map(|_| FileId::first(n));
            (path.clone(), id)
        });
        named.collect()
    }

    fn read(&mut self, root: &Path, below: &str) {
        for entry in std::fs::read_dir(root.join(below)).expect("it is a folder") {
            let name = entry.expect("it can be listed").file_name();
            let name = name.to_str().expect("the store's names are plain");
            if LEFT_OUT.contains(&name) {
                continue;
            }
            let path = match below {
                "" => name.to_owned(),
                below => format!("{below}/{name}"),
            };
            if root.join(&path).is_dir() {
                self.0.insert(path.clone(), None);
                self.read(root, &path);
            } else {
                let bytes = std::fs::read(root.join(&path)).expect("it can be read");
                self.0.insert(path, Some(bytes));
            }
        }
    }
}

impl Platter {
    /// Starts with an image, which is durable.
    pub(crate) fn new(start: &Image, failed_syncs_lose: bool) -> Self {
        let names = start.file_ids();
        let files = start.0.iter().filter_map(|(path, bytes)| {
            let (synced, unsynced) = (bytes.clone()?, Vec::new());
            Some((names[path]?, Bytes { synced, unsynced }))
        });
        Self {
            files: files.collect(),
            names,
            unsynced: Vec::new(),
            failed_syncs_lose,
        }
    }

    /// Applies a recorded call.
    pub(crate) fn play(&mut self, action: &Action) {
        match action {
            Action::Create { path, file } => self.name(vec![path], path, Named::File(*file)),
            Action::CreateFolder { path } => self.name(vec![path], path, Named::Folder),
            Action::Remove { path } => self.name(vec![path], path, Named::Nothing),
            Action::Rename { from, to } => self.rename(from, to),
            Action::Write { file, at, bytes } => self.change(
                *file,
                Change::Write {
                    at: *at,
                    bytes: bytes.clone(),
                },
            ),
            Action::Truncate { file, size } => {
                self.change(*file, Change::Truncate { size: *size });
            }
            Action::Sync { file } => self.files.entry(*file).or_default().sync(),
            Action::SyncFailed { file } => {
                if self.failed_syncs_lose {
                    self.files.entry(*file).or_default().unsynced.clear();
                }
            }
            Action::SyncFolder { path } => {
                let is_synced = |naming: &mut Naming| naming.folders.contains(path);
                for naming in self.unsynced.extract_if(.., is_synced) {
                    rename_all(&mut self.names, &naming.changes);
                }
            }
        }
    }

    /// Returns an image of the disk after a power loss.
    pub(crate) fn cut(&self, writes: Kept, namings: Kept, dice: &mut Dice) -> Image {
        let mut names = self.names.clone();
        let n_kept = match namings {
            Kept::Nothing => 0,
            Kept::Everything => self.unsynced.len(),
            Kept::Some => dice.index(self.unsynced.len() + 1),
        };
        for naming in &self.unsynced[..n_kept] {
            rename_all(&mut names, &naming.changes);
        }
        let files = self.bytes_kept(writes, dice);
        let mut image = Image::default();
        for (path, file) in names {
            let above = folder_of(&path);
            // A folder that does not exist contains nothing.
            if above.is_empty() || image.0.contains_key(above) {
                let bytes = file.map(|file| files.get(&file).cloned().unwrap_or_default());
                image.0.insert(path, bytes);
            }
        }
        image
    }

    fn bytes_kept(&self, writes: Kept, dice: &mut Dice) -> BTreeMap<FileId, Vec<u8>> {
        let n_unsynced: usize = self.files.values().map(|file| file.unsynced.len()).sum();
        // Some images lack little, and some have little.
        let of_16 = dice.below(17);
        let torn = dice.index(n_unsynced.max(1));
        let mut nth = 0;
        let mut kept = BTreeMap::new();
        for (id, file) in &self.files {
            let mut bytes = file.synced.clone();
            for change in &file.unsynced {
                let is_kept = match writes {
                    Kept::Nothing => false,
                    Kept::Everything => true,
                    Kept::Some if nth == torn => {
                        change.torn(dice).apply(&mut bytes);
                        false
                    }
                    Kept::Some => dice.below(16) < of_16,
                };
                if is_kept {
                    change.apply(&mut bytes);
                }
                nth += 1;
            }
            kept.insert(*id, bytes);
        }
        kept
    }

    fn change(&mut self, file: FileId, change: Change) {
        self.files.entry(file).or_default().unsynced.push(change);
    }

    fn name(&mut self, of: Vec<&String>, path: &str, named: Named) {
        self.unsynced.push(Naming {
            folders: of.iter().map(|path| folder_of(path).to_owned()).collect(),
            changes: vec![(path.to_owned(), named)],
        });
    }

    fn rename(&mut self, from: &String, to: &String) {
        let file = self.file_now(from).expect("what is renamed is there");
        if folder_of(from) == folder_of(to) {
            self.name(vec![to], to, Named::File(file));
            let naming = self.unsynced.last_mut().expect("it was pushed just now");
            naming.changes.push((from.clone(), Named::Nothing));
        } else {
            // The file may survive in both folders, but always in one of them.
            self.name(vec![to, from], to, Named::File(file));
            self.name(vec![from], from, Named::Nothing);
        }
    }

    fn file_now(&self, path: &str) -> Option<FileId> {
        let mut names = self.names.clone();
        for naming in &self.unsynced {
            rename_all(&mut names, &naming.changes);
        }
        names.get(path).copied().flatten()
    }
}

impl Bytes {
    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.synced);
        }
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        let index = |n: u64| usize::try_from(n).expect("files of tests are small");
        match self {
            Self::Write { bytes, .. } if bytes.is_empty() => {}
            Self::Write { at, bytes } => {
                let (from, end) = (index(*at), index(*at) + bytes.len());
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[from..end].copy_from_slice(bytes);
            }
            Self::Truncate { size } => to.resize(index(*size), 0),
        }
    }

    /// Returns the part of a write before or after a sector boundary.
    fn torn(&self, dice: &mut Dice) -> Self {
        let Self::Write { at, bytes } = self else {
            return self.clone();
        };
        let end = at + bytes.len() as u64;
        let first = at.next_multiple_of(SECTOR_BYTES);
        let n_boundaries = end.saturating_sub(first).div_ceil(SECTOR_BYTES).max(1);
        let tear = first + dice.below(n_boundaries) * SECTOR_BYTES;
        let tear = tear.clamp(*at, end);
        let length = usize::try_from(tear - at).expect("it is within the bytes");
        if dice.below(2) == 0 {
            let bytes = bytes[..length].to_vec();
            Self::Write { at: *at, bytes }
        } else {
            let (at, bytes) = (tear, bytes[length..].to_vec());
            Self::Write { at, bytes }
        }
    }
}

fn rename_all(names: &mut BTreeMap<String, Option<FileId>>, changes: &[(String, Named)]) {
    for (path, named) in changes {
        match named {
            Named::File(file) => names.insert(path.clone(), Some(*file)),
            Named::Folder => names.insert(path.clone(), None),
            Named::Nothing => names.remove(path),
        };
    }
}

/// Returns the folder of a name; the top is the empty path.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
