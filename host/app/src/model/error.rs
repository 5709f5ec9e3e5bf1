//! Errors of models, and of the arguments for them and their methods.

use sedge_api::problem::call::ViolationView;
use sedge_api::problem::details::ViolationsDetails;
use sedge_api::problem::{Details, ErrorCode, Explain, Help, UseCase, sources};
use sedge_lang::grants_edit::GrantsEditError;
use sedge_lang::repository::CONFIG_FILE;
use sedge_model::names::{ModelName, TypeName};
use sedge_model::permission::choice::ChoiceError;
use sedge_model::violation::Violation;

use crate::data::prune::GoneError;
use crate::error::{near_or, quoted, schema_help};

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
    #[error("a model named `{0}` exists already")]
    Exists(ModelName),
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
    /// A definition does not grant what was to be revoked.
    #[error("the definition of `{model}` does not grant `{what}`")]
    NotGranted {
        /// The model.
        model: ModelName,
        /// Its type.
        type_name: TypeName,
        /// The grants that were to be revoked.
        what: String,
        /// What the definition grants, each as it is named on a command line.
        granted: Vec<String>,
        /// Whether all models of the type have it.
        is_of_type: bool,
    },
    /// An argument that was given as text cannot be used.
    #[error("the input `{name}` cannot be used: {reason}")]
    BadInput {
        /// The name of the argument.
        name: String,
        /// The reason.
        reason: String,
    },
}

impl Explain for ModelError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } => ErrorCode::ModelMissing,
            Self::Exists(_) => ErrorCode::ModelExists,
            Self::Gone(error) => error.code(),
            Self::MethodMissing { .. } => ErrorCode::MethodMissing,
            Self::Violations { .. } => ErrorCode::InvalidInput,
            Self::GrantUnknown { .. } => ErrorCode::GrantUnknown,
            Self::NotEditable { .. } => ErrorCode::GrantsNotEditable,
            Self::NotGranted { .. } => ErrorCode::GrantMissing,
            Self::BadInput { .. } => ErrorCode::BadInput,
        }
    }

    fn causes(&self) -> Vec<String> {
        if let Self::Violations { violations, .. } = self {
            return violations.iter().map(ToString::to_string).collect();
        }
        sources(std::error::Error::source(self))
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Missing { near, .. } => near_or(
                near.as_ref(),
                Help::command("see the models", UseCase::ModelList),
            ),
            Self::Exists(name) => vec![
                Help::command("see it", UseCase::ModelGet).with("name", name.as_str()),
                Help::advice(format!("edit {} to change it", name.file())),
            ],
            Self::Gone(error) => error.help(),
            Self::MethodMissing { methods, .. } => {
                vec![Help::advice(format!("its methods are {}", quoted(methods)))]
            }
            Self::Violations { type_name, .. } => vec![schema_help(type_name)],
            Self::GrantUnknown { model, .. } => vec![
                Help::command("see what its plugin requests", UseCase::ModelPermissions)
                    .with("name", model.as_str()),
            ],
            Self::NotEditable { file, source } => vec![Help::edit(
                "write the grants by hand",
                file.as_str(),
                source.yaml.as_str(),
            )],
            Self::NotGranted {
                model,
                type_name,
                granted,
                is_of_type,
                ..
            } => not_granted_help(model, type_name, granted, *is_of_type),
            Self::BadInput { .. } => vec![Help::advice(
                "give each input once, with a value of the type in the schema",
            )],
        }
    }

    fn details(&self) -> Option<Details> {
        let Self::Violations { violations, .. } = self else {
            return None;
        };
        let violations = violations.iter().map(violation_view).collect();
        Some(Details::Violations(ViolationsDetails { violations }))
    }
}

fn not_granted_help(
    model: &ModelName,
    type_name: &TypeName,
    granted: &[String],
    is_of_type: bool,
) -> Vec<Help> {
    let mut help = Vec::new();
    if is_of_type {
        help.push(Help::advice(format!(
            "all models of `{type_name}` have it: change that in {CONFIG_FILE}, or remove the \
             plugin and add it with fewer grants"
        )));
    }
    help.push(Help::advice(match granted {
        [] => format!("{} grants nothing", model.file()),
        granted => format!("{} grants {}", model.file(), quoted(granted)),
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
