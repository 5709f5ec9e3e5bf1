//! Listing a folder.
//!
//! The engine's own list ends at the first name that is not UTF-8, because names in WASI are
//! UTF-8. Here such a name is escaped (`caf\xE9`), and the entry has an unknown type. A guest sees
//! the entry but cannot open it.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use sedge_sys::granted::{Listed, ListedKind, listed};
use wasmtime::component::{Resource, ResourceType};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor, MetadataHashValue,
    PathFlags,
};
use wasmtime_wasi::runtime::spawn_blocking;

use crate::call::CallState;
use crate::guards::GuardedInterface;

/// The remaining entries of a folder. Replaces the engine's own type of stream.
struct EntryStream(VecDeque<DirectoryEntry>);

pub(super) fn guard(interface: &mut GuardedInterface<'_>) -> wasmtime::Result<()> {
    interface.resource(
        "directory-entry-stream",
        ResourceType::host::<EntryStream>(),
        |mut store, handle| {
            let table = &mut store.data_mut().table;
            table.delete(Resource::<EntryStream>::new_own(handle))?;
            Ok(())
        },
    )?;
    interface.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store, (folder,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let handles = [folder.rep()];
                let stream = state.read_folder(&folder).await;
                state.reached(&handles, stream)
            })
        },
    )?;
    interface.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store, (stream,): (Resource<EntryStream>,)| {
            let state: &mut CallState = store.data_mut();
            let entry = state.table.get_mut(&stream)?.0.pop_front();
            Ok((Ok::<_, ErrorCode>(entry),))
        },
    )?;
    interface.func_wrap_async(
        "[method]descriptor.metadata-hash-at",
        |mut store, (folder, flags, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let handles = [folder.rep()];
                // The standard libraries of guests request this for each entry, and fail if it
                // fails.
                if state.escaped(&path) {
                    return Ok((Ok(hash_of(&path)),));
                }
                let mut files = state.filesystem();
                let hash = files.metadata_hash_at(folder, flags, path).await;
                state.reached(&handles, hash)
            })
        },
    )
}

impl CallState {
    async fn read_folder(
        &mut self,
        folder: &Resource<Descriptor>,
    ) -> FsResult<Resource<EntryStream>> {
        let folder = match self.table.get(folder)? {
            Descriptor::Dir(folder) => Arc::clone(&folder.dir),
            Descriptor::File(_) => return Err(ErrorCode::NotDirectory.into()),
        };
        let listed = spawn_blocking(move || listed(&folder)).await?;
        let mut entries = VecDeque::with_capacity(listed.len());
        for Listed { name, kind } in listed {
            let (name, type_) = match name.into_string() {
                Ok(name) => (name, type_of(kind)),
                Err(name) => (escape(&name), DescriptorType::Unknown),
            };
            if type_ == DescriptorType::Unknown
                && let Some(running) = &mut self.running
            {
                running.escaped_names.insert(name.clone());
            }
            entries.push_back(DirectoryEntry { type_, name });
        }
        Ok(self.table.push(EntryStream(entries))?)
    }

    /// Returns whether a path ends with an escaped name that the guest has received.
    fn escaped(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let running = self.running.as_ref();
        running.is_some_and(|running| running.escaped_names.contains(name))
    }
}

/// Returns a name with `\xE9` for each byte that is not part of valid UTF-8.
fn escape(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

fn hash_of(path: &str) -> MetadataHashValue {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    let lower = hasher.finish();
    MetadataHashValue {
        lower,
        upper: !lower,
    }
}

fn type_of(kind: ListedKind) -> DescriptorType {
    match kind {
        ListedKind::File => DescriptorType::RegularFile,
        ListedKind::Folder => DescriptorType::Directory,
        ListedKind::Link => DescriptorType::SymbolicLink,
        ListedKind::Fifo => DescriptorType::Fifo,
        ListedKind::CharacterDevice => DescriptorType::CharacterDevice,
        ListedKind::BlockDevice => DescriptorType::BlockDevice,
        ListedKind::Socket => DescriptorType::Socket,
        ListedKind::Unknown => DescriptorType::Unknown,
    }
}
