//! The language that people write: YAML, definitions, workflows, inputs, schemas and expressions.
//!
//! This crate is pure: it reads no file, no clock and no environment, and contains no async code. A
//! text is parsed completely, or a [`diagnostic::Diagnostic`] says what is wrong with it, and
//! where.

pub mod argument;
mod command_pin;
pub mod definition;
pub mod diagnostic;
pub mod expr;
pub mod grants_edit;
pub mod input;
pub mod json_schema;
pub mod query;
pub mod repository;
pub mod schema;
pub mod scope;
pub mod suggest;
#[cfg(test)]
mod test_values;
pub mod type_info;
pub mod upgrade;
pub mod user_config;
pub mod workflow;
pub mod written;
pub mod written_check;
pub mod yaml;
