//! The engine of plugins that are written in TypeScript: a component that has QuickJS, and that becomes
//! a plugin when a script is loaded into it.
//!
//! The build of a plugin makes one ES module of the author's modules and the SDK, the *bundle*. One
//! instance of the engine compiles it, a second one evaluates it, and a snapshot of that one is the
//! plugin. In a call, the engine passes the exports of the contract on to those of the bundle, runs the
//! event loop over `wasi:io/poll`, and offers the functions of the contract and of WASI to the SDK as
//! one object, `__sedge`.
//!
//! What needs QuickJS is in `guest` and exists for WebAssembly only. The other modules are plain
//! functions, which are tested natively.

pub mod addresses;
pub mod ciphers;
pub mod codecs;
pub mod encodings;
pub mod frames;
pub mod names;
pub mod timers;

#[cfg(target_family = "wasm")]
mod guest;
