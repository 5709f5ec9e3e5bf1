//! Bundles plugins in TypeScript: runs the script `bundle.mjs` of the SDK in Node.js, which uses esbuild.
//!
//! The script reads a request in JSON and answers in JSON. It writes nothing but the files that the
//! request names, and the same request over the same files gives the same bytes.

use std::path::{Path, PathBuf};

use sedge_sys::folder::{Folder, is_named_file, is_named_folder, named_file_path, read_named_text};
use sedge_sys::host::variable_path;
use sedge_sys::tool::{self, Tool, ToolOutput};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::AuthorError;
use super::tools::{is_at_least, tool_answer, tool_run, version_in};
use crate::error::AppError;

/// The oldest version of Node.js that runs the script: that of Debian 13.
const NODE_MIN: &str = "20";

/// The version of esbuild that the SDK is tested with. Another one may bundle to other bytes.
const ESBUILD_MIN: &str = "0.28.2";

/// The variable that names Node.js.
const NODE_VARIABLE: &str = "SEDGE_NODE";

/// The variable that names a folder with packages of npm, in addition to that of the project.
const MODULES_VARIABLE: &str = "SEDGE_NODE_MODULES";

/// The script, in the folder of the SDK.
const SCRIPT: &str = "bundle.mjs";

/// The file of a request, in the folder of a build.
const REQUEST: &str = "request.json";

/// The maximum size of the manifest of a package, in bytes. It comes from a registry.
const PACKAGE_BYTES_MAX: u64 = 1 << 20;

/// Runs the bundler of an SDK.
#[derive(Debug)]
pub(crate) struct Bundler {
    pub(crate) node: PathBuf,
    /// The folder of the SDK.
    pub(crate) sdk: PathBuf,
    /// The folders in which packages are searched, in this order.
    pub(crate) modules: Vec<PathBuf>,
}

/// A module that becomes a component.
#[derive(Debug)]
pub(crate) struct BundleRequest<'a> {
    /// The file.
    pub(crate) entry: &'a Path,
    /// The folder to which the paths in messages and in the source map are relative.
    pub(crate) root: &'a Path,
    /// The modules that extend the type of the entry.
    pub(crate) extensions: &'a [PathBuf],
    /// The files that the module reads as text.
    pub(crate) files: &'a [PathBuf],
    /// The folder for the result.
    pub(crate) out: &'a Path,
    /// The file with the permissions of a module that requests none itself.
    pub(crate) sidecar: Option<&'a Path>,
    /// What the type is for, if the module does not say it.
    pub(crate) description: Option<&'a str>,
}

/// A bundled module.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// One module that imports nothing.
    pub(crate) text: String,
    pub(crate) source_map: String,
    pub(crate) warnings: Vec<String>,
}

/// The script's answer to a request for a bundle.
#[derive(Debug, Deserialize)]
struct BundleAnswer {
    bundle: PathBuf,
    map: PathBuf,
    #[serde(default)]
    warnings: Vec<SourceFault>,
}

/// The script's answer to a request for the tests of a project.
#[derive(Debug, Deserialize)]
struct TestAnswer {
    files: Vec<String>,
}

/// The script's answer to a request that it cannot fulfil.
#[derive(Debug, Deserialize)]
struct FailedAnswer {
    errors: Vec<SourceFault>,
}

/// A fault in the source of a plugin, or in its folder.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SourceFault {
    /// The file, relative to the project.
    file: Option<String>,
    /// The line, from 1.
    line: Option<u32>,
    /// The column, from 1.
    column: Option<u32>,
    text: String,
    hint: Option<String>,
}

impl std::fmt::Display for SourceFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            f.write_str(file)?;
            for number in [self.line, self.column].into_iter().flatten() {
                write!(f, ":{number}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.text)
    }
}

/// Why the script could not do what was requested.
#[derive(Debug)]
pub(crate) struct BundleFailure {
    faults: Vec<SourceFault>,
}

impl BundleFailure {
    /// Returns the error for the plugin in a folder.
    pub(crate) fn of(self, folder: &Path) -> AuthorError {
        let mut remedies: Vec<String> = Vec::new();
        for hint in self.faults.iter().filter_map(|fault| fault.hint.as_ref()) {
            if !remedies.contains(hint) {
                remedies.push(hint.clone());
            }
        }
        AuthorError::BuildFailed {
            folder: folder.to_owned(),
            why: self.faults.iter().map(ToString::to_string).collect(),
            remedies,
        }
    }
}

impl Bundler {
    /// Finds Node.js, the script and esbuild. Packages are searched in the folder `node_modules` of
    /// `project`, and in the one that the environment names.
    ///
    /// # Errors
    /// One of them is missing or too old.
    pub(crate) async fn find(sdk: PathBuf, project: &Path) -> Result<Self, AppError> {
        let node = node_find(project).await?;
        // The script runs in another folder, so all paths are absolute.
        let mut modules = vec![Folder::open(project)?.path().join("node_modules")];
        if let Some(named) = variable_path(MODULES_VARIABLE)
            && is_named_folder(&named)?
        {
            modules.push(named_file_path(&named)?);
        }
        let bundler = Self { node, sdk, modules };
        bundler.esbuild_check(project)?;
        Ok(bundler)
    }

    /// Checks that esbuild is installed, in a version that is new enough.
    fn esbuild_check(&self, project: &Path) -> Result<(), AppError> {
        let missing = |lack: String| {
            AppError::from(AuthorError::ToolMissing {
                lack,
                why: format!("plugins in TypeScript are bundled by esbuild {ESBUILD_MIN} or newer"),
                remedies: vec![
                    format!(
                        "install the packages of the plugin: `npm install` in `{}`",
                        project.display()
                    ),
                    format!(
                        "or name a folder `node_modules` that has esbuild in the variable \
                         {MODULES_VARIABLE}"
                    ),
                ],
            })
        };
        for modules in &self.modules {
            let manifest = modules.join("esbuild/package.json");
            let Some(text) = read_named_text(&manifest, PACKAGE_BYTES_MAX)? else {
                continue;
            };
            // ignored: a manifest that cannot be parsed states no version.
            let package: Value = serde_json::from_str(&text).unwrap_or_default();
            return match package["version"].as_str() {
                Some(version) if is_at_least(version, ESBUILD_MIN) => Ok(()),
                Some(version) => Err(missing(format!(
                    "esbuild in `{}` is of version {version}",
                    modules.display()
                ))),
                None => Err(missing(format!(
                    "`{}` states no version",
                    manifest.display()
                ))),
            };
        }
        Err(missing("there is no esbuild for the plugin".to_owned()))
    }

    /// Bundles a module.
    ///
    /// # Errors
    /// Node.js cannot be started. The inner error is a fault of the source.
    pub(crate) async fn bundle(
        &self,
        request: &BundleRequest<'_>,
    ) -> Result<Result<Bundle, BundleFailure>, AppError> {
        let about = request
            .description
            .map(|it| serde_json::json!({"description": it}));
        let asked = serde_json::json!({
            "entry": request.entry,
            "kind": "auto",
            "modules": self.modules,
            "out": request.out.join("bundle.js"),
            "map": request.out.join("bundle.js.map"),
            "root": request.root,
            "extensions": request.extensions,
            "files": request.files,
            "sidecar": request.sidecar,
            "about": about,
        });
        let answer = self.asked("bundle", &asked, request.out).await?;
        let answer: BundleAnswer = match answer {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        let read = |file: &Path| -> Result<String, AppError> {
            let text = read_named_text(file, BUNDLE_BYTES_MAX)?;
            // ignored: no error is dropped, because this is an `Option`; an empty bundle is refused
            // later.
            Ok(text.unwrap_or_default())
        };
        Ok(Ok(Bundle {
            text: read(&answer.bundle)?,
            source_map: read(&answer.map)?,
            warnings: answer.warnings.iter().map(ToString::to_string).collect(),
        }))
    }

    /// Bundles the tests of a project to files that Node.js runs, and returns their paths.
    ///
    /// # Errors
    /// Node.js cannot be started. The inner error is a fault of the source.
    pub(crate) async fn tests(
        &self,
        root: &Path,
        out: &Path,
    ) -> Result<Result<Vec<String>, BundleFailure>, AppError> {
        let asked = serde_json::json!({"root": root, "modules": self.modules, "out": out});
        let answer: Result<TestAnswer, BundleFailure> = self.asked("test", &asked, out).await?;
        Ok(answer.map(|it| it.files))
    }

    /// Has the script do something, and returns its answer.
    pub(crate) async fn asked<T: DeserializeOwned>(
        &self,
        what: &str,
        request: &Value,
        out: &Path,
    ) -> Result<Result<T, BundleFailure>, AppError> {
        let folder = Folder::create(out)?;
        folder.write(REQUEST, request.to_string().as_bytes())?;
        let arguments = [
            self.sdk.join(SCRIPT).to_string_lossy().into_owned(),
            what.to_owned(),
            "--request".to_owned(),
            folder.path_of(REQUEST).to_string_lossy().into_owned(),
        ];
        let tool = Tool {
            program: self.node.clone(),
            arguments: arguments.to_vec(),
            folder: folder.path().to_owned(),
            // What the author's shell sets there could change what is bundled.
            variables: vec![("NODE_OPTIONS".to_owned(), None)],
            output: ToolOutput::Read,
        };
        let ended = tool_run(&tool).await?;
        if ended.is_success
            && let Ok(answer) = serde_json::from_slice(&ended.stdout)
        {
            return Ok(Ok(answer));
        }
        // ignored: a script that was killed has not answered.
        let failed: Option<FailedAnswer> = serde_json::from_slice(&ended.stdout).ok();
        let faults = match failed {
            Some(failed) if !failed.errors.is_empty() => failed.errors,
            Some(_) | None => vec![SourceFault {
                text: format!(
                    "the bundler ended with {}; its messages are above",
                    ended.status
                ),
                ..SourceFault::default()
            }],
        };
        Ok(Err(BundleFailure { faults }))
    }
}

/// The maximum size of a bundle and of its map, in bytes each. The bundle is the author's, and it is
/// loaded into memory as a whole.
const BUNDLE_BYTES_MAX: u64 = 64 << 20;

/// Checks that a folder has the SDK for TypeScript, which `sedge plugin new` copies to a project.
///
/// # Errors
/// A file is missing.
pub(crate) fn sdk_check(sdk: &Path, project: &Path) -> Result<(), AppError> {
    for name in [SCRIPT, super::script::ENGINE] {
        if !is_named_file(&sdk.join(name))? {
            return Err(AuthorError::BuildFailed {
                folder: project.to_owned(),
                why: vec![format!("its copy of the SDK has no file `{name}`")],
                remedies: vec![
                    "copy the SDK of this program to it: `sedge plugin build --update-sdk`"
                        .to_owned(),
                ],
            }
            .into());
        }
    }
    Ok(())
}

/// Finds Node.js, and checks its version.
///
/// # Errors
/// It is missing or too old.
async fn node_find(folder: &Path) -> Result<PathBuf, AppError> {
    let missing = |lack: String| {
        AppError::from(AuthorError::ToolMissing {
            lack,
            why: format!(
                "plugins in TypeScript are bundled and tested by Node.js {NODE_MIN} or newer"
            ),
            remedies: vec![
                "install it, on Debian: `apt-get install nodejs npm`, or from https://nodejs.org"
                    .to_owned(),
                format!("or name the program in the variable {NODE_VARIABLE}"),
            ],
        })
    };
    let found = variable_path(NODE_VARIABLE).or_else(|| tool::find("node"));
    let Some(node) = found else {
        return Err(missing("there is no `node` on this machine".to_owned()));
    };
    let printed = tool_answer(&node, &["--version"], folder).await?;
    // ignored: a tool that fails here does not say its version.
    let printed = printed.unwrap_or_default();
    match version_in(printed.trim_start_matches('v')) {
        Some(version) if is_at_least(version, NODE_MIN) => Ok(node),
        Some(version) => Err(missing(format!(
            "`{}` is of version {version}",
            node.display()
        ))),
        None => Err(missing(format!(
            "`{}` does not say its version",
            node.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_the_places_and_each_hint_once() {
        let fault = |line: u32| SourceFault {
            file: Some("plugin.ts".to_owned()),
            line: Some(line),
            column: Some(7),
            text: "it is bad".to_owned(),
            hint: Some("write it well".to_owned()),
        };
        let failure = BundleFailure {
            faults: vec![fault(3), fault(4), SourceFault::default()],
        };
        let AuthorError::BuildFailed { why, remedies, .. } = failure.of(Path::new("p")) else {
            panic!("it is a failed build");
        };
        assert_eq!(
            why,
            ["plugin.ts:3:7: it is bad", "plugin.ts:4:7: it is bad", ""]
        );
        assert_eq!(remedies, ["write it well"]);
    }
}
