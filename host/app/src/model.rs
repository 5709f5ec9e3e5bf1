//! Models: their definitions, their permissions, and runs of their methods.

pub(crate) mod error;
mod known;
pub(crate) mod view;

pub mod create;
pub mod delete;
pub mod edit;
pub mod evaluate;
pub mod get;
pub mod grant;
pub mod list;
pub mod method_direct;
pub mod method_run;
pub mod permissions;
pub mod revoke;
pub mod upgrade;
