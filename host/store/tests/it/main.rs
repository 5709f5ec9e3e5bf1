//! The public interface of the store, with real files, and a second handle in place of a second
//! process.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests start processes, and read their settings from the environment"
)]

mod audit;
mod backup;
mod bases;
mod calls;
mod concurrent;
mod create;
mod data;
mod data_restore;
mod fair;
#[path = "../fixture/mod.rs"]
mod fixture;
mod format;
mod group;
mod locks;
mod migrate;
mod model;
mod readers;
mod run_log;
mod run_parts;
mod runs;
mod trust;
mod unsaved;
mod uses;
