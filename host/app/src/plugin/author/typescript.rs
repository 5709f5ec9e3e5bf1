//! Builds and tests a project in TypeScript: bundles it, evaluates the bundle in the engine of the SDK,
//! and makes a component of the result.

use std::path::PathBuf;

use sedge_sys::folder::Folder;
use sedge_sys::tool::{self, Tool, ToolOutput};

use super::bundler::{BundleRequest, Bundler, sdk_check};
use super::error::AuthorError;
use super::project::{PluginProject, TYPESCRIPT_MODULE};
use super::script::ScriptBuilder;
use super::sdk::COPY_FOLDER;
use super::tools::{BuiltComponent, TestRun, tool_run};
use crate::error::AppError;

/// The folder of a build, relative to the project.
const BUILD_FOLDER: &str = "target/sedge";

/// The file of the component in that folder.
const OUTPUT: &str = "plugin.wasm";

/// The folder of bundled tests, relative to the project.
const TESTS_FOLDER: &str = "target/sedge/tests";

/// The file with the permissions of a module that requests none itself.
const SIDECAR: &str = "sedge.permissions.json";

/// The program that checks types, if the project has installed it.
const TYPE_CHECKER: &str = "node_modules/.bin/tsc";

/// The settings of the type checker. A project without them is not checked.
const TYPE_SETTINGS: &str = "tsconfig.json";

/// The tools that build a project in TypeScript.
#[derive(Debug)]
pub(crate) struct TypeScriptTools {
    bundler: Bundler,
}

impl TypeScriptTools {
    /// Finds Node.js, esbuild and the copy of the SDK.
    ///
    /// # Errors
    /// One of them is missing or too old.
    pub(crate) async fn find(project: &PluginProject) -> Result<Self, AppError> {
        let sdk = project.folder.join(COPY_FOLDER).join("typescript");
        sdk_check(&sdk, &project.named)?;
        Ok(Self {
            bundler: Bundler::find(sdk, &project.folder).await?,
        })
    }

    /// Builds the component, and returns its file.
    ///
    /// # Errors
    /// A tool cannot be started, or the source has a fault.
    pub(crate) async fn build(
        &self,
        project: &PluginProject,
        builder: ScriptBuilder<'_>,
    ) -> Result<BuiltComponent, AppError> {
        let out = project.folder.join(BUILD_FOLDER);
        let entry = project.folder.join(TYPESCRIPT_MODULE);
        let sidecar = project.folder.join(SIDECAR);
        let has_sidecar = sedge_sys::folder::is_named_file(&sidecar)?;
        let request = BundleRequest {
            entry: &entry,
            root: &project.folder,
            extensions: &[],
            files: &[],
            out: &out,
            sidecar: has_sidecar.then_some(sidecar.as_path()),
            description: None,
        };
        let bundle = self.bundler.bundle(&request).await?;
        let bundle = bundle.map_err(|failure| failure.of(&project.named))?;
        let component = builder.component(&self.bundler.sdk, &bundle).await?;
        let component = component.map_err(|fault| fault.of(&project.named))?;
        let folder = Folder::create(&out)?;
        folder.write(OUTPUT, &component)?;
        Ok(BuiltComponent {
            file: folder.path_of(OUTPUT),
            warnings: bundle.warnings,
        })
    }

    /// Checks the types, and returns the tool that runs the tests in Node.js.
    ///
    /// # Errors
    /// A tool cannot be started, the types have a fault, or a test cannot be bundled.
    pub(crate) async fn tests(
        &self,
        project: &PluginProject,
        arguments: &[String],
    ) -> Result<TestRun, AppError> {
        types_check(project).await?;
        let out = project.folder.join(TESTS_FOLDER);
        let files = self.bundler.tests(&project.folder, &out).await?;
        let files = files.map_err(|failure| failure.of(&project.named))?;
        if files.is_empty() {
            return Err(AuthorError::BuildFailed {
                folder: project.named.clone(),
                why: vec!["it has no file `*.test.ts`".to_owned()],
                remedies: vec!["write a test: `plugin.test.ts`".to_owned()],
            }
            .into());
        }
        let mut all = vec!["--test".to_owned(), "--enable-source-maps".to_owned()];
        all.extend_from_slice(arguments);
        let shown = std::iter::once("node".to_owned()).chain(all.iter().cloned());
        let shown = shown.collect::<Vec<String>>().join(" ");
        all.extend(files);
        Ok(TestRun {
            tool: Tool {
                program: self.bundler.node.clone(),
                arguments: all,
                folder: project.folder.clone(),
                variables: vec![("NODE_OPTIONS".to_owned(), None)],
                output: ToolOutput::Shown,
            },
            shown,
        })
    }
}

/// Checks the types of a project that has the type checker. Bundling leaves types out.
async fn types_check(project: &PluginProject) -> Result<(), AppError> {
    let program: PathBuf = project.folder.join(TYPE_CHECKER);
    let has_settings = sedge_sys::folder::is_named_file(&project.folder.join(TYPE_SETTINGS))?;
    if !has_settings || !tool::is_program(&program) {
        return Ok(());
    }
    let arguments = ["--noEmit", "--project", TYPE_SETTINGS];
    let tool = Tool {
        program,
        arguments: arguments.map(str::to_owned).to_vec(),
        folder: project.folder.clone(),
        variables: Vec::new(),
        output: ToolOutput::Shown,
    };
    let ended = tool_run(&tool).await?;
    match ended.is_success {
        true => Ok(()),
        false => Err(AuthorError::TestsFailed {
            folder: project.named.clone(),
            command: format!("tsc {}", tool.arguments.join(" ")),
            status: ended.status,
        }
        .into()),
    }
}
