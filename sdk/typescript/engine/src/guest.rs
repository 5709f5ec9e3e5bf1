//! The component: the exports of the contract and of the build, over the script that is loaded.

mod arguments;
mod bindings;
mod exports;
mod faults;
mod natives;
mod read;
mod script;
mod state;
mod turns;
mod write;
