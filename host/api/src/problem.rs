//! Why something was not done, as data: what failed, on what, why, and what to do next.
//!
//! An area's error enum implements [`Explain`]; a face shows the [`Problem`] in its own words.

pub mod call;
mod code;
pub mod details;
mod help;

use std::error::Error;

use schemars::JsonSchema;
use serde::Serialize;

pub use crate::document::UseCase;
pub use code::{ErrorClass, ErrorCode};
pub use details::Details;
pub use help::{Argument, Help};

/// Why a use case was not carried out.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable word for programs.
    pub code: ErrorCode,
    /// The class of the problem. It follows from the code.
    pub class: ErrorClass,
    /// What failed, and the thing concerned: a lower-case fragment without a period.
    pub message: String,
    /// Why, the nearest cause first.
    pub causes: Vec<String>,
    /// What else happened, as sentences: what was rolled back, what was kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The invalid place in a file: the one of the first fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// All faults of the file, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<PlacedFault>,
    /// What to do next, the likeliest first.
    pub help: Vec<Help>,
    /// More data for programs. Its keys depend on the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// A place in a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file, as a rule relative to the repository.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The column in characters, counted from 1.
    pub column: u64,
    /// The line of the end of the place, counted from 1.
    pub end_line: u64,
    /// The column after the last character of the place, counted from 1.
    pub end_column: u64,
}

/// A fault in a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacedFault {
    /// Its place.
    #[serde(flatten)]
    pub place: Place,
    /// The kind of the fault, a stable word for programs: `unknown-key`.
    pub code: String,
    /// What is wrong: a lower-case fragment without a period.
    pub message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// An error that can be shown as a [`Problem`].
///
/// The error's own text never repeats its source: the sources are the causes.
pub trait Explain: Error {
    /// Returns the stable word for programs. The class, and with it the exit code, follows from it.
    fn code(&self) -> ErrorCode;

    /// Returns what failed and on what: a lower-case fragment without a period.
    fn message(&self) -> String {
        self.to_string()
    }

    /// Returns what to do next, the likeliest first.
    fn help(&self) -> Vec<Help> {
        Vec::new()
    }

    /// Returns why it happened, the nearest cause first.
    fn causes(&self) -> Vec<String> {
        sources(self.source())
    }

    /// Returns what else happened, as sentences without a period.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the invalid place in a file.
    fn place(&self) -> Option<Place> {
        None
    }

    /// Returns all faults of the file, in its order.
    fn faults(&self) -> Vec<PlacedFault> {
        Vec::new()
    }

    /// Returns what else a program may want to know.
    fn details(&self) -> Option<Details> {
        None
    }

    /// Returns what kind of problem it is.
    fn class(&self) -> ErrorClass {
        self.code().class()
    }

    /// Returns all of it as data.
    fn problem(&self) -> Problem {
        let code = self.code();
        Problem {
            code,
            class: code.class(),
            message: self.message(),
            causes: self.causes(),
            notes: self.notes(),
            place: self.place(),
            faults: self.faults(),
            help: self.help(),
            details: self.details(),
        }
    }
}

/// Returns the texts of an error and of everything below it.
#[must_use]
pub fn sources(error: Option<&(dyn Error + 'static)>) -> Vec<String> {
    let mut texts = Vec::new();
    let mut next = error;
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts
}
