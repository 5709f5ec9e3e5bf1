//! Runs: what ran, with its calls and logs.

pub(crate) mod cx;
pub(crate) mod driver_signal;
pub(crate) mod error;
pub(crate) mod failed;
pub(crate) mod find;
pub(crate) mod gate_log;
mod names_known;
pub(crate) mod steps;
pub(crate) mod stop;
pub(crate) mod stored;
pub(crate) mod view;
mod watch_calls;

pub(crate) mod called;
pub mod cancel;
pub mod event_view;
pub mod follow;
pub mod gc;
pub mod list;
pub mod logs;
pub mod logs_follow;
pub mod nested;
pub mod show;
pub mod watch;
