//! The domain of Sedge as plain, checked types.
//!
//! This crate is pure: it reads no file, no clock and no environment, and contains no async code.
//! Its values are always valid: a name is checked when it is made.

pub mod audit;
pub mod backtrace;
pub mod call;
pub mod command;
pub mod digest;
pub mod guest_text;
pub mod json;
pub mod json_pointer;
pub mod lifetime;
pub mod limits;
pub mod lineage;
pub mod names;
pub mod permission;
pub mod report;
pub mod run;
pub mod sealed;
pub mod violation;
pub mod yaml_text;
