//! Compiled components and descriptions, kept on disk: a call never compiles.
//!
//! An entry is two files, named by the digest of the component and the engine's
//! compatibility hash: `KEY.cwasm`, machine code, and `KEY.json`, what the plugin
//! described and the digests of the machine code and of itself. Whatever does not fit
//! together (a torn, damaged or foreign file) is as good as no entry, and is made anew.
//! Of a component with debug info there is a third, `KEY.lines`: from instructions to lines
//! of source. It is read after a trap only, and without it, a trap is told without lines.

mod load;

use std::hash::{DefaultHasher, Hash, Hasher};

use sedge_model::type_info::TypeInfo;
use sedge_sys::folder::{FileError, Folder};
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::lines::LineTable;

/// The most bytes of machine code that are loaded: ten times what the largest known
/// component (a Python interpreter) compiles to.
const CODE_BYTES_MAX: u64 = 512 << 20;

/// The most bytes of a description that are read.
const NOTE_BYTES_MAX: u64 = 16 << 20;

/// The most bytes of a table of lines that are read: ten times what the longest one has.
const LINES_BYTES_MAX: u64 = 512 << 20;

/// The folder of compiled components, and the engine that they are for.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: Folder,
    compatibility: u64,
}

/// What is kept beside the machine code.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The BLAKE3 digest of this note, in hex, made while this is empty. What is described
    /// here was checked once, when the plugin was added, and decides what it may do.
    digest: String,
    /// The BLAKE3 digest of the machine code, in hex.
    code: String,
    /// The contract that the component was built for.
    pub(crate) contract: String,
    /// What the plugin described.
    pub(crate) type_info: TypeInfo,
}

impl Cache {
    pub(crate) fn new(folder: Folder, engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self {
            folder,
            compatibility: hasher.finish(),
        }
    }

    /// Loads an entry; none where there is none that fits together.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        sha256: &str,
    ) -> Result<Option<(Component, Note)>, FileError> {
        let code_file = self.file(sha256, "cwasm");
        let Some(note) = self
            .folder
            .read(&self.file(sha256, "json"), NOTE_BYTES_MAX)?
        else {
            return Ok(None);
        };
        let Some(note) = Note::read(&note) else {
            tracing::warn!(sha256, "description is damaged, compiling it again");
            return Ok(None);
        };
        let Some(code) = self.folder.read(&code_file, CODE_BYTES_MAX)? else {
            return Ok(None);
        };
        if digest(&code) != note.code {
            tracing::warn!(
                file = code_file,
                "compiled component is damaged, compiling it again"
            );
            return Ok(None);
        }
        match load::component(engine, &self.folder.path_of(&code_file)) {
            Ok(component) => Ok(Some((component, note))),
            Err(error) => {
                tracing::warn!(file = code_file, %error, "compiled component does not load, compiling it again");
                Ok(None)
            }
        }
    }

    /// Loads the lines of an entry; none where there are none that can be read.
    pub(crate) fn lines(&self, sha256: &str) -> LineTable {
        let file = self.file(sha256, "lines");
        let table = match self.folder.read(&file, LINES_BYTES_MAX) {
            Ok(Some(text)) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
            Ok(None) => return LineTable::default(),
            Err(error) => Err(error.to_string()),
        };
        table.unwrap_or_else(|error| {
            tracing::warn!(file, error, "a plugin's table of lines cannot be read");
            LineTable::default()
        })
    }

    /// Writes the lines of an entry.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn lines_save(&self, sha256: &str, lines: &LineTable) -> Result<(), FileError> {
        if lines.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_vec(lines).expect("a table of lines has a form in JSON");
        self.folder.write(&self.file(sha256, "lines"), &text)
    }

    /// Writes an entry, in place of what was there.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn save(
        &self,
        sha256: &str,
        code: &[u8],
        contract: &str,
        type_info: &TypeInfo,
    ) -> Result<(), FileError> {
        let mut note = Note {
            digest: String::new(),
            code: digest(code),
            contract: contract.to_owned(),
            type_info: type_info.clone(),
        };
        note.digest = digest(&note.text());
        self.folder.write(&self.file(sha256, "cwasm"), code)?;
        self.folder.write(&self.file(sha256, "json"), &note.text())
    }

    fn file(&self, sha256: &str, ending: &str) -> String {
        format!("{sha256}-{:016x}.{ending}", self.compatibility)
    }
}

impl Note {
    /// Reads a note; none of what was not written by [`Cache::save`] as it is.
    fn read(text: &[u8]) -> Option<Self> {
        let mut note: Self = serde_json::from_slice(text).ok()?;
        let said = std::mem::take(&mut note.digest);
        (said == digest(&note.text())).then_some(note)
    }

    fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a description has a form in JSON")
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
