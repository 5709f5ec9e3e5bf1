//! Who may go: locks that belong to call lineages.
//!
//! A request conflicts only with holders that are not its own ancestors (Moss 1981), so
//! no call can ever wait for a call that waits for it. [`table`] decides this, purely;
//! [`manager`] makes tasks wait and wake, and keeps other processes out.
//!
//! Nothing about a lock is inherited through environment variables, process ids or paths.

pub mod manager;
mod processes;
pub mod table;
