//! The one place where text leaves a call: its log, its outcome or error, its writes, and its
//! arguments for other calls. The host redacts the values of secrets here. A nested call whose
//! arguments contain a secret or a sealed field is refused. A sensitive input of the run is passed on:
//! the run redacts it in all text that leaves the callee.
//!
//! A weak value, such as `prod`, is redacted in logs, outcomes and errors. It is redacted in a
//! call's writes only if the host has handed the secret to a call of the run. It stays in names,
//! tags and arguments: redacting it there would change data that has nothing to do with the secret.
//!
//! The values of the sealed fields that the call has seen are redacted in the same way, in the text
//! of this call only. Weak ones are redacted in logs, outcomes and errors only.

use std::borrow::Cow;
use std::sync::Arc;

use sedge_model::call::{CallError, LogLine, StagedChange, StagedContent, StagedWrite};
use sedge_model::json_pointer::pointer_below;
use sedge_model::names::{DataName, SecretName};
use sedge_runtime::CallReport;
use sedge_secrets::{Redactor, StreamRedactor};
use serde_json::Value;

use super::sealed::{SealedLayer, SealedSeen};
use crate::secret::vault::{Redactors, Vault};

/// Replaces the values of secrets, and of the sealed fields that a call has seen, with marks in all
/// text that leaves the call.
pub(super) struct CallRedactor {
    /// For logs, outcomes and errors.
    all: Chain,
    /// For what the call writes.
    content: Chain,
    /// For names and tags.
    strong: Chain,
    /// Finds what a call may not pass on. Sensitive inputs of the run are not among it.
    not_passed: Chain,
}

/// Redactors, of which each is applied to what the one before it left.
struct Chain(Vec<Arc<Redactor>>);

impl CallRedactor {
    /// Returns a redactor for the secrets that the run has been handed so far.
    pub(super) fn new(vault: &Vault) -> Self {
        Self::with_sealed(vault, &SealedSeen::default())
    }

    /// Returns a redactor that also redacts the sealed fields that a call has seen so far.
    pub(super) fn with_sealed(vault: &Vault, seen: &SealedSeen) -> Self {
        let Redactors {
            all,
            content,
            strong,
            secrets,
        } = vault.redactors();
        let layers = seen.layers();
        let chain = |first: Arc<Redactor>, of: fn(&SealedLayer) -> &Arc<Redactor>| {
            let all = std::iter::once(first).chain(layers.iter().map(|it| Arc::clone(of(it))));
            Chain(all.filter(|it| !it.is_empty()).collect())
        };
        Self {
            all: chain(all, |it| &it.all),
            content: chain(content, |it| &it.strong),
            strong: chain(strong, |it| &it.strong),
            not_passed: chain(secrets, |it| &it.strong),
        }
    }

    /// Returns the redactors for a file, which the file passes through piece by piece, in this
    /// order.
    pub(super) fn streams(&self) -> Vec<StreamRedactor> {
        let redactors = self.content.0.iter();
        redactors
            .map(|it| StreamRedactor::new(Arc::clone(it)))
            .collect()
    }

    /// Redacts an outcome, or a value that is recorded.
    pub(super) fn value(&self, value: &mut Value) {
        self.all.redact_json(value);
    }

    /// Redacts what a call reads and has not written itself. A weak value stays: it may be there by
    /// chance.
    pub(super) fn value_strong(&self, value: &mut Value) {
        self.strong.redact_json(value);
    }

    /// Returns a text as [`CallRedactor::value_strong`] redacts values.
    pub(super) fn text_strong(&self, text: &str) -> String {
        self.strong.redact(text).into_owned()
    }

    /// Returns what a call passes to another call or to the run of a workflow, with marks in place of
    /// what it may not pass on: secrets, and the sealed fields that it has seen.
    pub(super) fn passed(&self, given: &Value) -> Value {
        let mut passed = given.clone();
        self.not_passed.redact_json(&mut passed);
        passed
    }

    /// Returns the places of a value that contain a sensitive input, as JSON Pointers. [`Self::passed`]
    /// has found no secret in the value.
    pub(super) fn sensitive_places(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.strong.places(value, String::new(), &mut found);
        found
    }

    pub(super) fn line(&self, line: &mut LogLine) {
        self.text(&mut line.message);
        for (key, value) in &mut line.fields {
            self.text(key);
            self.value(value);
        }
    }

    /// Redacts the report of a call, except for its log, which was redacted line by line.
    pub(super) fn report(&self, report: &mut CallReport) {
        if self.all.0.is_empty() {
            return;
        }
        match &mut report.result {
            Ok(value) => self.value(value),
            Err(error) => self.error(error),
        }
        self.changes(&mut report.changes);
        report
            .discarded
            .names
            .iter_mut()
            .for_each(|name| self.name(name));
        for refused in &mut report.refusals.calls {
            self.text(&mut refused.model);
            self.text(&mut refused.method);
            self.error(&mut refused.error);
        }
        // A guest may request a secret whose name is the value of another one.
        let is_clean =
            |name: &SecretName| matches!(self.all.redact(name.as_str()), Cow::Borrowed(_));
        report.refusals.secrets.retain(is_clean);
    }

    /// Redacts the writes of a call, except for files, which were redacted as they were written.
    pub(super) fn changes(&self, changes: &mut [StagedChange]) {
        if self.all.0.is_empty() {
            return;
        }
        for change in changes {
            match change {
                StagedChange::Write(write) => self.write(write),
                StagedChange::Delete { .. } => {}
            }
        }
    }

    fn write(&self, write: &mut StagedWrite) {
        self.name(&mut write.name);
        let redact = |text: String| self.strong.redact(&text).into_owned();
        write.media_type = write.media_type.take().map(redact);
        let tags = std::mem::take(&mut write.tags).into_iter();
        write.tags = tags
            .map(|(key, value)| (redact(key), redact(value)))
            .collect();
        match &mut write.content {
            StagedContent::Text(text) => self.json(text),
            StagedContent::Bytes(bytes) => {
                if let Cow::Owned(redacted) = self.content.redact_bytes(bytes) {
                    *bytes = redacted;
                }
            }
            StagedContent::File { .. } => {}
        }
    }

    /// Redacts a JSON text, which stays valid JSON.
    fn json(&self, text: &mut String) {
        let Cow::Owned(redacted) = self.content.redact(text) else {
            return;
        };
        // ignored: the text was made of a value just before.
        let mut parsed: Value = serde_json::from_str(text).unwrap_or_default();
        self.content.redact_json(&mut parsed);
        let rewritten = parsed.to_string();
        // A value may also span several parts of a document.
        let is_clean = matches!(self.content.redact(&rewritten), Cow::Borrowed(_));
        *text = if is_clean {
            rewritten
        } else {
            Value::String(redacted).to_string()
        };
    }

    fn error(&self, error: &mut CallError) {
        match error {
            CallError::NotFound { name, .. } => self.text(name),
            CallError::InvalidInput { violations } => {
                for violation in violations {
                    self.text(&mut violation.path);
                    self.text(&mut violation.message);
                }
            }
            CallError::Denied { reason } => self.text(reason),
            CallError::ChangedMeanwhile { name, reason } => {
                self.text(name);
                self.text(reason);
            }
            CallError::Failed(failure) => {
                self.text(&mut failure.code);
                self.text(&mut failure.message);
                if let Some(details) = &mut failure.details {
                    self.value(details);
                }
                // A guest writes the frames of its own stack.
                for frame in &mut failure.backtrace {
                    self.text(&mut frame.function);
                    if let Some(place) = &mut frame.place {
                        self.text(&mut place.file);
                    }
                }
            }
            CallError::Trapped { message, .. } => self.text(message),
            CallError::ChecksFailed { failures } => {
                for failure in failures {
                    self.text(&mut failure.message);
                }
            }
            CallError::Deadlock { difference, .. } => {
                if let Some(difference) = difference {
                    self.text(difference);
                }
            }
            // The guest chose no text in these errors.
            CallError::LockTimeout { .. }
            | CallError::Cycle { .. }
            | CallError::Limit { .. }
            | CallError::TimedOut { .. }
            | CallError::Cancelled
            | CallError::LockLost => {}
        }
    }

    fn name(&self, name: &mut DataName) {
        if let Cow::Owned(redacted) = self.strong.redact(name.as_str()) {
            // A name with many marks can exceed the maximum length of a name.
            let redacted = redacted.parse().or_else(|_| "[secret]".parse());
            *name = redacted.expect("a mark is a name");
        }
    }

    fn text(&self, text: &mut String) {
        if let Cow::Owned(redacted) = self.all.redact(text) {
            *text = redacted;
        }
    }
}

impl Chain {
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut redacted = Cow::Borrowed(text);
        for redactor in &self.0 {
            let next = match redactor.redact(&redacted) {
                Cow::Owned(text) => text,
                Cow::Borrowed(_) => continue,
            };
            redacted = Cow::Owned(next);
        }
        redacted
    }

    fn redact_bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let mut redacted = Cow::Borrowed(bytes);
        for redactor in &self.0 {
            let next = match redactor.redact_bytes(&redacted) {
                Cow::Owned(bytes) => bytes,
                Cow::Borrowed(_) => continue,
            };
            redacted = Cow::Owned(next);
        }
        redacted
    }

    fn redact_json(&self, value: &mut Value) {
        self.0
            .iter()
            .for_each(|redactor| redactor.redact_json(value));
    }

    fn is_redacted(&self, text: &str) -> bool {
        matches!(self.redact(text), Cow::Owned(_))
    }

    /// Adds the pointers of the texts and numbers that would be redacted. An object with such a key is
    /// one place.
    fn places(&self, value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) if self.is_redacted(&number.to_string()) => found.push(at),
            Value::String(text) if self.is_redacted(text) => found.push(at),
            Value::Number(_) | Value::String(_) => {}
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.places(item, pointer_below(&at, &n.to_string()), found);
                }
            }
            Value::Object(members) if members.keys().any(|key| self.is_redacted(key)) => {
                found.push(at);
            }
            Value::Object(members) => {
                for (key, member) in members {
                    self.places(member, pointer_below(&at, key), found);
                }
            }
        }
    }
}
