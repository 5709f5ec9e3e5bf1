//! Hands a guest its arguments: with placeholders in place of secrets, or with the values of those
//! that it may see.

use std::collections::BTreeMap;

use sedge_model::call::CallError;
use sedge_model::names::SecretName;
use sedge_model::permission::effective::Use;
use sedge_model::violation::Violation;
use sedge_runtime::{ArgumentSecret, CallIdentity};
use sedge_secrets::SecretValue;
use serde_json::Value;

use super::CallFault;
use crate::run::cx::RunCx;
use crate::secret::argument::{has_mark, marks_replace};

/// The arguments of a call as the guest gets them.
pub(super) struct HandedArguments {
    pub(super) arguments: Value,
    pub(super) global_arguments: Value,
    /// The secrets for which the arguments have placeholders.
    pub(super) secrets: Vec<ArgumentSecret>,
}

impl HandedArguments {
    /// Returns the placeholders, with the names of their secrets.
    pub(super) fn placeholders(&self) -> Vec<(SecretName, SecretValue)> {
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
/// see the secret of this argument and that is granted; otherwise by a placeholder of this call,
/// which the host fills in requests to the hosts of the operator's grant.
///
/// # Errors
/// A secret is missing, is no text, or cannot be read.
pub(super) fn secret_arguments(
    cx: &RunCx,
    identity: &CallIdentity,
    arguments: &Value,
    global_arguments: &Value,
) -> Result<HandedArguments, CallFault> {
    let mut handed = HandedArguments {
        arguments: arguments.clone(),
        global_arguments: global_arguments.clone(),
        secrets: Vec::new(),
    };
    if !has_mark(arguments) && !has_mark(global_arguments) {
        return Ok(handed);
    }
    let mut handing = Handing {
        cx,
        identity,
        placeholders: BTreeMap::new(),
        fault: None,
    };
    for value in [&mut handed.arguments, &mut handed.global_arguments] {
        marks_replace(value, &mut |pointer, name| handing.text(pointer, name));
    }
    if let Some(fault) = handing.fault {
        return Err(fault);
    }
    handed.secrets = handing.placeholders.into_values().collect();
    Ok(handed)
}

struct Handing<'c> {
    cx: &'c RunCx,
    identity: &'c CallIdentity,
    placeholders: BTreeMap<SecretName, ArgumentSecret>,
    /// The first fault. The arguments are not handed over then.
    fault: Option<CallFault>,
}

impl Handing<'_> {
    fn text(&mut self, pointer: &str, name: &SecretName) -> String {
        match self.text_or_fault(pointer, name) {
            Ok(text) => text,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                String::new()
            }
        }
    }

    fn text_or_fault(&mut self, pointer: &str, name: &SecretName) -> Result<String, CallFault> {
        let permissions = &self.identity.permissions;
        let is_revealed = permissions.argument_reveal(pointer).is_ok();
        if let Some(known) = self.placeholders.get(name).filter(|_| !is_revealed) {
            return Ok(known.placeholder.clone());
        }
        let CallIdentity {
            model,
            method,
            lineage,
            ..
        } = self.identity;
        let by = format!("{model}.{method}, call {lineage}");
        let refused = |message: String| {
            let path = pointer.to_owned();
            let violations = vec![Violation { path, message }];
            CallFault::from(CallError::InvalidInput { violations })
        };
        let Some(value) = self.cx.vault.get(&self.cx.repository, name, &by)? else {
            return Err(refused(format!("there is no secret `{name}`")));
        };
        if is_revealed {
            let Ok(text) = std::str::from_utf8(value.expose()) else {
                return Err(refused(format!("the secret `{name}` is no text")));
            };
            self.identity.uses.mark(&Use::ArgumentShown(pointer));
            return Ok(text.to_owned());
        }
        let secret = ArgumentSecret::new(name.clone(), value, permissions.argument_secret(name));
        let placeholder = secret.placeholder.clone();
        self.placeholders.insert(name.clone(), secret);
        Ok(placeholder)
    }
}
