//! `@test/hostile` built with debug info, so that its backtraces have lines.

#[path = "hostile.rs"]
mod hostile;
