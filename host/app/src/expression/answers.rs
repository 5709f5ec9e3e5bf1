//! The answers to needs, and the arguments of needs.

use sedge_lang::expr::{Need, NeedAnswer};
use sedge_store::StoreError;
use serde_json::Value;

use crate::error::AppError;

/// Why a need has no value.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The thing that is needed does not exist. The text is the message: a lower-case fragment
    /// without a period.
    Absent(String),
    /// The thing that is needed cannot or must not be read. The text says why.
    Refused(String),
    /// The host failed, so the evaluation ends.
    Host(AppError),
}

impl From<AppError> for NoAnswer {
    fn from(error: AppError) -> Self {
        Self::Host(error)
    }
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> Self {
        Self::Host(error.into())
    }
}

/// Returns the answer as the engine takes it.
pub(super) fn answered(found: Result<Value, NoAnswer>) -> Result<NeedAnswer, AppError> {
    match found {
        Ok(value) => Ok(NeedAnswer::Value(value)),
        Err(NoAnswer::Absent(message)) => Ok(NeedAnswer::Absent(message)),
        Err(NoAnswer::Refused(message)) => Ok(NeedAnswer::Refused(message)),
        Err(NoAnswer::Host(error)) => Err(error),
    }
}

/// Returns a text with the nearest name after it, if there is one.
pub(super) fn with_near(message: String, near: Option<&str>) -> String {
    match near {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message,
    }
}

/// The arguments of a need.
#[derive(Clone, Copy)]
pub(super) struct NeedArguments<'n>(pub(super) &'n Need);

impl<'n> NeedArguments<'n> {
    /// Returns the number of arguments.
    pub(super) fn n(self) -> usize {
        self.0.arguments.len()
    }

    /// Returns an argument, which has to be a text.
    pub(super) fn text(self, at: usize) -> Result<&'n str, NoAnswer> {
        let given = self.0.arguments.get(at).and_then(Value::as_str);
        given.ok_or_else(|| self.wrong(at, "a text"))
    }

    /// Returns an argument, which has to be a whole number from 1 on.
    pub(super) fn version(self, at: usize) -> Result<u64, NoAnswer> {
        let given = self.0.arguments.get(at).and_then(Value::as_u64);
        let given = given.filter(|it| *it > 0);
        given.ok_or_else(|| self.wrong(at, "the number of a version, from 1 on"))
    }

    /// Returns an argument, which has to be a text or a list of texts.
    pub(super) fn texts(self, at: usize) -> Result<Vec<&'n str>, NoAnswer> {
        let given = self.0.arguments.get(at);
        let texts = match given {
            Some(Value::String(text)) => Some(vec![text.as_str()]),
            Some(Value::Array(items)) => items.iter().map(Value::as_str).collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => None,
        };
        texts.ok_or_else(|| self.wrong(at, "a text or a list of texts"))
    }

    fn wrong(self, at: usize, wanted: &str) -> NoAnswer {
        let name = &self.0.name;
        NoAnswer::Refused(format!(
            "argument {} of `{name}` has to be {wanted}",
            at + 1
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn need(arguments: &Value) -> Need {
        Need {
            name: "data.version".to_owned(),
            arguments: arguments.as_array().expect("a list").clone(),
        }
    }

    fn message<T>(result: Result<T, NoAnswer>) -> String {
        match result.err() {
            Some(NoAnswer::Refused(message) | NoAnswer::Absent(message)) => message,
            Some(NoAnswer::Host(_)) | None => String::new(),
        }
    }

    #[test]
    fn wrong_argument_is_refused_with_what_it_has_to_be() {
        let need = need(&json!(["m", 3, ["a", "b"], 0, null]));
        let arguments = NeedArguments(&need);
        assert_eq!(arguments.text(0).ok(), Some("m"));
        assert_eq!(arguments.version(1).ok(), Some(3));
        assert_eq!(arguments.texts(2).ok(), Some(vec!["a", "b"]));
        assert_eq!(arguments.texts(0).ok(), Some(vec!["m"]));
        assert_eq!(
            message(arguments.text(1)),
            "argument 2 of `data.version` has to be a text"
        );
        assert_eq!(
            message(arguments.version(3)),
            "argument 4 of `data.version` has to be the number of a version, from 1 on"
        );
        assert_eq!(
            message(arguments.texts(4)),
            "argument 5 of `data.version` has to be a text or a list of texts"
        );
    }
}
