//! The runtime, from outside: real components, in a folder of their own.

#![expect(
    clippy::disallowed_methods,
    reason = "a test damages the files that the cache has written"
)]

mod cache;
