//! Builds and tests a project in Rust, with cargo.

use std::path::{Path, PathBuf};

use sedge_sys::folder::Folder;
use sedge_sys::host::variable_path;
use sedge_sys::tool::{self, Tool, ToolOutput};
use serde_json::Value;

use super::error::AuthorError;
use super::project::{PluginProject, RUST_MANIFEST};
use super::tools::{BuildProfile, TestRun, is_at_least, tool_answer, tool_run, version_in};
use crate::error::AppError;

/// The target of components.
const TARGET: &str = "wasm32-wasip2";

/// The oldest version of Rust that compiles the SDK.
const RUST_MIN: &str = env!("CARGO_PKG_RUST_VERSION");

/// The name of the toolchain that the script `sedge-sdk/rust/toolchain` makes of Debian's packages.
const DEBIAN_TOOLCHAIN: &str = "sedge-guest";

/// The profile of the development loop. Without any optimization the code would be so large that the
/// engine would take longer to compile it again than this saves. The level does not concern what runs
/// on this machine during the build, such as macros.
const DEV_PROFILE: [&str; 4] = [
    "profile.dev.opt-level=1",
    "profile.dev.debug=false",
    "profile.dev.incremental=true",
    "profile.dev.strip=\"debuginfo\"",
];

/// The tools that build a project in Rust.
#[derive(Debug)]
pub(crate) struct RustTools {
    cargo: PathBuf,
    /// The argument that selects a toolchain, if the active one lacks the target.
    toolchain: Option<String>,
}

impl RustTools {
    /// Finds cargo and a toolchain with the target of components.
    ///
    /// # Errors
    /// One of them is missing or too old.
    pub(crate) async fn find(project: &PluginProject) -> Result<Self, AppError> {
        let cargo = cargo_find(&project.folder).await?;
        Ok(Self {
            cargo,
            toolchain: toolchain_find(&project.folder).await?,
        })
    }

    /// Builds the component, and returns its file.
    ///
    /// # Errors
    /// cargo cannot be started, or refuses the source.
    pub(crate) async fn build(
        &self,
        project: &PluginProject,
        profile: BuildProfile,
        is_quiet: bool,
    ) -> Result<PathBuf, AppError> {
        let mut arguments: Vec<String> = self.toolchain.iter().cloned().collect();
        let mut add = |more: &[&str]| arguments.extend(more.iter().map(|it| (*it).to_owned()));
        add(&["build", "--lib", "--target", TARGET]);
        add(&["--message-format", "json-render-diagnostics"]);
        match profile {
            BuildProfile::Release => add(&["--release"]),
            BuildProfile::Dev => {
                for setting in DEV_PROFILE {
                    add(&["--config", setting]);
                }
            }
        }
        if is_quiet {
            add(&["--quiet"]);
        }
        let tool = Tool {
            program: self.cargo.clone(),
            arguments,
            folder: project.folder.clone(),
            variables: Vec::new(),
            output: ToolOutput::Read,
        };
        let ended = tool_run(&tool).await?;
        let failed = |why: String, remedies: Vec<String>| AuthorError::BuildFailed {
            folder: project.named.clone(),
            why: vec![why],
            remedies,
        };
        if !ended.is_success {
            let why = format!("cargo ended with {}; its messages are above", ended.status);
            return Err(failed(why, Vec::new()).into());
        }
        let messages = String::from_utf8_lossy(&ended.stdout);
        component_of(&messages, &project.folder.join(RUST_MANIFEST)).ok_or_else(|| {
            let why = "cargo has built no component".to_owned();
            let remedy = format!(
                "write these lines in {RUST_MANIFEST}: `[lib]` and `crate-type = [\"cdylib\"]`"
            );
            failed(why, vec![remedy]).into()
        })
    }
}

/// Returns the file of the component that cargo reports for the package of a manifest.
fn component_of(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let mut found = messages.lines().filter_map(|line| {
        // ignored: a build script or a wrapper of the compiler may print other lines.
        let message: Value = serde_json::from_str(line).ok()?;
        let is_of_project = message["reason"] == "compiler-artifact"
            && message["manifest_path"].as_str() == manifest.to_str();
        let files = message["filenames"].as_array().filter(|_| is_of_project)?;
        let mut files = files.iter().filter_map(Value::as_str);
        files
            .find(|file| file.ends_with(".wasm"))
            .map(PathBuf::from)
    });
    found.next_back()
}

/// Returns the tool that runs the tests of a project, on this machine and not in a sandbox.
///
/// # Errors
/// cargo is missing or too old.
pub(crate) async fn rust_tests(
    project: &PluginProject,
    arguments: &[String],
) -> Result<TestRun, AppError> {
    let cargo = cargo_find(&project.folder).await?;
    let mut all = vec!["test".to_owned()];
    all.extend_from_slice(arguments);
    Ok(TestRun::of(Tool {
        program: cargo,
        arguments: all,
        folder: project.folder.clone(),
        variables: Vec::new(),
        output: ToolOutput::Shown,
    }))
}

/// Finds cargo, and checks its version.
async fn cargo_find(folder: &Path) -> Result<PathBuf, AppError> {
    let why = format!("plugins in Rust are built by cargo {RUST_MIN} or newer");
    let Some(cargo) = tool::find("cargo") else {
        return Err(AuthorError::ToolMissing {
            lack: "there is no `cargo` on this machine, or not on the `PATH`".to_owned(),
            why,
            remedies: vec![
                format!("install Rust {RUST_MIN} or newer with rustup: https://rustup.rs"),
                "or, on Debian: `apt-get install rustup`, then `rustup default stable`".to_owned(),
            ],
        }
        .into());
    };
    let printed = tool_answer(&cargo, &["--version"], folder).await?;
    // ignored: a tool that fails here does not say its version.
    let printed = printed.unwrap_or_default();
    match version_in(&printed) {
        Some(version) if is_at_least(version, RUST_MIN) => Ok(cargo),
        found => Err(AuthorError::ToolMissing {
            lack: match found {
                Some(version) => format!("`{}` is of Rust {version}", cargo.display()),
                None => format!("`{}` does not say its version", cargo.display()),
            },
            why,
            remedies: vec!["bring Rust up to date: `rustup update stable`".to_owned()],
        }
        .into()),
    }
}

/// Returns the argument that selects a toolchain with the target; `None` if the active one has it.
async fn toolchain_find(folder: &Path) -> Result<Option<String>, AppError> {
    let rustc = tool::find("rustc").unwrap_or_else(|| PathBuf::from("rustc"));
    let asked = ["--print", "target-libdir", "--target", TARGET];
    let libraries = tool_answer(&rustc, &asked, folder).await?;
    // ignored: a folder that is missing has no library.
    let libraries = libraries.and_then(|it| Folder::open(Path::new(&it)).ok());
    if let Some(libraries) = libraries
        && libraries
            .files("")?
            .iter()
            .any(|it| it.starts_with("libstd-"))
    {
        return Ok(None);
    }
    let rustup_home = variable_path("RUSTUP_HOME")
        .or_else(|| variable_path("HOME").map(|home| home.join(".rustup")));
    let debian = rustup_home.map(|home| home.join("toolchains").join(DEBIAN_TOOLCHAIN));
    if debian.is_some_and(|it| tool::is_program(&it.join("bin/rustc"))) {
        return Ok(Some(format!("+{DEBIAN_TOOLCHAIN}")));
    }
    Err(AuthorError::ToolMissing {
        lack: format!("the active Rust toolchain has no target `{TARGET}`"),
        why: "a plugin is a WebAssembly component of this target".to_owned(),
        remedies: vec![
            format!("add it: `rustup target add {TARGET}`"),
            "or, on Debian and without the servers of rustup: `sedge-sdk/rust/toolchain`"
                .to_owned(),
        ],
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_is_that_of_the_project() {
        let line = |manifest: &str, file: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"{manifest}\",\"filenames\":[\"{file}\"]}}\n"
            )
        };
        let messages = line("/dependency/Cargo.toml", "/t/dependency.wasm")
            + "no JSON\n"
            + &line("/project/Cargo.toml", "/t/project.wasm")
            + "{\"reason\":\"build-finished\",\"success\":true}\n";
        let project = Path::new("/project/Cargo.toml");
        let found = component_of(&messages, project);
        assert_eq!(found.as_deref(), Some(Path::new("/t/project.wasm")));
        let library = line("/project/Cargo.toml", "/t/libproject.rlib");
        assert_eq!(component_of(&library, project), None);
    }
}
