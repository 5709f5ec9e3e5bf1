//! Builds and tests a project in Python, with componentize-py.

use std::path::{Path, PathBuf};

use sedge_sys::host::variable_path;
use sedge_sys::source_tree::{self, SourceFiles};
use sedge_sys::tool::{self, Tool, ToolOutput};

use super::error::AuthorError;
use super::project::PluginProject;
use super::sdk::COPY_FOLDER;
use super::tools::{TestRun, tool_answer, tool_run, version_in};
use crate::error::AppError;

/// The version of componentize-py with which the bindings of the SDK were generated. Each version
/// generates other bindings.
const COMPONENTIZE_PY: &str = "0.25.1";

/// The variable that names the program.
const PROGRAM_VARIABLE: &str = "SEDGE_COMPONENTIZE_PY";

/// The folder of a project's virtual environment.
const ENVIRONMENT: &str = ".venv/bin";

/// The folder of a build, relative to the project: copies of the sources, and the component.
const BUILD_FOLDER: &str = "target/sedge";

/// The file of the component in that folder.
const OUTPUT: &str = "plugin.wasm";

/// The world of plugins whose language has a runtime of its own.
const WORLD: &str = "script";

/// The module of the SDK that exports the author's model.
const ENTRY_MODULE: &str = "sedge_sdk.component";

/// What of the SDK is not part of a component.
const SDK_LEFT_OUT: [&str; 2] = ["sedge_sdk/testing/", "sedge_sdk/wit/frozen/"];

/// The tools that build a project in Python.
#[derive(Debug)]
pub(crate) struct PythonTools {
    componentize: PathBuf,
}

impl PythonTools {
    /// Finds componentize-py: the one that a variable names, that of the project's virtual
    /// environment, or the one on the `PATH`.
    ///
    /// # Errors
    /// It is missing, or has another version than the SDK.
    pub(crate) async fn find(project: &PluginProject) -> Result<Self, AppError> {
        let name = "componentize-py";
        let own = project.folder.join(ENVIRONMENT).join(name);
        let named = variable_path(PROGRAM_VARIABLE).filter(|it| !it.as_os_str().is_empty());
        let found = named
            .or_else(|| tool::is_program(&own).then_some(own))
            .or_else(|| tool::find(name));
        let missing = |lack: String| AuthorError::ToolMissing {
            lack,
            why: format!(
                "plugins in Python are built by componentize-py {COMPONENTIZE_PY}, for which the SDK \
                 was generated"
            ),
            remedies: vec![
                format!(
                    "install it in the folder of the plugin: `python3 -m venv .venv`, then \
                     `.venv/bin/pip install componentize-py=={COMPONENTIZE_PY}`"
                ),
                format!("or name the program in the variable {PROGRAM_VARIABLE}"),
            ],
        };
        let Some(componentize) = found else {
            return Err(missing("there is no `componentize-py` on this machine".to_owned()).into());
        };
        let printed = tool_answer(&componentize, &["--version"], &project.folder).await?;
        // ignored: a tool that fails here does not say its version.
        let printed = printed.unwrap_or_default();
        let shown = componentize.display();
        match version_in(&printed) {
            Some(COMPONENTIZE_PY) => Ok(Self { componentize }),
            Some(version) => Err(missing(format!("`{shown}` is of version {version}")).into()),
            None => Err(missing(format!("`{shown}` does not say its version")).into()),
        }
    }

    /// Builds the component, and returns its file.
    ///
    /// # Errors
    /// componentize-py cannot be started, or refuses the source.
    pub(crate) async fn build(&self, project: &PluginProject) -> Result<PathBuf, AppError> {
        let folder = project.folder.join(BUILD_FOLDER);
        sources_stage(project, &folder)?;
        let arguments = [
            "--quiet",
            "--world",
            WORLD,
            "componentize",
            "--python-path",
            "plugin",
            "--python-path",
            "sdk",
            ENTRY_MODULE,
            "--output",
            OUTPUT,
        ];
        // Packages of the author's environment must not get into the component.
        let removed = ["PYTHONPATH", "VIRTUAL_ENV"].map(|name| (name.to_owned(), None));
        let tool = Tool {
            program: self.componentize.clone(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            folder: folder.clone(),
            variables: removed.to_vec(),
            output: ToolOutput::Read,
        };
        let ended = tool_run(&tool).await?;
        match ended.is_success {
            true => Ok(folder.join(OUTPUT)),
            false => Err(AuthorError::BuildFailed {
                folder: project.named.clone(),
                why: vec![format!(
                    "componentize-py ended with {}; its messages are above",
                    ended.status
                )],
                remedies: Vec::new(),
            }
            .into()),
        }
    }
}

/// Copies the sources of a project and of its SDK to the folder of the build, without the tests and
/// without what other tools have put there: everything in the folder can become part of the component.
fn sources_stage(project: &PluginProject, folder: &Path) -> Result<(), AppError> {
    let mut staged = SourceFiles::new();
    let sdk = format!("{COPY_FOLDER}/python/");
    for (name, content) in source_tree::read(&project.folder)? {
        if let Some(name) = name.strip_prefix(&sdk) {
            if !SDK_LEFT_OUT.iter().any(|it| name.starts_with(it)) {
                staged.insert(format!("sdk/{name}"), content);
            }
        } else if !is_left_out(&name) {
            staged.insert(format!("plugin/{name}"), content);
        }
    }
    Ok(source_tree::replace(folder, &staged)?)
}

/// Returns whether a file of a project is no source of its component.
fn is_left_out(name: &str) -> bool {
    let file = name.rsplit('/').next();
    let is_test = file.is_some_and(|it| it.starts_with("test_") || it == "conftest.py");
    is_test
        || name.starts_with("tests/")
        || name
            .strip_prefix(COPY_FOLDER)
            .is_some_and(|it| it.starts_with('/'))
        || name.ends_with(".wasm")
}

/// Returns the tool that runs the tests of a project: pytest if the Python of the project has it, and
/// otherwise unittest.
///
/// # Errors
/// There is no Python.
pub(crate) async fn python_tests(
    project: &PluginProject,
    arguments: &[String],
) -> Result<TestRun, AppError> {
    let own = project.folder.join(ENVIRONMENT).join("python");
    let found = match tool::is_program(&own) {
        true => Some(own),
        false => tool::find("python3"),
    };
    let Some(python) = found else {
        return Err(AuthorError::ToolMissing {
            lack: "there is no `python3` on this machine".to_owned(),
            why: "the tests of a plugin in Python run in Python 3.11 or newer".to_owned(),
            remedies: vec!["install it, on Debian: `apt-get install python3`".to_owned()],
        }
        .into());
    };
    let runner = match has_pytest(&python, &project.folder).await? {
        true => "pytest",
        false => "unittest",
    };
    let mut all = vec!["-m".to_owned(), runner.to_owned()];
    all.extend_from_slice(arguments);
    let sdk = project.folder.join(COPY_FOLDER).join("python");
    let path = [project.folder.clone(), sdk].map(|it| it.to_string_lossy().into_owned());
    Ok(TestRun::of(Tool {
        program: python,
        arguments: all,
        folder: project.folder.clone(),
        variables: vec![("PYTHONPATH".to_owned(), Some(path.join(":")))],
        output: ToolOutput::Shown,
    }))
}

async fn has_pytest(python: &Path, folder: &Path) -> Result<bool, AppError> {
    let answer = tool_answer(python, &["-c", "import pytest"], folder).await?;
    Ok(answer.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_no_part_of_a_component() {
        assert!(is_left_out("test_plugin.py"));
        assert!(is_left_out("tests/data.json"));
        assert!(is_left_out("greeter.wasm"));
        assert!(is_left_out("sedge-sdk/VERSION"));
        assert!(!is_left_out("plugin.py"));
        assert!(!is_left_out("shop/testing.py"));
        assert!(!is_left_out("sedge-sdk-helpers/shop.py"));
    }
}
