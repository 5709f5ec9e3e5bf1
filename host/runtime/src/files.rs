//! Folders of the machine that a guest was granted, by `wasi:filesystem`.
//!
//! That no path leaves its folder, neither by `..` nor by a link, is the engine's own work: each
//! path is walked from the folder's descriptor (cap-primitives). What is added here is that
//! only regular files and folders can be opened: to open a pipe may block a thread of the host
//! for ever, and to open a device may do anything. And a guest makes no link that leads out: it
//! could not follow it, but programs of the operator's could.
//!
//! What changes a folder, or a file in it, cannot be undone. So the call is marked before that
//! happens ([`Outside::escaping`]): it is not rolled back and started again after a deadlock, for
//! it would act a second time.
//!
//! What a guest opens is counted: each file of its own, and of all guests, takes a descriptor.
//!
//! A folder counts as used once the guest has reached for anything in it, there or not: all that
//! is in a folder is reached from the handle that the guest was given of the folder itself. To be
//! refused is no use of it.

use std::path::{Component, Path, PathBuf};

use sedge_model::call::LimitName;
use sedge_model::names::FolderName;
use sedge_model::permission::FileAccess;
use sedge_model::permission::effective::Use;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, Filesize, Host as _, HostDescriptor,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::bindings::io::streams::{HostInputStream, HostOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::budget::Descriptors;
use crate::call::CallState;
use crate::host::BoxFuture;

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
    count_streams(&mut interface)?;
    look_at_the_rest(&mut interface)?;
    count_streams_closed(&mut linker.instance(STREAMS_INTERFACE)?)?;
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
                // What is not there is made, or reported by what follows.
                if let Ok(found) = files.stat_at(this, path_flags, path.clone()).await
                    && !may_be_opened(found.type_)
                {
                    return Ok((Err(ErrorCode::NotPermitted),));
                }
                let descriptor = state.file_take()?;
                if open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE) {
                    state.acting(&[handle]).await;
                }
                let mut files = state.filesystem();
                let opened = files.open_at(folder, path_flags, path, open_flags, flags);
                let opened = opened.await;
                if let Ok(file) = &opened {
                    state.file_hold(file.rep(), descriptor);
                }
                state.reached(&[handle], opened)
            })
        },
    )?;
    let kind = ResourceType::host::<Descriptor>();
    interface.resource("descriptor", kind, |mut store, handle| {
        let state: &mut CallState = store.data_mut();
        HostDescriptor::drop(&mut state.filesystem(), Resource::new_own(handle))?;
        // The folders that it was given are counted with the call.
        if state.descriptor_closed(handle)
            && let Some(running) = &mut state.running
        {
            running.n_files_open -= 1;
        }
        Ok(())
    })
}

/// Counts streams, too: each keeps its file open, also when the guest has closed the file. What is
/// written to a stream is not seen here, so the call is marked when it gets one.
fn count_streams(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store, (file, offset): (Resource<Descriptor>, u64)| {
            let state: &mut CallState = store.data_mut();
            let descriptor = state.descriptor_take()?;
            let made = state.filesystem().read_via_stream(file, offset);
            state.stream_made(made, descriptor)
        },
    )?;
    interface.func_wrap_async(
        "[method]descriptor.write-via-stream",
        |mut store, (file, offset): (Resource<Descriptor>, Filesize)| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let descriptor = state.descriptor_take()?;
                state.acting(&[file.rep()]).await;
                let made = state.filesystem().write_via_stream(file, offset);
                state.stream_made(made, descriptor)
            })
        },
    )?;
    interface.func_wrap_async(
        "[method]descriptor.append-via-stream",
        |mut store, (file,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let descriptor = state.descriptor_take()?;
                state.acting(&[file.rep()]).await;
                let made = state.filesystem().append_via_stream(file);
                state.stream_made(made, descriptor)
            })
        },
    )
}

/// Counts streams that are closed.
fn count_streams_closed(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    let kind = ResourceType::host::<DynInputStream>();
    interface.resource_async("input-stream", kind, |mut store, handle| {
        Box::new(async move {
            let state: &mut CallState = store.data_mut();
            HostInputStream::drop(&mut state.table, Resource::new_own(handle)).await?;
            state.descriptor_closed(handle);
            Ok(())
        })
    })?;
    let kind = ResourceType::host::<DynOutputStream>();
    interface.resource_async("output-stream", kind, |mut store, handle| {
        Box::new(async move {
            let state: &mut CallState = store.data_mut();
            HostOutputStream::drop(&mut state.table, Resource::new_own(handle)).await?;
            state.descriptor_closed(handle);
            Ok(())
        })
    })
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
                state.acting(&[handle]).await;
                let made = state.filesystem().symlink_at(folder, target, link).await;
                state.reached(&[handle], made)
            })
        },
    )
}

/// Adds functions as the engine has them, each with a look at the folder, or the two, that it is
/// for. Those that are said to act are marked before they do.
macro_rules! look_at {
    ($interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*)) => {
        look_at!(@add $interface, $function, $method($($name: $type),*), (), {})
    };
    (acts $interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*) $(, $other:ident)?) => {
        look_at!(@add $interface, $function, $method($($name: $type),*), ($($other)?), {acting})
    };
    (@add $interface:ident, $function:literal, $method:ident($($name:ident: $type:ty),*), ($($other:ident)?), {$($acting:ident)?}) => {
        $interface.func_wrap_async(
            concat!("[method]descriptor.", $function),
            |mut store, (this, $($name),*): (Resource<Descriptor>, $($type),*)| {
                Box::new(async move {
                    let state: &mut CallState = store.data_mut();
                    let handles = [this.rep() $(, $other.rep())?];
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
    look_at!(interface, "read-directory", read_directory());
    look_at!(interface, "stat-at", stat_at(path_flags: PathFlags, path: String));
    look_at!(interface, "metadata-hash-at", metadata_hash_at(path_flags: PathFlags, path: String));
    look_at!(interface, "readlink-at", readlink_at(path: String));
    look_at!(acts interface, "set-times-at", set_times_at(path_flags: PathFlags, path: String, access: NewTimestamp, change: NewTimestamp));
    look_at!(acts interface, "create-directory-at", create_directory_at(path: String));
    look_at!(acts interface, "remove-directory-at", remove_directory_at(path: String));
    look_at!(acts interface, "unlink-file-at", unlink_file_at(path: String));
    look_at!(acts interface, "rename-at", rename_at(from: String, other: Resource<Descriptor>, to: String), other);
    look_at!(acts interface, "link-at", link_at(path_flags: PathFlags, from: String, other: Resource<Descriptor>, to: String), other);
    look_at!(acts interface, "set-size", set_size(size: Filesize));
    look_at!(acts interface, "set-times", set_times(access: NewTimestamp, change: NewTimestamp));
    look_at!(acts interface, "write", write(bytes: Vec<u8>, offset: Filesize));
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

    /// Takes a descriptor for a file that a guest is about to open.
    ///
    /// # Errors
    /// It has too many open, or all guests have: the call ends, and `reached` says why.
    fn file_take(&mut self) -> wasmtime::Result<Descriptors> {
        if let Some(running) = &self.running
            && running.n_files_open >= running.quotas.open_files
        {
            self.reached = Some((LimitName::OpenFiles, running.quotas.open_files.into()));
            return Err(wasmtime::format_err!("too many files are open"));
        }
        self.descriptor_take()
    }

    fn file_hold(&mut self, handle: u32, descriptor: Descriptors) {
        self.descriptor_hold(handle, descriptor);
        if let Some(running) = &mut self.running {
            running.n_files_open += 1;
        }
    }

    /// Returns a stream to a guest, with the descriptor that it holds.
    fn stream_made<T: 'static>(
        &mut self,
        made: FsResult<Resource<T>>,
        descriptor: Descriptors,
    ) -> wasmtime::Result<(Result<Resource<T>, ErrorCode>,)> {
        match made {
            Ok(stream) => {
                self.descriptor_hold(stream.rep(), descriptor);
                Ok((Ok(stream),))
            }
            Err(error) => Ok((Err(self.filesystem().convert_error_code(error)?),)),
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
