//! Links the program to a fixed address: see "Start-up" in `ARCHITECTURE.md`.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo passes the build settings in the environment"
)]

/// The environment variable that links the program position-independently instead.
const PIE: &str = "SEDGE_PIE";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={PIE}");
    if std::env::var_os(PIE).is_none() {
        // This follows rustc's own `-pie`, and the compiler driver obeys the last of the two.
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
