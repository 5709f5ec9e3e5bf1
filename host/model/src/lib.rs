//! The domain of Sedge as plain, checked types.
//!
//! This crate is pure: it reads no file, no clock and no environment, and contains no async code.
//! Its values are always valid: a name is checked when it is made, and a definition is parsed
//! completely.

pub mod argument;
pub mod backtrace;
pub mod call;
pub mod command;
pub mod definition;
pub mod diagnostic;
pub mod digest;
pub mod guest_text;
pub mod json;
pub mod lifetime;
pub mod limits;
pub mod lineage;
pub mod names;
pub mod permission;
pub mod query;
pub mod repository;
pub mod run;
pub mod schema;
pub mod suggest;
pub mod type_info;
pub mod user_config;
pub mod workflow;
pub mod yaml;
