//! Errors of models, and of what is given for them and their methods.

use sedge_api::problem::call::ViolationView;
use sedge_api::problem::details::ViolationsDetails;
use sedge_api::problem::{Details, ErrorCode, Explain, Help, UseCase, sources};
use sedge_model::names::{ModelName, TypeName};
use sedge_model::schema::Violation;

use super::{near_or, quoted, schema_help};
use crate::data_prune::GoneError;

/// Something is wrong with a model, or with what is given for it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model of that name.
    #[error("no model named `{name}`")]
    Missing {
        /// The name that was asked for.
        name: String,
        /// The nearest one that exists.
        near: Option<String>,
    },
    /// A model of that name exists.
    #[error("a model named `{0}` exists already")]
    Exists(ModelName),
    /// Data of models that look gone was not deleted.
    #[error(transparent)]
    Gone(#[from] GoneError),
    /// The model's type has no such method.
    #[error("the type `{type_name}` of the model `{model}` has no method named `{method}`")]
    MethodMissing {
        /// The model.
        model: ModelName,
        /// Its type.
        type_name: TypeName,
        /// The name that was asked for.
        method: String,
        /// The methods that there are.
        methods: Vec<String>,
    },
    /// What was given for a model or method does not fit its schema.
    #[error("{what} do not fit the schema")]
    Violations {
        /// What was given: `the arguments of `run` of `sink``.
        what: String,
        /// Where, and what is wrong there.
        violations: Vec<Violation>,
        /// The type whose description has the schema.
        type_name: TypeName,
    },
    /// An argument that was given as text cannot be used.
    #[error("the input `{name}` cannot be used: {reason}")]
    BadInput {
        /// Which one.
        name: String,
        /// Why not.
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
            Self::BadInput { .. } => vec![Help::advice(
                "give each input once, with a value of the type that the schema says",
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

/// Returns a violation as machines see it.
pub(crate) fn violation_view(violation: &Violation) -> ViolationView {
    ViolationView {
        path: violation.path.clone(),
        message: violation.message.clone(),
    }
}
