//! The folder of secrets, as those who use it see it: on a disk that fails or loses its power at
//! any point, and with many at it at once.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "files are damaged, and threads are what takes turns"
)]

mod cut_off;
mod disk;
mod fixture;
mod keys;
mod operations;
mod turns;
