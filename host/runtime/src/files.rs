//! The granted folders of the machine, through `wasi:filesystem`.
//!
//! The engine itself makes sure that no path leaves its folder, neither by `..` nor by a link: it
//! resolves each path from the folder's descriptor (cap-primitives). This module adds the
//! following checks:
//!
//! - Only regular files and folders can be opened. Opening a pipe may block a host thread for
//!   ever, and opening a device may have any effect (`open.rs`).
//! - A guest cannot create a symbolic link that leads out of its folder, and cannot move a link to
//!   a place where it leads elsewhere. The guest could not follow such a link, but the operator's
//!   programs could (`change.rs`).
//! - A guest cannot write to the files that decide on models and commands, even if a granted
//!   folder contains them under another name ([`Untouchable`]).
//!
//! A change to a folder or file cannot be rolled back. Therefore the call is marked before it
//! makes one (`host/effects.rs`); from then on it is not rolled back and retried after a
//! deadlock, because the retry would make the change again.
//!
//! Each open file takes a descriptor. They are counted per guest, and for all guests together.
//!
//! A folder counts as used once the guest has tried to reach anything in it, whether that exists
//! or not. An access that the sandbox refuses does not count.

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
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, ErrorCode, Filesize, Host as _, HostDescriptor, NewTimestamp, PathFlags,
};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::call::CallState;
use crate::guards::GuardedInterface;
use crate::host::{HostError, effects};

/// The interfaces that are wrapped, in the version that this engine provides.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";
const FOLDERS_INTERFACE: &str = "wasi:filesystem/preopens@0.2.12";
const STREAMS_INTERFACE: &str = "wasi:io/streams@0.2.12";

/// A granted folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFolder {
    /// The name under which the plugin requests it.
    pub name: FolderName,
    /// The path of the folder on the machine.
    pub path: PathBuf,
    /// The identity of the folder when its grant was checked. A folder that has replaced it since
    /// then is not granted.
    pub identity: Identity,
    /// The granted access.
    pub access: FileAccess,
}

/// Files and folders that no guest may write to. A granted folder may contain them under other
/// names, through hard links and mounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Untouchable {
    /// Folders in which nothing may be created, moved or removed.
    pub folders: HashSet<Identity>,
    /// Files that may not be written to.
    pub files: HashSet<Identity>,
}

/// A granted folder was replaced by another one after its grant was checked.
#[derive(Debug, thiserror::Error)]
#[error("`{}` was replaced by another folder while the call began", .0.display())]
struct FolderReplaced(PathBuf);

impl CallFolder {
    /// Adds the folder to the preopened folders of a guest.
    pub(crate) fn grant_to(&self, wasi: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        let permissions = match self.access {
            FileAccess::Read => FsPerms::ReadOnly,
            FileAccess::Write => FsPerms::ReadWrite,
        };
        wasi.preopened_dir(&self.path, guest_path(&self.name), permissions)?;
        Ok(())
    }
}

/// Returns the path of a folder inside of the guest.
pub(crate) fn guest_path(name: &FolderName) -> String {
    format!("/{name}")
}

/// Wraps the functions that open files, create links or reach into folders with checks and with
/// the marking of uses. The linker must have `wasi:filesystem` already.
pub(crate) fn guard(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    let mut folders = GuardedInterface::open(linker, FOLDERS_INTERFACE)?;
    folders.func_wrap("get-directories", |mut store, (): ()| {
        let state: &mut CallState = store.data_mut();
        let folders = state.filesystem().get_directories()?;
        state.folders_given(&folders)?;
        Ok((folders,))
    })?;
    let mut interface = GuardedInterface::open(linker, INTERFACE)?;
    open::guard(&mut interface)?;
    change::guard(&mut interface)?;
    entries::guard(&mut interface)?;
    streams::count(&mut interface)?;
    guard_the_rest(&mut interface)?;
    streams::count_closed(&mut GuardedInterface::open(linker, STREAMS_INTERFACE)?)
}

/// Replaces a function by the engine's own one plus the marking of folders as used. With `acts`,
/// the call is marked as escaping before the function runs.
macro_rules! marked {
    ($interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*)) => {
        marked!(@add $interface, $function, $method($($name: $type),*), {})
    };
    (acts $interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*)) => {
        marked!(@add $interface, $function, $method($($name: $type),*), {acting})
    };
    (@add $interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*), {$($acting:ident)?}) => {
        $interface.func_wrap_async(
            concat!("[method]descriptor.", $function),
            |mut store, (this, $($name),*): (Resource<Descriptor>, $($type),*)| {
                Box::new(async move {
                    let state: &mut CallState = store.data_mut();
                    let handles = [this.rep()];
                    $(state.$acting(&handles)?;)?
                    let done = state.filesystem().$method(this, $($name),*).await;
                    state.reached(&handles, done)
                })
            },
        )?
    };
}

/// Wraps all other functions that reach into a folder or change a file.
#[rustfmt::skip]
fn guard_the_rest(interface: &mut GuardedInterface<'_>) -> wasmtime::Result<()> {
    marked!(interface, "stat-at", stat_at(path_flags: PathFlags, path: String));
    marked!(interface, "readlink-at", readlink_at(path: String));
    marked!(acts interface, "set-times-at", set_times_at(path_flags: PathFlags, path: String, access: NewTimestamp, change: NewTimestamp));
    marked!(acts interface, "set-size", set_size(size: Filesize));
    marked!(acts interface, "set-times", set_times(access: NewTimestamp, change: NewTimestamp));
    marked!(acts interface, "write", write(bytes: Vec<u8>, offset: Filesize));
    Ok(())
}

impl CallState {
    /// Records the handles by which a guest reaches its folders.
    ///
    /// # Errors
    /// A folder was replaced after its grant was checked.
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

    /// Returns what the call may not write to, or `None` if that list is empty.
    fn untouchable(&self) -> Option<&Untouchable> {
        let running = self.running.as_ref();
        let untouchable = running.map(|running| &running.surroundings.untouchable);
        untouchable.filter(|it| **it != Untouchable::default())
    }

    /// Marks the call as escaping before it changes something through these handles. Does nothing
    /// if one of them is read-only, because then the change fails.
    ///
    /// # Errors
    /// The call is being rolled back.
    fn acting(&self, handles: &[u32]) -> Result<(), HostError> {
        let may_write = |handle: &u32| {
            let descriptor = self.table.get(&Resource::new_borrow(*handle));
            // For an unknown handle, the engine's own function traps.
            descriptor.is_ok_and(|descriptor| match descriptor {
                Descriptor::File(file) => file.perms == FsPerms::ReadWrite,
                Descriptor::Dir(folder) => folder.perms == FsPerms::ReadWrite,
            })
        };
        if handles.iter().all(may_write) {
            effects::begin(self.ports.effects.as_ref())?;
        }
        Ok(())
    }

    /// Returns the result of a file operation to the guest. Unless the operation was refused,
    /// marks the folders of these handles as used.
    fn reached<T>(
        &mut self,
        handles: &[u32],
        done: FsResult<T>,
    ) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
        let result = match done {
            Ok(done) => Ok(done),
            Err(error) => Err(self.filesystem().convert_error_code(error)?),
        };
        let is_refused = matches!(
            result,
            Err(ErrorCode::Access | ErrorCode::NotPermitted | ErrorCode::ReadOnly)
        );
        if let Some(running) = &self.running
            && !is_refused
        {
            let uses = &running.identity.uses;
            let folders = handles.iter().filter_map(|it| running.folders.get(it));
            folders.for_each(|folder| uses.mark(&Use::Folder(folder)));
        }
        Ok((result,))
    }
}

/// Returns the identity of the file or folder behind a handle.
fn identity_of(descriptor: &Descriptor) -> io::Result<Identity> {
    Identity::of(match descriptor {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(folder) => &folder.dir,
    })
}
