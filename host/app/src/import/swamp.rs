//! Takes over a repository of swamp: its definitions, workflows and data, the models in TypeScript that
//! the definitions use, and the names of its secrets.
//!
//! Each part is complete once it is written, and is left alone if it is there already. So an import that
//! was interrupted is continued by the next one, and a second import of the same repository changes
//! nothing.

mod data;
mod files;
mod plugins;
mod secrets;

use std::path::{Path, PathBuf};

use sedge_api::view::swamp::{NotTakenView, SwampImported};
use sedge_sys::folder::is_named_file;

use crate::cx::Cx;
use crate::error::{AppError, AuthorError};
use crate::plugin::new::InstalledSdks;

/// The file that makes a folder a repository of swamp.
const MARKER: &str = ".swamp.yaml";

/// The folder for the components and their permissions, relative to the repository.
const COMPONENTS_FOLDER: &str = "swamp";

/// A request to take over a repository.
#[derive(Debug, Clone)]
pub struct ImportSwampRequest {
    /// The folder of the repository of swamp. Nothing is written there.
    pub folder: PathBuf,
    /// The SDKs that are installed.
    pub sdks: InstalledSdks,
}

/// What all steps of an import share.
struct SwampImport<'a> {
    cx: &'a Cx,
    folder: &'a Path,
    not_taken: Vec<NotTakenView>,
}

impl SwampImport<'_> {
    /// Notes something that is not taken over.
    fn leave(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.not_taken.push(NotTakenView {
            what: what.into(),
            why: why.into(),
        });
    }
}

/// Takes over a repository of swamp.
///
/// # Errors
/// The folder is not a repository of swamp, a tool that builds its models is missing, or a file cannot be
/// read or written. What was taken over by then stays.
pub async fn import_swamp(
    cx: &Cx,
    request: &ImportSwampRequest,
) -> Result<SwampImported, AppError> {
    if !is_named_file(&request.folder.join(MARKER))? {
        return Err(AuthorError::NotSwamp {
            folder: request.folder.clone(),
            what: "a repository",
            lacks: MARKER,
        }
        .into());
    }
    let mut import = SwampImport {
        cx,
        folder: &request.folder,
        not_taken: Vec::new(),
    };
    let (definitions, models) = import.definitions()?;
    let plugins = import.plugins(&definitions, &request.sdks).await?;
    let workflows = import.workflows()?;
    let data = import.data(&definitions).await?;
    let secrets = import.secrets(&definitions)?;
    Ok(SwampImported {
        plugins,
        models,
        workflows,
        data,
        secrets,
        not_taken: import.not_taken,
    })
}
