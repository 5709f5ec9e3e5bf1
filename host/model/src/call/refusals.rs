//! The host's refusals of what a call attempted while it ran.

use super::{CallError, LimitName};
use crate::names::SecretName;

/// What the host refused to a call, and reported to it. If the call fails afterwards, the refusal
/// is the likely cause; the guest's own message is only its claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The calls that it made and that could not begin, in order, without repetitions: the last
    /// [`REFUSED_CALLS_MAX`]. A call that the guest repeated with success is not in the list.
    pub calls: Vec<CallRefusal>,
    /// The limits that it reached with their values, in order, without repetitions.
    pub limits: Vec<(LimitName, u64)>,
    /// The granted secrets that it requested and that do not exist, in order, without repetitions:
    /// the first [`MISSING_SECRETS_MAX`].
    pub secrets: Vec<SecretName>,
}

/// The maximum number of refused calls that are retained. A guest can make thousands.
pub const REFUSED_CALLS_MAX: usize = 8;

/// The maximum number of missing secrets that are retained. A guest chooses their names, as far as a
/// grant matches them.
pub const MISSING_SECRETS_MAX: usize = 8;

/// The maximum number of characters of a name that the guest chose for a refused call.
const REFUSED_NAME_CHARS_MAX: usize = 200;

/// A call that could not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRefusal {
    /// The model to call, as the guest wrote it.
    pub model: String,
    /// The method, as the guest wrote it.
    pub method: String,
    /// Why it could not begin.
    pub error: CallError,
}

impl Refusals {
    /// Returns whether nothing was refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.limits.is_empty() && self.secrets.is_empty()
    }

    /// Adds a call that could not begin.
    pub fn call(&mut self, model: &str, method: &str, error: CallError) {
        let cut = |name: &str| name.chars().take(REFUSED_NAME_CHARS_MAX).collect();
        let refused = CallRefusal {
            model: cut(model),
            method: cut(method),
            error,
        };
        // A guest that repeats a call is refused for the same reason each time.
        self.calls.retain(|call| *call != refused);
        if self.calls.len() == REFUSED_CALLS_MAX {
            self.calls.remove(0);
        }
        self.calls.push(refused);
    }

    /// Removes a refused call after the guest repeated it with success.
    pub fn call_succeeded(&mut self, model: &str, method: &str) {
        self.calls
            .retain(|call| (call.model.as_str(), call.method.as_str()) != (model, method));
    }

    /// Adds a secret that does not exist.
    pub fn secret_missing(&mut self, name: &SecretName) {
        if self.secrets.len() < MISSING_SECRETS_MAX && !self.secrets.contains(name) {
            self.secrets.push(name.clone());
        }
    }

    /// Adds a limit that was reached.
    pub fn limit(&mut self, name: LimitName, value: u64) {
        self.limits.retain(|(known, _)| *known != name);
        self.limits.push((name, value));
    }
}
