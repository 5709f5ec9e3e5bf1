//! Tests of the runtime from outside, with real components in temporary folders.

#![expect(
    clippy::disallowed_methods,
    reason = "a test damages the files that the cache has written"
)]

mod cache;
mod reports;
mod script;
