//! Errors of the projects of plugin authors, and of the tools that build them.

use std::io;
use std::path::PathBuf;

use sedge_api::problem::{Argument, ErrorCode, Explain, Help, UseCase, sources};
use sedge_api::view::plugin_project::PluginLanguage;
use sedge_sys::fault::Refusal;

/// A project of a plugin author cannot be written, built or tested.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// The SDK of a language is not installed with this program.
    #[error("the {} SDK is not installed with this program", language.as_str())]
    SdkMissing {
        /// The language.
        language: PluginLanguage,
        /// The folder where it was expected; `None` if the path of the program is unknown.
        folder: Option<PathBuf>,
    },
    /// A file of the installed SDK is not what it should be.
    #[error("the SDK in `{}` is not complete: {lack}", folder.display())]
    SdkDamaged {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        lack: String,
    },
    /// A text cannot be the name of a plugin.
    #[error("`{}` cannot be the name of a plugin", name.escape_debug())]
    BadName {
        /// The text.
        name: String,
        /// The rule.
        rule: String,
    },
    /// The folder for a new project has files.
    #[error("`{}` has files already", folder.display())]
    FolderNotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder is not the project of a plugin.
    #[error("`{}` is not the project of a plugin", folder.display())]
    ProjectMissing {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder is not a part of swamp.
    #[error("`{}` is not {what} of swamp", folder.display())]
    NotSwamp {
        /// The folder.
        folder: PathBuf,
        /// What it should be: `an extension`, `a repository`.
        what: &'static str,
        /// The file that it lacks.
        lacks: &'static str,
    },
    /// A tool is missing, or has another version.
    #[error("{lack}")]
    ToolMissing {
        /// What is missing: ``there is no `cargo` on this machine``.
        lack: String,
        /// What it is needed for.
        why: String,
        /// How to get it.
        remedies: Vec<String>,
    },
    /// A tool cannot be started.
    #[error("cannot start `{}`", program.display())]
    ToolNotStarted {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The compiler refuses the source.
    #[error("the plugin in `{}` cannot be built", folder.display())]
    BuildFailed {
        /// The project.
        folder: PathBuf,
        /// What went wrong, and where.
        why: Vec<String>,
        /// What to write instead, if that is known.
        remedies: Vec<String>,
    },
    /// Tests have failed.
    #[error("tests of the plugin in `{}` have failed", folder.display())]
    TestsFailed {
        /// The project.
        folder: PathBuf,
        /// The command that ran them.
        command: String,
        /// How it ended.
        status: String,
    },
}

impl Explain for AuthorError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::SdkMissing { .. } | Self::SdkDamaged { .. } => ErrorCode::Installation,
            Self::BadName { .. } => ErrorCode::BadName,
            Self::FolderNotEmpty { .. } => ErrorCode::FileExists,
            Self::ProjectMissing { .. } | Self::NotSwamp { .. } => ErrorCode::ProjectMissing,
            Self::ToolMissing { .. } => ErrorCode::ToolMissing,
            Self::ToolNotStarted { .. } => {
                Refusal::among(self).map_or(ErrorCode::ToolMissing, Refusal::code)
            }
            Self::BuildFailed { .. } => ErrorCode::BuildFailed,
            Self::TestsFailed { .. } => ErrorCode::TestsFailed,
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::SdkMissing { folder, .. } => folder
                .iter()
                .map(|folder| format!("there is no folder `{}`", folder.display()))
                .collect(),
            Self::BadName { rule, .. } => vec![rule.clone()],
            Self::ProjectMissing { .. } => {
                vec!["it has no `Cargo.toml`, `plugin.py` or `plugin.ts`".to_owned()]
            }
            Self::NotSwamp { lacks, .. } => vec![format!("it has no file `{lacks}`")],
            Self::ToolMissing { why, .. } => vec![why.clone()],
            Self::BuildFailed { why, .. } => why.clone(),
            Self::TestsFailed {
                command, status, ..
            } => vec![format!("`{command}` ended with {status}")],
            Self::ToolNotStarted { .. } => sources(std::error::Error::source(self)),
            Self::SdkDamaged { .. } | Self::FolderNotEmpty { .. } => Vec::new(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::SdkMissing { .. } | Self::SdkDamaged { .. } => vec![Help::advice(
                "install Sedge from its archive or package, which have the SDKs in `lib/sedge/sdk`",
            )],
            Self::BadName { .. } => vec![Help::advice(
                "write `NAME`, or `@SCOPE/NAME` with the name of your organisation",
            )],
            Self::FolderNotEmpty { .. } => {
                vec![
                    Help::again("name a folder that does not exist")
                        .with("folder", Argument::open()),
                ]
            }
            Self::ProjectMissing { .. } => vec![
                Help::command("write one", UseCase::PluginNew)
                    .with("name", Argument::open())
                    .with("lang", Argument::open()),
            ],
            Self::NotSwamp { .. } => vec![Help::advice(
                "`sedge plugin import-swamp` builds an extension, and `sedge import swamp` takes over a \
                 repository",
            )],
            Self::ToolMissing { remedies, .. } | Self::BuildFailed { remedies, .. } => {
                remedies.iter().map(Help::advice).collect()
            }
            Self::ToolNotStarted { .. } => {
                Refusal::among(self).map_or_else(Vec::new, Refusal::help)
            }
            Self::TestsFailed { .. } => Vec::new(),
        }
    }
}
