//! Locks whose owners are call lineages.
//!
//! A request conflicts only with holders that are not its own ancestors (Moss 1981), so no call
//! ever waits for a call that waits for it. [`table`] makes this decision as a pure function.
//!
//! Locks are not inherited through environment variables, process ids or paths. A process that a
//! call waits for proves that it is below the call with a token: see [`joined`].

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
