//! What the host refused to a call while it ran.

use super::{CallError, LimitName};

/// What the host refused to a call, and reported to it. If the call fails then, this is why, or
/// may be: what the guest says of it is its own word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The calls that it made and that could not begin, in order, each once, the last
    /// [`REFUSED_CALLS_MAX`]. One that the guest made again with success is not among them.
    pub calls: Vec<RefusedCall>,
    /// The limits that it reached, in order, each once with its value.
    pub limits: Vec<(LimitName, u64)>,
}

/// The most calls that are kept of those that could not begin. A guest can make thousands.
pub const REFUSED_CALLS_MAX: usize = 8;

/// The most characters of a name that a guest chose for a call that could not begin.
const REFUSED_NAME_CHARS_MAX: usize = 200;

/// A call that could not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// The model that was to be called, as the guest wrote it.
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
        self.calls.is_empty() && self.limits.is_empty()
    }

    /// Adds a call that could not begin.
    pub fn call(&mut self, model: &str, method: &str, error: CallError) {
        let cut = |name: &str| name.chars().take(REFUSED_NAME_CHARS_MAX).collect();
        let refused = RefusedCall {
            model: cut(model),
            method: cut(method),
            error,
        };
        // A guest that tries again and again is refused for one reason.
        self.calls.retain(|call| *call != refused);
        if self.calls.len() == REFUSED_CALLS_MAX {
            self.calls.remove(0);
        }
        self.calls.push(refused);
    }

    /// Removes a call that could not begin and that the guest made again with success.
    pub fn call_succeeded(&mut self, model: &str, method: &str) {
        self.calls
            .retain(|call| (call.model.as_str(), call.method.as_str()) != (model, method));
    }

    /// Adds a limit that was reached.
    pub fn limit(&mut self, name: LimitName, value: u64) {
        self.limits.retain(|(known, _)| *known != name);
        self.limits.push((name, value));
    }
}
