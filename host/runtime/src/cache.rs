//! A cache of compiled components and their descriptions on disk, so that a call rarely has to
//! compile.
//!
//! The cache is a folder of the user, never of a repository: a clone is untrusted input, and
//! machine code runs outside of the sandbox. The files of an entry are named after the component's
//! digest and the engine that the code was compiled for:
//!
//! ```text
//! SHA256-ENGINE.code    MAC (32) | length of the note (8) | note (JSON) | machine code
//! SHA256-ENGINE.lines   MAC (32) | table of lines (JSON)
//! ```
//!
//! The MAC is a BLAKE3 hash, keyed by the user's own key (`cache/key.rs`), of the file's name and
//! all that follows the MAC. An entry that does not match (torn, tampered with, renamed, or made
//! with another key) counts as missing, and the pinned component is compiled again. The file is
//! copied into sealed memory while it is hashed, and that copy is loaded, so the code cannot
//! change between check and use.
//!
//! The second file exists for components with debug info. It is read only after a trap; without
//! it, backtraces have no lines.

mod check;
mod describe;
mod key;
mod load;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::Duration;

use sedge_lang::type_info::TypeInfo;
use sedge_sys::clock::Timestamp;
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::own_folder::{self, OwnFolderError, TEMPORARY_ENDING};
use sedge_sys::sealed_file::SealedFile;
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use key::{CacheKey, MAC_BYTES};

pub(crate) use load::component_of_code;

use crate::component::CONTRACT_VERSION;
use crate::lines::LineTable;
use crate::plugin::PluginDescription;

/// The maximum size of machine code that is loaded, in bytes. It is ten times what the largest
/// known component (a Python interpreter) compiles to.
pub(crate) const CODE_BYTES_MAX: u64 = 512 << 20;

/// The maximum size of a description that is read, in bytes.
const NOTE_BYTES_MAX: u64 = 16 << 20;

/// The maximum size of a line table that is read, in bytes. It is ten times the largest known
/// table.
const LINES_BYTES_MAX: u64 = 512 << 20;

/// How long an unused entry is retained. A plugin that is used after that is compiled again, which
/// takes about a second.
const UNUSED_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How old the time of an entry's last use may become before it is updated. Updating it at each
/// use would cost a disk write per call.
const MARK_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The file name endings of an entry. The MAC of a file covers its name, and so the ending.
const CODE: &str = "code";
const LINES: &str = "lines";

/// The user's folders for compiled code and its key, as the environment names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CachePlaces {
    /// The folder of compiled code.
    pub code: Option<PathBuf>,
    /// The folder of the key that authenticates the code. Backups and copies of the code folder
    /// must not contain it.
    pub key: Option<PathBuf>,
}

/// The part of [`CachePlaces`] that a [`CacheFault`] concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePart {
    /// The folder of compiled code.
    Code,
    /// The folder of the key, or the key.
    Key,
}

impl std::fmt::Display for CachePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Code => "it",
            Self::Key => "its key",
        })
    }
}

/// The cache cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct CacheFault {
    /// The part that failed.
    pub part: CachePart,
    /// The cause.
    #[source]
    pub why: CacheFaultKind,
}

/// Why a part of the cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheFaultKind {
    /// The environment names no folder for this part.
    #[error("no folder is known for {0}")]
    Unknown(CachePart),
    /// A folder or file cannot be trusted: others may write to it or own it.
    #[error(transparent)]
    Untrusted(#[from] OwnFolderError),
    /// The key file does not have the length of a key.
    #[error("`{}` is not a key", .0.display())]
    KeyDamaged(PathBuf),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The compiled code of one user, with the key that authenticates it.
#[derive(Debug)]
pub struct CodeCache {
    folder: Folder,
    key: CacheKey,
}

/// The cache of one user, for one engine.
#[derive(Debug)]
pub(crate) struct Cache {
    store: CodeCache,
    engine: u64,
}

/// The data stored beside the machine code. The host checked it once, when it compiled the
/// component. It includes the permissions that the plugin requests.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The version of the contract that the component was built for.
    pub(crate) contract: String,
    /// The plugin's description of itself.
    pub(crate) type_info: TypeInfo,
}

impl Note {
    /// Returns the description of the component with this digest.
    pub(crate) fn description(self, sha256: String) -> PluginDescription {
        PluginDescription {
            sha256,
            contract: self.contract,
            type_info: self.type_info,
        }
    }
}

impl CodeCache {
    /// Opens the cache of a user. Creates its folders and its key if they are missing.
    ///
    /// # Errors
    /// A folder is unknown, cannot be used, or is accessible to other users.
    pub fn open(places: &CachePlaces) -> Result<Self, CacheFault> {
        let folder = |part, path: &Option<PathBuf>| {
            let path = path.as_ref().ok_or(CacheFaultKind::Unknown(part));
            let folder = path.and_then(|path| Ok(own_folder::open(path)?));
            folder.map_err(|why| CacheFault { part, why })
        };
        let key_folder = folder(CachePart::Key, &places.key)?;
        let key = CacheKey::open(&key_folder).map_err(|why| CacheFault {
            part: CachePart::Key,
            why,
        })?;
        let folder = folder(CachePart::Code, &places.code)?;
        Ok(Self { folder, key })
    }

    /// Returns this cache, restricted to entries for `engine`.
    pub(crate) fn for_engine(self, engine: &Engine) -> Cache {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // The format of a note is private to this version of the program.
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        // A component for another version of the contract is refused before it is compiled, so an
        // entry of that time must not be found.
        CONTRACT_VERSION.hash(&mut hasher);
        Cache {
            store: self,
            engine: hasher.finish(),
        }
    }
}

impl Cache {
    /// Loads an entry. Returns `None` if there is no entry, or none that is authentic.
    ///
    /// # Errors
    /// The file exists, but it cannot be read.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        sha256: &str,
    ) -> Result<Option<(Component, Note)>, CacheFault> {
        let name = self.name(sha256, CODE);
        let Some(mut file) = self.file(&name)? else {
            return Ok(None);
        };
        let read = self.read_entry(&name, &mut file);
        let Some((note, code)) = read.map_err(|source| self.fault("read", &name, source))? else {
            tracing::warn!(name, "compiled code is not authentic, compiling it again");
            return Ok(None);
        };
        let Ok(note) = serde_json::from_slice(&note) else {
            tracing::warn!(
                name,
                "a description was written by another version, compiling it again"
            );
            return Ok(None);
        };
        let now = Timestamp::now();
        if let Ok(used) = own_folder::last_used(&file)
            && now.0.saturating_sub(used.0) > ms(MARK_AGE_MAX)
        {
            // An entry can be used even if the cache is read-only.
            let _ = own_folder::mark_used(&file, now);
        }
        match load::component(engine, code) {
            Ok(component) => Ok(Some((component, note))),
            Err(error) => {
                tracing::warn!(name, %error, "compiled code does not load, compiling it again");
                Ok(None)
            }
        }
    }

    /// Reads an entry's note and code. Returns `None` if they are not authentic.
    fn read_entry(
        &self,
        name: &str,
        file: &mut impl Read,
    ) -> io::Result<Option<(Vec<u8>, SealedFile)>> {
        let (mut mac, mut length) = ([0; MAC_BYTES], [0; 8]);
        let mut hasher = self.store.key.hasher(name);
        let head = file.read_exact(&mut mac);
        match head.and_then(|()| file.read_exact(&mut length)) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            head => head?,
        }
        let n_note = u64::from_le_bytes(length);
        if n_note > NOTE_BYTES_MAX {
            return Ok(None);
        }
        hasher.update(&length);
        let mut note = Vec::new();
        file.by_ref().take(n_note).read_to_end(&mut note)?;
        hasher.update(&note);
        let code = SealedFile::copy(file, CODE_BYTES_MAX, |piece| {
            hasher.update(piece);
        })?;
        Ok((hasher.finalize() == mac).then_some((note, code)))
    }

    /// Loads the line table of an entry. Returns an empty table if there is none that is
    /// authentic.
    pub(crate) fn lines(&self, sha256: &str) -> LineTable {
        let name = self.name(sha256, LINES);
        let read = || -> Result<Option<LineTable>, CacheFault> {
            let Some(mut file) = self.file(&name)? else {
                return Ok(Some(LineTable::default()));
            };
            let mut content = Vec::new();
            let read = file
                .by_ref()
                .take(LINES_BYTES_MAX)
                .read_to_end(&mut content);
            read.map_err(|source| self.fault("read", &name, source))?;
            let Some((mac, text)) = content.split_first_chunk::<MAC_BYTES>() else {
                return Ok(None);
            };
            let mut hasher = self.store.key.hasher(&name);
            hasher.update(text);
            let is_authentic = hasher.finalize() == *mac;
            Ok(is_authentic
                .then(|| serde_json::from_slice(text).ok())
                .flatten())
        };
        match read() {
            Ok(Some(lines)) => lines,
            Ok(None) => {
                tracing::warn!(name, "a plugin's line table is not authentic");
                LineTable::default()
            }
            Err(error) => {
                tracing::warn!(name, %error, "a plugin's line table cannot be read");
                LineTable::default()
            }
        }
    }

    /// Writes or replaces an entry, and removes the entries that have not been used for
    /// [`UNUSED_MAX`].
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(crate) fn save(
        &self,
        sha256: &str,
        code: &[u8],
        lines: &LineTable,
        note: &Note,
    ) -> Result<(), CacheFault> {
        if !lines.is_empty() {
            let text = serde_json::to_vec(lines).expect("a table of lines has a form in JSON");
            self.write(&self.name(sha256, LINES), &[&text])?;
        }
        let note = serde_json::to_vec(note).expect("a description has a form in JSON");
        let length = (note.len() as u64).to_le_bytes();
        self.write(&self.name(sha256, CODE), &[&length, &note, code])?;
        self.remove_unused(Timestamp::now());
        Ok(())
    }

    /// Removes the entries that have not been used for [`UNUSED_MAX`]. This is best effort: an
    /// entry that stays does no harm, and the next process tries again.
    fn remove_unused(&self, now: Timestamp) {
        let folder = &self.store.folder;
        for name in folder.files(".").unwrap_or_default() {
            let is_cache_file = [".code", ".lines", TEMPORARY_ENDING]
                .iter()
                .any(|ending| name.ends_with(ending));
            // A line table is read only after a trap, so its own time of last use says little. It
            // is retained as long as its code is in use.
            let code = name
                .strip_suffix(".lines")
                .map(|stem| format!("{stem}.code"));
            let is_old = |name: &str| match own_folder::open_file(folder, name) {
                Ok(Some(file)) => own_folder::last_used(&file)
                    .is_ok_and(|used| now.0.saturating_sub(used.0) > ms(UNUSED_MAX)),
                Ok(None) => true,
                Err(_) => false,
            };
            if is_cache_file && is_old(&name) && code.is_none_or(|code| is_old(&code)) {
                let _ = folder.remove(&name);
            }
        }
    }

    fn write(&self, name: &str, pieces: &[&[u8]]) -> Result<(), CacheFault> {
        let mut hasher = self.store.key.hasher(name);
        for piece in pieces {
            hasher.update(piece);
        }
        let mac = hasher.finalize();
        let pieces = [&[mac.as_slice()], pieces].concat();
        own_folder::write_file(&self.store.folder, name, &pieces).map_err(|error| CacheFault {
            part: CachePart::Code,
            why: error.into(),
        })
    }

    fn file(&self, name: &str) -> Result<Option<std::fs::File>, CacheFault> {
        own_folder::open_file(&self.store.folder, name).map_err(|error| CacheFault {
            part: CachePart::Code,
            why: error.into(),
        })
    }

    fn fault(&self, operation: &'static str, name: &str, source: io::Error) -> CacheFault {
        let path = self.store.folder.path_of(name);
        CacheFault {
            part: CachePart::Code,
            why: FileError::new(operation, &path, source).into(),
        }
    }

    fn name(&self, sha256: &str, ending: &str) -> String {
        format!("{sha256}-{:016x}.{ending}", self.engine)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the test tampers with the files of the cache, which needs no guarded folder"
)]
mod tests {
    use super::*;

    /// A line table says where a guest failed. One that was planted could show other places.
    #[test]
    fn line_table_that_is_not_authentic_is_not_used() {
        let keep = tempfile::tempdir().expect("a folder");
        let places = CachePlaces {
            code: Some(keep.path().join("code")),
            key: Some(keep.path().join("key")),
        };
        let cache = Cache {
            store: CodeCache::open(&places).expect("the folders can be created"),
            engine: 7,
        };
        let name = cache.name("ab", LINES);
        let table = r#"{"files":["src/lib.rs"],"rows":[[10,0,3,1]]}"#;
        let written = cache.write(&name, &[table.as_bytes()]);
        written.expect("the folder is the user's");
        let expect: LineTable = serde_json::from_str(table).expect("it is a table");
        assert_eq!(cache.lines("ab"), expect);
        let path = cache.store.folder.path_of(&name);
        let authentic = std::fs::read(&path).expect("it was written");
        let planted = String::from_utf8_lossy(&authentic[MAC_BYTES..]).replace("3,1", "4,1");
        let planted = [&authentic[..MAC_BYTES], planted.as_bytes()].concat();
        // The same table under another name is not authentic either.
        for (name, content) in [(&name, &planted), (&cache.name("cd", LINES), &authentic)] {
            std::fs::write(cache.store.folder.path_of(name), content).expect("it can be written");
        }
        for sha256 in ["ab", "cd"] {
            assert_eq!(cache.lines(sha256), LineTable::default(), "{sha256}");
        }
    }
}
