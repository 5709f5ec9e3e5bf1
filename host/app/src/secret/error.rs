//! Errors of secrets.

use sedge_api::problem::{Argument, ErrorClass, ErrorCode, Explain, Help, UseCase};
use sedge_lang::repository::CONFIG_FILE;
use sedge_model::names::SecretName;
use sedge_secrets::{SecretsError, ValueError, Weakness};
use sedge_sys::fault::Refusal;

use crate::error::near_or;

/// A secret is missing, or cannot be stored or opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no secret of that name.
    #[error("no secret named `{name}`")]
    Missing {
        /// The requested name.
        name: String,
        /// The nearest existing name, if any.
        near: Option<String>,
    },
    /// A command did not print the value of a secret.
    #[error(
        "the command `{command}` did not read the secret `{key}` of the vault `{vault}`: {reason}"
    )]
    Source {
        /// The vault.
        vault: String,
        /// The key of the secret in the vault.
        key: String,
        /// The name of the pinned program.
        command: String,
        /// Why.
        reason: String,
    },
    /// A value cannot be stored as a secret.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A value is weak: it occurs in other texts by chance, or is easy to guess.
    #[error("the value of `{name}` is weak: {weakness}")]
    Weak {
        /// The secret.
        name: SecretName,
        /// Why it is weak.
        weakness: Weakness,
    },
    /// A stored secret has a weak value.
    #[error("the value of `{name}` is weak: {weakness}")]
    IsWeak {
        /// The secret.
        name: SecretName,
        /// Why it is weak.
        weakness: Weakness,
    },
    /// Secrets cannot be opened, so the host could not redact their values.
    #[error(
        "{} cannot be opened, so its value could not be kept out of data and logs",
        secrets_text(names)
    )]
    Closed {
        /// The secrets; empty if not even their names are known.
        names: Vec<SecretName>,
        /// Why the first of them cannot be opened.
        source: SecretsError,
    },
    /// The folder of secrets cannot be used.
    #[error(transparent)]
    Unusable(SecretsError),
}

impl Explain for SecretError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } => ErrorCode::SecretMissing,
            Self::Source { .. } => ErrorCode::SecretsClosed,
            Self::Value(error) => error.code(),
            Self::Weak { .. } | Self::IsWeak { .. } => ErrorCode::WeakSecret,
            Self::Closed { source, .. } => {
                // A resource that the machine lacks now may be available again soon.
                let refused = Refusal::among(source).map(Refusal::code);
                let is_temporary = |code: &ErrorCode| code.class() == ErrorClass::Temporary;
                refused
                    .filter(is_temporary)
                    .unwrap_or(ErrorCode::SecretsClosed)
            }
            Self::Unusable(error) => error.code(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Missing { near, .. } => near_or(
                near.as_ref(),
                Help::command("see the secrets", UseCase::SecretList),
            ),
            Self::Source { command, .. } => vec![Help::advice(format!(
                "run the program of `commands: {{{command}: …}}` in {CONFIG_FILE} by hand to see what \
                 is wrong"
            ))],
            Self::Value(error) => error.help(),
            Self::Weak { .. } => vec![
                Help::advice("choose another value"),
                Help::again(
                    "or use this one: it is kept out of logs and outcomes, but not out of names and tags",
                )
                .with("allowWeak", Argument::on()),
            ],
            Self::IsWeak { name, .. } => vec![
                Help::command(
                    "choose another value, because this one is not kept out of names and tags",
                    UseCase::SecretPut,
                )
                .with("name", name.as_str()),
            ],
            Self::Closed { source, .. } => {
                let mut help = source.help();
                if let SecretsError::File(_) = source {
                    help.push(Help::command(
                        "see the state of each secret",
                        UseCase::SecretList,
                    ));
                }
                help
            }
            Self::Unusable(error) => error.help(),
        }
    }
}

/// Returns the names of secrets as the subject of a sentence in the singular.
fn secrets_text(names: &[SecretName]) -> String {
    match names {
        [] => "the folder of secrets".to_owned(),
        [name] => format!("the secret `{name}`"),
        [name, rest @ ..] => format!("the secret `{name}` (and {} more)", rest.len()),
    }
}
