//! What use cases return, one module a noun.

pub mod repository;
pub mod secret;
