//! The program on machines where operations fail: a full disk, a read-only medium, few descriptors,
//! no `/proc`, a locked file. And the program with an open umask, and with several users.
//!
//! Each test runs many commands and checks every exit code: 0 for success, 75 if a retry may help,
//! 3 if the user lacks rights, and never 70. Afterwards the datastore is sound, and has all data
//! whose write was reported as successful. Each test prints how often it saw each exit code.
//!
//! Most tests need root, or a mount namespace. If these are missing, a test prints a message and
//! passes, except with `CI=true`, where it fails.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it sets up the machine for the program, and prints statistics"
)]

mod disk;
mod limits;
mod scene;
mod users;
