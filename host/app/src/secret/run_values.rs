//! Values of a run that the datastore has sealed: sensitive inputs, and what steps were started with if
//! it contains the value of a secret.

use sedge_model::names::RunId;
use sedge_model::sealed::SealedParts;
use sedge_secrets::{FieldKeys, FieldSealError, RunPart, RunPlace, SealedField};
use serde_json::Value;

use crate::error::AppError;
use crate::repository::Repository;

/// Returns the keys of sealed values; `None` if this machine has none.
pub(crate) fn keys_known(repository: &Repository) -> Result<Option<FieldKeys>, AppError> {
    if !repository.has_state_folder("secrets")? {
        return Ok(None);
    }
    Ok(repository.secrets()?.field_keys()?)
}

/// Seals a value of a run.
pub(crate) fn run_value_seal(
    keys: &FieldKeys,
    run: &RunId,
    part: RunPart<'_>,
    value: &Value,
) -> SealedField {
    let place = RunPlace {
        run: run.as_str(),
        part,
    };
    keys.seal_of_run(&place, value.to_string().as_bytes())
}

/// Opens a sealed value of a run.
///
/// # Errors
/// The key is missing, or the value was changed or sealed for another place.
pub(crate) fn run_value_open(
    keys: Option<&FieldKeys>,
    run: &RunId,
    part: RunPart<'_>,
    parts: SealedParts<'_>,
) -> Result<Value, FieldSealError> {
    let keys = keys.ok_or(FieldSealError::KeyOther)?;
    let sealed = SealedField {
        key: parts.key.to_owned(),
        value: parts.value.to_owned(),
    };
    let place = RunPlace {
        run: run.as_str(),
        part,
    };
    let json = keys.open_of_run(&place, &sealed)?;
    serde_json::from_slice(&json).map_err(|_| FieldSealError::Damaged)
}
