//! Streams of files. Each is counted, because it keeps its file open even after the guest has
//! closed the file.

use wasmtime::component::{Resource, ResourceType};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, ErrorCode, Filesize, Host as _, HostDescriptor,
};
use wasmtime_wasi::p2::bindings::io::streams::{HostInputStream, HostOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult};

use crate::budget::Descriptors;
use crate::call::CallState;
use crate::guards::GuardedInterface;

/// Counts new streams. Writes to a stream do not pass through this crate, so the call is marked as
/// escaping when it gets a stream for writing.
pub(super) fn count(interface: &mut GuardedInterface<'_>) -> wasmtime::Result<()> {
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
                state.acting(&[file.rep()])?;
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
                state.acting(&[file.rep()])?;
                let made = state.filesystem().append_via_stream(file);
                state.stream_made(made, descriptor)
            })
        },
    )
}

/// Counts closed streams.
pub(super) fn count_closed(interface: &mut GuardedInterface<'_>) -> wasmtime::Result<()> {
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

impl CallState {
    /// Returns a stream to the guest, and keeps its descriptor.
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
}
