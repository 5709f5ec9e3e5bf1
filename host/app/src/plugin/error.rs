//! Errors of plugins: adding one, and using one that is pinned.

use std::path::PathBuf;

use sedge_api::problem::details::PermissionsDetails;
use sedge_api::problem::{Argument, Details, ErrorClass, ErrorCode, Explain, Help, UseCase};
use sedge_model::call::CallError;
use sedge_model::names::TypeName;
use sedge_model::permission::PermissionRequest;
use sedge_model::permission::choice::ChoiceError;
use sedge_model::repository::CONFIG_FILE;
use sedge_runtime::PluginError;
use sedge_sys::fault::Refusal;

use crate::error::near_or;
use crate::views::permission::request_view;

/// A plugin cannot be added or used.
#[derive(Debug, thiserror::Error)]
pub enum PluginUseError {
    /// No plugin provides the type.
    #[error("no plugin provides the type `{name}`")]
    TypeMissing {
        /// The requested name.
        name: String,
        /// The nearest type that a plugin provides, if any.
        near: Option<String>,
    },
    /// A file is not a plugin.
    #[error("`{}` cannot be added as a plugin", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: PluginError,
    },
    /// A pinned component is not on this machine.
    #[error("the component of the plugin `{type_name}` is not on this machine")]
    Gone {
        /// The type that it provides.
        type_name: TypeName,
        /// The file or address that it was added from.
        from: String,
    },
    /// A pinned component cannot be used.
    #[error("the plugin `{type_name}` cannot be used")]
    Broken {
        /// The type that it provides.
        type_name: TypeName,
        /// The reason.
        source: PluginError,
    },
    /// A plugin requests permissions that the user has not decided on.
    #[error("`{type_name}` requests permissions that were not decided on")]
    PermissionsUndecided {
        /// The plugin's type.
        type_name: TypeName,
        /// The permissions that need a decision.
        undecided: Vec<PermissionRequest>,
    },
    /// The user granted a permission that the plugin does not request.
    #[error("`{type_name}` cannot be granted that")]
    GrantUnknown {
        /// The plugin's type.
        type_name: TypeName,
        /// What is wrong with the grant.
        source: ChoiceError,
    },
}

impl Explain for PluginUseError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TypeMissing { .. } => ErrorCode::TypeMissing,
            Self::Refused { source, .. } => refused(source).unwrap_or(ErrorCode::PluginRefused),
            Self::Gone { .. } => ErrorCode::PluginGone,
            Self::Broken { source, .. } => refused(source).unwrap_or(ErrorCode::PluginBroken),
            Self::PermissionsUndecided { .. } => ErrorCode::PermissionsUndecided,
            Self::GrantUnknown { .. } => ErrorCode::GrantUnknown,
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::TypeMissing { near, .. } => {
                let mut help = near_or(
                    near.as_ref(),
                    Help::command("see the types", UseCase::PluginList),
                );
                if near.is_none() {
                    help.push(add("or add the plugin that provides it"));
                }
                help
            }
            Self::Gone { from, .. } => vec![add(&format!(
                "get the file that was added from `{from}`, and add it again"
            ))],
            Self::Refused { source, .. } | Self::Broken { source, .. } => plugin_help(source),
            Self::PermissionsUndecided { .. } => vec![
                Help::again("allow all of it").with("grantAll", Argument::on()),
                Help::again("or some of it").with("grant", "KIND=WHAT"),
                Help::again("or nothing").with("grant", "none"),
            ],
            Self::GrantUnknown { source, .. } => grant_help(source),
        }
    }

    fn details(&self) -> Option<Details> {
        let Self::PermissionsUndecided { undecided, .. } = self else {
            return None;
        };
        let permissions = undecided.iter().map(request_view).collect();
        Some(Details::Permissions(PermissionsDetails { permissions }))
    }
}

/// Returns the code of a resource that the machine or the installation lacks. Returns `None` if the
/// plugin cannot be used for another reason.
fn refused(error: &PluginError) -> Option<ErrorCode> {
    if let PluginError::CompilerMissing = error {
        return Some(ErrorCode::Installation);
    }
    let code = Refusal::among(error)?.code();
    match code.class() {
        ErrorClass::Temporary | ErrorClass::State => Some(code),
        ErrorClass::Failed | ErrorClass::Usage | ErrorClass::Interrupted | ErrorClass::Bug => None,
    }
}

fn add(purpose: &str) -> Help {
    Help::command(purpose, UseCase::PluginAdd).with("file", Argument::open())
}

fn grant_help(error: &ChoiceError) -> Vec<Help> {
    let again = |purpose: &str, grant: String| vec![Help::again(purpose).with("grant", grant)];
    match error {
        ChoiceError::NotAsked(_) => vec![Help::advice(
            "leave the option out to see what the plugin requests",
        )],
        ChoiceError::SecretElsewhere { name, .. } => again(
            "grant it for a host that the plugin requests",
            format!("secrets={name}@https://HOST"),
        ),
        ChoiceError::NoPath(name) => again("say where it is", format!("files={name}:PATH")),
        ChoiceError::Kind(_) | ChoiceError::Name(_) | ChoiceError::NoneAndMore => {
            let mut help = again("grant something that it requests", "KIND=WHAT".to_owned());
            help.extend(again("or nothing", "none".to_owned()));
            help
        }
    }
}

/// Returns the help that shows the lines of `sedge.yaml` which raise a limit for components.
fn allow_more(key: &str, value: u64) -> Vec<Help> {
    vec![Help::edit(
        "allow more if you trust it",
        CONFIG_FILE,
        format!("componentLimits: {{{key}: {value}}}"),
    )]
}

fn plugin_help(error: &PluginError) -> Vec<Help> {
    let text = match error {
        PluginError::CoreModule
        | PluginError::ContractMissing
        | PluginError::ContractUnreadable { .. }
        | PluginError::NotWasm { .. } => {
            "build it with an SDK of Sedge, for the target `wasm32-wasip2`"
        }
        PluginError::ContractNewer { .. } => "use a newer Sedge, or an older version of the plugin",
        PluginError::ContractOlder { .. } => "build the plugin again with a current SDK",
        PluginError::Digest { .. } => {
            return vec![add(
                "the file was changed after it was pinned; add it again if that was intended",
            )];
        }
        PluginError::TooLarge { limit, found, .. } => {
            let row = limit.row();
            return allow_more(row.word(), row.units_for(*found));
        }
        PluginError::CompileLimit { limit, most } => {
            return allow_more(limit.key(), most.saturating_mul(2).max(1));
        }
        PluginError::Describe(CallError::TimedOut { after_ms }) => {
            return allow_more("describeSeconds", after_ms.div_ceil(1000) * 2);
        }
        PluginError::World { .. } => {
            "build it again with an SDK of Sedge: it was made for another world"
        }
        PluginError::Describe(_)
        | PluginError::Lifetime(_)
        | PluginError::Text(_)
        | PluginError::Name(_)
        | PluginError::Json { .. }
        | PluginError::TypeInfo(_)
        | PluginError::Compile { .. } => "report this to the plugin's author",
        PluginError::CompilerMissing => {
            "mount /proc, or start `sedge` by its absolute path, so that it finds its program file"
        }
        PluginError::File(error) => return error.help(),
        PluginError::Compiler(_) | PluginError::Host(_) => {
            return Refusal::among(error).map_or_else(Vec::new, Refusal::help);
        }
    };
    vec![Help::advice(text)]
}
