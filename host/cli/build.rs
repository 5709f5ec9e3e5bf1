//! Links the program to a fixed address where the system permits that: see "Start-up" in
//! `ARCHITECTURE.md`. Passes the digests of the first-party plugins to it.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo passes the build settings in the environment, and a build script reads files"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The environment variable that requests a position-independent program.
const PIE: &str = "SEDGE_PIE";

/// The digests of the first-party plugins, relative to the root of the repository.
const DIGESTS: &str = "plugins/digests";

/// The file in the target folder that replaces [`DIGESTS`]. `tests/setup` writes it if the compiler
/// of this build tree produces components with other digests.
const DIGESTS_OF_THIS_TREE: &str = "plugin-digests";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={PIE}");
    // macOS runs position-independent programs only.
    let is_linux = env::var_os("CARGO_CFG_TARGET_OS").is_some_and(|system| system == "linux");
    if is_linux && env::var_os(PIE).is_none() {
        // This follows rustc's own `-pie`, and the compiler driver obeys the last of the two.
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
    digests()
}

/// Returns the target folder of the build.
fn target_folder(out: &Path) -> Option<&Path> {
    // `<target>/[<triple>/]<profile>/build/<package>/out`
    let build = out
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "build"))?;
    let above_profile = build.parent()?.parent()?;
    let is_of_triple = above_profile.file_name() == env::var_os("TARGET").as_deref();
    match is_of_triple {
        true => above_profile.parent(),
        false => Some(above_profile),
    }
}

/// Copies the list of first-party plugins to where the program includes it from.
fn digests() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("`OUT_DIR` is not set")?);
    let committed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(DIGESTS);
    let mut list = committed.clone();
    println!("cargo:rerun-if-changed={}", committed.display());
    if let Some(target) = target_folder(&out) {
        let of_this_tree = target.join(DIGESTS_OF_THIS_TREE);
        println!("cargo:rerun-if-changed={}", of_this_tree.display());
        if of_this_tree.is_file() {
            list = of_this_tree;
        }
    }
    let shown = list.display();
    let text =
        fs::read_to_string(&list).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let is_digest =
            |word: &str| word.len() == 64 && word.bytes().all(|it| it.is_ascii_hexdigit());
        if words.len() != 3 || !words[0].starts_with('@') || !is_digest(words[2]) {
            return Err(format!("`{shown}`: `{line}` is not `TYPE VERSION SHA256`").into());
        }
    }
    let file = out.join("plugin-digests");
    // A file that is newer than the program would make the program look outdated.
    if fs::read_to_string(&file).is_ok_and(|former| former == text) {
        return Ok(());
    }
    Ok(fs::write(file, text)?)
}
