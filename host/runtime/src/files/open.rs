//! Opening files.
//!
//! Only regular files and folders can be opened. A file that decides on models or commands cannot
//! be opened for writing, whatever name it has. Open files are counted.

use sedge_model::call::LimitName;
use wasmtime::component::{Resource, ResourceType};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};

use super::identity_of;
use crate::budget::Descriptors;
use crate::call::CallState;
use crate::guards::GuardedInterface;

/// The arguments of `open-at`.
struct Wanted {
    folder: u32,
    path_flags: PathFlags,
    path: String,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
}

pub(super) fn guard(interface: &mut GuardedInterface<'_>) -> wasmtime::Result<()> {
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
                let wanted = Wanted {
                    folder: folder.rep(),
                    path_flags,
                    path,
                    open_flags,
                    flags,
                };
                let opened = match state.check_kind(&wanted).await {
                    Ok(()) => {
                        let descriptor = state.file_take()?;
                        let opened = state.open(&wanted).await;
                        if let Ok(file) = &opened {
                            state.file_hold(file.rep(), descriptor);
                        }
                        opened
                    }
                    Err(error) => Err(error),
                };
                state.reached(&[wanted.folder], opened)
            })
        },
    )?;
    let kind = ResourceType::host::<Descriptor>();
    interface.resource("descriptor", kind, |mut store, handle| {
        let state: &mut CallState = store.data_mut();
        HostDescriptor::drop(&mut state.filesystem(), Resource::new_own(handle))?;
        // The granted folders are counted with the call, not as open files.
        if state.descriptor_closed(handle)
            && let Some(running) = &mut state.running
        {
            running.n_files_open -= 1;
        }
        Ok(())
    })
}

impl CallState {
    /// Checks that the path leads to nothing, or to a file or folder that may be opened.
    async fn check_kind(&mut self, wanted: &Wanted) -> FsResult<()> {
        let this = Resource::new_borrow(wanted.folder);
        let mut files = self.filesystem();
        let found = files.stat_at(this, wanted.path_flags, wanted.path.clone());
        match found.await {
            Ok(found) if may_be_opened(found.type_) => Ok(()),
            Ok(_) => Err(ErrorCode::NotPermitted.into()),
            // The following open creates the file, or reports that it is missing.
            Err(error) if is_missing(&error) => Ok(()),
            // A file whose type is unknown is not opened.
            Err(error) => Err(error),
        }
    }

    /// Takes a descriptor for a file that a guest is about to open.
    ///
    /// # Errors
    /// The guest, or all guests together, have too many open files. The call ends, and `reached`
    /// names the limit.
    fn file_take(&mut self) -> wasmtime::Result<Descriptors> {
        if let Some(running) = &self.running
            && running.n_files_open >= running.identity.limits.open_files
        {
            self.reached = Some((
                LimitName::OpenFiles,
                running.identity.limits.open_files.into(),
            ));
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

    async fn open(&mut self, wanted: &Wanted) -> FsResult<Resource<Descriptor>> {
        let makes = wanted.open_flags.contains(OpenFlags::CREATE);
        let empties = wanted.open_flags.contains(OpenFlags::TRUNCATE);
        if makes || empties {
            self.acting(&[wanted.folder]).map_err(FsError::trap)?;
        }
        let writes = makes || empties || wanted.flags.contains(DescriptorFlags::WRITE);
        if !writes || self.untouchable().is_none() {
            return self.open_as(wanted, wanted.open_flags, wanted.flags).await;
        }
        if !(makes && wanted.open_flags.contains(OpenFlags::EXCLUSIVE)) {
            match self.open_to_write(wanted, empties).await {
                Err(error) if makes && is_missing(&error) => {}
                opened => return opened,
            }
        }
        self.make(wanted).await
    }

    async fn open_as(
        &mut self,
        wanted: &Wanted,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let this = Resource::new_borrow(wanted.folder);
        let (path_flags, path) = (wanted.path_flags, wanted.path.clone());
        let mut files = self.filesystem();
        files
            .open_at(this, path_flags, path, open_flags, flags)
            .await
    }

    /// Opens an existing file for writing. Truncates it only after its identity was checked.
    async fn open_to_write(
        &mut self,
        wanted: &Wanted,
        empties: bool,
    ) -> FsResult<Resource<Descriptor>> {
        let open_flags = wanted.open_flags & OpenFlags::DIRECTORY;
        let flags = wanted.flags | DescriptorFlags::WRITE;
        let opened = self.open_as(wanted, open_flags, flags).await?;
        let identity = identity_of(self.table.get(&opened)?)?;
        let is_touchable = self
            .untouchable()
            .is_none_or(|untouchable| !untouchable.files.contains(&identity));
        let handle = opened.rep();
        let done = if is_touchable && empties {
            let this = Resource::new_borrow(handle);
            self.filesystem().set_size(this, 0).await
        } else if is_touchable {
            Ok(())
        } else {
            Err(ErrorCode::NotPermitted.into())
        };
        match done {
            Ok(()) => Ok(opened),
            Err(error) => {
                self.table.delete(opened)?;
                Err(error)
            }
        }
    }

    /// Creates a file in its parent folder, which is open and checked.
    async fn make(&mut self, wanted: &Wanted) -> FsResult<Resource<Descriptor>> {
        let place = self.place(wanted.folder, &wanted.path).await?;
        let this = Resource::new_borrow(place.folder);
        let open_flags = wanted.open_flags | OpenFlags::EXCLUSIVE;
        let mut files = self.filesystem();
        let made = files.open_at(
            this,
            PathFlags::empty(),
            place.name.clone(),
            open_flags,
            wanted.flags,
        );
        let made = made.await;
        self.close_place(place)?;
        made
    }
}

fn is_missing(error: &wasmtime_wasi::p2::FsError) -> bool {
    matches!(error.downcast_ref(), Some(ErrorCode::NoEntry))
}

fn may_be_opened(kind: DescriptorType) -> bool {
    match kind {
        // The engine refuses to open a symbolic link, because it does not follow it here.
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
