//! Errors of plugins: adding one, and using one that is pinned.

use std::error::Error;
use std::path::{Path, PathBuf};

use sedge_api::problem::details::PermissionsDetails;
use sedge_api::problem::{
    Argument, Details, ErrorClass, ErrorCode, Explain, Help, UseCase, sources,
};
use sedge_api::view::plugin::PluginRestored;
use sedge_lang::repository::{CONFIG_FILE, LOCK_FILE, LockedPlugin};
use sedge_model::call::CallError;
use sedge_model::digest::Sha256;
use sedge_model::names::{TypeName, TypeVersion};
use sedge_model::permission::PermissionRequest;
use sedge_model::permission::choice::ChoiceError;
use sedge_runtime::{FetchError, PluginError};
use sedge_sys::fault::Refusal;

use crate::error::{near_or, plugin_add_help, quoted};
use crate::plugin::download::{download_causes, download_code, download_help};
use crate::plugin::restore::NotFound;
use crate::views::permission::request_view;

/// The number of models that a message names.
const MODELS_SHOWN: usize = 10;

/// The number of pinned digests that a message shows.
const PINS_SHOWN: usize = 5;

/// A pinned plugin and its digest.
#[derive(Debug, Clone)]
pub struct PinnedDigest {
    /// The type that it provides.
    pub(crate) type_name: TypeName,
    /// The version of the type.
    pub(crate) version: TypeVersion,
    /// The digest of its component.
    pub(crate) sha256: Sha256,
}

impl PinnedDigest {
    pub(crate) fn new(type_name: &TypeName, pinned: &LockedPlugin) -> Self {
        Self {
            type_name: type_name.clone(),
            version: pinned.version.clone(),
            sha256: pinned.sha256.clone(),
        }
    }
}

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
    /// There is no such file, and a first-party plugin has nearly this name.
    #[error("no file named `{}`", path.display())]
    FileMissing {
        /// The file.
        path: PathBuf,
        /// The plugin.
        near: TypeName,
    },
    /// A name is not the name of a first-party plugin.
    #[error("`{type_name}` is not a plugin that comes with Sedge")]
    NotFirstParty {
        /// The name.
        type_name: TypeName,
        /// The nearest first-party plugin, if any.
        near: Option<String>,
        /// The first-party plugins.
        names: Vec<TypeName>,
    },
    /// This program was built without the component of a first-party plugin, so it cannot know which
    /// file is the right one.
    #[error("this Sedge was built without the component of `{type_name}`")]
    NotBuilt {
        /// The plugin.
        type_name: TypeName,
    },
    /// The component of a first-party plugin is not installed.
    #[error("the component of `{type_name}` is not installed")]
    NotInstalled {
        /// The plugin.
        type_name: TypeName,
        /// The name of its file.
        file: String,
        /// The folders that were searched for the file.
        folders: Vec<PathBuf>,
    },
    /// A file has the name of a first-party plugin's component and another content.
    #[error(
        "`{}` is not the component of `{type_name}` that this Sedge was built with", path.display()
    )]
    OtherThanBuilt {
        /// The plugin.
        type_name: TypeName,
        /// The file.
        path: PathBuf,
        /// The digest of the component that this program was built with.
        expected: Sha256,
        /// The digest of the file.
        found: String,
    },
    /// Two components that were to be added provide the same type.
    #[error(
        "`{}` and `{}` both provide the type `{type_name}`", paths[0].display(), paths[1].display()
    )]
    SameType {
        /// The type.
        type_name: TypeName,
        /// The files.
        paths: [PathBuf; 2],
    },
    /// The component to add has the pinned version, but other content.
    #[error("`{}` {} is pinned with other content", pin.type_name, pin.version)]
    OtherContent {
        /// The pinned component.
        pin: Box<PinnedDigest>,
        /// The file that was to be added.
        path: PathBuf,
        /// The digest of the file.
        found: String,
    },
    /// The component to add is older than the pinned one.
    #[error(
        "`{}` provides `{type_name}` {version}, which is older than the pinned {pinned}",
        path.display()
    )]
    Older {
        /// The type.
        type_name: TypeName,
        /// The version of the file.
        version: TypeVersion,
        /// The file that was to be added.
        path: PathBuf,
        /// The pinned version.
        pinned: TypeVersion,
    },
    /// A component could not be downloaded.
    #[error(transparent)]
    Download(FetchError),
    /// The URL of a component that was to be pinned has a query.
    #[error("`{url}` cannot be pinned with its query")]
    UrlHasQuery {
        /// The URL without its query.
        url: String,
    },
    /// A file does not have the digest of a pinned component.
    #[error("`{}` is not a component that {LOCK_FILE} pins", path.display())]
    NotPinned {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The pinned plugins.
        pins: Vec<PinnedDigest>,
    },
    /// A folder has no file with the digest of a pinned component.
    #[error("`{}` has no component that {LOCK_FILE} pins", path.display())]
    NoneInFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A component does not provide the type that it is pinned for.
    #[error("`{}` does not provide `{type_name}`, for which {LOCK_FILE} pins it", path.display())]
    OtherType {
        /// The type in `sedge.lock`.
        type_name: TypeName,
        /// The file.
        path: PathBuf,
        /// The type that it provides.
        provides: TypeName,
    },
    /// Some components were found nowhere.
    #[error("{}", not_found_text(not_found))]
    NotFound {
        /// The components.
        not_found: Vec<NotFound>,
        /// The components that were restored before.
        restored: Vec<PluginRestored>,
    },
    /// Models still have the type of the plugin to remove.
    #[error("`{type_name}` is in use by {}", models_text(models))]
    ModelsLeft {
        /// The type.
        type_name: TypeName,
        /// The names of the models.
        models: Vec<String>,
    },
    /// A pinned component is not on this machine.
    #[error("the component of the plugin `{type_name}` is not on this machine")]
    Gone {
        /// The type that it provides.
        type_name: TypeName,
        /// The file or address that it was added from.
        from: String,
    },
    /// The file of a pinned component has another content.
    #[error("the component of the plugin `{type_name}` on this machine is damaged")]
    Damaged {
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
        /// The reason why it cannot be granted.
        source: ChoiceError,
    },
}

/// What to do if this program was built without the component of a first-party plugin.
const BUILD_ADVICE: &str =
    "in the source tree of Sedge, `tests/setup` builds the component and the program for it";

/// What to do if the component of a first-party plugin is not installed.
const INSTALL_ADVICE: &str = "install the folder `lib` of Sedge beside its `bin`, or name the folder of the \
     components in the variable SEDGE_PLUGIN_PATH";

impl Explain for PluginUseError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TypeMissing { .. } | Self::NotFirstParty { .. } | Self::FileMissing { .. } => {
                ErrorCode::TypeMissing
            }
            Self::NotBuilt { .. } | Self::NotInstalled { .. } | Self::OtherThanBuilt { .. } => {
                ErrorCode::Installation
            }
            Self::SameType { .. } => ErrorCode::Usage,
            Self::ModelsLeft { .. } => ErrorCode::PluginInUse,
            Self::OtherContent { .. } => ErrorCode::PluginChanged,
            Self::Older { .. } => ErrorCode::PluginOlder,
            Self::NotPinned { .. } | Self::NoneInFolder { .. } => ErrorCode::PluginNotPinned,
            Self::OtherType { .. } => ErrorCode::PluginBroken,
            Self::NotFound { .. } => ErrorCode::PluginGone,
            Self::Download(error) => download_code(error),
            Self::UrlHasQuery { .. } => ErrorCode::BadInput,
            Self::Refused { source, .. } => refused(source).unwrap_or(ErrorCode::PluginRefused),
            Self::Gone { .. } | Self::Damaged { .. } => ErrorCode::PluginGone,
            Self::Broken { source, .. } => refused(source).unwrap_or(ErrorCode::PluginBroken),
            Self::PermissionsUndecided { .. } => ErrorCode::PermissionsUndecided,
            Self::GrantUnknown { .. } => ErrorCode::GrantUnknown,
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::NotInstalled { file, folders, .. } => folders
                .iter()
                .map(|folder| format!("`{}` has no file `{file}`", folder.display()))
                .collect(),
            Self::OtherThanBuilt {
                expected, found, ..
            } => vec![format!("its digest is {found}, not {expected}")],
            Self::OtherContent { pin, path, found } => vec![
                format!("the pinned digest is {}", pin.sha256),
                format!("the digest of `{}` is {found}", path.display()),
            ],
            Self::NotPinned { found, pins, .. } => {
                let pins = pins.iter().take(PINS_SHOWN).map(|pin| {
                    let PinnedDigest {
                        type_name, version, ..
                    } = pin;
                    format!("the digest of `{type_name}` {version} is {}", pin.sha256)
                });
                let found = format!("its digest is {found}");
                std::iter::once(found).chain(pins).collect()
            }
            Self::OtherType { provides, .. } => vec![format!("it provides `{provides}`")],
            Self::NotFound { not_found, .. } => {
                let reasons = |it: &NotFound| {
                    let reasons = it.unusable.iter().map(|place| place.reason.as_str());
                    reasons.collect::<Vec<&str>>().join("; ")
                };
                not_found.iter().map(reasons).collect()
            }
            Self::Download(error) => download_causes(error),
            Self::UrlHasQuery { .. } => vec![format!(
                "a query may be a token, and {LOCK_FILE} is under version control"
            )],
            Self::TypeMissing { .. }
            | Self::NotFirstParty { .. }
            | Self::NotBuilt { .. }
            | Self::FileMissing { .. }
            | Self::SameType { .. }
            | Self::ModelsLeft { .. }
            | Self::Older { .. }
            | Self::NoneInFolder { .. }
            | Self::Refused { .. }
            | Self::Gone { .. }
            | Self::Damaged { .. }
            | Self::Broken { .. }
            | Self::PermissionsUndecided { .. }
            | Self::GrantUnknown { .. } => sources(self.source()),
        }
    }

    fn notes(&self) -> Vec<String> {
        let Self::NotFound { restored, .. } = self else {
            return Vec::new();
        };
        let restored = restored.iter();
        let note = |it: &PluginRestored| format!("`{}` {} was restored", it.type_name, it.version);
        restored.map(note).collect()
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::FileMissing { near, .. } => vec![
                Help::command("add the plugin that comes with Sedge", UseCase::PluginAdd)
                    .with("file", near.as_str()),
            ],
            Self::NotFirstParty { near, names, .. } => not_first_party_help(near.as_ref(), names),
            Self::NotBuilt { .. } => vec![Help::advice(BUILD_ADVICE)],
            Self::NotInstalled { .. } => vec![Help::advice(INSTALL_ADVICE)],
            Self::OtherThanBuilt { path, .. } => vec![
                Help::advice("install the plugins of the same version of Sedge"),
                add_file("or, if you trust the file, add it as such", path),
            ],
            Self::SameType { .. } => vec![Help::advice("add only one of them")],
            Self::ModelsLeft { models, .. } => vec![
                Help::command("delete the models first", UseCase::ModelDelete)
                    .with("name", models[0].as_str()),
                Help::again("or leave models behind that cannot run").with("force", Argument::on()),
            ],
            Self::TypeMissing { name, near } => type_missing_help(name, near.as_ref()),
            Self::Gone { from, .. } | Self::Damaged { from, .. } => vec![
                Help::command("restore it", UseCase::PluginRestore),
                restore_file(&format!(
                    "or get the component, which was added from `{from}`"
                )),
            ],
            Self::OtherContent { .. } => vec![
                Help::again("replace the pinned one, if you trust this file")
                    .with("replace", Argument::on()),
                Help::advice("or build the plugin with a new version"),
            ],
            Self::Older { .. } => {
                vec![
                    Help::again("replace the pinned version by it")
                        .with("downgrade", Argument::on()),
                ]
            }
            Self::NotPinned { path, .. } => vec![
                restore_file("get the component with a pinned digest"),
                add_file("or, if you trust the file, pin it", path),
            ],
            Self::NoneInFolder { .. } => {
                vec![Help::command("see the pinned digests", UseCase::PluginList)]
            }
            Self::OtherType { .. } => vec![Help::advice(
                "sedge.lock was changed by hand: take it from version control",
            )],
            Self::NotFound { not_found, .. } => {
                let places = not_found.iter().flat_map(|it| &it.unusable);
                let mut help: Vec<Help> = places.flat_map(|it| it.help.clone()).collect();
                help.push(restore_file("get the missing components"));
                help
            }
            Self::Download(error) => download_help(error),
            Self::UrlHasQuery { .. } => vec![
                Help::advice(
                    "name a URL without a query, or download the component and add its file",
                ),
                Help::again("or keep the component in the repository")
                    .with("vendor", Argument::on()),
            ],
            Self::Refused { source, .. } | Self::Broken { source, .. } => plugin_help(source),
            Self::PermissionsUndecided { .. } => vec![
                Help::again("grant everything that it requests").with("grantAll", Argument::on()),
                Help::again("or only a part of it").with("grant", "KIND=WHAT"),
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

fn type_missing_help(name: &str, near: Option<&String>) -> Vec<Help> {
    let see = Help::command("see the types", UseCase::PluginList);
    let mut help = near_or(near, see);
    if near.is_none() {
        help.push(plugin_add_help("or add the plugin that provides it", name));
    }
    help
}

fn not_first_party_help(near: Option<&String>, names: &[TypeName]) -> Vec<Help> {
    let those = format!("the plugins that come with Sedge are {}", quoted(names));
    let mut help = near_or(near, Help::advice(those));
    help.push(add("or add its component from a file"));
    help
}

/// Returns the help that adds a file, although it is not what the user meant.
fn add_file(purpose: &str, path: &Path) -> Help {
    Help::command(purpose, UseCase::PluginAdd).with("file", path.display().to_string())
}

fn restore_file(purpose: &str) -> Help {
    Help::command(purpose, UseCase::PluginRestore).with("file", Argument::open())
}

/// Returns plugins that were not found in a sentence.
fn not_found_text(not_found: &[NotFound]) -> String {
    let plugins: Vec<&TypeName> = not_found.iter().map(|it| &it.plugin.type_name).collect();
    match &plugins[..] {
        [plugin] => format!("the component of the plugin `{plugin}` was not found"),
        plugins => format!(
            "the components of the plugins {} were not found",
            quoted(plugins)
        ),
    }
}

/// Returns models in a sentence, the first of them by name.
fn models_text(models: &[String]) -> String {
    let shown = &models[..models.len().min(MODELS_SHOWN)];
    let noun = if models.len() == 1 { "model" } else { "models" };
    match models.len() - shown.len() {
        0 => format!("the {noun} {}", quoted(shown)),
        more => format!("the {noun} {} and {more} more", quoted(shown)),
    }
}

fn add(purpose: &str) -> Help {
    Help::command(purpose, UseCase::PluginAdd).with("file", Argument::open())
}

fn grant_help(error: &ChoiceError) -> Vec<Help> {
    let again = |purpose: &str, grant: String| vec![Help::again(purpose).with("grant", grant)];
    match error {
        ChoiceError::NotRequested(_) => vec![Help::advice(
            "leave the option out to see what the plugin requests",
        )],
        ChoiceError::SecretElsewhere { name, .. } => again(
            "grant it for a host that the plugin requests",
            format!("secrets={name}@https://HOST"),
        ),
        ChoiceError::NoPath(name) => again("say where it is", format!("files={name}:PATH")),
        ChoiceError::Kind(_)
        | ChoiceError::RevokedKind(_)
        | ChoiceError::Name(_)
        | ChoiceError::NoneAndMore => {
            let mut help = again("grant something that it requests", "KIND=WHAT".to_owned());
            help.extend(again("or nothing", "none".to_owned()));
            help
        }
    }
}

/// Returns the help that shows the lines of `sedge.yaml` which raise a limit for components.
pub(crate) fn allow_more(key: &str, value: u64) -> Vec<Help> {
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
        PluginError::ContractOlder { .. } => {
            "build it again with the SDK that came with this program"
        }
        PluginError::Digest { .. } => {
            return vec![Help::command(
                "the file was changed after it was pinned; restore it",
                UseCase::PluginRestore,
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
