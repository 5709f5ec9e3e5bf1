//! Runs the tests of a project.

use std::path::PathBuf;

use sedge_api::view::plugin_project::{PluginLanguage, PluginTested};

use crate::error::{AppError, AuthorError};
use crate::plugin::author::project::PluginProject;
use crate::plugin::author::python::python_tests;
use crate::plugin::author::rust::rust_tests;
use crate::plugin::author::tools::tool_run;
use crate::plugin::author::typescript::TypeScriptTools;

/// A request to run the tests of a project.
#[derive(Debug, Clone)]
pub struct PluginTestRequest {
    /// The folder of the project.
    pub folder: PathBuf,
    /// Arguments for `cargo test`, pytest or unittest, or the test runner of Node.js.
    pub arguments: Vec<String>,
}

/// Runs the tests of a project. What they print goes to stderr.
///
/// # Errors
/// A tool is missing, or a test failed.
pub async fn plugin_test(request: &PluginTestRequest) -> Result<PluginTested, AppError> {
    let project = PluginProject::open(&request.folder)?;
    let run = match project.language {
        PluginLanguage::Rust => rust_tests(&project, &request.arguments).await?,
        PluginLanguage::Python => python_tests(&project, &request.arguments).await?,
        PluginLanguage::TypeScript => {
            let tools = TypeScriptTools::find(&project).await?;
            tools.tests(&project, &request.arguments).await?
        }
    };
    let command = run.shown;
    let ended = tool_run(&run.tool).await?;
    match ended.is_success {
        true => Ok(PluginTested {
            language: project.language,
            command,
        }),
        false => Err(AuthorError::TestsFailed {
            folder: project.named,
            command,
            status: ended.status,
        }
        .into()),
    }
}
