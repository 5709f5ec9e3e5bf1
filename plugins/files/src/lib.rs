//! `@sedge/files`: records the files of a folder, each with its size and digest.

#![expect(
    clippy::disallowed_methods,
    reason = "a plugin sees the folder that it was granted, and no host's files"
)]

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File, FileType, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, FileAccess, MethodKind, Model, Permission};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name under which the operator grants the folder.
const FOLDER: &str = "folder";

/// The maximum number of entries in an inventory. The files are not under the plugin's control,
/// and more entries of usual length would exceed the size limit of a resource.
const ENTRIES_MAX: usize = 20_000;

/// Why an entry cannot be read if its name is not UTF-8.
const NOT_TEXT: &str = "its name is not UTF-8, so it cannot be opened";

/// The size of one read, in bytes.
const READ_BYTES: usize = 64 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct InventoryArguments {
    /// The subfolder to record [default: the whole folder]
    #[serde(default)]
    below: Option<String>,
    /// The maximum number of entries; the call fails if there are more
    #[serde(default = "entries_max")]
    #[schemars(range(min = 1, max = ENTRIES_MAX))]
    entries_max: usize,
    /// The name of the data [default: `inventory`]
    #[serde(default)]
    name: Option<String>,
}

fn entries_max() -> usize {
    ENTRIES_MAX
}

/// The content of a folder.
#[derive(Serialize, JsonSchema)]
struct Inventory {
    /// The number of files
    files: u64,
    /// Their total size in bytes
    bytes: u64,
    /// All entries except folders, sorted by path
    entries: Vec<Entry>,
}

/// One entry of a folder.
#[derive(Serialize, JsonSchema)]
struct Entry {
    /// The path, with `/` as separator
    path: String,
    /// Whether the name is not UTF-8: then `path` has `\xE9` for each byte that is not text
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    escaped: bool,
    #[serde(flatten)]
    what: What,
}

/// The kind of an entry.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum What {
    /// A file
    File {
        /// Its size in bytes
        size: u64,
        /// The SHA-256 of its content, in lower-case hex
        sha256: String,
    },
    /// A symbolic link, which is not followed
    Link {
        /// The target, unless it is outside of the folder
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// A socket, a pipe, a device
    Special,
    /// An entry that cannot be read
    Unreadable {
        /// The reason
        error: String,
    },
}

/// The return value: the inventory without its entries.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    entries: usize,
    files: u64,
    bytes: u64,
}

fn model() -> Model {
    Model::new(
        "@sedge/files",
        "2026.12.01.1",
        "Records the files of a folder with their sizes and digests",
    )
    .asks_for(
        Permission::Files {
            name: FOLDER.to_owned(),
            access: FileAccess::Read,
        },
        "to read its files",
    )
    .resource::<Inventory>("inventory", "The content of the folder")
    .method(
        "inventory",
        MethodKind::Observe,
        "Record the content of the folder",
        inventory,
    )
}

fn inventory(cx: &Context, arguments: InventoryArguments) -> Result<Summary, Failure> {
    let mut root = cx.folder(FOLDER)?.to_path_buf();
    if let Some(below) = &arguments.below {
        root.push(below.trim_start_matches('/'));
    }
    let entries = walk(&root, arguments.entries_max)?;
    let sizes = entries.iter().filter_map(|entry| match &entry.what {
        What::File { size, .. } => Some(*size),
        What::Link { .. } | What::Special | What::Unreadable { .. } => None,
    });
    let (files, bytes) = sizes.fold((0, 0), |(n, bytes), size| (n + 1, bytes + size));
    let summary = Summary {
        entries: entries.len(),
        files,
        bytes,
    };
    let name = arguments.name.as_deref().unwrap_or("inventory");
    cx.resource("inventory").named(name).write(&Inventory {
        files,
        bytes,
        entries,
    })?;
    Ok(summary)
}

/// Returns everything below a folder except folders, sorted by path.
fn walk(root: &Path, entries_max: usize) -> Result<Vec<Entry>, Failure> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(root.to_owned(), String::new())];
    let mut n_seen = 0;
    while let Some((folder, path)) = folders.pop() {
        let listed = match fs::read_dir(&folder) {
            // If the folder itself is missing, the caller has passed a wrong path.
            Err(error) if path.is_empty() => return Err(error.into()),
            Err(error) => {
                found.insert(path, unreadable(&error));
                continue;
            }
            Ok(listed) => listed,
        };
        for entry in listed {
            n_seen += 1;
            if n_seen > entries_max {
                let message = format!(
                    "there are more than {entries_max} entries; `below` takes a part of the folder"
                );
                return Err(Failure::new("too-many", message));
            }
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let inside = match path.as_str() {
                "" => name,
                path => format!("{path}/{name}"),
            };
            if is_escaped(&entry) {
                found.insert(
                    inside,
                    What::Unreadable {
                        error: NOT_TEXT.to_owned(),
                    },
                );
                continue;
            }
            let metadata = entry.path().symlink_metadata();
            match metadata {
                Ok(metadata) if metadata.is_dir() => folders.push((entry.path(), inside)),
                Ok(metadata) => drop(found.insert(inside, what(&entry.path(), &metadata))),
                Err(error) => drop(found.insert(inside, unreadable(&error))),
            }
        }
    }
    let entries = found.into_iter();
    let entry = |(path, what): (String, What)| Entry {
        path,
        escaped: matches!(&what, What::Unreadable { error } if error == NOT_TEXT),
        what,
    };
    Ok(entries.map(entry).collect())
}

/// Returns whether the host has escaped an entry's name because it is not UTF-8. The host reports
/// an unknown type for such entries only.
fn is_escaped(entry: &DirEntry) -> bool {
    let is_known = |kind: FileType| kind.is_file() || kind.is_dir() || kind.is_symlink();
    let has_escape = entry.file_name().to_string_lossy().contains("\\x");
    has_escape && !entry.file_type().is_ok_and(is_known) && entry.path().symlink_metadata().is_err()
}

fn what(path: &Path, metadata: &Metadata) -> What {
    if metadata.is_symlink() {
        let to = fs::read_link(path).ok();
        let text = |to: PathBuf| to.to_string_lossy().into_owned();
        return What::Link { to: to.map(text) };
    }
    if !metadata.is_file() {
        return What::Special;
    }
    match digest(path) {
        Ok((size, sha256)) => What::File { size, sha256 },
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &io::Error) -> What {
    What::Unreadable {
        error: error.to_string(),
    }
}

/// Returns the number of bytes read, and their digest.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let n_read = file.read(&mut buffer)?;
        if n_read == 0 {
            let digest = hash.finalize();
            let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok((size, hex));
        }
        hash.update(&buffer[..n_read]);
        size += n_read as u64;
    }
}

sedge_sdk::export!(model);
