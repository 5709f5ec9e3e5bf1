//! The one door through which text leaves a call: its log, its outcome or its error, what it
//! writes, and what it hands to other calls. The values of secrets do not get through.
//!
//! A weak value, such as `prod`, is kept out of logs, outcomes and errors, and out of what a call
//! writes only if a call of the run was handed the secret. In names, tags and arguments it stays:
//! they would become other ones, in data that has nothing to do with the secret.

use std::borrow::Cow;
use std::sync::Arc;

use sedge_model::call::{CallError, LogLine, StagedChange, StagedContent, StagedWrite};
use sedge_model::names::DataName;
use sedge_runtime::CallReport;
use sedge_secrets::StreamRedactor;
use serde_json::Value;

use crate::vault::{Redactors, Vault};

/// Puts marks in place of values of secrets, in all that leaves a call.
pub(super) struct Door(Redactors);

impl Door {
    /// Returns the door as it is now: it knows the secrets that were handed over by now.
    pub(super) fn new(vault: &Vault) -> Self {
        Self(vault.redactors())
    }

    /// Returns what a file passes through, piece by piece.
    pub(super) fn stream(&self) -> StreamRedactor {
        StreamRedactor::new(Arc::clone(&self.0.content))
    }

    /// Takes values out of an outcome, or of what is put on record.
    pub(super) fn value(&self, value: &mut Value) {
        self.0.all.redact_json(value);
    }

    /// Takes values out of the arguments of a call by another one.
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

    /// Takes values out of what a call leaves behind. Its log has passed as it came.
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
            .undone
            .names
            .iter_mut()
            .for_each(|name| self.name(name));
        for refused in &mut report.refusals.calls {
            self.text(&mut refused.model);
            self.text(&mut refused.method);
            self.error(&mut refused.error);
        }
    }

    /// Takes values out of what a call has written. What is in files has passed already.
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
        let told = |text: String| self.0.strong.redact(&text).into_owned();
        write.media_type = write.media_type.take().map(told);
        let tags = std::mem::take(&mut write.tags).into_iter();
        write.tags = tags.map(|(key, value)| (told(key), told(value))).collect();
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

    /// Takes values out of a JSON text, which stays one.
    fn json(&self, text: &mut String) {
        let Cow::Owned(redacted) = self.0.content.redact(text) else {
            return;
        };
        // ignored: the text was made of a value just before.
        let mut parsed: Value = serde_json::from_str(text).unwrap_or_default();
        self.0.content.redact_json(&mut parsed);
        let rewritten = parsed.to_string();
        // A value may also stand across the parts of a document.
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
            // Nothing in these is the guest's.
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
            // Many marks can be longer than a name may be.
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
