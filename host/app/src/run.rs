//! Runs: what ran, with its calls and logs.

pub(crate) mod cx;
pub(crate) mod error;
pub(crate) mod find;
mod names_known;
pub(crate) mod stored;
pub(crate) mod view;

pub mod gc;
pub mod list;
pub mod logs;
pub mod show;
