//! Files behind links.

use std::io::ErrorKind;

use super::open::is_absence;
use super::{FileError, Folder};

impl Folder {
    /// Writes a file as [`Folder::write`] does. If a link has its name, the link stays, and the file
    /// that it leads to is replaced. In a folder of run-time state, the link is replaced.
    ///
    /// # Errors
    /// The file cannot be written, or the link leads nowhere or out of this folder.
    pub fn write_through(&self, relative: &str, content: &[u8]) -> Result<(), FileError> {
        let error = |source| self.error("follow the link", relative, source);
        let is_link = match self.dir().symlink_metadata(relative) {
            Ok(found) => found.is_symlink(),
            Err(source) if is_absence(&source) => false,
            Err(source) => return Err(error(source)),
        };
        if !is_link || self.kept.is_some() {
            return self.write(relative, content);
        }
        let target = self.dir().canonicalize(relative).map_err(error)?;
        // ignored: there is no error here, only no value.
        let target = target.to_str().unwrap_or_default();
        // The library returns a part of the path if it cannot follow the rest.
        let found = self.identity_of(relative).map_err(error)?;
        if found.is_none() || found != self.identity_of(target).map_err(error)? {
            return Err(error(ErrorKind::NotFound.into()));
        }
        self.write(target, content)
    }
}
