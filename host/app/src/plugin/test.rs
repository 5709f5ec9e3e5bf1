//! Runs the tests of a project.

use std::path::PathBuf;

use sedge_api::view::plugin_project::{PluginLanguage, PluginTested};

use crate::error::{AppError, AuthorError};
use crate::plugin::author::project::PluginProject;
use crate::plugin::author::python::python_tests;
use crate::plugin::author::rust::rust_tests;
use crate::plugin::author::tools::tool_run;

/// A request to run the tests of a project.
#[derive(Debug, Clone)]
pub struct PluginTestRequest {
    /// The folder of the project.
    pub folder: PathBuf,
    /// Arguments for `cargo test`, pytest or unittest.
    pub arguments: Vec<String>,
}

/// Runs the tests of a project. What they print goes to stderr.
///
/// # Errors
/// A tool is missing, or a test failed.
pub async fn plugin_test(request: &PluginTestRequest) -> Result<PluginTested, AppError> {
    let project = PluginProject::open(&request.folder)?;
    let tool = match project.language {
        PluginLanguage::Rust => rust_tests(&project, &request.arguments).await?,
        PluginLanguage::Python => python_tests(&project, &request.arguments).await?,
    };
    let program = tool.program.file_name();
    // ignored: no error is dropped, because this is an `Option`.
    let program = program.unwrap_or_default().to_string_lossy().into_owned();
    let words = std::iter::once(program).chain(tool.arguments.iter().cloned());
    let command = words.collect::<Vec<String>>().join(" ");
    let ended = tool_run(&tool).await?;
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
