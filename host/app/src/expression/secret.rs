//! Secrets in expressions: `secret(NAME)` and `vault.get(VAULT, KEY)`.

use sedge_lang::expr::Need;
use sedge_model::names::SecretName;
use serde_json::Value;

use super::answers::{NeedArguments, NoAnswer};
use crate::secret::argument::secret_mark;

/// Whether an expression may refer to secrets where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// It is in the arguments of a definition or of a step.
    Arguments,
    /// It is an expression that a user tries. Its result has `[secret NAME]` in the place of a
    /// secret.
    Tried,
    /// It is elsewhere: in a name or a prompt.
    Elsewhere,
}

/// Returns the mark that represents the value of a secret. A vault is a prefix of names:
/// `vault.get("V", "K")` is the secret `V.K`.
///
/// No expression gets the value itself: its result can become part of a record, of a message, or of
/// another model's arguments.
pub(super) fn secret_answer(used: SecretPlace, need: &Need) -> Result<Value, NoAnswer> {
    let arguments = NeedArguments(need);
    let name = match arguments.n() {
        1 => arguments.text(0)?.to_owned(),
        _ => format!("{}.{}", arguments.text(0)?, arguments.text(1)?),
    };
    let name: SecretName = match name.parse() {
        Ok(name) => name,
        Err(error) => return Err(NoAnswer::Refused(format!("{error}"))),
    };
    match used {
        SecretPlace::Arguments | SecretPlace::Tried => Ok(secret_mark(&name)),
        SecretPlace::Elsewhere => Err(NoAnswer::Refused(format!(
            "the secret `{name}` can be used in the arguments of definitions and steps only: what \
             is evaluated here becomes part of a record"
        ))),
    }
}
