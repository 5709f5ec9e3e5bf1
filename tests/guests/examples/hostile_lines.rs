//! `@test/hostile` again, built with debug info: what traps is told with its lines.

#[path = "hostile.rs"]
mod hostile;
