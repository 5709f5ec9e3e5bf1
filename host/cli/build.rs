//! Links the program to a fixed address: see "Start-up" in `ARCHITECTURE.md`.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo says by the environment what to build"
)]

/// The variable of the environment that has it linked position-independently instead.
const PIE: &str = "SEDGE_PIE";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={PIE}");
    if std::env::var_os(PIE).is_none() {
        // After rustc's own `-pie`, of which the compiler driver takes the last.
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
