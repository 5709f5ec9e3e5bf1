//! The one place where text leaves a call: its log, its outcome or error, its writes, and its
//! arguments for other calls. The host redacts the values of secrets here.
//!
//! A weak value, such as `prod`, is redacted in logs, outcomes and errors. It is redacted in a
//! call's writes only if the host has handed the secret to a call of the run. It stays in names,
//! tags and arguments: redacting it there would change data that has nothing to do with the secret.

use std::borrow::Cow;
use std::sync::Arc;

use sedge_model::call::{CallError, LogLine, StagedChange, StagedContent, StagedWrite};
use sedge_model::names::{DataName, SecretName};
use sedge_runtime::CallReport;
use sedge_secrets::StreamRedactor;
use serde_json::Value;

use crate::secret::vault::{Redactors, Vault};

/// Replaces the values of secrets with marks, in all text that leaves a call.
pub(super) struct CallRedactor(Redactors);

impl CallRedactor {
    /// Returns a redactor for the secrets that the run has been handed so far.
    pub(super) fn new(vault: &Vault) -> Self {
        Self(vault.redactors())
    }

    /// Returns the redactor for a file, which the file passes through piece by piece.
    pub(super) fn stream(&self) -> StreamRedactor {
        StreamRedactor::new(Arc::clone(&self.0.content))
    }

    /// Redacts an outcome, or a value that is recorded.
    pub(super) fn value(&self, value: &mut Value) {
        self.0.all.redact_json(value);
    }

    /// Redacts the arguments that a call passes to a callee.
    pub(super) fn arguments(&self, arguments: &mut Value) {
        self.0.strong.redact_json(arguments);
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
        if self.0.all.is_empty() {
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
            |name: &SecretName| matches!(self.0.all.redact(name.as_str()), Cow::Borrowed(_));
        report.refusals.secrets.retain(is_clean);
    }

    /// Redacts the writes of a call, except for files, which were redacted as they were written.
    pub(super) fn changes(&self, changes: &mut [StagedChange]) {
        if self.0.all.is_empty() {
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
        let redact = |text: String| self.0.strong.redact(&text).into_owned();
        write.media_type = write.media_type.take().map(redact);
        let tags = std::mem::take(&mut write.tags).into_iter();
        write.tags = tags
            .map(|(key, value)| (redact(key), redact(value)))
            .collect();
        match &mut write.content {
            StagedContent::Text(text) => self.json(text),
            StagedContent::Bytes(bytes) => {
                if let Cow::Owned(redacted) = self.0.content.redact_bytes(bytes) {
                    *bytes = redacted;
                }
            }
            StagedContent::File { .. } => {}
        }
    }

    /// Redacts a JSON text, which stays valid JSON.
    fn json(&self, text: &mut String) {
        let Cow::Owned(redacted) = self.0.content.redact(text) else {
            return;
        };
        // ignored: the text was made of a value just before.
        let mut parsed: Value = serde_json::from_str(text).unwrap_or_default();
        self.0.content.redact_json(&mut parsed);
        let rewritten = parsed.to_string();
        // A value may also span several parts of a document.
        let is_clean = matches!(self.0.content.redact(&rewritten), Cow::Borrowed(_));
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
            CallError::Failed(failure) => {
                self.text(&mut failure.code);
                self.text(&mut failure.message);
                if let Some(details) = &mut failure.details {
                    self.value(details);
                }
            }
            CallError::Trapped { message, .. } => self.text(message),
            // The guest chose no text in these errors.
            CallError::LockTimeout { .. }
            | CallError::Deadlock { .. }
            | CallError::Cycle { .. }
            | CallError::Limit { .. }
            | CallError::TimedOut { .. }
            | CallError::Cancelled => {}
        }
    }

    fn name(&self, name: &mut DataName) {
        if let Cow::Owned(redacted) = self.0.strong.redact(name.as_str()) {
            // A name with many marks can exceed the maximum length of a name.
            let redacted = redacted.parse().or_else(|_| "[secret]".parse());
            *name = redacted.expect("a mark is a name");
        }
    }

    fn text(&self, text: &mut String) {
        if let Cow::Owned(redacted) = self.0.all.redact(text) {
            *text = redacted;
        }
    }
}
