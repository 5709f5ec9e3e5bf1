//! The language that people write: YAML, definitions, workflows, inputs, schemas and expressions.
//!
//! This crate is pure: it reads no file, no clock and no environment, and contains no async code. A
//! text is parsed completely, or a [`diagnostic::Diagnostic`] says what is wrong with it, and where.

pub mod argument;
mod command_pin;
pub mod definition;
pub mod diagnostic;
pub mod expr;
pub mod grants_edit;
pub mod query;
pub mod repository;
pub mod schema;
pub mod suggest;
pub mod type_info;
pub mod user_config;
pub mod workflow;
pub mod yaml;
