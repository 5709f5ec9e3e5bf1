//! The public interface of the folder of secrets, on a disk that fails or loses power at any call,
//! and with concurrent callers.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests damage files, and use threads as concurrent callers"
)]

mod concurrent;
mod disk;
mod fixture;
mod interrupted;
mod keys;
mod operations;
