//! Builds the component of a project, and checks it as `plugin add` does.

use std::path::{Path, PathBuf};

use sedge_api::view::plugin_project::{PluginBuilt, SdkCopyView};
use sedge_lang::repository::Config;
use sedge_runtime::{PluginDescription, Runtime, Workload};
use sedge_sys::clock::Moment;
use sedge_sys::folder::{Folder, read_named_file};

use crate::error::{AppError, PluginUseError};
use crate::events::Event;
use crate::plugin::author::project::PluginProject;
use crate::plugin::author::script::ScriptBuilder;
use crate::plugin::author::sdk::copy_compare;
use crate::plugin::author::tools::{AuthorTools, BuildProfile, BuildSettings};
use crate::plugin::new::InstalledSdks;
use crate::plugin::view::plugin_view;
use crate::repository::{Settings, engine_start};

/// A request to build a project.
#[derive(Debug, Clone)]
pub struct PluginBuildRequest {
    /// The folder of the project.
    pub folder: PathBuf,
    /// Whether the copy of the SDK is replaced first by that of the program.
    pub sdk_is_updated: bool,
    /// Whether the compiler reports only faults.
    pub is_quiet: bool,
    /// The SDKs that are installed.
    pub sdks: InstalledSdks,
}

/// Builds the component of a project, writes it to the folder of the project under the name of its type,
/// and describes it in the sandbox.
///
/// # Errors
/// A tool is missing, the source cannot be built, or the component is not a plugin.
pub async fn plugin_build(
    settings: &Settings,
    request: &PluginBuildRequest,
) -> Result<PluginBuilt, AppError> {
    let project = PluginProject::open(&request.folder)?;
    let sdk = sdk_copy(&project, request)?;
    let tools = AuthorTools::find(&project).await?;
    let since = Moment::now();
    let runtime = engine_start(settings, &Config::default(), Workload::OneCall)?;
    let build = BuildSettings {
        profile: BuildProfile::Release,
        is_quiet: request.is_quiet,
        scripts: ScriptBuilder {
            runtime: &runtime,
            notices: &settings.notices,
        },
    };
    let built = tools.build(&project, build).await?;
    let build_ms = since.elapsed().as_secs_f64() * 1000.0;
    let bytes = read_named_file(
        &built.file,
        Config::default().component_limits.values().bytes,
    )?;
    let description = described(settings, &runtime, &built.file, &bytes).await?;
    let type_name = description.type_info.name.as_str();
    let short = type_name.rsplit_once('/').map_or(type_name, |(_, it)| it);
    let file = format!("{short}.wasm");
    Folder::open(&project.folder)?.write(&file, &bytes)?;
    Ok(PluginBuilt {
        language: project.language,
        file: shown(&project.named, &file),
        size: bytes.len() as u64,
        plugin: plugin_view(&description),
        sdk,
        warnings: built.warnings,
        build_ms,
    })
}

/// Compares the copy of the SDK with that of the program, or replaces it.
fn sdk_copy(
    project: &PluginProject,
    request: &PluginBuildRequest,
) -> Result<Option<SdkCopyView>, AppError> {
    if request.sdk_is_updated {
        let sdk = request.sdks.read(project.language)?;
        return sdk.copy_to(&project.folder, project.language).map(Some);
    }
    copy_compare(&project.folder, project.language, &request.sdks)
}

/// Compiles a component, and lets it describe itself, in a process without a repository.
pub(crate) async fn described(
    settings: &Settings,
    runtime: &Runtime,
    path: &Path,
    bytes: &[u8],
) -> Result<PluginDescription, AppError> {
    let notices = settings.notices.clone();
    let logged = move |line: &_| {
        notices.event(Event::PluginLogged {
            line: Clone::clone(line),
        });
    };
    let loaded = runtime.plugin_add(bytes, logged).await;
    let loaded = loaded.map_err(|source| {
        AppError::from(PluginUseError::Refused {
            path: path.to_owned(),
            source,
        })
    })?;
    Ok(loaded.plugin.description().clone())
}

/// Returns the path of a file in a folder, as the user would write it.
fn shown(folder: &Path, file: &str) -> String {
    match folder == Path::new(".") {
        true => file.to_owned(),
        false => folder.join(file).to_string_lossy().into_owned(),
    }
}
