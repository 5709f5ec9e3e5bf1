//! Files of the `data` interface. They are written and read in pieces, so none has to fit in
//! memory.

use std::collections::BTreeMap;

use sedge_model::call::{DataKind, LimitName, StagedChange, StagedContent, StagedWrite};
use sedge_model::lifetime::{Keep, Lifetime};
use sedge_model::names::{DataName, ModelName, SpecName};
use sedge_model::permission::effective::Denial;
use wasmtime::component::Resource;

use super::write::retention_from_guest;
use super::{GuestResult, Newest, data_name, limit, staged_info, tags_from_guest};
use crate::bindings::sedge::model::data::{self, DataError, HostFileReader, HostFileWriter};
use crate::budget::Descriptors;
use crate::call::CallState;
use crate::convert;
use crate::host::{HostError, VersionInfo};
use crate::staging::StagedName;

/// The maximum number of bytes of one read. The guest chooses the number and the host allocates
/// them.
const READ_BYTES_MAX: u32 = 1 << 20;

/// A file that is being written. Dropping it discards the file.
pub trait FileSink: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// The disk is full, or the write fails.
    fn write(&mut self, bytes: &[u8]) -> Result<(), HostError>;

    /// Makes the content durable and returns it, ready to be staged. Blocks the thread until the
    /// disk has synced.
    ///
    /// # Errors
    /// The sync fails.
    fn finish(self: Box<Self>) -> Result<StagedContent, HostError>;
}

/// An open version.
pub struct OpenedFile {
    /// Its metadata.
    pub info: VersionInfo,
    /// Its content.
    pub source: Box<dyn FileSource>,
    /// Why a sealed field is hidden although the plugin requests to see it.
    pub hidden: Option<Denial>,
}

/// A file that is being read.
pub trait FileSource: Send {
    /// Reads into the buffer and returns the number of bytes, which is 0 at the end.
    ///
    /// # Errors
    /// The read fails, or the content is damaged.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HostError>;
}

/// A file that a guest is writing. Dropping it before `finish` discards the file.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct GuestFileWriter {
    /// `None` once the file is finished.
    sink: Option<Box<dyn FileSink>>,
    name: DataName,
    spec: SpecName,
    media_type: String,
    tags: BTreeMap<String, String>,
    lifetime: Option<Lifetime>,
    keep: Option<Keep>,
    lines: bool,
}

/// A file that a guest is reading.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct GuestFileReader {
    info: VersionInfo,
    source: Box<dyn FileSource>,
}

impl CallState {
    pub(super) fn file_create(
        &mut self,
        spec: &str,
        name: String,
        options: data::FileOptions,
    ) -> GuestResult<Resource<GuestFileWriter>> {
        let parts = match self.file_parts(spec, name, options) {
            Ok(parts) => parts,
            Err(error) => return Ok(Err(error)),
        };
        let descriptor = match self.files_open_count()? {
            Ok(descriptor) => descriptor,
            Err(error) => return Ok(Err(error)),
        };
        let writer = GuestFileWriter {
            sink: Some(self.data_port()?.file_create()?),
            ..parts
        };
        let writer = self.table.push(writer)?;
        self.descriptor_hold(writer.rep(), descriptor);
        Ok(Ok(writer))
    }

    fn file_parts(
        &self,
        spec: &str,
        name: String,
        options: data::FileOptions,
    ) -> Result<GuestFileWriter, DataError> {
        let running = self.writing()?;
        let Some(declared) = running.plugin.type_info().file(spec) else {
            return Err(DataError::Undeclared(spec.to_owned()));
        };
        let media_type = match options.media_type {
            Some(text) => convert::media_type(text).map_err(DataError::InvalidName)?,
            None => declared.media_type.clone(),
        };
        let (lifetime, keep) = retention_from_guest(options.retention)?;
        Ok(GuestFileWriter {
            sink: None,
            name: data_name(name)?,
            spec: declared.name.clone(),
            media_type,
            tags: tags_from_guest(options.tags)?,
            lifetime,
            keep,
            lines: options.lines,
        })
    }

    pub(super) fn file_open(
        &mut self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> GuestResult<Option<Resource<GuestFileReader>>> {
        let OpenedFile {
            info,
            source,
            hidden,
        } = match self.file_source(model, name, version)? {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error)),
        };
        if let Some(denial) = &hidden {
            self.denied(denial);
        }
        let descriptor = match self.files_open_count()? {
            Ok(descriptor) => descriptor,
            Err(error) => return Ok(Err(error)),
        };
        let reader = self.table.push(GuestFileReader { info, source })?;
        self.descriptor_hold(reader.rep(), descriptor);
        Ok(Ok(Some(reader)))
    }

    fn files_open_count(&mut self) -> GuestResult<Descriptors> {
        let running = self.running()?;
        let most = running.identity.limits.open_files;
        if running.n_files_open >= most {
            return Ok(Err(limit(running, LimitName::OpenFiles, most.into())));
        }
        let descriptor = match self.budget.descriptors(1) {
            Ok(descriptor) => descriptor,
            Err((name, value)) => return Ok(Err(limit(self.running()?, name, value))),
        };
        self.running()?.n_files_open += 1;
        Ok(Ok(descriptor))
    }

    fn file_closed(&mut self, handle: u32) -> wasmtime::Result<()> {
        self.descriptor_closed(handle);
        self.running()?.n_files_open -= 1;
        Ok(())
    }

    fn file_source(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> GuestResult<Option<OpenedFile>> {
        if version.is_some_and(|version| self.is_deleted(model, name, version)) {
            return Ok(Ok(None));
        }
        if version.is_some() {
            return self.guest_result(self.data_port()?.file_open(model, name, version));
        }
        let newest = match self.staged(model, name) {
            StagedName::Written(write) => return self.staged_source(model, write),
            StagedName::Deleted => return Ok(Ok(None)),
            StagedName::As(deleted) => self.newest_but(model, name, &deleted)?,
        };
        let version = match newest {
            Newest::Latest => None,
            Newest::Version(version) => Some(version),
            Newest::None => return Ok(Ok(None)),
        };
        let opened = self.guest_result(self.data_port()?.file_open(model, name, version))?;
        if let (None, Ok(opened)) = (version, &opened) {
            let info = opened.as_ref().map(|opened| &opened.info);
            if let Err(error) = self.latest_read(model, name, info)? {
                return Ok(Err(error));
            }
        }
        Ok(opened)
    }

    fn staged_source(
        &self,
        model: &ModelName,
        mut write: StagedWrite,
    ) -> GuestResult<Option<OpenedFile>> {
        let port = self.data_port()?;
        let mut hidden = None;
        if let StagedContent::Text(text) = &write.content {
            let shown = match self.guest_result(port.staged_text(model, &write, text))? {
                Ok(shown) => shown,
                Err(error) => return Ok(Err(error)),
            };
            write.content = StagedContent::Text(shown.text);
            hidden = shown.hidden;
        }
        Ok(Ok(Some(OpenedFile {
            info: staged_info(model.clone(), &write),
            source: port.staged_open(&write.content)?,
            hidden,
        })))
    }

    /// Counts the bytes that the call has written to files. Returns the limit if they exceed it.
    fn file_bytes_count(&mut self, n_bytes: u64) -> GuestResult<()> {
        let running = self.running()?;
        let n_all = running.n_file_bytes.saturating_add(n_bytes);
        let most = running.identity.limits.file_bytes;
        if n_all > most {
            return Ok(Err(limit(running, LimitName::FileBytes, most)));
        }
        running.n_file_bytes = n_all;
        Ok(Ok(()))
    }
}

impl HostFileWriter for CallState {
    async fn write(
        &mut self,
        writer: Resource<GuestFileWriter>,
        bytes: Vec<u8>,
    ) -> GuestResult<()> {
        self.count_host_call(bytes.len())?;
        if let Err(error) = self.file_bytes_count(bytes.len() as u64 + 1)? {
            return Ok(Err(error));
        }
        let writer = self.table.get_mut(&writer)?;
        let Some(sink) = &mut writer.sink else {
            return Ok(Err(DataError::Finished));
        };
        sink.write(&bytes)?;
        if writer.lines {
            sink.write(b"\n")?;
        }
        Ok(Ok(()))
    }

    async fn finish(&mut self, writer: Resource<GuestFileWriter>) -> GuestResult<()> {
        self.count_host_call(0)?;
        let writer = self.table.get_mut(&writer)?;
        let Some(sink) = writer.sink.take() else {
            return Ok(Err(DataError::Finished));
        };
        let (name, spec) = (writer.name.clone(), writer.spec.clone());
        let (media_type, tags) = (writer.media_type.clone(), writer.tags.clone());
        let (lifetime, keep) = (writer.lifetime, writer.keep);
        let content = finish(sink).await?;
        let write = StagedWrite {
            name,
            kind: DataKind::File,
            spec,
            media_type: Some(media_type),
            tags,
            lifetime,
            keep,
            content,
        };
        self.stage(StagedChange::Write(write))
    }

    async fn drop(&mut self, writer: Resource<GuestFileWriter>) -> wasmtime::Result<()> {
        let handle = writer.rep();
        self.table.delete(writer)?;
        self.file_closed(handle)
    }
}

/// Finishes a file on a blocking thread, so that other tasks do not wait for the disk.
async fn finish(sink: Box<dyn FileSink>) -> wasmtime::Result<StagedContent> {
    let finished = tokio::task::spawn_blocking(move || sink.finish()).await;
    let finished: Result<StagedContent, HostError> =
        finished.map_err(|_| wasmtime::format_err!("a file's thread ended in a panic"))?;
    Ok(finished?)
}

impl HostFileReader for CallState {
    async fn info(
        &mut self,
        reader: Resource<GuestFileReader>,
    ) -> wasmtime::Result<data::VersionInfo> {
        self.count_host_call(0)?;
        let info = self.table.get(&reader)?.info.clone();
        Ok(convert::version_info_to_guest(info))
    }

    async fn read(
        &mut self,
        reader: Resource<GuestFileReader>,
        bytes_max: u32,
    ) -> wasmtime::Result<Vec<u8>> {
        self.count_host_call(bytes_max.min(READ_BYTES_MAX) as usize)?;
        let reader = self.table.get_mut(&reader)?;
        let mut buffer = vec![0; bytes_max.min(READ_BYTES_MAX) as usize];
        let mut n = 0;
        while n < buffer.len() {
            match reader.source.read(&mut buffer[n..])? {
                0 => break,
                more => n += more,
            }
        }
        buffer.truncate(n);
        Ok(buffer)
    }

    async fn drop(&mut self, reader: Resource<GuestFileReader>) -> wasmtime::Result<()> {
        let handle = reader.rep();
        self.table.delete(reader)?;
        self.file_closed(handle)
    }
}
