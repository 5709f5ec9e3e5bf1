//! Who may go: locks that belong to call lineages.
//!
//! A request conflicts only with holders that are not its own ancestors (Moss 1981), so
//! no call can ever wait for a call that waits for it. [`table`] decides this, purely.
//!
//! No lock is inherited through environment variables, process ids or paths. A process that a
//! call waits for can prove that it is below it, by a token: see [`joined`].

pub mod error;
mod format;
pub mod joined;
pub mod manager;
pub mod mode;
pub mod owner;
mod replica;
pub mod session;
pub mod status;
pub mod table;
