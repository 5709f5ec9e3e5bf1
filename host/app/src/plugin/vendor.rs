//! Components that a repository keeps under version control, so that a clone of it runs without
//! anything else.

use sedge_model::names::TypeName;

use crate::error::AppError;
use crate::repository::Repository;

/// The folder of vendored components, relative to the repository.
const VENDOR_FOLDER: &str = "plugins";

/// Returns the file of a type's vendored component, relative to the repository:
/// `plugins/acme/sink.wasm` for `@acme/sink`.
pub(crate) fn vendored_file(type_name: &TypeName) -> String {
    format!("{VENDOR_FOLDER}/{}", file_in_folder(type_name))
}

/// Returns the file of a type's component, relative to a folder of vendored components.
pub(crate) fn file_in_folder(type_name: &TypeName) -> String {
    format!("{}.wasm", type_name.as_str().trim_start_matches('@'))
}

/// Writes a vendored component.
pub(crate) fn vendored_write(
    repository: &Repository,
    type_name: &TypeName,
    bytes: &[u8],
) -> Result<(), AppError> {
    let file = vendored_file(type_name);
    if let Some((folder, _)) = file.rsplit_once('/') {
        repository.folder().create_folder(folder)?;
    }
    Ok(repository.folder().write(&file, bytes)?)
}
