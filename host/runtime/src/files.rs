//! Folders of the machine that a guest was granted, by `wasi:filesystem`.
//!
//! That no path leaves its folder, neither by `..` nor by a link, is the engine's own work: each
//! path is walked from the folder's descriptor (cap-primitives). What is added here is that
//! only regular files and folders can be opened: to open a pipe may block a thread of the host
//! for ever, and to open a device may do anything. And a guest makes no link that leads out: it
//! could not follow it, but programs of the operator's could.
//!
//! A folder counts as used once the guest has reached for anything in it, there or not: all that
//! is in a folder is reached from the handle that the guest was given of the folder itself. To be
//! refused is no use of it.

use std::path::{Component, Path, PathBuf};

use sedge_model::names::FolderName;
use sedge_model::permission::FileAccess;
use sedge_model::permission::effective::Use;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, Host as _, HostDescriptor,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::call::CallState;

/// The interfaces that are guarded, at the version that this engine knows.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";
const FOLDERS_INTERFACE: &str = "wasi:filesystem/preopens@0.2.12";

/// A folder that a call gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFolder {
    /// The name by which the plugin asks for it.
    pub name: FolderName,
    /// Where it is.
    pub path: PathBuf,
    /// What may be done there.
    pub access: FileAccess,
}

impl CallFolder {
    /// Hands the folder over to a guest that is about to be made.
    pub(crate) fn hand_over(&self, wasi: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        let permissions = match self.access {
            FileAccess::Read => FsPerms::ReadOnly,
            FileAccess::Write => FsPerms::ReadWrite,
        };
        wasi.preopened_dir(&self.path, guest_path(&self.name), permissions)?;
        Ok(())
    }
}

/// Returns where a guest finds a folder.
pub(crate) fn guest_path(name: &FolderName) -> String {
    format!("/{name}")
}

/// Puts guards in front of the opening of files and the making of links, and looks at which
/// folders are used. The linker has `wasi:filesystem` already.
pub(crate) fn guard(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker
        .instance(FOLDERS_INTERFACE)?
        .func_wrap("get-directories", |mut store, (): ()| {
            let state: &mut CallState = store.data_mut();
            let folders = state.filesystem().get_directories()?;
            state.folders_given(&folders);
            Ok((folders,))
        })?;
    let mut interface = linker.instance(INTERFACE)?;
    guard_opening(&mut interface)?;
    guard_links(&mut interface)?;
    look_at_the_rest(&mut interface)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn guard_opening(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    type Parameters = (
        Resource<Descriptor>,
        PathFlags,
        String,
        OpenFlags,
        DescriptorFlags,
    );
    interface.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store, (folder, path_flags, path, open_flags, flags): Parameters| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let mut files = state.filesystem();
                let handle = folder.rep();
                let this = Resource::new_borrow(handle);
                // What is not there is made, or told by what follows.
                if let Ok(found) = files.stat_at(this, path_flags, path.clone()).await
                    && !may_be_opened(found.type_)
                {
                    return Ok((Err(ErrorCode::NotPermitted),));
                }
                let opened = files.open_at(folder, path_flags, path, open_flags, flags);
                let opened = opened.await;
                state.reached(&[handle], opened)
            })
        },
    )
}

fn guard_links(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    interface.func_wrap_async(
        "[method]descriptor.symlink-at",
        |mut store, (folder, target, link): (Resource<Descriptor>, String, String)| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                if !stays_below(&target) {
                    return Ok((Err(ErrorCode::NotPermitted),));
                }
                let handle = folder.rep();
                let made = state.filesystem().symlink_at(folder, target, link).await;
                state.reached(&[handle], made)
            })
        },
    )
}

/// Adds a function as the engine has it, and a look at the folder, or the two, that it is for.
macro_rules! look_at {
    ($interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*) $(, $other:ident)?) => {
        $interface.func_wrap_async(
            $function,
            |mut store, (folder, $($name),*): (Resource<Descriptor>, $($type),*)| {
                Box::new(async move {
                    let state: &mut CallState = store.data_mut();
                    let handles = [folder.rep() $(, $other.rep())?];
                    let done = state.filesystem().$method(folder, $($name),*).await;
                    state.reached(&handles, done)
                })
            },
        )?
    };
}

/// Looks at all else that reaches for something in a folder.
fn look_at_the_rest(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    look_at!(
        interface,
        "[method]descriptor.read-directory",
        read_directory()
    );
    look_at!(
        interface,
        "[method]descriptor.stat-at",
        stat_at(path_flags: PathFlags, path: String)
    );
    look_at!(
        interface,
        "[method]descriptor.metadata-hash-at",
        metadata_hash_at(path_flags: PathFlags, path: String)
    );
    look_at!(interface, "[method]descriptor.readlink-at", readlink_at(path: String));
    look_at!(
        interface,
        "[method]descriptor.set-times-at",
        set_times_at(path_flags: PathFlags, path: String, access: NewTimestamp, change: NewTimestamp)
    );
    look_at!(
        interface,
        "[method]descriptor.create-directory-at",
        create_directory_at(path: String)
    );
    look_at!(
        interface,
        "[method]descriptor.remove-directory-at",
        remove_directory_at(path: String)
    );
    look_at!(interface, "[method]descriptor.unlink-file-at", unlink_file_at(path: String));
    look_at!(
        interface,
        "[method]descriptor.rename-at",
        rename_at(from: String, other: Resource<Descriptor>, to: String),
        other
    );
    look_at!(
        interface,
        "[method]descriptor.link-at",
        link_at(path_flags: PathFlags, from: String, other: Resource<Descriptor>, to: String),
        other
    );
    Ok(())
}

impl CallState {
    /// Notes by which handles a guest reaches its folders.
    fn folders_given(&mut self, given: &[(Resource<Descriptor>, String)]) {
        let Some(running) = &mut self.running else {
            return;
        };
        for folder in &running.surroundings.folders {
            let path = guest_path(&folder.name);
            let handles = given.iter().filter(|(_, given)| *given == path);
            let folders = handles.map(|(handle, _)| (handle.rep(), folder.name.clone()));
            running.folders.extend(folders);
        }
    }

    /// Returns to a guest what came of reaching for something from these handles, and marks the
    /// folders that they are of as used, unless it was refused.
    fn reached<T>(
        &mut self,
        handles: &[u32],
        done: FsResult<T>,
    ) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
        let told = match done {
            Ok(done) => Ok(done),
            Err(error) => Err(self.filesystem().convert_error_code(error)?),
        };
        let is_refused = matches!(
            told,
            Err(ErrorCode::Access | ErrorCode::NotPermitted | ErrorCode::ReadOnly)
        );
        if let Some(running) = &self.running
            && !is_refused
        {
            let uses = &running.surroundings.uses;
            let folders = handles.iter().filter_map(|it| running.folders.get(it));
            folders.for_each(|folder| uses.mark(&Use::Folder(folder)));
        }
        Ok((told,))
    }
}

/// Returns whether a link leads to what is below its own folder, wherever that is moved.
fn stays_below(target: &str) -> bool {
    let mut parts = Path::new(target).components();
    parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn may_be_opened(kind: DescriptorType) -> bool {
    match kind {
        // A link is opened only to be refused: nobody can follow it from there.
        DescriptorType::Directory | DescriptorType::RegularFile | DescriptorType::SymbolicLink => {
            true
        }
        DescriptorType::Unknown
        | DescriptorType::BlockDevice
        | DescriptorType::CharacterDevice
        | DescriptorType::Fifo
        | DescriptorType::Socket => false,
    }
}
