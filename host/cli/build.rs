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

/// The word that stands for the digest of a plugin in Python. Two builds of such a component differ, so
/// only the program that is built with it can know its digest.
const BUILT_WITH_THE_PROGRAM: &str = "built-with-the-program";

/// The word that takes its place if there is no such component: see `FirstParty::parse`.
const NOT_BUILT: &str = "not-built";

/// The file in the target folder with the digests of the plugins in Python, `TYPE SHA256`, which
/// `tests/guests/artifacts/build.rs` writes.
const PYTHON_DIGESTS: &str = "python-plugin-digests";

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
    let mut python = String::new();
    println!("cargo:rerun-if-changed={}", committed.display());
    if let Some(target) = target_folder(&out) {
        let of_this_tree = target.join(DIGESTS_OF_THIS_TREE);
        println!("cargo:rerun-if-changed={}", of_this_tree.display());
        if of_this_tree.is_file() {
            list = of_this_tree;
        }
        python = python_digests(target)?;
    }
    let shown = list.display();
    let text =
        fs::read_to_string(&list).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    let text = resolved(&text, &python);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let is_digest =
            |word: &str| word.len() == 64 && word.bytes().all(|it| it.is_ascii_hexdigit());
        let is_known = |word: &str| is_digest(word) || word == NOT_BUILT;
        if words.len() != 3 || !words[0].starts_with('@') || !is_known(words[2]) {
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

/// Reads the digests of the plugins in Python.
fn python_digests(target: &Path) -> Result<String, Box<dyn Error>> {
    let file = target.join(PYTHON_DIGESTS);
    println!("cargo:rerun-if-changed={}", file.display());
    if !file.is_file() {
        // Cargo runs a build script again and again that watches a missing file.
        fs::write(&file, "")?;
    }
    let shown = file.display();
    Ok(fs::read_to_string(&file).map_err(|error| format!("cannot read `{shown}`: {error}"))?)
}

/// Returns the list of plugins with the digests of those in Python.
fn resolved(list: &str, python: &str) -> String {
    let lines = list.lines().map(|line| {
        let Some(plugin) = line.strip_suffix(BUILT_WITH_THE_PROGRAM) else {
            return format!("{line}\n");
        };
        let type_name = plugin.split(' ').next();
        let mut digests = python.lines().filter_map(|it| it.split_once(' '));
        let found = digests.find(|(name, _)| Some(*name) == type_name);
        format!(
            "{plugin}{}\n",
            found.map_or(NOT_BUILT, |(_, digest)| digest)
        )
    });
    lines.collect()
}
