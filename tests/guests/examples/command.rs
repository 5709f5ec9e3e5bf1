//! A valid component of another world, `wasi:cli/command`. It provides no model.

fn main() {}
