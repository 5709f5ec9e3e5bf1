//! Compiled components and descriptions, kept on disk for the user: a call rarely compiles.
//!
//! The cache is a folder of the user, never one of a repository: what comes with a clone is
//! input, and machine code runs outside of the sandbox. An entry is one file, named by the
//! digest of the component and by the engine that it is for:
//!
//! ```text
//! SHA256-ENGINE.code    MAC (32) | length of the note (8) | note (JSON) | machine code
//! SHA256-ENGINE.lines   MAC (32) | table of lines (JSON)
//! ```
//!
//! The MAC is a BLAKE3 hash keyed by the user's own key (`cache/key.rs`), over the name of the
//! entry and all that follows. An entry that does not fit (torn, tampered with, renamed, or
//! made by another key) counts as missing, and is made again from the pinned component. What
//! was checked is what is loaded: the file is copied into sealed memory while it is hashed.
//!
//! The second file exists for components with debug info. It is read after a trap only;
//! without it, a trap is reported without lines.

mod key;
mod load;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::Duration;

use sedge_model::type_info::TypeInfo;
use sedge_sys::clock::Timestamp;
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::own_folder::{self, OwnFolderError, TEMPORARY_ENDING};
use sedge_sys::sealed_file::SealedFile;
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use key::{CacheKey, MAC_BYTES};

pub(crate) use load::component_of_code;

use crate::lines::LineTable;
use crate::plugin::PluginDescription;

/// The most bytes of machine code that are loaded: ten times what the largest known
/// component (a Python interpreter) compiles to.
pub(crate) const CODE_BYTES_MAX: u64 = 512 << 20;

/// The most bytes of a description that are read.
const NOTE_BYTES_MAX: u64 = 16 << 20;

/// The most bytes of a table of lines that are read: ten times what the longest one has.
const LINES_BYTES_MAX: u64 = 512 << 20;

/// How long an entry is retained that is not used. A plugin that is used again later is
/// compiled again, which takes a second.
const UNUSED_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How old the mark of an entry's last use may get before it is renewed: a mark for each use
/// would write to the disk at each call.
const MARK_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What the two files of an entry are called, and what their MACs begin with.
const CODE: &str = "code";
const LINES: &str = "lines";

/// Where compiled code is kept between processes, as the environment of the user says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CachePlaces {
    /// The folder of compiled code.
    pub code: Option<PathBuf>,
    /// The folder of the key by which it is authenticated. It must not be a folder that is
    /// saved or copied together with the other one.
    pub key: Option<PathBuf>,
}

/// Which part of [`CachePlaces`] something is about.
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

/// Why compiled code cannot be kept, or read.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct CacheFault {
    /// What it is about.
    pub part: CachePart,
    /// What is wrong.
    #[source]
    pub why: CacheFaultKind,
}

/// What is wrong with a part of the cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheFaultKind {
    /// No folder is known for it.
    #[error("no folder is known for {0}")]
    Unknown(CachePart),
    /// A folder or file cannot be trusted.
    #[error(transparent)]
    Untrusted(#[from] OwnFolderError),
    /// The key's file has another length than a key.
    #[error("`{}` is not a key", .0.display())]
    KeyDamaged(PathBuf),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The compiled code of one user.
#[derive(Debug)]
pub struct CodeCache {
    folder: Folder,
    key: CacheKey,
}

/// A cache, and the engine that its entries are for.
#[derive(Debug)]
pub(crate) struct Cache {
    store: CodeCache,
    engine: u64,
}

/// What is kept beside the machine code. What is described here was checked once, when it was
/// compiled, and decides what the plugin may do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The contract that the component was built for.
    pub(crate) contract: String,
    /// What the plugin described.
    pub(crate) type_info: TypeInfo,
}

impl Note {
    /// Returns what it says of the component with this digest.
    pub(crate) fn description(self, sha256: String) -> PluginDescription {
        PluginDescription {
            sha256,
            contract: self.contract,
            type_info: self.type_info,
        }
    }
}

impl CodeCache {
    /// Opens the cache of a user, making its folders and its key if need be.
    ///
    /// # Errors
    /// A folder is not known, cannot be used, or is not the user's alone.
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

    /// Returns this cache, for an engine.
    pub(crate) fn for_engine(self, engine: &Engine) -> Cache {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // What a note says, and how, is this program's own affair.
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        Cache {
            store: self,
            engine: hasher.finish(),
        }
    }
}

impl Cache {
    /// Loads an entry; returns `None` if there is none that is authentic.
    ///
    /// # Errors
    /// There is a file, and it cannot be read.
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
            tracing::warn!(name, "a description is of another version");
            return Ok(None);
        };
        let now = Timestamp::now();
        if let Ok(used) = own_folder::last_used(&file)
            && now.0.saturating_sub(used.0) > ms(MARK_AGE_MAX)
        {
            // A cache that cannot be written is as good to read.
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

    /// Reads an entry's note and code; returns `None` if they are not authentic.
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

    /// Loads the lines of an entry; returns none if there are none that are authentic.
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
                tracing::warn!(name, "a plugin's table of lines is not authentic");
                LineTable::default()
            }
            Err(error) => {
                tracing::warn!(name, %error, "a plugin's table of lines cannot be read");
                LineTable::default()
            }
        }
    }

    /// Writes an entry, in place of what was there, and removes those that were not used for
    /// long.
    ///
    /// # Errors
    /// The folder cannot be written.
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

    /// Removes the entries that were not used for long, as far as that is possible: whatever
    /// stays does no harm, and the next process tries again.
    fn remove_unused(&self, now: Timestamp) {
        let folder = &self.store.folder;
        for name in folder.files(".").unwrap_or_default() {
            let is_ours = [".code", ".lines", TEMPORARY_ENDING]
                .iter()
                .any(|ending| name.ends_with(ending));
            // The table of lines of an entry is as old as its code, and read after a trap
            // only: what its code was used for counts for it, too.
            let code = name
                .strip_suffix(".lines")
                .map(|stem| format!("{stem}.code"));
            let is_old = |name: &str| match own_folder::open_file(folder, name) {
                Ok(Some(file)) => own_folder::last_used(&file)
                    .is_ok_and(|used| now.0.saturating_sub(used.0) > ms(UNUSED_MAX)),
                Ok(None) => true,
                Err(_) => false,
            };
            if is_ours && is_old(&name) && code.is_none_or(|code| is_old(&code)) {
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
