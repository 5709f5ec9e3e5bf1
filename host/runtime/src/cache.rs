//! A cache of compiled components and their descriptions on disk, so that a call rarely has to
//! compile.
//!
//! The cache is a folder of the user, never of a repository: a clone is untrusted input, and
//! machine code runs outside of the sandbox. The files of an entry are named after the component's
//! digest and the engine that the code was compiled for:
//!
//! ```text
//! SHA256-ENGINE.note   MAC (32) | MAC of the code (32) | note (JSON)
//! SHA256-ENGINE.code   machine code; its mode is 0400
//! SHA256-ENGINE.seen   MAC (32) of the identity of the file with the code
//! SHA256-ENGINE.lines  MAC (32) | table of lines (JSON)
//! SHA256-ENGINE.script MAC (32) | machine code of an engine for scripts
//! NAME.record          MAC (32) | what is known about files of a repository (JSON)
//! ```
//!
//! A MAC is a BLAKE3 hash, keyed by the user's own key (`cache/key.rs`), of a file's name and its
//! content. An entry that does not match (torn, tampered with, renamed, or made with another key)
//! counts as missing, and the pinned component is compiled again.
//!
//! Code cannot change between its check and its use (`cache/code.rs`): either the kernel keeps the
//! file unchanged by a lease, or the file is copied into sealed memory while it is hashed, and that
//! copy is loaded. A file under a lease that was checked before, since the start of the machine,
//! is not read again: the record `.seen` says so.
//!
//! The table exists for components with debug info. It is read only after a trap; without
//! it, backtraces have no lines.

mod check;
mod code;
mod describe;
mod key;
mod load;
mod record;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use sedge_lang::type_info::TypeInfo;
use sedge_sys::clock::{Clock, Timestamp};
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::own_folder::{self, OwnFolderError, TEMPORARY_ENDING};
use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use code::CodeUse;
use key::{CacheKey, MAC_BYTES};

pub(crate) use load::{LoadedCode, component_of_code};

use crate::component::CONTRACT_VERSION;
use crate::engine::Workload;
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
const NOTE: &str = "note";
const CODE: &str = "code";
const SEEN: &str = "seen";
const LINES: &str = "lines";
const SCRIPT: &str = "script";

/// The file name ending of a record, see `cache/record.rs`.
const RECORD: &str = "record";

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
    code_use: CodeUse,
    clock: Clock,
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

    /// Returns what follows the MAC at the beginning of a file's content. Returns `None` if the MAC is
    /// not that of the name and of what follows.
    fn authentic<'c>(&self, name: &str, content: &'c [u8]) -> Option<&'c [u8]> {
        let (mac, rest) = content.split_first_chunk::<MAC_BYTES>()?;
        let mut hasher = self.key.hasher(name);
        hasher.update(rest);
        (hasher.finalize() == *mac).then_some(rest)
    }

    /// Returns this cache, restricted to entries for `engine`, whose process expects `workload`.
    pub(crate) fn for_engine(self, engine: &Engine, workload: Workload) -> Cache {
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
            code_use: CodeUse::of(workload),
            clock: Clock::machine(),
        }
    }
}

impl Cache {
    /// Loads an entry. Returns `None` if there is no entry, or none that is authentic.
    ///
    /// # Errors
    /// A file exists, but it cannot be read.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        sha256: &str,
    ) -> Result<Option<(LoadedCode, Note)>, CacheFault> {
        let name = self.name(sha256, NOTE);
        let Some(file) = self.file(&name)? else {
            return Ok(None);
        };
        let Some((note, code_mac)) = self.read_note(&name, &file)? else {
            tracing::warn!(name, "a description is not authentic, compiling it again");
            return Ok(None);
        };
        let Ok(note) = serde_json::from_slice(&note) else {
            tracing::warn!(
                name,
                "a description was written by another version, compiling it again"
            );
            return Ok(None);
        };
        let name = self.name(sha256, CODE);
        let Some(code) = self.code(sha256, &name, &code_mac)? else {
            tracing::warn!(name, "compiled code is not authentic, compiling it again");
            return Ok(None);
        };
        self.used_mark(&file);
        match load::component(engine, code) {
            Ok(loaded) => Ok(Some((loaded, note))),
            Err(error) => {
                tracing::warn!(name, %error, "compiled code does not load, compiling it again");
                Ok(None)
            }
        }
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
            let text = self.store.authentic(&name, &content);
            // ignored: a table that another version wrote is like one that is not authentic.
            Ok(text.and_then(|text| serde_json::from_slice(text).ok()))
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

    /// Returns the machine code of an engine for scripts, by the digest of its component. Returns
    /// `None` if there is none that is authentic.
    ///
    /// # Errors
    /// A file exists, but it cannot be read.
    pub(crate) fn script_engine(&self, sha256: &str) -> Result<Option<Vec<u8>>, CacheFault> {
        let name = self.name(sha256, SCRIPT);
        let Some(mut file) = self.file(&name)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        let read = file.by_ref().take(CODE_BYTES_MAX).read_to_end(&mut content);
        read.map_err(|source| self.fault("read", &name, source))?;
        if self.store.authentic(&name, &content).is_none() {
            tracing::warn!(name, "compiled code is not authentic, compiling it again");
            return Ok(None);
        }
        content.drain(..MAC_BYTES);
        self.used_mark(&file);
        Ok(Some(content))
    }

    /// Stores the machine code of an engine for scripts.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(crate) fn script_engine_save(&self, sha256: &str, code: &[u8]) -> Result<(), CacheFault> {
        self.write(&self.name(sha256, SCRIPT), &[code])
    }

    /// Records that an entry was used, by the time of a file.
    fn used_mark(&self, file: &std::fs::File) {
        let now = self.clock.now();
        if let Ok(used) = own_folder::last_used(file)
            && now.0.saturating_sub(used.0) > ms(MARK_AGE_MAX)
        {
            // An entry can be used even if the cache is read-only.
            let _ = own_folder::mark_used(file, now);
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
        self.write_code(sha256, code, &note)?;
        self.remove_unused(self.clock.now());
        Ok(())
    }

    /// Removes the entries that have not been used for [`UNUSED_MAX`]. This is best effort: an
    /// entry that stays does no harm, and the next process tries again.
    fn remove_unused(&self, now: Timestamp) {
        let folder = &self.store.folder;
        for name in folder.files(".").unwrap_or_default() {
            let Some((stem, ending)) = name.rsplit_once('.') else {
                continue;
            };
            let is_old = |name: &str| match own_folder::open_file(folder, name) {
                Ok(Some(file)) => own_folder::last_used(&file)
                    .is_ok_and(|used| now.0.saturating_sub(used.0) > ms(UNUSED_MAX)),
                Ok(None) => true,
                Err(_) => false,
            };
            // A use of an entry is recorded by the time of its note. The other files are retained
            // as long as that one is in use.
            let is_unused = match ending {
                NOTE | SCRIPT | RECORD => is_old(&name),
                CODE | SEEN | LINES => is_old(&name) && is_old(&format!("{stem}.{NOTE}")),
                _ => name.ends_with(TEMPORARY_ENDING) && is_old(&name),
            };
            if is_unused {
                let _ = folder.remove(&name);
            }
        }
    }

    /// Writes the code of an entry, and then the note that makes it authentic.
    fn write_code(&self, sha256: &str, code: &[u8], note: &[u8]) -> Result<(), CacheFault> {
        let name = self.name(sha256, CODE);
        let mut hasher = self.store.key.hasher(&name);
        hasher.update(code);
        let code_mac = hasher.finalize();
        let written = own_folder::write_final_file(&self.store.folder, &name, &[code]);
        written.map_err(unwritten)?;
        self.write(&self.name(sha256, NOTE), &[code_mac.as_bytes(), note])
    }

    fn write(&self, name: &str, pieces: &[&[u8]]) -> Result<(), CacheFault> {
        let mut hasher = self.store.key.hasher(name);
        for piece in pieces {
            hasher.update(piece);
        }
        let mac = hasher.finalize();
        let pieces = [&[mac.as_slice()], pieces].concat();
        own_folder::write_file(&self.store.folder, name, &pieces).map_err(unwritten)
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

fn unwritten(error: FileError) -> CacheFault {
    CacheFault {
        part: CachePart::Code,
        why: error.into(),
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

    impl Cache {
        /// Opens a cache in a folder, with a key in the same folder.
        pub(super) fn for_test(folder: &std::path::Path, code_use: CodeUse) -> Self {
            let places = CachePlaces {
                code: Some(folder.join("code")),
                key: Some(folder.join("key")),
            };
            Self {
                store: CodeCache::open(&places).expect("the folders can be created"),
                engine: 7,
                code_use,
                clock: Clock::machine(),
            }
        }
    }

    /// A line table says where a guest failed. One that was planted could show other places.
    #[test]
    fn line_table_that_is_not_authentic_is_not_used() {
        let keep = tempfile::tempdir().expect("a folder");
        let cache = Cache::for_test(keep.path(), CodeUse::Copied);
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
