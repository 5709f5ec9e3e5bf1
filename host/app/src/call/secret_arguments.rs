//! Prepares the arguments of a guest: with placeholders in place of secrets, or with the values of
//! those that the guest may see. A sealed field of data in an argument is refused unless the model may
//! see it. A sensitive input of the run is handed over: its user and the author of the workflow have
//! decided that the method gets it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sedge_lang::repository::SecretsConfig;
use sedge_lang::schema::Schema;
use sedge_model::call::{CallError, LimitName};
use sedge_model::json_pointer::is_pointer_within;
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
    pub(super) arguments: Arc<Value>,
    pub(super) global_arguments: Arc<Value>,
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
/// A secret is missing, is no text, or cannot be read, the model may not see a sealed field, or a
/// value that was not known before does not fit the schema of its argument.
pub(super) async fn secret_arguments(
    access: FieldAccess<'_>,
    arguments: &Arc<Value>,
    global_arguments: &Arc<Value>,
) -> Result<GuestArguments, CallFault> {
    let mut prepared = GuestArguments {
        arguments: Arc::clone(arguments),
        global_arguments: Arc::clone(global_arguments),
        secrets: Vec::new(),
        fields: Vec::new(),
    };
    if !has_mark(arguments) && !has_mark(global_arguments) {
        return Ok(prepared);
    }
    let names = marked(arguments)
        .into_iter()
        .chain(marked(global_arguments));
    for name in names {
        access.cx.vault.fetch(&access.cx.repository, &name).await?;
    }
    let mut texts = SecretTexts {
        access,
        placeholders: BTreeMap::new(),
        fields: Vec::new(),
        fault: None,
    };
    for value in [&mut prepared.arguments, &mut prepared.global_arguments] {
        if has_mark(value) {
            let value = Arc::make_mut(value);
            marks_replace(value, &mut |pointer, mark| texts.value(pointer, mark));
        }
    }
    if let Some(fault) = texts.fault {
        return Err(fault);
    }
    late_check(&texts.access, arguments, global_arguments)?;
    prepared.secrets = texts.placeholders.into_values().collect();
    prepared.fields = texts.fields;
    Ok(prepared)
}

/// Returns the secrets whose marks a value contains, each as often as it occurs.
fn marked(value: &Value) -> Vec<SecretName> {
    let mut names = Vec::new();
    marks_replace(&mut value.clone(), &mut |_, mark| {
        match mark {
            ArgumentMark::Secret(name) => names.push(name.clone()),
            ArgumentMark::Field(_) | ArgumentMark::Input(_) => {}
        }
        Value::Null
    });
    names
}

/// Checks the values that are known only now. The call is known to get them.
///
/// # Errors
/// A value does not fit the schema of its argument.
fn late_check(
    access: &FieldAccess<'_>,
    arguments: &Value,
    global_arguments: &Value,
) -> Result<(), CallError> {
    let method = access.identity.method.as_str();
    let schemas = [
        (arguments, access.model.plugin.arguments_schema(method)),
        (
            global_arguments,
            Some(access.model.plugin.global_arguments_schema()),
        ),
    ];
    let sources = access.cx.repository.secret_sources();
    let mut violations = Vec::new();
    for (value, schema) in schemas {
        let (mut late, mut opened) = (LateValues::default(), value.clone());
        marks_replace(&mut opened, &mut |pointer, mark| {
            late.note(pointer, mark, sources);
            opened_value(access, mark)
        });
        if let Some(schema) = schema {
            violations.extend(late.violations(schema, &opened));
        }
    }
    match violations.is_empty() {
        true => Ok(()),
        false => Err(CallError::InvalidInput { violations }),
    }
}

/// Returns the value of a mark that the call gets, for a check.
fn opened_value(access: &FieldAccess<'_>, mark: &ArgumentMark) -> Value {
    match mark {
        ArgumentMark::Secret(name) => {
            let known = access.cx.vault.known(name);
            let text = known
                .as_ref()
                .map(|it| String::from_utf8_lossy(it.expose()));
            text.map_or(Value::Null, |it| Value::String(it.into_owned()))
        }
        // ignored: a field that cannot be opened is a fault already.
        ArgumentMark::Field(field) => access.marked(field).unwrap_or_default(),
        // ignored: as above, for an input that the run does not have any more.
        ArgumentMark::Input(of) => access.cx.input_value(of).unwrap_or_default(),
    }
}

/// The places of values that are known only now: sealed fields, sensitive inputs, and secrets that a
/// command reads. The other values were checked against the schema before.
#[derive(Default)]
struct LateValues(BTreeMap<String, String>);

impl LateValues {
    fn note(&mut self, pointer: &str, mark: &ArgumentMark, sources: &SecretsConfig) {
        let shown = match mark {
            ArgumentMark::Field(_) => "the sealed field".to_owned(),
            ArgumentMark::Input(_) => "the sensitive input".to_owned(),
            ArgumentMark::Secret(name) if sources.source_of(name).is_some() => {
                format!("the secret `{name}`")
            }
            ArgumentMark::Secret(_) => return,
        };
        self.0.insert(pointer.to_owned(), shown);
    }

    /// Returns a violation for each of the places that has one. What a schema says about a value can
    /// contain the value, so it is left out.
    fn violations(&self, schema: &Schema, value: &Value) -> Vec<Violation> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let found = schema.violations(value);
        let is_wrong = |pointer: &str| found.iter().any(|it| is_pointer_within(&it.path, pointer));
        let wrong = self.0.iter().filter(|(pointer, _)| is_wrong(pointer));
        let violation = |(pointer, shown): (&String, &String)| Violation {
            path: pointer.clone(),
            message: format!("{shown} does not fit the schema of this argument"),
        };
        wrong.map(violation).collect()
    }
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
            ArgumentMark::Input(of) => self.input_or_fault(pointer, of),
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

    /// Returns the value of a sensitive input. The run redacts it in everything that leaves a call.
    fn input_or_fault(&self, pointer: &str, of: &str) -> Result<Value, CallFault> {
        self.access.cx.input_value(of).ok_or_else(|| {
            let message = format!("the run has no input `{of}` any more");
            let path = pointer.to_owned();
            let violations = vec![Violation { path, message }];
            CallFault::from(CallError::InvalidInput { violations })
        })
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
