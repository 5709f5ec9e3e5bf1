//! Builds the models of an extension of swamp, unmodified, as plugins.
//!
//! A model of swamp says nothing about permissions, because it runs there with all rights of the
//! process. The analysis of its source suggests some; they are written to a file beside the component,
//! which the user can edit. A file that is there is never replaced.

mod extension;
mod model;

use std::path::{Path, PathBuf};

use sedge_api::view::swamp::{NotTakenView, SwampExtensionBuilt};
use sedge_lang::repository::Config;
use sedge_runtime::Workload;

use crate::error::{AppError, AuthorError};
use crate::plugin::author::bundler::{Bundler, sdk_check};
use crate::plugin::author::script::ScriptBuilder;
use crate::plugin::new::InstalledSdks;
use crate::repository::{Settings, engine_start};
use extension::Manifest;

pub(crate) use extension::{ModelSource, model_sources};
pub(crate) use model::SwampModels;

/// The folder for components, relative to the extension.
const OUT_FOLDER: &str = "sedge";

/// A request to build an extension.
#[derive(Debug, Clone)]
pub struct PluginImportSwampRequest {
    /// The folder of the extension: it has a `manifest.yaml`.
    pub folder: PathBuf,
    /// The folder for the components; by default `sedge` in that of the extension.
    pub out: Option<PathBuf>,
    /// The SDKs that are installed.
    pub sdks: InstalledSdks,
}

/// Builds all models of an extension. A model that cannot be built does not keep the others from being
/// built; the result says why.
///
/// # Errors
/// The folder is not an extension, a tool is missing, or a file cannot be written.
pub async fn plugin_import_swamp(
    settings: &Settings,
    request: &PluginImportSwampRequest,
) -> Result<SwampExtensionBuilt, AppError> {
    let manifest = Manifest::read(&request.folder)?;
    let out = request.out.clone();
    let out = out.unwrap_or_else(|| request.folder.join(OUT_FOLDER));
    let sdk = sdk_of(&request.sdks)?;
    sdk_check(&sdk, &request.folder)?;
    let bundler = Bundler::find(sdk, &request.folder).await?;
    let runtime = engine_start(settings, &Config::default(), Workload::OneCall)?;
    let models = SwampModels {
        bundler: &bundler,
        builder: ScriptBuilder {
            runtime: &runtime,
            notices: &settings.notices,
        },
        settings,
        root: &request.folder,
        out: &out,
        description: manifest.summary(),
        files: manifest.files(&request.folder)?,
    };
    let sources = manifest.sources(&request.folder)?;
    Ok(SwampExtensionBuilt {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        labels: manifest.labels.clone(),
        out: out.to_string_lossy().into_owned(),
        models: models.build_all(&sources).await?,
        not_taken: manifest.not_taken(),
    })
}

/// Returns the folder of the installed SDK for TypeScript.
///
/// # Errors
/// It is not installed.
pub(crate) fn sdk_of(sdks: &InstalledSdks) -> Result<PathBuf, AppError> {
    let folder = sdks.folder.as_deref().map(|it| it.join("typescript"));
    let language = sedge_api::view::plugin_project::PluginLanguage::TypeScript;
    match folder {
        Some(folder) if sedge_sys::folder::is_named_folder(&folder)? => Ok(folder),
        folder => Err(AuthorError::SdkMissing { language, folder }.into()),
    }
}

/// Returns a part of an extension that has no counterpart.
fn not_taken(what: &str, why: &str) -> NotTakenView {
    NotTakenView {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

/// Returns the name of the files of a model: `a-b` for `a/b.ts`.
fn file_stem(source: &Path) -> String {
    let stem = source.with_extension("");
    let parts = stem.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("-")
}
