//! Files: data that is written and read in pieces, so that it need not fit into memory.

use std::io::{self, BufRead, Read, Write};

use crate::data::tag_to_wire;
use crate::host::data;
use crate::retention::WriteRetention;
use crate::{Context, DataError, VersionInfo};

/// The size of the buffers of a [`FileWriter`] and of a [`FileReader`], in bytes.
///
/// A host call costs more than copying a few bytes, and formatting text or reading lines works in
/// small pieces. A larger buffer would take more memory for each open file.
const PIECE_BYTES: u32 = 64 << 10;

/// Files.
impl Context {
    /// Starts the next version of a file. Its name is that of the spec unless
    /// [`named`](FileDraft::named) sets another one.
    ///
    /// ```no_run
    /// use std::io::Write;
    ///
    /// use sedge_sdk::{Context, Failure};
    ///
    /// fn report(cx: &Context) -> Result<(), Failure> {
    ///     let mut report = cx.file("report").tag("stage", "prod").create()?;
    ///     writeln!(report, "all is well")?;
    ///     Ok(report.finish()?)
    /// }
    /// ```
    pub fn file<'a>(&'a self, spec: &'a str) -> FileDraft<'a> {
        FileDraft {
            spec,
            name: spec,
            media_type: None,
            tags: Vec::new(),
            retention: WriteRetention::default(),
        }
    }

    /// Opens the latest version of this model's data, including staged ones. Returns `None` if
    /// there is none. The bytes of a resource are its JSON text.
    ///
    /// # Errors
    /// It cannot be opened; the error says why.
    pub fn open_file(&self, name: &str) -> Result<Option<FileReader>, DataError> {
        self.open_file_of(&self.identity().model, name, None)
    }

    /// Opens a version of a model's data; without `version`, the latest, including staged ones.
    /// Returns `None` if there is none. The bytes of a resource are its JSON text.
    ///
    /// # Errors
    /// It cannot be opened; the error says why.
    pub fn open_file_of(
        &self,
        model: &str,
        name: &str,
        version: Option<u64>,
    ) -> Result<Option<FileReader>, DataError> {
        let wire = data::open_file(model, name, version)?;
        Ok(wire.map(|wire| FileReader {
            wire,
            piece: io::Cursor::new(Vec::new()),
        }))
    }
}

/// The next version of a file. [`Context::file`] starts one, and `finish` stages it.
#[derive(Debug, Clone)]
#[must_use = "nothing is written before `create` and `finish`"]
pub struct FileDraft<'a> {
    spec: &'a str,
    name: &'a str,
    media_type: Option<String>,
    tags: Vec<data::Tag>,
    retention: WriteRetention,
}

impl<'a> FileDraft<'a> {
    /// Sets the name. The default is the name of the spec.
    pub fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// Sets the media type, for example `text/csv`. The default is that of the spec.
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Adds a tag to those of the spec and of the model's definition. A key has 1 to 100 bytes, a
    /// value up to 255, both without control characters.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push(tag_to_wire(key, value));
        self
    }

    /// Retains this version for a lifetime, as
    /// [`ResourceDraft::lifetime`](crate::ResourceDraft::lifetime) does.
    pub fn lifetime(mut self, lifetime: impl Into<String>) -> Self {
        self.retention.lifetime(lifetime);
        self
    }

    /// Retains this many versions of the name from now on, at least 1. Replaces
    /// [`keep_for`](Self::keep_for).
    pub fn keep_versions(mut self, n_versions: u32) -> Self {
        self.retention.keep_versions(n_versions);
        self
    }

    /// Retains versions of the name for a time such as `30d` from now on. The latest version is always
    /// retained. Replaces [`keep_versions`](Self::keep_versions).
    pub fn keep_for(mut self, span: impl Into<String>) -> Self {
        self.retention.keep_for(span);
        self
    }

    /// Creates the file for writing bytes.
    ///
    /// # Errors
    /// It cannot be created; the error says why.
    pub fn create(self) -> Result<FileWriter, DataError> {
        Ok(FileWriter {
            wire: self.create_wire(false)?,
            buffer: Vec::new(),
        })
    }

    /// Creates the file for writing lines.
    ///
    /// # Errors
    /// It cannot be created; the error says why.
    pub fn create_lines(self) -> Result<LineWriter, DataError> {
        Ok(LineWriter(self.create_wire(true)?))
    }

    fn create_wire(self, lines: bool) -> Result<data::FileWriter, DataError> {
        let options = data::FileOptions {
            media_type: self.media_type,
            lines,
            tags: self.tags,
            retention: self.retention.into(),
        };
        Ok(data::create_file(self.spec, self.name, &options)?)
    }
}

/// A file that is being written as bytes, through [`Write`].
///
/// Dropping it before [`finish`](Self::finish) discards the file; returning from the method drops
/// it, too. All files of one call together are limited to 16 GiB. Small writes are buffered;
/// [`flush`](Write::flush) passes them to the host. An error is a [`DataError`] inside of an
/// [`io::Error`], and `?` converts it into the same [`Failure`](crate::Failure).
#[derive(Debug)]
#[must_use = "a file that is not finished is discarded"]
pub struct FileWriter {
    wire: data::FileWriter,
    buffer: Vec<u8>,
}

impl FileWriter {
    /// Stages the file as the next version, once it is durable. Other calls can read it once the
    /// method has returned `Ok`.
    ///
    /// # Errors
    /// It cannot be staged; the error says why.
    pub fn finish(mut self) -> Result<(), DataError> {
        self.send_buffer()?;
        Ok(self.wire.finish()?)
    }

    /// Passes the buffered bytes to the host.
    fn send_buffer(&mut self) -> Result<(), DataError> {
        if !self.buffer.is_empty() {
            self.wire.write(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        buffer_or_send(&mut self.buffer, bytes, |piece| {
            Ok(self.wire.write(piece)?)
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.send_buffer()?)
    }
}

/// A file that is being written line by line.
///
/// Dropping it before [`finish`](Self::finish) discards the file; returning from the method drops
/// it, too. All files of one call together are limited to 16 GiB.
#[derive(Debug)]
#[must_use = "a file that is not finished is discarded"]
pub struct LineWriter(data::FileWriter);

impl LineWriter {
    /// Writes a line. The host appends the line end.
    ///
    /// # Errors
    /// It cannot be written; the error says why.
    pub fn write_line(&mut self, line: &str) -> Result<(), DataError> {
        Ok(self.0.write(line.as_bytes())?)
    }

    /// Stages the file as the next version, once it is durable. Other calls can read it once the
    /// method has returned `Ok`.
    ///
    /// # Errors
    /// It cannot be staged; the error says why.
    pub fn finish(self) -> Result<(), DataError> {
        Ok(self.0.finish()?)
    }
}

/// A file that is being read, through [`Read`] and [`BufRead`]. Its content does not change, even
/// if the file is deleted meanwhile.
#[derive(Debug)]
pub struct FileReader {
    wire: data::FileReader,
    piece: io::Cursor<Vec<u8>>,
}

impl FileReader {
    /// Returns the metadata of the version that is being read.
    #[must_use]
    pub fn info(&self) -> VersionInfo {
        self.wire.info().into()
    }
}

impl BufRead for FileReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.fill_buf()?.is_empty() {
            self.piece = io::Cursor::new(self.wire.read(PIECE_BYTES));
        }
        self.piece.fill_buf()
    }

    fn consume(&mut self, n_bytes: usize) {
        self.piece.consume(n_bytes);
    }
}

impl Read for FileReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.fill_buf()?.read(bytes)?;
        self.consume(n_bytes);
        Ok(n_bytes)
    }
}

/// Appends bytes to the buffer. Sends the buffer first if they do not fit.
fn buffer_or_send(
    buffer: &mut Vec<u8>,
    bytes: &[u8],
    send: impl Fn(&[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    const MAX: usize = PIECE_BYTES as usize;
    if !buffer.is_empty() && buffer.len() + bytes.len() > MAX {
        send(buffer)?;
        buffer.clear();
    }
    if bytes.len() >= MAX {
        // Copying a large piece into the buffer would not save a host call.
        return send(bytes);
    }
    buffer.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Writes zeros in pieces of `sizes` bytes. Checks the sizes that are sent, and the size of
    /// the buffer at the end.
    fn check(sizes: &[usize], expect_sent: &[usize], expect_buffered: usize) {
        let sent = RefCell::new(Vec::new());
        let mut buffer = Vec::new();
        for size in sizes {
            buffer_or_send(&mut buffer, &vec![0; *size], |piece| {
                sent.borrow_mut().push(piece.len());
                Ok(())
            })
            .expect("it takes everything");
        }
        assert_eq!(sent.into_inner(), expect_sent);
        assert_eq!(buffer.len(), expect_buffered);
    }

    #[test]
    fn small_writes_are_buffered() {
        check(&[1, 2, 0, 3], &[], 6);
        check(&[65_535, 1], &[], 65_536);
        check(&[65_535, 1, 1], &[65_536], 1);
    }

    #[test]
    fn large_write_is_sent_after_the_buffer() {
        check(&[65_536], &[65_536], 0);
        check(&[7, 100_000, 7], &[7, 100_000], 7);
    }

    #[test]
    fn buffer_is_kept_if_sending_fails() {
        let mut buffer = vec![0; 65_536];
        let error = buffer_or_send(&mut buffer, &[0], |_| Err(DataError::ReadOnly));
        assert_eq!(error, Err(DataError::ReadOnly));
        assert_eq!(buffer.len(), 65_536);
    }
}
