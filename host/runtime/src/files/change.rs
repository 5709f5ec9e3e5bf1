//! Operations that change the names in a folder.
//!
//! Each of them first opens the folder and then works in the open one, so that the folder which
//! was checked is the one that changes. None of them makes a symbolic link lead elsewhere.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Component, Path};
use std::sync::Arc;

use sedge_sys::granted::may_be_moved;
use sedge_sys::identity::Identity;
use tokio::sync::Mutex;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use wasmtime_wasi::runtime::spawn_blocking;

use super::identity_of;
use crate::call::CallState;
use crate::guards::GuardedInterface;

/// Serialises moves and links. Otherwise two guests that share a folder could replace a file by a
/// link between the check and the move.
// process-wide: the guests of two engines of a process may share a folder, too.
static MOVES: Mutex<()> = Mutex::const_new(());

/// A name in an open folder.
pub(super) struct FolderPlace {
    pub(super) folder: u32,
    pub(super) name: String,
}

/// An operation on one name in a folder.
#[derive(Clone, Copy)]
enum Change {
    MakeFolder,
    RemoveFolder,
    Unlink,
}

/// An operation that gives a file another name.
#[derive(Clone, Copy)]
enum Move {
    Rename,
    Link,
}

pub(super) fn guard(interface: &mut GuardedInterface<'_>) -> wasmtime::Result<()> {
    for (function, change) in [
        ("[method]descriptor.create-directory-at", Change::MakeFolder),
        (
            "[method]descriptor.remove-directory-at",
            Change::RemoveFolder,
        ),
        ("[method]descriptor.unlink-file-at", Change::Unlink),
    ] {
        interface.func_wrap_async(
            function,
            move |mut store, (folder, path): (Resource<Descriptor>, String)| {
                Box::new(async move {
                    let state: &mut CallState = store.data_mut();
                    let handles = [folder.rep()];
                    state.acting(&handles)?;
                    let done = state.change(change, folder.rep(), &path).await;
                    state.reached(&handles, done)
                })
            },
        )?;
    }
    guard_moves(interface)?;
    interface.func_wrap_async(
        "[method]descriptor.symlink-at",
        |mut store, (folder, target, link): (Resource<Descriptor>, String, String)| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                if !stays_below(&target) {
                    return Ok((Err(ErrorCode::NotPermitted),));
                }
                let handles = [folder.rep()];
                state.acting(&handles)?;
                let made = state.symlink(folder.rep(), target, &link).await;
                state.reached(&handles, made)
            })
        },
    )
}

fn guard_moves(interface: &mut GuardedInterface<'_>) -> wasmtime::Result<()> {
    type Rename = (Resource<Descriptor>, String, Resource<Descriptor>, String);
    interface.func_wrap_async(
        "[method]descriptor.rename-at",
        |mut store, (from, old, to, new): Rename| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                let handles = [from.rep(), to.rep()];
                state.acting(&handles)?;
                let paths = [old.as_str(), new.as_str()];
                let moved = state.give_name(Move::Rename, handles, paths).await;
                state.reached(&handles, moved)
            })
        },
    )?;
    type Link = (
        Resource<Descriptor>,
        PathFlags,
        String,
        Resource<Descriptor>,
        String,
    );
    interface.func_wrap_async(
        "[method]descriptor.link-at",
        |mut store, (from, flags, old, to, new): Link| {
            Box::new(async move {
                let state: &mut CallState = store.data_mut();
                // The engine does not support following a link here, either.
                if flags.contains(PathFlags::SYMLINK_FOLLOW) {
                    return Ok((Err(ErrorCode::Invalid),));
                }
                let handles = [from.rep(), to.rep()];
                state.acting(&handles)?;
                let paths = [old.as_str(), new.as_str()];
                let linked = state.give_name(Move::Link, handles, paths).await;
                state.reached(&handles, linked)
            })
        },
    )
}

impl CallState {
    /// Opens the parent folder of a path, and checks that its names may be changed.
    pub(super) async fn place(&mut self, folder: u32, path: &str) -> FsResult<FolderPlace> {
        let (parent, name) = split(path).ok_or(ErrorCode::NotPermitted)?;
        let mut files = self.filesystem();
        let opened = files.open_at(
            Resource::new_borrow(folder),
            PathFlags::SYMLINK_FOLLOW,
            parent.to_owned(),
            OpenFlags::DIRECTORY,
            DescriptorFlags::READ,
        );
        let opened = opened.await?;
        let identity = identity_of(self.table.get(&opened)?)?;
        let is_touchable = self
            .untouchable()
            .is_none_or(|untouchable| !untouchable.folders.contains(&identity));
        if !is_touchable {
            self.table.delete(opened)?;
            return Err(ErrorCode::NotPermitted.into());
        }
        Ok(FolderPlace {
            folder: opened.rep(),
            name: name.to_owned(),
        })
    }

    /// Closes the folder of a place.
    pub(super) fn close_place(&mut self, place: FolderPlace) -> FsResult<()> {
        self.table
            .delete(Resource::<Descriptor>::new_own(place.folder))?;
        Ok(())
    }

    async fn change(&mut self, change: Change, folder: u32, path: &str) -> FsResult<()> {
        let place = self.place(folder, path).await?;
        let (this, name) = (Resource::new_borrow(place.folder), place.name.clone());
        let mut files = self.filesystem();
        let done = match change {
            Change::MakeFolder => files.create_directory_at(this, name).await,
            Change::RemoveFolder => files.remove_directory_at(this, name).await,
            Change::Unlink => files.unlink_file_at(this, name).await,
        };
        self.close_place(place)?;
        done
    }

    async fn symlink(&mut self, folder: u32, target: String, path: &str) -> FsResult<()> {
        let place = self.place(folder, path).await?;
        let (this, name) = (Resource::new_borrow(place.folder), place.name.clone());
        let made = self.filesystem().symlink_at(this, target, name).await;
        self.close_place(place)?;
        made
    }

    async fn give_name(
        &mut self,
        how: Move,
        [from, to]: [u32; 2],
        [old, new]: [&str; 2],
    ) -> FsResult<()> {
        let from = self.place(from, old).await?;
        let to = match self.place(to, new).await {
            Ok(to) => to,
            Err(error) => {
                self.close_place(from)?;
                return Err(error);
            }
        };
        let done = self.give_name_in(how, &from, &to).await;
        self.close_place(from)?;
        self.close_place(to)?;
        done
    }

    async fn give_name_in(
        &mut self,
        how: Move,
        from: &FolderPlace,
        to: &FolderPlace,
    ) -> FsResult<()> {
        let _one_at_a_time = MOVES.lock().await;
        let folders = (self.open_folder(from)?, self.open_folder(to)?);
        let (name, roots) = (OsString::from(from.name.clone()), self.roots());
        let may = spawn_blocking(move || {
            let (from, to) = &folders;
            may_be_moved((&**from, &name), to, &roots)
        });
        if !may.await? {
            return Err(ErrorCode::NotPermitted.into());
        }
        let [this, other] = [from, to].map(|place| Resource::new_borrow(place.folder));
        let (old, new) = (from.name.clone(), to.name.clone());
        let mut files = self.filesystem();
        match how {
            Move::Rename => files.rename_at(this, old, other, new).await,
            Move::Link => {
                let flags = PathFlags::empty();
                files.link_at(this, flags, old, other, new).await
            }
        }
    }

    fn open_folder(&self, place: &FolderPlace) -> FsResult<Arc<File>> {
        match self.table.get(&Resource::new_borrow(place.folder))? {
            Descriptor::Dir(folder) => Ok(Arc::clone(&folder.dir)),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }

    /// Returns the identities of the granted folders.
    fn roots(&self) -> BTreeSet<Identity> {
        let running = self.running.iter();
        let folders = running.flat_map(|running| &running.surroundings.folders);
        folders.map(|folder| folder.identity).collect()
    }
}

/// Splits a path into its parent and its last name. Returns `None` if the path is absolute or ends
/// with `..` or `.`.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.trim_end_matches('/');
    let (parent, name) = match path.rsplit_once('/') {
        // An absolute path leads out of the granted folder.
        Some(("", _)) => return None,
        Some((parent, name)) => (parent, name),
        None => (".", path),
    };
    let is_name = !matches!(name, "" | "." | "..");
    is_name.then_some((parent, name))
}

/// Returns whether a link target stays below the link's own folder, wherever that folder is moved.
fn stays_below(target: &str) -> bool {
    let mut parts = Path::new(target).components();
    parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}
