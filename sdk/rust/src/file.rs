//! Files: data that is written and read piece by piece, and need not fit into memory.

use std::io::{self, BufRead, Read, Write};

use crate::bindings::sedge::model::data;
use crate::data::tag_to_wire;
use crate::{Context, DataError, VersionInfo};

/// How many bytes a [`FileWriter`] gathers before it hands them to the host, and how many a
/// [`FileReader`] asks for at once.
///
/// Crossing to the host costs more than copying a few bytes, and those who format text or
/// read lines do so in small pieces. More would be memory that every open file takes.
const PIECE_BYTES: u32 = 64 << 10;

/// Files.
impl Context {
    /// Begins the next version of a file. It is named like its spec unless it is
    /// [`named`](FileDraft::named) otherwise.
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
        }
    }

    /// Opens the latest version of this model's own data, staged ones included; none where
    /// there is none. Of a resource, the bytes are its JSON text.
    ///
    /// # Errors
    /// Why it was not opened.
    pub fn open_file(&self, name: &str) -> Result<Option<FileReader>, DataError> {
        self.open_file_of(&self.identity().model, name, None)
    }

    /// Opens a version of a model's data, the latest if none is given, staged ones included;
    /// none where there is none. Of a resource, the bytes are its JSON text.
    ///
    /// # Errors
    /// Why it was not opened.
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

/// The next version of a file, before it is written. [`Context::file`] makes one.
#[derive(Debug, Clone)]
#[must_use = "nothing is written before `create` and `finish`"]
pub struct FileDraft<'a> {
    spec: &'a str,
    name: &'a str,
    media_type: Option<String>,
    tags: Vec<data::Tag>,
}

impl<'a> FileDraft<'a> {
    /// Names it; without this it is named like its spec.
    pub fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// Says of which media type it is, instead of its spec's: `text/csv`.
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Labels it, beside the tags of its spec and of its model's definition. A key has 1 to
    /// 100 bytes, a value up to 255, both without control characters.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push(tag_to_wire(key, value));
        self
    }

    /// Creates it, to be written as bytes.
    ///
    /// # Errors
    /// Why it was not created.
    pub fn create(self) -> Result<FileWriter, DataError> {
        Ok(FileWriter {
            wire: self.create_wire(false)?,
            gathered: Vec::new(),
        })
    }

    /// Creates it, to be written line by line.
    ///
    /// # Errors
    /// Why it was not created.
    pub fn create_lines(self) -> Result<LineWriter, DataError> {
        Ok(LineWriter(self.create_wire(true)?))
    }

    fn create_wire(self, lines: bool) -> Result<data::FileWriter, DataError> {
        let options = data::FileOptions {
            media_type: self.media_type,
            lines,
            tags: self.tags,
        };
        Ok(data::create_file(self.spec, self.name, &options)?)
    }
}

/// A file that is being written as bytes, with the methods of [`Write`].
///
/// One that is dropped before [`finish`](Self::finish), also by returning from the method,
/// was never there. All files of one call together have at most 16 GiB. Small writes are
/// gathered; [`flush`](Write::flush) hands them to the host. An error is a [`DataError`]
/// within the [`io::Error`], and `?` makes it the same [`Failure`](crate::Failure).
#[derive(Debug)]
#[must_use = "a file that is not finished was never there"]
pub struct FileWriter {
    wire: data::FileWriter,
    gathered: Vec<u8>,
}

impl FileWriter {
    /// Stages what was written as the next version, once it is safe on disk. It becomes
    /// visible to others when the method returns a value.
    ///
    /// # Errors
    /// Why it was not written.
    pub fn finish(mut self) -> Result<(), DataError> {
        self.hand_over()?;
        Ok(self.wire.finish()?)
    }

    /// Hands to the host what was gathered.
    fn hand_over(&mut self) -> Result<(), DataError> {
        if !self.gathered.is_empty() {
            self.wire.write(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        gather(&mut self.gathered, bytes, |piece| {
            Ok(self.wire.write(piece)?)
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.hand_over()?)
    }
}

/// A file that is being written line by line.
///
/// One that is dropped before [`finish`](Self::finish), also by returning from the method,
/// was never there. All files of one call together have at most 16 GiB.
#[derive(Debug)]
#[must_use = "a file that is not finished was never there"]
pub struct LineWriter(data::FileWriter);

impl LineWriter {
    /// Adds a line; the host adds its end.
    ///
    /// # Errors
    /// Why it was not added.
    pub fn write_line(&mut self, line: &str) -> Result<(), DataError> {
        Ok(self.0.write(line.as_bytes())?)
    }

    /// Stages what was written as the next version, once it is safe on disk. It becomes
    /// visible to others when the method returns a value.
    ///
    /// # Errors
    /// Why it was not written.
    pub fn finish(self) -> Result<(), DataError> {
        Ok(self.0.finish()?)
    }
}

/// A file that is being read, with the methods of [`Read`] and [`BufRead`]. It stays as it
/// is, even if it is deleted meanwhile.
#[derive(Debug)]
pub struct FileReader {
    wire: data::FileReader,
    piece: io::Cursor<Vec<u8>>,
}

impl FileReader {
    /// Returns what is known of the version that is being read.
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

/// Adds bytes to those that were gathered, and hands over what is too much to keep.
fn gather(
    gathered: &mut Vec<u8>,
    bytes: &[u8],
    hand_over: impl Fn(&[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    const MAX: usize = PIECE_BYTES as usize;
    if !gathered.is_empty() && gathered.len() + bytes.len() > MAX {
        hand_over(gathered)?;
        gathered.clear();
    }
    if bytes.len() >= MAX {
        // What is large as it is gains nothing from being copied.
        return hand_over(bytes);
    }
    gathered.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Writes zeros, `sizes` at a time, and checks what was handed over and what is left.
    fn check(sizes: &[usize], expect_handed_over: &[usize], expect_gathered: usize) {
        let handed_over = RefCell::new(Vec::new());
        let mut gathered = Vec::new();
        for size in sizes {
            gather(&mut gathered, &vec![0; *size], |piece| {
                handed_over.borrow_mut().push(piece.len());
                Ok(())
            })
            .expect("it takes everything");
        }
        assert_eq!(handed_over.into_inner(), expect_handed_over);
        assert_eq!(gathered.len(), expect_gathered);
    }

    #[test]
    fn small_writes_are_gathered() {
        check(&[1, 2, 0, 3], &[], 6);
        check(&[65_535, 1], &[], 65_536);
        check(&[65_535, 1, 1], &[65_536], 1);
    }

    #[test]
    fn a_large_write_follows_what_was_gathered() {
        check(&[65_536], &[65_536], 0);
        check(&[7, 100_000, 7], &[7, 100_000], 7);
    }

    #[test]
    fn what_is_refused_stays_gathered() {
        let mut gathered = vec![0; 65_536];
        let error = gather(&mut gathered, &[0], |_| Err(DataError::ReadOnly));
        assert_eq!(error, Err(DataError::ReadOnly));
        assert_eq!(gathered.len(), 65_536);
    }
}
