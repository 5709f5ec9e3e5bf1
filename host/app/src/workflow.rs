//! Workflows: their files, their runs, and the decisions on their gates.

pub(crate) mod drive;
pub(crate) mod gate_find;
pub(crate) mod inputs;
pub(crate) mod prompt;
pub(crate) mod view;

pub mod approvals;
pub mod dry_run;
pub mod evaluate;
pub mod gates;
pub mod get;
pub mod graph;
pub mod list;
pub mod resume;
pub mod run;
pub mod validate;
