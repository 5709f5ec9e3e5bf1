//! Errors of models, and of the arguments for them and their methods.

use sedge_api::problem::call::ViolationView;
use sedge_api::problem::details::ViolationsDetails;
use sedge_api::problem::{
    Argument, Details, ErrorCode, Explain, Help, Place, PlacedFault, UseCase, sources,
};
use sedge_lang::grants_edit::GrantsEditError;
use sedge_lang::input::GivenInputError;
use sedge_lang::repository::CONFIG_FILE;
use sedge_lang::upgrade::UpgradeEditError;
use sedge_model::names::{ModelName, TypeName};
use sedge_model::permission::choice::ChoiceError;
use sedge_model::violation::Violation;

use crate::data::prune::GoneError;
use crate::error::{AppError, near_or, quoted, schema_help};

/// A model, or an argument for it or its methods, is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no model of that name.
    #[error("no model named `{name}`")]
    Missing {
        /// The requested name.
        name: String,
        /// The nearest existing name, if any.
        near: Option<String>,
    },
    /// A model of that name exists already.
    #[error("a model named `{name}` exists already")]
    Exists {
        /// The model.
        name: ModelName,
        /// The file of its definition.
        file: String,
    },
    /// An unsaved model has the name of the model that is to be created.
    #[error("an unsaved model named `{name}` exists already")]
    UnsavedExists {
        /// The model.
        name: ModelName,
    },
    /// The definition of an unsaved model was to be changed in its file.
    #[error("the model `{name}` is unsaved, so its definition has no file that could be changed")]
    Unsaved {
        /// The model.
        name: ModelName,
    },
    /// Other processes changed an unsaved model again and again while a method of it was to begin.
    #[error("another process changed the unsaved model `{name}` meanwhile")]
    UnsavedChanged {
        /// The model.
        name: ModelName,
    },
    /// A method was to run directly, and the model of that name has another type.
    #[error(
        "the model `{name}` in {file} has the type `{type_name}`, so no method of `{wanted}` runs on it"
    )]
    OtherType {
        /// The model.
        name: ModelName,
        /// The place of its definition.
        file: String,
        /// Its type.
        type_name: TypeName,
        /// The type that the user named.
        wanted: TypeName,
    },
    /// A new text of a definition gives another type to a model that has data.
    #[error(
        "the new text changes the type of `{name}` from `{from}` to `{to}`, and the model has data"
    )]
    TypeChanged {
        /// The model.
        name: ModelName,
        /// Its type, which wrote the data.
        from: TypeName,
        /// The type in the new text.
        to: TypeName,
    },
    /// Data of models that seem to be gone was not deleted.
    #[error(transparent)]
    Gone(#[from] GoneError),
    /// The model's type has no such method.
    #[error("the type `{type_name}` of the model `{model}` has no method named `{method}`")]
    MethodMissing {
        /// The model.
        model: ModelName,
        /// Its type.
        type_name: TypeName,
        /// The requested name.
        method: String,
        /// The methods of the type.
        methods: Vec<String>,
    },
    /// The user skips a check, or a label of checks, that does not exist.
    #[error("there is no {what} named `{name}`")]
    CheckMissing {
        /// `check` or `label of checks`.
        what: &'static str,
        /// The given name.
        name: String,
        /// The nearest existing name, if any.
        near: Option<String>,
        /// All existing names.
        known: Vec<String>,
    },
    /// The arguments for a model or a method do not fit the schema.
    #[error("{what} do not fit the schema")]
    Violations {
        /// The name of the arguments: `the arguments of `run` of `sink``.
        what: String,
        /// The violations, each with its place.
        violations: Vec<Violation>,
        /// The type whose description has the schema.
        type_name: TypeName,
    },
    /// The inputs of a definition do not fit the schema that it declares.
    #[error("the inputs of `{name}` do not fit the schema")]
    InputViolations {
        /// The model.
        name: ModelName,
        /// The violations, each with its place.
        violations: Vec<Violation>,
    },
    /// The user granted a permission that the model's plugin does not request.
    #[error("`{model}` cannot be granted that")]
    GrantUnknown {
        /// The model.
        model: ModelName,
        /// The reason why it cannot be granted.
        source: ChoiceError,
    },
    /// The grants in a definition have a form that is not edited.
    #[error("the grants in {file} cannot be edited")]
    NotEditable {
        /// The file of the definition.
        file: String,
        /// The form, and the lines to write by hand.
        source: GrantsEditError,
    },
    /// The text of a definition has a form in which its arguments are not edited.
    #[error("{file} cannot be upgraded")]
    UpgradeNotEditable {
        /// The file of the definition.
        file: String,
        /// The form, and the lines to write by hand.
        source: UpgradeEditError,
    },
    /// A definition does not grant what was to be revoked.
    #[error("the definition of `{model}` does not grant `{what}`")]
    NotGranted {
        /// The model.
        model: ModelName,
        /// Its type.
        type_name: TypeName,
        /// The file of its definition.
        file: String,
        /// The grants that were to be revoked.
        what: String,
        /// What the definition grants, each as it is named on a command line.
        granted: Vec<String>,
        /// Whether all models of the type have it.
        is_of_type: bool,
    },
    /// The edited text of a definition was refused.
    #[error("{refusal}")]
    EditRefused {
        /// The reason.
        refusal: Box<AppError>,
        /// The file that has the refused text.
        kept: String,
    },
    /// Another process changed a definition while it was edited.
    #[error("{file} has changed since you began to edit `{name}`")]
    EditedMeanwhile {
        /// The model.
        name: ModelName,
        /// The file of its definition.
        file: String,
    },
    /// An argument that was given on a command line cannot be used.
    #[error(transparent)]
    BadInput(#[from] GivenInputError),
}

impl Explain for ModelError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } => ErrorCode::ModelMissing,
            Self::Exists { .. } | Self::UnsavedExists { .. } => ErrorCode::ModelExists,
            Self::Unsaved { .. } => ErrorCode::ModelUnsaved,
            Self::UnsavedChanged { .. } => ErrorCode::ModelEdited,
            Self::OtherType { .. } | Self::TypeChanged { .. } => ErrorCode::ModelTypeDiffers,
            Self::Gone(error) => error.code(),
            Self::MethodMissing { .. } => ErrorCode::MethodMissing,
            Self::CheckMissing { .. } => ErrorCode::CheckMissing,
            Self::Violations { .. } | Self::InputViolations { .. } => ErrorCode::InvalidInput,
            Self::GrantUnknown { .. } => ErrorCode::GrantUnknown,
            Self::NotEditable { .. } => ErrorCode::GrantsNotEditable,
            Self::UpgradeNotEditable { .. } => ErrorCode::UpgradeNotEditable,
            Self::NotGranted { .. } => ErrorCode::GrantMissing,
            Self::EditRefused { refusal, .. } => refusal.code(),
            Self::EditedMeanwhile { .. } => ErrorCode::ModelEdited,
            Self::BadInput(_) => ErrorCode::BadInput,
        }
    }

    fn causes(&self) -> Vec<String> {
        if let Self::Violations { violations, .. } | Self::InputViolations { violations, .. } = self
        {
            return violations.iter().map(ToString::to_string).collect();
        }
        if let Self::EditRefused { refusal, .. } = self {
            return refusal.causes();
        }
        sources(std::error::Error::source(self))
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Missing { near, .. } => near_or(
                near.as_ref(),
                Help::command("see the models", UseCase::ModelList),
            ),
            Self::Exists { name, file } => vec![
                Help::command("see it", UseCase::ModelGet).with("name", name.as_str()),
                Help::command(format!("edit {file} to change it"), UseCase::ModelEdit)
                    .with("name", name.as_str()),
            ],
            Self::UnsavedExists { name } | Self::Unsaved { name } => vec![save_help(name)],
            Self::UnsavedChanged { .. } => vec![Help::advice("try again")],
            Self::OtherType { name, .. } => vec![other_type_help(name)],
            Self::TypeChanged { name, to, .. } => type_changed_help(name, to),
            Self::Gone(error) => error.help(),
            Self::MethodMissing { methods, .. } => {
                vec![Help::advice(format!("its methods are {}", quoted(methods)))]
            }
            Self::CheckMissing { near, known, .. } => {
                let listed = match known.as_slice() {
                    [] => "the types that would run have none".to_owned(),
                    known => format!("there are {}", quoted(known)),
                };
                near_or(near.as_ref(), Help::advice(listed))
            }
            Self::Violations { type_name, .. } => vec![schema_help(type_name)],
            Self::InputViolations { name, .. } => vec![
                Help::command("see the inputs that it declares", UseCase::ModelGet)
                    .with("name", name.as_str()),
            ],
            Self::GrantUnknown { model, .. } => vec![
                Help::command("see what its plugin requests", UseCase::ModelPermissions)
                    .with("name", model.as_str()),
            ],
            Self::NotEditable { file, source } => vec![Help::edit(
                "write the grants by hand",
                file.as_str(),
                source.yaml.as_str(),
            )],
            Self::UpgradeNotEditable { file, source } => vec![Help::edit(
                "write them by hand",
                file.as_str(),
                source.yaml.as_str(),
            )],
            Self::NotGranted {
                model,
                type_name,
                file,
                granted,
                is_of_type,
                ..
            } => {
                let of_type = is_of_type.then_some(type_name);
                not_granted_help(model, file, granted, of_type)
            }
            Self::EditRefused { refusal, kept } => {
                let mut help = refusal.help();
                help.push(Help::advice(format!("your text is kept in {kept}")));
                help
            }
            Self::EditedMeanwhile { file, .. } => vec![Help::advice(format!(
                "compare {file} with your text, and edit it again"
            ))],
            Self::BadInput(fault) => vec![Help::advice(bad_input_help(fault))],
        }
    }

    fn message(&self) -> String {
        match self {
            Self::EditRefused { refusal, .. } => refusal.message(),
            Self::Missing { .. }
            | Self::Exists { .. }
            | Self::UnsavedExists { .. }
            | Self::Unsaved { .. }
            | Self::UnsavedChanged { .. }
            | Self::OtherType { .. }
            | Self::TypeChanged { .. }
            | Self::Gone(_)
            | Self::MethodMissing { .. }
            | Self::CheckMissing { .. }
            | Self::Violations { .. }
            | Self::InputViolations { .. }
            | Self::GrantUnknown { .. }
            | Self::NotEditable { .. }
            | Self::UpgradeNotEditable { .. }
            | Self::NotGranted { .. }
            | Self::EditedMeanwhile { .. }
            | Self::BadInput { .. } => self.to_string(),
        }
    }

    fn place(&self) -> Option<Place> {
        if let Self::EditRefused { refusal, .. } = self {
            return refusal.place();
        }
        None
    }

    fn faults(&self) -> Vec<PlacedFault> {
        if let Self::EditRefused { refusal, .. } = self {
            return refusal.faults();
        }
        Vec::new()
    }

    fn details(&self) -> Option<Details> {
        if let Self::EditRefused { refusal, .. } = self {
            return refusal.details();
        }
        let (Self::Violations { violations, .. } | Self::InputViolations { violations, .. }) = self
        else {
            return None;
        };
        let violations = violations.iter().map(violation_view).collect();
        Some(Details::Violations(ViolationsDetails { violations }))
    }
}

/// Returns the help to write the file of an unsaved model.
fn save_help(name: &ModelName) -> Help {
    Help::command("write its definition to a file", UseCase::ModelCreate)
        .with("name", name.as_str())
        .with("fromDirect", Argument::on())
}

/// Returns what to write instead of a wrong input.
fn bad_input_help(fault: &GivenInputError) -> &'static str {
    match fault {
        GivenInputError::Form | GivenInputError::Object(_) => {
            "write `KEY=VALUE`, or one JSON object in quotes of the shell"
        }
        GivenInputError::Value { .. } => {
            "give a value of the type in the schema; one after `KEY:json=` is JSON, in quotes of the shell"
        }
        GivenInputError::KeyPart(_) => "write a name before and after each dot of the key",
        GivenInputError::Twice(_) => "give each input once",
        GivenInputError::NotMap { .. } => "give the whole input, or only parts of it",
    }
}

fn other_type_help(name: &ModelName) -> Help {
    let purpose = "choose a name that no model has; this one is";
    Help::command(purpose, UseCase::ModelGet).with("name", name.as_str())
}

fn type_changed_help(name: &ModelName, to: &TypeName) -> Vec<Help> {
    vec![
        Help::command("create another model of that type", UseCase::ModelCreate)
            .with("type", to.as_str())
            .with("name", Argument::open()),
        Help::command("or delete the data first", UseCase::DataDelete)
            .with("model", name.as_str())
            .with("all", Argument::on()),
    ]
}

fn not_granted_help(
    model: &ModelName,
    file: &str,
    granted: &[String],
    of_type: Option<&TypeName>,
) -> Vec<Help> {
    let mut help = Vec::new();
    if let Some(type_name) = of_type {
        help.push(Help::advice(format!(
            "all models of `{type_name}` have it: change that in {CONFIG_FILE}, or remove the \
             plugin and add it with fewer grants"
        )));
    }
    help.push(Help::advice(match granted {
        [] => format!("{file} grants nothing"),
        granted => format!("{file} grants {}", quoted(granted)),
    }));
    help.push(
        Help::command("see what the model may do", UseCase::ModelPermissions)
            .with("name", model.as_str()),
    );
    help
}

/// Returns the view of a violation.
pub(crate) fn violation_view(violation: &Violation) -> ViolationView {
    ViolationView {
        path: violation.path.clone(),
        message: violation.message.clone(),
    }
}
