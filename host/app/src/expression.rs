//! Expressions in definitions and workflows: what they need from outside, and their evaluation.
//!
//! The engine (`sedge_lang::expr`) is pure. An evaluation that needs data, the environment or
//! another definition ends with its needs. An `Evaluator` finds the answers and evaluates again.
//! All data of one evaluator is read from one snapshot.

mod answers;
mod data;
mod definition;
mod environment;
mod evaluator;
mod model;
mod partial;
mod record;
mod run;
mod secret;
mod step;

pub mod eval;

pub(crate) use definition::{
    DefinitionValues, definition_uses_data, has_expressions, literal_members, self_value,
};
pub(crate) use environment::env_not_granted;
pub(crate) use evaluator::{
    Evaluator, EvaluatorSource, MethodAnswers, expression_fault, uses_data,
};
pub(crate) use partial::{LaterName, PartialEvaluation, SECRETS_LATER};
pub(crate) use run::{ResultsUsed, RunResults, RunStates, StepErrors, StepWriters, run_value};
pub(crate) use secret::SecretPlace;
pub(crate) use step::{
    StepTarget, StepVariables, WrittenStep, has_data, kind_shown, needs_results,
};
