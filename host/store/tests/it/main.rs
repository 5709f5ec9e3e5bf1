//! The store, from outside: real files, and a second handle on them for a second process.

mod calls;
mod concurrent;
mod create;
mod data;
#[path = "../fixture/mod.rs"]
mod fixture;
mod locks;
mod runs;
