//! The tools that build and test a project, found on this machine.

use std::path::{Path, PathBuf};

use sedge_api::view::plugin_project::PluginLanguage;
use sedge_sys::tool::{self, Tool, ToolEnd, ToolOutput};

use super::error::AuthorError;
use super::project::PluginProject;
use super::python::PythonTools;
use super::rust::RustTools;
use super::script::ScriptBuilder;
use super::typescript::TypeScriptTools;
use crate::error::AppError;

/// How a component is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildProfile {
    /// Small, for use.
    Release,
    /// Built fast, for the development loop.
    Dev,
}

/// The tools of a language.
#[derive(Debug)]
pub(crate) enum AuthorTools {
    Rust(RustTools),
    Python(PythonTools),
    TypeScript(TypeScriptTools),
}

/// How a component is built, and by what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BuildSettings<'a> {
    pub(crate) profile: BuildProfile,
    /// Whether the compiler reports only faults.
    pub(crate) is_quiet: bool,
    /// What makes components of scripts.
    pub(crate) scripts: ScriptBuilder<'a>,
}

/// A component that was built.
#[derive(Debug)]
pub(crate) struct BuiltComponent {
    pub(crate) file: PathBuf,
    /// What the author should know about the source.
    pub(crate) warnings: Vec<String>,
}

/// How the tests of a project are run.
#[derive(Debug)]
pub(crate) struct TestRun {
    pub(crate) tool: Tool,
    /// The command, as it is shown.
    pub(crate) shown: String,
}

impl TestRun {
    /// Returns a run that is shown as the name of its program and its arguments.
    pub(crate) fn of(tool: Tool) -> Self {
        let program = tool.program.file_name();
        // ignored: no error is dropped, because this is an `Option`.
        let program = program.unwrap_or_default().to_string_lossy().into_owned();
        let words = std::iter::once(program).chain(tool.arguments.iter().cloned());
        let shown = words.collect::<Vec<String>>().join(" ");
        Self { tool, shown }
    }
}

impl AuthorTools {
    /// Finds the tools for a project.
    ///
    /// # Errors
    /// A tool is missing, or has another version than is needed.
    pub(crate) async fn find(project: &PluginProject) -> Result<Self, AppError> {
        Ok(match project.language {
            PluginLanguage::Rust => Self::Rust(RustTools::find(project).await?),
            PluginLanguage::Python => Self::Python(PythonTools::find(project).await?),
            PluginLanguage::TypeScript => Self::TypeScript(TypeScriptTools::find(project).await?),
        })
    }

    /// Builds the component of a project, and returns its file.
    ///
    /// # Errors
    /// The tool cannot be started, or refuses the source.
    pub(crate) async fn build(
        &self,
        project: &PluginProject,
        settings: BuildSettings<'_>,
    ) -> Result<BuiltComponent, AppError> {
        let BuildSettings {
            profile,
            is_quiet,
            scripts,
        } = settings;
        let file = match self {
            Self::Rust(tools) => tools.build(project, profile, is_quiet).await?,
            Self::Python(tools) => tools.build(project).await?,
            Self::TypeScript(tools) => return tools.build(project, scripts).await,
        };
        Ok(BuiltComponent {
            file,
            warnings: Vec::new(),
        })
    }
}

/// Runs a tool.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn tool_run(tool: &Tool) -> Result<ToolEnd, AppError> {
    let ended = tool::run(tool).await;
    ended.map_err(|source| {
        let program = tool.program.clone();
        AuthorError::ToolNotStarted { program, source }.into()
    })
}

/// Returns what a tool prints about itself; `None` if it fails.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn tool_answer(
    program: &Path,
    arguments: &[&str],
    folder: &Path,
) -> Result<Option<String>, AppError> {
    let tool = Tool {
        program: program.to_owned(),
        arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        folder: folder.to_owned(),
        variables: Vec::new(),
        output: ToolOutput::ReadQuietly,
    };
    let ended = tool_run(&tool).await?;
    let text = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
    Ok(ended.is_success.then_some(text))
}

/// Returns the first version in a text, such as `1.95.0` in `cargo 1.95.0 (f2d3ce0bd 2026-03-21)`.
pub(crate) fn version_in(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
}

/// Returns whether a version is at least another one, by the numbers of both.
pub(crate) fn is_at_least(version: &str, least: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        // ignored: what follows a number, as in `1.96.0-nightly`, does not count.
        let parts = text
            .split(['.', '-', '+'])
            .map_while(|part| part.parse().ok());
        parts.collect()
    };
    numbers(version) >= numbers(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_found_in_what_a_tool_prints() {
        let text = "cargo 1.95.0 (f2d3ce0bd 2026-03-21)";
        assert_eq!(version_in(text), Some("1.95.0"));
        assert_eq!(version_in("componentize-py 0.25.1"), Some("0.25.1"));
        assert_eq!(version_in("no version"), None);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_at_least("1.95.0", "1.95"));
        assert!(is_at_least("1.100.0", "1.95"));
        assert!(is_at_least("1.96.0-nightly", "1.95"));
        assert!(!is_at_least("1.94.9", "1.95"));
    }
}
