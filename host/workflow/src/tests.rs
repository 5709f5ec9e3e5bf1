//! Whole runs, executed by a driver that only calls [`RunState::next`](crate::RunState::next).

mod cost;
mod edits;
mod graphs;
mod hold;
mod play;
mod random;
mod reopen;
mod reset;
mod simulation;
mod stories;
mod table;
