//! Secrets: values that plugins use, and the redaction of these values.

pub(crate) mod argument;
pub(crate) mod error;
pub(crate) mod run_values;
mod source;
pub(crate) mod stored_marks;
pub(crate) mod vault;
pub(crate) mod view;

pub mod put;

use sedge_api::view::secret::{SecretDeleted, SecretView, SecretsRotated};
use sedge_model::audit::AuditWord;
use sedge_model::names::SecretName;
use sedge_secrets::{KeysRotated, ListedSecret};
use sedge_store::Scan;

use crate::audit::{ON_SECRETS, audit_note};
use crate::cx::Cx;
use crate::error::{AppError, SecretError, count};
use crate::repository::{Repository, near_one};
use crate::secret::put::person;
use crate::secret::view::listed_view;

/// Passes the metadata of each secret to `take`, sorted by name, until `take` needs no more.
///
/// The metadata includes whether the value can be opened and whether it is weak, but nothing else
/// about the value.
///
/// # Errors
/// Returns an error if the folder of secrets cannot be read. Errors of `take` are passed on.
pub fn secret_list<E: From<AppError>>(
    cx: &Cx,
    mut take: impl FnMut(SecretView) -> Result<Scan, E>,
) -> Result<(), E> {
    for secret in listed(&cx.repository)? {
        if take(listed_view(&secret))? == Scan::Enough {
            break;
        }
    }
    Ok(())
}

fn listed(repository: &Repository) -> Result<Vec<ListedSecret>, AppError> {
    // A user who only reads may not be allowed to create the folder.
    if !repository.has_state_folder("secrets")? {
        return Ok(Vec::new());
    }
    Ok(repository.secrets()?.list()?)
}

/// Returns whether a secret exists. The value does not have to be readable.
///
/// # Errors
/// Returns an error if the folder of secrets cannot be read.
pub fn secret_exists(cx: &Cx, name: &str) -> Result<bool, AppError> {
    // A user who only reads may not be allowed to create the folder.
    if !cx.repository.has_state_folder("secrets")? {
        return Ok(false);
    }
    let names = cx.repository.secrets()?.names()?;
    Ok(names.iter().any(|it| it.as_str() == name))
}

/// Deletes a secret permanently, and returns its name. The value does not have to be readable.
///
/// # Errors
/// Returns an error if there is no such secret.
pub fn secret_delete(cx: &Cx, name: &str) -> Result<SecretDeleted, AppError> {
    let secrets = cx.repository.secrets()?;
    if let Ok(name) = name.parse::<SecretName>()
        && secrets.delete(&name, &person(cx))?
    {
        audit_note(cx, AuditWord::SecretDeleted, name.as_str(), None)?;
        return Ok(SecretDeleted {
            name: name.to_string(),
        });
    }
    Err(AppError::from(SecretError::Missing {
        name: name.to_owned(),
        near: near_one(name, &secrets.names()?),
    }))
}

/// Creates a new key, seals all secrets with it, and deletes the former key. Fields of data are
/// sealed with another new key from then on; the former ones open the versions that exist.
///
/// # Errors
/// Returns an error if a secret cannot be read. All secrets that could be read before still can be.
pub fn secret_rotate(cx: &Cx) -> Result<SecretsRotated, AppError> {
    let rotated = cx.repository.secrets()?.rotate(&person(cx))?;
    if rotated != KeysRotated::default() {
        let mut detail = count(rotated.n_secrets as u64, "secret");
        if rotated.has_fields {
            detail.push_str(", and the fields of data that are sealed from now on");
        }
        let what = AuditWord::SecretsRotated;
        audit_note(cx, what, ON_SECRETS, Some(detail))?;
    }
    Ok(SecretsRotated {
        secrets: rotated.n_secrets as u64,
        fields: rotated.has_fields,
    })
}
