//! Puts the SDKs where a program of this build looks for them: in `lib/sedge/sdk` of the target folder,
//! one folder for each language, with the contract in it.
//!
//! The manifests of the Rust SDK take their versions from the workspace. In a project of an author there
//! is no such workspace, so [`manifest_alone`] writes them out.

use std::error::Error;
use std::path::Path;
use std::{fs, io};

/// The SDKs: their folder in the repository and in the installation, and what of it is not installed.
const SDKS: [(&str, &str, &[&str]); 3] = [
    ("sdk/rust", "rust", &["target"]),
    (
        "sdk/python",
        "python",
        &["bindings", "build", "target", "test", "tests", "toolchain"],
    ),
    (
        "sdk/typescript",
        TYPESCRIPT,
        &[
            "build",
            "build-engine",
            "engine",
            "target",
            "test",
            "tests",
            "toolchain",
        ],
    ),
];

/// The folder of the SDK for TypeScript.
const TYPESCRIPT: &str = "typescript";

/// Names that tools make, at any depth.
const SKIPPED: [&str; 6] = [
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "node_modules",
];

/// The start of a dependency's path in the root manifest, which is left out in the SDK's own manifest.
const RUST_SDK: &str = "sdk/rust/";

/// Replaces the SDKs in `lib/sedge/sdk` below a folder. `engine` is the engine of plugins in TypeScript.
pub(crate) fn sdks_lay(root: &Path, target: &Path, engine: &Path) -> Result<(), Box<dyn Error>> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    for (source, name, without) in SDKS {
        let source = root.join(source);
        if !source.is_dir() {
            continue;
        }
        let folder = target.join("lib/sedge/sdk");
        let (new, now) = (folder.join(format!("{name}.new")), folder.join(name));
        remove(&new)?;
        copy(&source, &new, without)?;
        if name == "rust" {
            for inner in ["Cargo.toml", "macros/Cargo.toml"] {
                let path = new.join(inner);
                let alone = manifest_alone(&fs::read_to_string(&path)?, &manifest)?;
                fs::write(path, alone)?;
            }
        }
        if name == TYPESCRIPT {
            fs::copy(engine, new.join("engine.wasm"))
                .map_err(|error| format!("cannot copy `{}`: {error}", engine.display()))?;
        }
        // A program that reads the folder meanwhile says that the SDK is not installed.
        remove(&now)?;
        fs::rename(&new, &now)?;
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Copies a folder. What a link leads to is copied, so that the contract is part of the SDK.
fn copy(from: &Path, to: &Path, without: &[&str]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let name = name.to_str().ok_or("a name in an SDK is not UTF-8")?;
        if without.contains(&name) || SKIPPED.contains(&name) {
            continue;
        }
        let (source, copied) = (from.join(name), to.join(name));
        if source.is_dir() {
            copy(&source, &copied, &[])?;
        } else {
            fs::copy(&source, &copied)
                .map_err(|error| format!("cannot copy `{}`: {error}", source.display()))?;
        }
    }
    Ok(())
}

/// Returns a manifest of the SDK that is complete without the workspace: each value that it inherits is
/// taken from the root manifest. The lints are left out, and so is the ban on publishing.
fn manifest_alone(manifest: &str, root: &str) -> Result<String, String> {
    let mut lines = Vec::new();
    let mut table = String::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut table);
        }
        let Some(key) = line.strip_suffix(".workspace = true") else {
            if table != "lints" {
                lines.push(line.to_owned());
            }
            continue;
        };
        let of = match table.as_str() {
            "package" => "workspace.package",
            _ => "workspace.dependencies",
        };
        let value = inherited(root, of, key)
            .ok_or_else(|| format!("[{of}] of the root manifest has no `{key}` in one line"))?;
        if key != "publish" {
            lines.push(format!("{key} = {}", value_alone(value, root)));
        }
    }
    let text = lines.join("\n").replace("\n\n\n", "\n\n") + "\n";
    match text.contains("workspace = true") {
        true => Err("a dependency of the SDK inherits more than its version".to_owned()),
        false => Ok(text),
    }
}

/// Returns the value of a dependency without the workspace. A crate of the SDK is found by a path below
/// that of the SDK, and in a registry by the version that all crates of the workspace have.
fn value_alone(value: &str, root: &str) -> String {
    let version = inherited(root, "workspace.package", "version");
    match (value.contains(RUST_SDK), version) {
        (true, Some(version)) => {
            let end = format!(", version = {version} }}");
            value.replace(RUST_SDK, "").replace(" }", &end)
        }
        (_, _) => value.to_owned(),
    }
}

/// Returns the text of a value in a table of the root manifest.
fn inherited<'r>(root: &'r str, table: &str, key: &str) -> Option<&'r str> {
    let head = format!("[{table}]\n");
    let (_, rest) = root.split_once(&head)?;
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    let mut values = lines.filter_map(|line| line.split_once(" = "));
    let (_, value) = values.find(|(name, _)| *name == key)?;
    // A value of several lines is not supported, and would end with an open bracket.
    (!value.ends_with('[')).then_some(value)
}
