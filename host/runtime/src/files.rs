//! Folders of the machine that a guest was granted, by `wasi:filesystem`.
//!
//! That no path leaves its folder, neither by `..` nor by a link, is the engine's own work: each
//! path is walked from the folder's descriptor (cap-primitives). What is added here is that
//! only regular files and folders can be opened: to open a pipe may block a thread of the host
//! for ever, and to open a device may do anything. And a guest makes no link that leads out: it
//! could not follow it, but programs of the operator's could.

use std::path::{Component, Path, PathBuf};

use sedge_model::names::FolderName;
use sedge_model::permission::FileAccess;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, Host, HostDescriptor, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::call::CallState;

/// The interface that is guarded, at the version that this engine knows.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";

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

/// Puts guards in front of the opening of files and the making of links. The linker has `wasi:filesystem` already.
pub(crate) fn guard(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    type Parameters = (
        Resource<Descriptor>,
        PathFlags,
        String,
        OpenFlags,
        DescriptorFlags,
    );
    linker.allow_shadowing(true);
    let mut interface = linker.instance(INTERFACE)?;
    interface.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store, (folder, path_flags, path, open_flags, flags): Parameters| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let mut files = state.filesystem();
                let this = Resource::new_borrow(folder.rep());
                // What is not there is made, or told by what follows.
                if let Ok(found) = files.stat_at(this, path_flags, path.clone()).await
                    && !may_be_opened(found.type_)
                {
                    return Ok((Err(ErrorCode::NotPermitted),));
                }
                let opened = files.open_at(folder, path_flags, path, open_flags, flags);
                Ok((match opened.await {
                    Ok(opened) => Ok(opened),
                    Err(error) => Err(files.convert_error_code(error)?),
                },))
            })
        },
    )?;
    interface.func_wrap_async(
        "[method]descriptor.symlink-at",
        |mut store, (folder, target, link): (Resource<Descriptor>, String, String)| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let mut files = state.filesystem();
                if !stays_below(&target) {
                    return Ok((Err(ErrorCode::NotPermitted),));
                }
                let made = files.symlink_at(folder, target, link).await;
                Ok((match made {
                    Ok(()) => Ok(()),
                    Err(error) => Err(files.convert_error_code(error)?),
                },))
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
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
