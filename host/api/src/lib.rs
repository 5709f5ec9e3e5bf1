//! What leaves Sedge for machines: the contract of every face.
//!
//! Plain data with camelCase keys, and a JSON Schema for each document. Nothing in here
//! decides anything, and the crate depends on no other crate of the host: what is on disk
//! and what the program thinks with have types of their own, and `sedge-app` converts
//! between them.

pub mod document;
pub mod problem;
mod text;
mod time;
pub mod view;

pub use text::PluginText;
pub use time::Time;
