//! The store, from outside: real files, and a second handle on them for a second process.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "processes, and how long to go on, are told by the environment"
)]

mod backup;
mod calls;
mod concurrent;
mod create;
mod data;
mod fair;
#[expect(dead_code, reason = "another test uses the rest")]
#[path = "../fixture/mod.rs"]
mod fixture;
mod format;
mod group;
mod locks;
mod migrate;
mod model;
mod readers;
mod runs;
mod trust;
mod uses;
