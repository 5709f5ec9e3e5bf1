//! The inputs of a workflow's run: checked by its schema, free of values of secrets, and sealed if
//! they are sensitive.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sedge_api::problem::details::ViolationsDetails;
use sedge_api::problem::{Details, ErrorCode, Explain, Help, UseCase};
use sedge_lang::input::{GivenInputs, KnownInputs};
use sedge_lang::workflow::Workflow;
use sedge_model::json_pointer::is_pointer_within;
use sedge_model::names::{RunId, WorkflowName};
use sedge_model::sealed::{SEALED_KEY, SealedParts, sealed_replace, sealed_value};
use sedge_model::violation::Violation;
use sedge_secrets::{FieldSealError, Redactor, RunPart, SecretValue, VALUE_BYTES_MIN};
use serde_json::{Map, Value};

use crate::call::{SEALED_BYTES_MAX, has_short_text, sealed_texts};
use crate::error::{AppError, RunUseError, quoted};
use crate::model::error::violation_view;
use crate::repository::Repository;
use crate::secret::argument::{has_mark, input_mark};
use crate::secret::run_values::{keys_known, run_value_open, run_value_seal};
use crate::secret::vault::Vault;

/// The inputs of a run of a workflow.
///
/// Expressions see marks in place of sensitive values: they can hand them on, and neither compare them
/// nor compute with them. A method gets the value. The datastore has the values sealed for the run and
/// for their places.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct RunInputs {
    /// The inputs, with the defaults and with marks in place of sensitive values; `None` if the
    /// workflow declares no inputs.
    pub(crate) values: Option<Map<String, Value>>,
    /// The sensitive values, by their JSON Pointers.
    sensitive: BTreeMap<String, Value>,
}

impl RunInputs {
    /// Returns the inputs in place of whose sensitive values marks stand.
    fn new(inputs: Map<String, Value>, places: Vec<String>) -> Self {
        let mut whole = Value::Object(inputs);
        let mut sensitive = BTreeMap::new();
        for place in places {
            if let Some(value) = whole.pointer_mut(&place) {
                let mark = input_mark(&place);
                sensitive.insert(place, std::mem::replace(value, mark));
            }
        }
        Self {
            values: Some(members_of(whole)),
            sensitive,
        }
    }

    /// Returns the value of a sensitive input, or of a sensitive part of one.
    pub(crate) fn sensitive(&self, pointer: &str) -> Option<&Value> {
        self.sensitive.get(pointer)
    }

    /// Returns what is redacted in everything that leaves the calls of the run.
    pub(crate) fn redacted(&self) -> Vec<SecretValue> {
        // ignored: the size was checked when the run was given its inputs.
        sealed_texts(self.sensitive.values()).unwrap_or_default()
    }

    /// Returns the inputs with the sensitive values. They must not leave the check of a request.
    pub(crate) fn opened(&self) -> Option<Map<String, Value>> {
        let mut whole = Value::Object(self.values.clone()?);
        for (place, value) in &self.sensitive {
            if let Some(mark) = whole.pointer_mut(place) {
                mark.clone_from(value);
            }
        }
        Some(members_of(whole))
    }

    /// Returns the inputs as the datastore has them: with the sensitive values sealed.
    ///
    /// # Errors
    /// The key that seals them cannot be read or created.
    pub(crate) fn stored(
        &self,
        repository: &Repository,
        run: &RunId,
    ) -> Result<Option<Map<String, Value>>, AppError> {
        let Some(values) = &self.values else {
            return Ok(None);
        };
        if self.sensitive.is_empty() {
            return Ok(Some(values.clone()));
        }
        let keys = repository.secrets()?.field_keys_or_fresh()?;
        let mut whole = Value::Object(values.clone());
        for (pointer, value) in &self.sensitive {
            if let Some(mark) = whole.pointer_mut(pointer) {
                let sealed = run_value_seal(&keys, run, RunPart::Input(pointer), value);
                *mark = sealed_value(SealedParts {
                    key: &sealed.key,
                    value: &sealed.value,
                });
            }
        }
        Ok(Some(members_of(whole)))
    }

    /// Opens the inputs of a run that the datastore has.
    ///
    /// # Errors
    /// A sensitive value cannot be opened. The error names the input.
    pub(crate) fn open(
        repository: &Repository,
        run: &RunId,
        stored: Option<Map<String, Value>>,
    ) -> Result<Self, AppError> {
        let Some(stored) = stored else {
            return Ok(Self::default());
        };
        let mut keys = None;
        let mut sensitive = BTreeMap::new();
        let mut whole = Value::Object(stored);
        sealed_replace(&mut whole, &mut |pointer, parts| {
            if keys.is_none() {
                keys = keys_known(repository)?;
            }
            let part = RunPart::Input(pointer);
            let opened = run_value_open(keys.as_ref(), run, part, parts);
            let what = || format!("the sensitive input `{pointer}`");
            let opened = opened.map_err(|source| closed(run, what(), source))?;
            sensitive.insert(pointer.to_owned(), opened);
            Ok::<_, AppError>(input_mark(pointer))
        })?;
        Ok(Self {
            values: Some(members_of(whole)),
            sensitive,
        })
    }
}

fn members_of(whole: Value) -> Map<String, Value> {
    match whole {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            unreachable!("it was made of an object")
        }
    }
}

/// Returns the inputs of a run, with the defaults.
///
/// # Errors
/// Returns an error if the workflow declares no inputs and some are given, or if they violate its
/// schema. The error has all violations, and no sensitive value.
pub(crate) fn run_inputs(workflow: &Workflow, given: &GivenInputs) -> Result<RunInputs, AppError> {
    let merged = merged(workflow, given)?;
    if !workflow.inputs.is_declared() {
        return Ok(RunInputs::default());
    }
    let resolved = workflow.inputs.resolve_sensitive(merged);
    let (inputs, places) = resolved.map_err(|violations| invalid(workflow, violations))?;
    let inputs = RunInputs::new(inputs, places);
    if sealed_texts(inputs.sensitive.values()).is_err() {
        return Err(error(RunInputsError::SensitiveLarge {
            workflow: workflow.name.clone(),
        }));
    }
    let short = inputs.sensitive.iter();
    let short = short.filter(|(_, value)| has_short_text(value));
    let short: Vec<Violation> = short.map(|(path, _)| short_violation(path)).collect();
    if !short.is_empty() {
        return Err(invalid(workflow, short));
    }
    // ignored: no error is dropped, because this is an `Option`.
    let mut shown = Value::Object(inputs.values.clone().unwrap_or_default());
    let forged = sealed_replace(&mut shown, &mut |pointer, _| Err(pointer.to_owned()));
    match forged {
        Ok(()) => Ok(inputs),
        Err(path) => {
            let message = format!("`{SEALED_KEY}` stands for a sealed value, and cannot be given");
            Err(invalid(workflow, vec![Violation { path, message }]))
        }
    }
}

/// Returns the violation for a sensitive value that occurs in other texts by chance.
fn short_violation(path: &str) -> Violation {
    Violation {
        path: path.to_owned(),
        message: format!(
            "it is sensitive and has fewer than {VALUE_BYTES_MIN} bytes, so it could not be masked in \
             logs and data; give a longer value"
        ),
    }
}

/// Checks that sensitive values of another run are handed to sensitive inputs only.
///
/// # Errors
/// An input that is not sensitive gets such a value. The error names the input.
pub(crate) fn sensitive_handed_check(
    workflow: &Workflow,
    inputs: &Map<String, Value>,
    handed: &[String],
) -> Result<(), AppError> {
    if handed.is_empty() {
        return Ok(());
    }
    let places = workflow.inputs.sensitive(inputs);
    let is_sealed = |pointer: &String| places.iter().any(|it| is_pointer_within(pointer, it));
    // A place that has null has no value.
    let has_value =
        |pointer: &String| pointer_value(inputs, pointer).is_some_and(|it| !it.is_null());
    let mut plain = handed.iter().filter(|it| has_value(it) && !is_sealed(it));
    match plain.next() {
        None => Ok(()),
        Some(input) => Err(error(RunInputsError::SensitiveHanded {
            workflow: workflow.name.clone(),
            input: input.clone(),
        })),
    }
}

/// Returns the value at a JSON Pointer that leads to an input or a part of one.
fn pointer_value(inputs: &Map<String, Value>, pointer: &str) -> Option<Value> {
    let (name, rest) = match pointer.strip_prefix('/')?.split_once('/') {
        Some((name, rest)) => (name, format!("/{rest}")),
        None => (pointer.strip_prefix('/')?, String::new()),
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    inputs.get(&name)?.pointer(&rest).cloned()
}

/// Returns the inputs as far as they have values before a run, with marks in place of sensitive
/// values.
///
/// # Errors
/// The same as for [`run_inputs`], except for inputs that are missing.
pub(crate) fn known_inputs(
    workflow: &Workflow,
    given: &GivenInputs,
) -> Result<KnownInputs, AppError> {
    let mut given = merged(workflow, given)?;
    let places = workflow.inputs.sensitive(&given);
    let marked = RunInputs::new(given.clone(), places);
    // A sensitive value is checked when a run begins.
    let mut hidden = Map::new();
    for (name, value) in marked.values.into_iter().flatten() {
        if has_mark(&value) {
            given.remove(&name);
            hidden.insert(name, value);
        }
    }
    let known = workflow.inputs.resolve_known(given);
    let mut known = known.map_err(|violations| invalid(workflow, violations))?;
    known.missing.retain(|name| !hidden.contains_key(name));
    known.absent.retain(|name| !hidden.contains_key(name));
    known.values.extend(hidden);
    Ok(known)
}

/// Returns the given inputs. If the workflow declares none, there are none.
fn merged(workflow: &Workflow, given: &GivenInputs) -> Result<Map<String, Value>, AppError> {
    let declared = &workflow.inputs;
    let merged = given.merged(declared.json())?;
    if declared.is_declared() || merged.is_empty() {
        return Ok(merged);
    }
    let names: Vec<String> = merged.keys().cloned().collect();
    let first = Value::from(names[0].as_str());
    Err(error(RunInputsError::Undeclared {
        workflow: workflow.name.clone(),
        file: workflow.file.name.clone(),
        yaml: format!("inputs:\n  {first}: {{type: string}}\n"),
        given: names,
    }))
}

fn invalid(workflow: &Workflow, violations: Vec<Violation>) -> AppError {
    error(RunInputsError::Invalid {
        workflow: workflow.name.clone(),
        violations,
    })
}

/// Refuses inputs that contain the value of a secret.
///
/// A run stores its inputs, and a resumed run needs them unchanged, so they cannot be masked. Marks
/// stand for sensitive inputs, which are sealed.
///
/// # Errors
/// An input contains the value of a secret. The error names the input.
pub(crate) fn secrets_refuse(
    inputs: &Map<String, Value>,
    redactor: &Redactor,
) -> Result<(), AppError> {
    if redactor.is_empty() {
        return Ok(());
    }
    for (name, value) in inputs {
        let mut redacted = value.clone();
        redactor.redact_json(&mut redacted);
        if redacted != *value || matches!(redactor.redact(name), Cow::Owned(_)) {
            let input = redactor.redact(name).into_owned();
            return Err(error(RunInputsError::HasSecret { input }));
        }
    }
    Ok(())
}

/// Refuses labels that contain the value of a secret or of a sensitive input.
///
/// Queries find data by its labels, so they cannot be masked.
///
/// # Errors
/// A label contains such a value. The error names the label.
pub(crate) fn tags_refuse(
    tags: &BTreeMap<String, String>,
    redactor: &Redactor,
) -> Result<(), AppError> {
    let has_secret = |text: &String| matches!(redactor.redact(text), Cow::Owned(_));
    match tags
        .iter()
        .find(|(key, value)| has_secret(key) || has_secret(value))
    {
        None => Ok(()),
        Some((key, _)) => {
            let tag = redactor.redact(key).into_owned();
            Err(error(RunInputsError::TagHasSecret { tag }))
        }
    }
}

/// Returns a text that a user gives for the record of runs, such as a reason, without secrets and
/// without the sensitive inputs of these runs, which the user may have pasted into it.
///
/// # Errors
/// A secret or a sensitive input cannot be opened, so it could not be masked.
pub(crate) fn text_redacted(
    repository: &Repository,
    runs: &[&RunId],
    text: &str,
) -> Result<String, AppError> {
    let vault = Vault::open(repository)?;
    for run in runs {
        let stored = repository.store()?.run_inputs(run)?;
        vault.sealed_add(RunInputs::open(repository, run, stored)?.redacted());
    }
    Ok(vault.redactors().all.redact(text).into_owned())
}

/// Returns the error for a sealed value of a run that cannot be opened. `what` names the value.
pub(crate) fn closed(run: &RunId, what: String, source: FieldSealError) -> AppError {
    error(RunInputsError::Closed {
        run: run.clone(),
        what,
        source,
    })
}

fn error(error: RunInputsError) -> AppError {
    RunUseError::from(error).into()
}

/// The inputs for a run of a workflow cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunInputsError {
    /// The workflow declares no inputs.
    #[error("the workflow `{workflow}` declares no inputs")]
    Undeclared {
        /// The workflow.
        workflow: WorkflowName,
        /// Its file.
        file: String,
        /// The lines that would declare the first input.
        yaml: String,
        /// The names of the given inputs.
        given: Vec<String>,
    },
    /// The inputs violate the schema of the workflow.
    #[error("the inputs of the workflow `{workflow}` do not fit its schema")]
    Invalid {
        /// The workflow.
        workflow: WorkflowName,
        /// The violations, each with its place.
        violations: Vec<Violation>,
    },
    /// The sensitive inputs are too large to be redacted.
    #[error(
        "the sensitive inputs of the workflow `{workflow}` are larger than {SEALED_BYTES_MAX} bytes together, so they cannot be masked in logs"
    )]
    SensitiveLarge {
        /// The workflow.
        workflow: WorkflowName,
    },
    /// An input that is not sensitive would get a sensitive input of the run that starts this one.
    #[error(
        "the input `{input}` of the workflow `{workflow}` gets a sensitive input, so it has to have `sensitive: true` as well"
    )]
    SensitiveHanded {
        /// The workflow.
        workflow: WorkflowName,
        /// The JSON Pointer of the input.
        input: String,
    },
    /// A sealed value of the run cannot be opened.
    #[error("{what} of the run `{run}` cannot be opened: {source}")]
    Closed {
        /// The run.
        run: RunId,
        /// The value: `the sensitive input ...`.
        what: String,
        /// Why it cannot be opened.
        source: FieldSealError,
    },
    /// An input contains the value of a secret.
    #[error("the input `{input}` contains the value of a secret, and would be stored with the run")]
    HasSecret {
        /// The name of the input.
        input: String,
    },
    /// A label has the value of a secret or of a sensitive input.
    #[error(
        "the tag `{tag}` contains a secret or a sensitive input, and would be stored with the run"
    )]
    TagHasSecret {
        /// The name of the label.
        tag: String,
    },
}

impl Explain for RunInputsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Undeclared { .. } | Self::Invalid { .. } => ErrorCode::InvalidInput,
            Self::HasSecret { .. }
            | Self::TagHasSecret { .. }
            | Self::SensitiveLarge { .. }
            | Self::SensitiveHanded { .. } => ErrorCode::BadInput,
            Self::Closed { .. } => ErrorCode::SecretsKey,
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Undeclared { given, .. } => vec![format!("{} was given", quoted(given))],
            Self::Invalid { violations, .. } => {
                violations.iter().map(ToString::to_string).collect()
            }
            Self::HasSecret { .. }
            | Self::TagHasSecret { .. }
            | Self::SensitiveLarge { .. }
            | Self::SensitiveHanded { .. }
            | Self::Closed { .. } => Vec::new(),
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Undeclared { file, yaml, .. } => {
                vec![Help::edit("declare it", file.as_str(), yaml.as_str())]
            }
            Self::Invalid { workflow, .. } => vec![
                Help::command("see its inputs", UseCase::WorkflowGet)
                    .with("name", workflow.as_str()),
            ],
            Self::SensitiveLarge { .. } => vec![Help::advice(
                "put large values into a secret, and use `${{ secret(\"NAME\") }}` where they are needed",
            )],
            Self::SensitiveHanded { workflow, .. } => vec![
                Help::command("see its inputs", UseCase::WorkflowGet)
                    .with("name", workflow.as_str()),
            ],
            Self::Closed { .. } => vec![Help::advice(
                "copy `.sedge/secrets/fields.key` from the machine on which the run began",
            )],
            Self::HasSecret { .. } => vec![Help::advice(
                "leave the input out, and use `${{ secret(\"NAME\") }}` where the value is needed",
            )],
            Self::TagHasSecret { .. } => {
                vec![Help::advice("leave the tag out, or give it another value")]
            }
        }
    }

    fn details(&self) -> Option<Details> {
        let Self::Invalid { violations, .. } = self else {
            return None;
        };
        let violations = violations.iter().map(violation_view).collect();
        Some(Details::Violations(ViolationsDetails { violations }))
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::diagnostic::SourceFile;
    use serde_json::json;

    use super::*;
    use crate::secret::argument::marks_hide;

    const WORKFLOW: &str = "\
name: w
inputs:
  region: {type: string, default: eu}
  any: {}
  token: {type: string, sensitive: true}
  login: {type: object, properties: {user: {type: string}, pin: {type: integer, sensitive: true}}}
jobs: [{name: j, steps: [{name: s, task: {type: manual_approval}}]}]
";

    fn workflow() -> Workflow {
        Workflow::parse(&SourceFile::new("w.yaml", WORKFLOW)).expect("no faults")
    }

    fn given(inputs: &Value) -> GivenInputs {
        GivenInputs {
            item: inputs.as_object().expect("an object").clone(),
            over: Vec::new(),
        }
    }

    #[test]
    fn marks_stand_for_sensitive_values() {
        let inputs = json!({"token": "hunter2", "login": {"user": "ann", "pin": "1234"}});
        let inputs = run_inputs(&workflow(), &given(&inputs)).expect("they fit");
        assert_eq!(inputs.sensitive("/token"), Some(&json!("hunter2")));
        assert_eq!(inputs.sensitive("/login/pin"), Some(&json!(1234)));
        assert_eq!(inputs.sensitive("/login"), None);
        let opened = inputs.opened().map(Value::Object);
        let expect = json!({
            "token": "hunter2", "login": {"user": "ann", "pin": 1234}, "region": "eu",
        });
        assert_eq!(opened, Some(expect));
        let mut shown = Value::Object(inputs.values.expect("some are declared"));
        assert!(!shown.to_string().contains("hunter2"));
        marks_hide(&mut shown);
        let expect = json!({
            "token": "[sealed]", "login": {"user": "ann", "pin": "[sealed]"}, "region": "eu",
        });
        assert_eq!(shown, expect);
    }

    #[test]
    fn known_inputs_have_marks_without_a_check_of_the_values() {
        let known = known_inputs(&workflow(), &given(&json!({"token": 1})));
        let known = known.expect("a run would check it");
        assert!(has_mark(&known.values["token"]));
        assert_eq!(known.absent, ["any", "login"]);
    }

    #[test]
    fn sealed_form_and_large_sensitive_values_are_refused() {
        let refused = |inputs: Value| {
            let refused = run_inputs(&workflow(), &given(&inputs)).err();
            let error = refused.expect("it is refused");
            format!("{error} {:?}", sedge_api::problem::Explain::causes(&error))
        };
        let forged = refused(json!({"any": [{"$sealed": {"key": "k", "value": "v"}}]}));
        assert!(
            forged.contains("`$sealed` stands for a sealed value"),
            "{forged}"
        );
        let large = refused(json!({"token": "x".repeat(SEALED_BYTES_MAX + 1)}));
        assert!(large.contains("cannot be masked in logs"), "{large}");
    }

    /// A short value was accepted, and not masked.
    #[test]
    fn sensitive_value_that_cannot_be_masked_is_refused() {
        let check = |inputs: Value, expect: Option<&str>| {
            let error = run_inputs(&workflow(), &given(&inputs)).err();
            let error = error.map(|it| sedge_api::problem::Explain::causes(&it).join("; "));
            match expect {
                None => assert_eq!(error, None, "{inputs}"),
                Some(path) => {
                    let error = error.expect("it is refused");
                    let expect = format!("{path}: it is sensitive and has fewer than 4 bytes");
                    assert!(error.starts_with(&expect), "{error}");
                }
            }
        };
        check(json!({"token": "abc"}), Some("/token"));
        check(
            json!({"login": {"user": "ann", "pin": 123}}),
            Some("/login/pin"),
        );
        check(
            json!({"token": "abcd", "login": {"user": "a", "pin": 1234}}),
            None,
        );
        check(json!({"token": "", "region": "eu"}), None);
    }

    #[test]
    fn sensitive_value_is_handed_to_a_sensitive_input_only() {
        let inputs =
            json!({"token": "hunter2", "region": "hunter2", "login": {"pin": 1}, "any": null});
        let inputs = given(&inputs).item;
        let check = |pointer: &str| {
            sensitive_handed_check(&workflow(), &inputs, &[pointer.to_owned()]).is_ok()
        };
        assert!(check("/token") && check("/login/pin") && check("/any"));
        assert!(!check("/region"));
    }
}
