//! The JSON Schemas of the files that users write.

use sedge_api::view::schema::FileSchema;
use sedge_lang::json_schema::{SCHEMAS_FOLDER, SchemaOf};

use crate::error::AppError;
use crate::repository::Repository;

/// Returns the schema of one kind of files.
#[must_use]
pub fn schema(of: SchemaOf) -> FileSchema {
    FileSchema {
        of: of.as_str().to_owned(),
        schema: of.schema(),
    }
}

/// Writes schemas to the folder where editors find them. A schema of another version of Sedge is
/// replaced.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub(crate) fn schemas_write(repository: &Repository, all: &[SchemaOf]) -> Result<(), AppError> {
    // ignored: no error is dropped, because this is an `Option`.
    let name = SCHEMAS_FOLDER.rsplit('/').next().unwrap_or_default();
    let folder = repository.state_folder(name)?;
    for of in all {
        let (name, text) = (of.file_name(), of.file_text());
        let former = folder.read(&name, SCHEMA_BYTES_MAX)?;
        if former.is_none_or(|it| it != text.as_bytes()) {
            folder.write(&name, text.as_bytes())?;
        }
    }
    Ok(())
}

/// The maximum size of a file with a schema, in bytes.
///
/// Sedge writes these files, but others may change them.
const SCHEMA_BYTES_MAX: u64 = 4 << 20;
