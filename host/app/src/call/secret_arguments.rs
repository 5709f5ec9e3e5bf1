//! Prepares the arguments of a guest: with placeholders in place of secrets, or with the values of
//! those that the guest may see. A sealed field of data in an argument is refused unless the model may
//! see it.

use std::collections::BTreeMap;

use sedge_model::call::{CallError, LimitName};
use sedge_model::names::SecretName;
use sedge_model::permission::effective::Use;
use sedge_model::violation::Violation;
use sedge_runtime::{ArgumentSecret, CallIdentity};
use sedge_secrets::SecretValue;
use serde_json::Value;

use super::CallFault;
use super::field_access::{FieldAccess, FieldFault};
use super::sealed::{SEALED_BYTES_MAX, SealedFull, SealedSeen};
use crate::secret::argument::{ArgumentMark, FieldMark, has_mark, marks_replace};

/// The arguments of a call as the guest receives them.
pub(super) struct GuestArguments {
    pub(super) arguments: Value,
    pub(super) global_arguments: Value,
    /// The secrets for which the arguments have placeholders.
    pub(super) secrets: Vec<ArgumentSecret>,
    /// The values of the sealed fields in the arguments.
    fields: Vec<Value>,
}

impl GuestArguments {
    /// Returns the state of a call that has these arguments: their placeholders, and the values of
    /// their sealed fields, are redacted in what leaves it.
    ///
    /// # Errors
    /// The sealed fields are larger than a call may read.
    pub(super) fn seen(&self) -> Result<SealedSeen, CallError> {
        let seen = SealedSeen::with_placeholders(self.placeholders());
        for field in &self.fields {
            seen.add(field).map_err(|SealedFull| CallError::Limit {
                name: LimitName::SealedBytes,
                value: SEALED_BYTES_MAX as u64,
            })?;
        }
        Ok(seen)
    }

    /// Returns the placeholders, with the names of their secrets.
    fn placeholders(&self) -> Vec<(SecretName, SecretValue)> {
        let secrets = self.secrets.iter();
        let placeholder = |secret: &ArgumentSecret| {
            let text = secret.placeholder.clone().into_bytes();
            let value = SecretValue::new(text).expect("a placeholder has a fitting length");
            (secret.name.clone(), value)
        };
        secrets.map(placeholder).collect()
    }
}

/// Replaces the marks of secrets in evaluated arguments: by the value, if the plugin requests to
/// see the secret of this argument and that is granted; otherwise by a placeholder of this call.
/// The host replaces the placeholder by the value in requests to the hosts of the operator's grant.
///
/// # Errors
/// A secret is missing, is no text, or cannot be read, or the model may not see a sealed field.
pub(super) fn secret_arguments(
    access: FieldAccess<'_>,
    arguments: &Value,
    global_arguments: &Value,
) -> Result<GuestArguments, CallFault> {
    let mut prepared = GuestArguments {
        arguments: arguments.clone(),
        global_arguments: global_arguments.clone(),
        secrets: Vec::new(),
        fields: Vec::new(),
    };
    if !has_mark(arguments) && !has_mark(global_arguments) {
        return Ok(prepared);
    }
    let mut texts = SecretTexts {
        access,
        placeholders: BTreeMap::new(),
        fields: Vec::new(),
        fault: None,
    };
    for value in [&mut prepared.arguments, &mut prepared.global_arguments] {
        marks_replace(value, &mut |pointer, mark| texts.value(pointer, mark));
    }
    if let Some(fault) = texts.fault {
        return Err(fault);
    }
    prepared.secrets = texts.placeholders.into_values().collect();
    prepared.fields = texts.fields;
    Ok(prepared)
}

/// The values that replace the marks of secrets and of sealed fields.
struct SecretTexts<'c> {
    access: FieldAccess<'c>,
    placeholders: BTreeMap<SecretName, ArgumentSecret>,
    /// The values of the sealed fields.
    fields: Vec<Value>,
    /// The first fault. If there is one, the guest does not receive the arguments.
    fault: Option<CallFault>,
}

impl SecretTexts<'_> {
    fn value(&mut self, pointer: &str, mark: &ArgumentMark) -> Value {
        let value = match mark {
            ArgumentMark::Secret(name) => self.text_or_fault(pointer, name).map(Value::String),
            ArgumentMark::Field(field) => self.field_or_fault(pointer, field),
        };
        match value {
            Ok(value) => value,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                Value::Null
            }
        }
    }

    fn field_or_fault(&mut self, pointer: &str, field: &FieldMark) -> Result<Value, CallFault> {
        match self.access.marked(field) {
            Ok(value) => {
                self.fields.push(value.clone());
                Ok(value)
            }
            Err(FieldFault::Closed(reason)) => {
                let reason = format!("its argument `{pointer}` has a sealed field: {reason}");
                Err(CallError::Denied { reason }.into())
            }
            Err(FieldFault::App(error)) => Err(error.into()),
        }
    }

    fn text_or_fault(&mut self, pointer: &str, name: &SecretName) -> Result<String, CallFault> {
        let (cx, identity) = (self.access.cx, self.access.identity);
        let permissions = &identity.permissions;
        let is_revealed = permissions.argument_reveal(pointer).is_ok();
        if let Some(known) = self.placeholders.get(name).filter(|_| !is_revealed) {
            return Ok(known.placeholder.clone());
        }
        let CallIdentity {
            model,
            method,
            lineage,
            ..
        } = identity;
        let by = format!("{model}.{method}, call {lineage}");
        let refused = |message: String| {
            let path = pointer.to_owned();
            let violations = vec![Violation { path, message }];
            CallFault::from(CallError::InvalidInput { violations })
        };
        let Some(value) = cx.vault.get(&cx.repository, name, &by)? else {
            return Err(refused(format!("there is no secret `{name}`")));
        };
        if is_revealed {
            let Ok(text) = std::str::from_utf8(value.expose()) else {
                return Err(refused(format!("the secret `{name}` is not text")));
            };
            identity.uses.mark(&Use::ArgumentShown(pointer));
            return Ok(text.to_owned());
        }
        let secret = ArgumentSecret::new(name.clone(), value, permissions.argument_secret(name));
        let placeholder = secret.placeholder.clone();
        self.placeholders.insert(name.clone(), secret);
        Ok(placeholder)
    }
}
