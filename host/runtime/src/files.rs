//! Folders of the machine that a guest was granted, by `wasi:filesystem`.
//!
//! That no path leaves its folder, neither by `..` nor by a link, is the engine's own work: each
//! path is walked from the folder's descriptor (cap-primitives). What is added here is that
//! only regular files and folders can be opened: to open a pipe may block a thread of the host
//! for ever, and to open a device may do anything (`open.rs`). A guest makes no link that leads
//! out, and moves none to where it leads elsewhere: it could not follow it, but programs of the
//! operator's could (`change.rs`). And what decides on models and commands is never written to,
//! though it has another name in a folder that was granted ([`Untouchable`]).
//!
//! What changes a folder, or a file in it, cannot be undone. So the call is marked before that
//! happens (`Outside::escaping`): it is not rolled back and started again after a deadlock, for
//! it would act a second time.
//!
//! What a guest opens is counted: each file of its own, and of all guests, takes a descriptor.
//!
//! A folder counts as used once the guest has reached for anything in it, there or not: all that
//! is in a folder is reached from the handle that the guest was given of the folder itself. To be
//! refused is no use of it.

mod change;
mod entries;
mod open;
mod streams;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use sedge_model::names::FolderName;
use sedge_model::permission::FileAccess;
use sedge_model::permission::effective::Use;
use sedge_sys::identity::Identity;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, ErrorCode, Filesize, Host as _, HostDescriptor, NewTimestamp, PathFlags,
};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::call::CallState;
use crate::host::{BoxFuture, HostError};

/// The interfaces that are guarded, at the version that this engine knows.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";
const FOLDERS_INTERFACE: &str = "wasi:filesystem/preopens@0.2.12";
const STREAMS_INTERFACE: &str = "wasi:io/streams@0.2.12";

/// A folder that a call gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFolder {
    /// The name by which the plugin asks for it.
    pub name: FolderName,
    /// Where it is.
    pub path: PathBuf,
    /// Which one it was when it was looked at: another one in its place is not handed over.
    pub identity: Identity,
    /// What may be done there.
    pub access: FileAccess,
}

/// What no guest may write to: other names of these, by hard links and by mounts, may be in a
/// folder that was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Untouchable {
    /// Folders in which nothing may be made, moved or removed.
    pub folders: HashSet<Identity>,
    /// Files that may not be written to.
    pub files: HashSet<Identity>,
}

/// A folder that was granted has become another one since it was looked at.
#[derive(Debug, thiserror::Error)]
#[error("`{}` was replaced by another folder while the call began", .0.display())]
struct FolderReplaced(PathBuf);

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
            state.folders_given(&folders)?;
            Ok((folders,))
        })?;
    let mut interface = linker.instance(INTERFACE)?;
    open::guard(&mut interface)?;
    change::guard(&mut interface)?;
    entries::guard(&mut interface)?;
    streams::count(&mut interface)?;
    look_at_the_rest(&mut interface)?;
    streams::count_closed(&mut linker.instance(STREAMS_INTERFACE)?)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Adds functions as the engine has them, each with a look at the folder or the file that it is
/// for. Those that are said to act are marked before they do.
macro_rules! look_at {
    ($interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*)) => {
        look_at!(@add $interface, $function, $method($($name: $type),*), {})
    };
    (acts $interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*)) => {
        look_at!(@add $interface, $function, $method($($name: $type),*), {acting})
    };
    (@add $interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*), {$($acting:ident)?}) => {
        $interface.func_wrap_async(
            concat!("[method]descriptor.", $function),
            |mut store, (this, $($name),*): (Resource<Descriptor>, $($type),*)| {
                Box::new(async move {
                    let state: &mut CallState = store.data_mut();
                    let handles = [this.rep()];
                    $(state.$acting(&handles).await;)?
                    let done = state.filesystem().$method(this, $($name),*).await;
                    state.reached(&handles, done)
                })
            },
        )?
    };
}

/// Looks at all else that reaches for something in a folder, or changes a file of it.
#[rustfmt::skip]
fn look_at_the_rest(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    look_at!(interface, "stat-at", stat_at(path_flags: PathFlags, path: String));
    look_at!(interface, "readlink-at", readlink_at(path: String));
    look_at!(acts interface, "set-times-at", set_times_at(path_flags: PathFlags, path: String, access: NewTimestamp, change: NewTimestamp));
    look_at!(acts interface, "set-size", set_size(size: Filesize));
    look_at!(acts interface, "set-times", set_times(access: NewTimestamp, change: NewTimestamp));
    look_at!(acts interface, "write", write(bytes: Vec<u8>, offset: Filesize));
    Ok(())
}

impl CallState {
    /// Notes by which handles a guest reaches its folders.
    ///
    /// # Errors
    /// One of them is another folder than the one that was looked at.
    fn folders_given(&mut self, given: &[(Resource<Descriptor>, String)]) -> wasmtime::Result<()> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        for folder in &running.surroundings.folders {
            let path = guest_path(&folder.name);
            for (handle, _) in given.iter().filter(|(_, given)| *given == path) {
                if identity_of(self.table.get(handle)?)? != folder.identity {
                    let replaced = FolderReplaced(folder.path.clone());
                    return Err(HostError::new(replaced).into());
                }
                running.folders.insert(handle.rep(), folder.name.clone());
            }
        }
        Ok(())
    }

    /// Returns what the call may not write to; nothing where it may write to no folder.
    fn untouchable(&self) -> Option<&Untouchable> {
        let running = self.running.as_ref();
        let untouchable = running.map(|running| &running.surroundings.untouchable);
        untouchable.filter(|it| **it != Untouchable::default())
    }

    /// Marks that the call is about to change something by these handles, unless one of them may
    /// only be read by: then nothing happens.
    fn acting(&self, handles: &[u32]) -> BoxFuture<()> {
        let may_write = |handle: &u32| {
            let descriptor = self.table.get(&Resource::new_borrow(*handle));
            // What is no handle traps in the function itself.
            descriptor.is_ok_and(|descriptor| match descriptor {
                Descriptor::File(file) => file.perms == FsPerms::ReadWrite,
                Descriptor::Dir(folder) => folder.perms == FsPerms::ReadWrite,
            })
        };
        if handles.iter().all(may_write) {
            self.outside.escaping()
        } else {
            Box::pin(std::future::ready(()))
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

/// Returns which file or folder a handle stands for.
fn identity_of(descriptor: &Descriptor) -> io::Result<Identity> {
    Identity::of(match descriptor {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(folder) => &folder.dir,
    })
}
