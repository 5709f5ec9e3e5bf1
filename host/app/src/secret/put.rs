//! Stores a secret, or replaces its value.

use sedge_api::view::secret::SecretView;
use sedge_model::audit::AuditWord;
use sedge_model::names::SecretName;
use sedge_secrets::{SecretValue, Weakness};
use sedge_sys::host;

use crate::audit::audit_note;
use crate::cx::Cx;
use crate::error::{AppError, SecretError};
use crate::secret::view::secret_view;

/// Seals and stores a value, and returns the view of the secret.
///
/// A weak value is stored only if `allow_weak` is set: it is redacted in logs and outcomes, but not
/// in names and tags.
///
/// # Errors
/// Returns an error if the value is weak, if the key cannot be used, or if the existing file of the
/// secret is damaged.
pub fn secret_put(
    cx: &Cx,
    name: &SecretName,
    value: &SecretValue,
    allow_weak: bool,
) -> Result<SecretView, AppError> {
    let weakness = Weakness::of(value);
    if let Some(weakness) = weakness
        && !allow_weak
    {
        return Err(AppError::from(SecretError::Weak {
            name: name.clone(),
            weakness,
        }));
    }
    let info = cx.repository.secrets()?.put(name, value, &person(cx))?;
    let detail = Some(format!("version {}", info.version));
    audit_note(cx, AuditWord::SecretPut, name.as_str(), detail)?;
    Ok(secret_view(&info, weakness))
}

/// Returns the user and the machine, for the record of a change to a secret.
pub(crate) fn person(cx: &Cx) -> String {
    format!("{}@{}", cx.actor.name, host::host_name())
}
