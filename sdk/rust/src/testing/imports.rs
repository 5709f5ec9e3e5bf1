//! The imports of a plugin during its tests: one module per interface of the contract, and one for what
//! the SDK uses of WASI, with the names and types of the generated bindings.
//!
//! Each module takes the types of the bindings, and replaces the functions and the resources by those
//! that answer from the [`World`](super::world::World) of the running test.

pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod commands;
pub(crate) mod context;
pub(crate) mod data;
pub(crate) mod io;
pub(crate) mod log;
pub(crate) mod models;
pub(crate) mod secrets;
pub(crate) mod workflows;
