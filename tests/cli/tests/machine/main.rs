//! The program on machines that refuse: an open umask, a locked file; and with users who share
//! a repository, or may not.
//!
//! Each test runs many commands and judges every exit code: 75 if trying again may help, 3 if the
//! user's rights are in the way, 0 if it worked, and never 70. Afterwards the datastore is sound,
//! and all data is there that was written with success. Each prints how often it saw which code.
//!
//! Most tests need root. Where that cannot be had a test says so and passes,
//! but not where `CI=true` says that it must be had.
#![expect(
    clippy::disallowed_methods,
    reason = "it arranges the machine that the program runs on"
)]

mod limits;
mod scene;
mod users;
