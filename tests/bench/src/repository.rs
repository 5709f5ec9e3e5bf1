//! A repository with a sink, a spawn and a workflow, or an empty one, created by the program
//! itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use sedge_app::actor::actor;
use sedge_app::types::{CachePlaces, Workload};
use sedge_app::{Cx, Repository, Settings};
use sedge_test_kit::compiled_code;

use crate::Result;

/// A workflow with one step, which calls another model.
const WORKFLOW_A: &str = "name: A
jobs:
  - name: main
    steps:
      - name: spawn
        task:
          type: model_method
          modelIdOrName: spawn
          methodName: run
";

/// A repository, and the program that works on it.
#[derive(Debug)]
pub(crate) struct TestRepository {
    sedge: PathBuf,
    pub(crate) folder: PathBuf,
}

impl TestRepository {
    /// Creates the repository in a new folder.
    pub(crate) fn make(sedge: &Path, folder: &Path) -> Result<Self> {
        let made = Self::empty(sedge, folder)?;
        made.run(&["plugin", "add", sedge_test_artifacts::SINK])?;
        made.run(&["plugin", "add", sedge_test_artifacts::SPAWN, "--grant-all"])?;
        made.run(&["model", "create", "@sedge/sink", "sink"])?;
        made.run(&["model", "create", "@sedge/spawn", "spawn"])?;
        made.run(&["model", "method", "run", "sink", "run"])?;
        std::fs::write(folder.join("workflows/A.yaml"), WORKFLOW_A)?;
        Ok(made)
    }

    /// Creates an empty repository in a new folder.
    pub(crate) fn empty(sedge: &Path, folder: &Path) -> Result<Self> {
        std::fs::create_dir(folder)?;
        let made = Self {
            sedge: sedge.to_owned(),
            folder: folder.to_owned(),
        };
        made.run(&["init"])?;
        Ok(made)
    }

    /// Returns a command of the program in the repository, without input and output, and with an
    /// environment that contains only the folders of compiled code.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.sedge);
        command.args(arguments).current_dir(&self.folder);
        let mut command = silenced(command);
        command.envs(compiled_code().variables());
        command
    }

    /// Opens the repository in this process, for single calls.
    pub(crate) fn open(&self) -> Result<Arc<Repository>> {
        self.open_for(Workload::OneCall)
    }

    /// Opens the repository in this process.
    pub(crate) fn open_for(&self, workload: Workload) -> Result<Arc<Repository>> {
        let settings = Settings {
            workload,
            compiled_code: CachePlaces {
                code: Some(compiled_code().code()),
                key: Some(compiled_code().key()),
            },
            ..Settings::default()
        };
        Ok(Repository::open_with(&self.folder, settings)?)
    }

    /// Runs the program, which must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments).stderr(Stdio::piped()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!("`sedge {}` failed: {stderr}", arguments.join(" ")).into())
    }
}

/// Removes a command's environment, input and output.
pub(crate) fn silenced(mut command: Command) -> Command {
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Returns the context of a use case that the user of this process requests.
pub(crate) fn cx_of(repository: &Arc<Repository>) -> Cx {
    Cx::new(Arc::clone(repository), actor())
}
