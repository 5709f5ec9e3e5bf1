//! Builds one model of swamp: analyses it, writes the permissions that this suggests, and makes a
//! component.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sedge_api::view::swamp::{
    NotSupportedView, PermissionsFileView, SwampComponentView, SwampModelView,
};
use sedge_lang::repository::Config;
use sedge_runtime::component_bytes_check;
use sedge_sys::folder::{Folder, is_named_file};
use serde::Deserialize;
use serde_json::Value;

use super::extension::ModelSource;
use super::file_stem;
use crate::error::{AppError, AuthorError, PluginUseError};
use crate::plugin::author::bundler::{BundleFailure, BundleRequest, Bundler};
use crate::plugin::author::script::ScriptBuilder;
use crate::plugin::build::described;
use crate::repository::Settings;
use crate::views::permission::request_view;

/// The end of the name of the file with the permissions of a model.
const SIDECAR_END: &str = ".permissions.json";

/// The folder for intermediate files, in that of the components.
const WORK_FOLDER: &str = "build";

/// What the models of an extension are built with.
#[derive(Clone)]
pub(crate) struct SwampModels<'a> {
    pub(crate) bundler: &'a Bundler,
    pub(crate) builder: ScriptBuilder<'a>,
    pub(crate) settings: &'a Settings,
    /// The folder of the extension.
    pub(crate) root: &'a Path,
    /// The folder for components.
    pub(crate) out: &'a Path,
    /// What the types are for, if the models do not say it.
    pub(crate) description: Option<String>,
    /// The files that the models may read.
    pub(crate) files: Vec<PathBuf>,
}

/// What a model seems to use.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Analysis {
    /// What the module exports: `model`, `extension`.
    pub(crate) exports: Vec<String>,
    /// The type of the model.
    #[serde(rename = "type")]
    pub(crate) type_name: Option<String>,
    /// Packages that are not installed: `npm:ioredis@6.0.0`.
    missing: Vec<String>,
    permissions: Vec<Value>,
    not_supported: Vec<NotSupported>,
    unknown: Vec<String>,
}

/// A model that is built.
struct SwampModel<'a> {
    source: &'a ModelSource,
    /// Its file, relative to the extension.
    path: &'a Path,
    /// The modules that extend its type.
    extensions: Vec<PathBuf>,
    /// What it and these seem to use.
    analyses: Vec<Analysis>,
}

#[derive(Debug, Clone, Deserialize)]
struct NotSupported {
    what: String,
    #[serde(default)]
    at: String,
    #[serde(default)]
    why: String,
}

impl Analysis {
    fn has(&self, export: &str) -> bool {
        self.exports.iter().any(|it| it == export)
    }
}

impl SwampModels<'_> {
    /// Returns what a model seems to use. The inner error is a fault of its source.
    ///
    /// # Errors
    /// The bundler cannot be started.
    pub(crate) async fn analysis(
        &self,
        source: &Path,
    ) -> Result<Result<Analysis, BundleFailure>, AppError> {
        let root = Folder::open(self.root)?.path().to_owned();
        let request = serde_json::json!({
            "entry": root.join(source),
            "modules": self.bundler.modules,
            "root": root,
        });
        let work = self.out.join(WORK_FOLDER).join(file_stem(source));
        self.bundler.asked("analyse", &request, &work).await
    }

    /// Builds models. A module that extends the type of another one becomes part of its component.
    ///
    /// # Errors
    /// A tool cannot be started, or a file cannot be written. What is wrong with a model is in the
    /// result.
    pub(crate) async fn build_all(
        &self,
        sources: &[ModelSource],
    ) -> Result<Vec<SwampModelView>, AppError> {
        let (mut views, mut models, mut extensions) = (Vec::new(), Vec::new(), Vec::new());
        for source in sources {
            let mut view = view_of(source);
            let Some(path) = &source.path else {
                view.faults
                    .push("there is no such file in the extension".to_owned());
                views.push(view);
                continue;
            };
            match self.analysis(path).await? {
                Err(failure) => {
                    refuse(&mut view, failure.of(self.root));
                    views.push(view);
                }
                Ok(analysis) if analysis.has("model") => models.push((source, path, analysis)),
                Ok(analysis) if analysis.has("extension") => extensions.push((path, analysis)),
                Ok(_) => {
                    view.faults.push("it does not export a `model`".to_owned());
                    views.push(view);
                }
            }
        }
        let root = Folder::open(self.root)?.path().to_owned();
        let mut types = BTreeMap::new();
        for (source, path, analysis) in models {
            let former = types.insert(analysis.type_name.clone(), path);
            if let (Some(former), Some(type_name)) = (former, &analysis.type_name) {
                let mut view = view_of(source);
                let former = former.display();
                view.faults.push(format!(
                    "`{former}` provides the type `{type_name}` already"
                ));
                views.push(view);
                continue;
            }
            let is_of_type = |it: &(&PathBuf, Analysis)| it.1.type_name == analysis.type_name;
            let own: Vec<_> = extensions.extract_if(.., |it| is_of_type(it)).collect();
            let model = SwampModel {
                source,
                path,
                extensions: own.iter().map(|(path, _)| root.join(path)).collect(),
                analyses: std::iter::once(analysis)
                    .chain(own.into_iter().map(|it| it.1))
                    .collect(),
            };
            views.push(self.build(&model).await?);
        }
        for (path, analysis) in extensions {
            let type_name = analysis.type_name.unwrap_or_default(); // ignored: this is an `Option`
            let mut view = view_of(&ModelSource {
                name: path.clone(),
                path: Some(path.clone()),
            });
            view.faults.push(format!(
                "it extends the type `{type_name}`, which no model of the folder provides"
            ));
            view.help
                .push("put the model that it extends into the same folder".to_owned());
            views.push(view);
        }
        Ok(views)
    }

    async fn build(&self, model: &SwampModel<'_>) -> Result<SwampModelView, AppError> {
        let mut view = view_of(model.source);
        let mut missing = Vec::new();
        for analysis in &model.analyses {
            for found in &analysis.not_supported {
                view.not_supported.push(NotSupportedView {
                    what: found.what.clone(),
                    at: found.at.clone(),
                    why: found.why.clone(),
                });
            }
            view.unknown.extend_from_slice(&analysis.unknown);
            missing.extend_from_slice(&analysis.missing);
        }
        if !missing.is_empty() {
            packages_missing(&mut view, &missing, self.root);
            return Ok(view);
        }
        let sidecar = self.sidecar(model)?;
        let file = sidecar.file.clone();
        view.permissions_file = Some(sidecar);
        let bytes = self.component(&mut view, model, Path::new(&file)).await?;
        if let Some(bytes) = bytes {
            self.component_keep(&mut view, &model.source.name, &bytes)
                .await?;
        }
        Ok(view)
    }

    /// Writes the file with the permissions of a model, unless it is there.
    fn sidecar(&self, model: &SwampModel<'_>) -> Result<PermissionsFileView, AppError> {
        let file = format!("{}{SIDECAR_END}", file_stem(&model.source.name));
        let folder = Folder::create(self.out)?;
        let is_kept = is_named_file(&folder.path_of(&file))?;
        if !is_kept {
            let mut permissions: Vec<&Value> = Vec::new();
            for permission in model.analyses.iter().flat_map(|it| &it.permissions) {
                if !permissions.contains(&permission) {
                    permissions.push(permission);
                }
            }
            let content = serde_json::json!({
                "description": self.description,
                "permissions": permissions,
                "paths": {},
            });
            let text = format!("{content:#}\n");
            folder.write(&file, text.as_bytes())?;
        }
        Ok(PermissionsFileView {
            file: self.out.join(&file).to_string_lossy().into_owned(),
            is_kept,
        })
    }

    /// Bundles a model, and makes a component of it. Returns `None` if it has a fault, which is noted.
    async fn component(
        &self,
        view: &mut SwampModelView,
        model: &SwampModel<'_>,
        sidecar: &Path,
    ) -> Result<Option<Vec<u8>>, AppError> {
        let root = Folder::open(self.root)?.path().to_owned();
        let out = Folder::create(self.out)?;
        let stem = file_stem(&model.source.name);
        let work: PathBuf = out.path().join(WORK_FOLDER).join(&stem);
        let sidecar = sedge_sys::folder::named_file_path(sidecar)?;
        let request = BundleRequest {
            entry: &root.join(model.path),
            root: &root,
            extensions: &model.extensions,
            files: &self.files,
            out: &work,
            sidecar: Some(&sidecar),
            description: self.description.as_deref(),
        };
        let bundle = match self.bundler.bundle(&request).await? {
            Ok(bundle) => bundle,
            Err(failure) => {
                refuse(view, failure.of(self.root));
                return Ok(None);
            }
        };
        view.warnings.clone_from(&bundle.warnings);
        let component = self.builder.component(&self.bundler.sdk, &bundle).await?;
        Ok(component
            .map_err(|fault| refuse(view, fault.of(self.root)))
            .ok()) // ignored: the fault was noted
    }

    /// Lets a component describe itself, and writes it.
    async fn component_keep(
        &self,
        view: &mut SwampModelView,
        name: &Path,
        bytes: &[u8],
    ) -> Result<(), AppError> {
        let out = Folder::create(self.out)?;
        let stem = file_stem(name);
        let file = self.out.join(format!("{stem}.wasm"));
        let limits = Config::default().component_limits.values();
        let checked = component_bytes_check(&limits, bytes.len() as u64);
        let described = match checked {
            Ok(()) => described(self.settings, self.builder.runtime, &file, bytes).await,
            Err(source) => {
                let path = file.clone();
                Err(PluginUseError::Refused { path, source }.into())
            }
        };
        let description = match described {
            Ok(description) => description,
            Err(AppError::Plugin(error)) => {
                plugin_refused(view, &error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        out.write(&format!("{stem}.wasm"), bytes)?;
        let info = &description.type_info;
        view.built = Some(SwampComponentView {
            name: info.name.to_string(),
            version: info.version.to_string(),
            file: file.to_string_lossy().into_owned(),
            size: bytes.len() as u64,
            sha256: description.sha256.clone(),
            methods: info.methods.iter().map(|it| it.name.to_string()).collect(),
            permissions: info.permissions.iter().map(request_view).collect(),
            added: None,
        });
        Ok(())
    }
}

/// Returns the view of a model that is not built yet.
fn view_of(source: &ModelSource) -> SwampModelView {
    let file = source.path.as_ref().unwrap_or(&source.name);
    SwampModelView {
        source: file.to_string_lossy().into_owned(),
        built: None,
        permissions_file: None,
        faults: Vec::new(),
        help: Vec::new(),
        not_supported: Vec::new(),
        unknown: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Notes why a model was not built.
fn refuse(view: &mut SwampModelView, error: AuthorError) {
    if let AuthorError::BuildFailed { why, remedies, .. } = error {
        view.faults.extend(why);
        view.help.extend(remedies);
    }
}

/// Notes that the component of a model is not a plugin.
fn plugin_refused(view: &mut SwampModelView, error: &PluginUseError) {
    use sedge_api::problem::Explain as _;
    let causes = error.causes();
    match causes.is_empty() {
        true => view.faults.push(error.to_string()),
        false => view.faults.extend(causes),
    }
}

/// Notes that packages are missing, and how to install them.
fn packages_missing(view: &mut SwampModelView, missing: &[String], root: &Path) {
    let names: Vec<&str> = missing
        .iter()
        .map(|it| it.strip_prefix("npm:").unwrap_or(it))
        .collect();
    let is_npm = missing.iter().all(|it| it.starts_with("npm:"));
    view.faults.push(format!(
        "it imports packages that are not installed: {}",
        missing.join(", ")
    ));
    if is_npm {
        view.help.push(format!(
            "install them: `npm install --prefix {} {}`",
            root.display(),
            names.join(" ")
        ));
    } else {
        view.help.push(
            "packages of other registries than npm's have to be part of the extension".to_owned(),
        );
    }
}
