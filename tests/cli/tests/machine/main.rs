//! The program on machines that refuse: a full disk, a read-only medium, few descriptors, an
//! open umask, no `/proc`, a locked file; and with users who share a repository, or may not.
//!
//! Each test runs many commands and judges every exit code: 75 if trying again may help, 3 if the
//! user's rights are in the way, 0 if it worked, and never 70. Afterwards the datastore is sound,
//! and all data is there that was written with success. Each prints how often it saw which code.
//!
//! Most tests need root, or a mount namespace. Where that cannot be had a test says so and passes,
//! but not where `CI=true` says that it must be had.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it arranges the machine that the program runs on, and prints what it counted"
)]

mod disk;
mod limits;
mod scene;
mod users;
