//! Builds the plugins, the test guests and the program that starts commands. Generates constants
//! with their paths, and puts the plugins and the SDKs where a program of this build looks for them.
//!
//! The bytes of a component depend on its sources and on the compiler, and not on the folders in
//! which it is built: `plugins/digests` has the digests of the plugins.
//!
//! They are built by separate cargo processes, in the folders `guests` and `reaper` of the target
//! directory, and are shared by all profiles of the host. Tests use copies in `OUT_DIR`, which no
//! other build replaces.
//!
//! Components in TypeScript are not built here, because `sedge` builds them, and this script runs before
//! the program is linked. `sedge_test_kit::typescript` builds them when a test needs them. The constants
//! have the paths where it puts them.
//!
//! Components in Python are built by `sdk/python/build`, in the folder `python-components`. Their bytes
//! differ from one build to the next, so the digests of the plugins among them are written to a file
//! of the target directory, from which the program takes them.
//!
//! The engine of plugins in TypeScript is built by `sdk/typescript/build-engine`, and is part of the SDK
//! for TypeScript.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script's work is to run programs and to write files"
)]

mod sdk;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, io};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The arguments of the first `cargo` call, after the toolchain.
const BUILD: &str = "build --profile guest --target wasm32-wasip2 --lib --examples \
                     --package sedge-plugin-* --package sedge-test-guests";

/// The arguments of the second call, for one guest with debug info, which the profile strips. It
/// reuses the dependencies of the first.
const BUILD_WITH_LINES: &str = "rustc --profile guest --target wasm32-wasip2 --example hostile_lines \
                                --package sedge-test-guests --features lines";

/// The compiler flags of the second call. They override the profile.
const LINES: &str = "-- -C strip=none -C debuginfo=line-tables-only";

/// The arguments of the last call, for the program that starts commands. The tests of a single
/// package would not build it.
const BUILD_REAPER: &str =
    "build --release --package sedge-cli --no-default-features --bin sedge-reaper";

/// The sources of guests and of the reaper, relative to the root of the repository.
const SOURCES: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "host/cli/Cargo.toml",
    "host/cli/src/reaper.rs",
    "host/sys",
    "plugins",
    "sdk/python",
    "sdk/rust",
    "sdk/typescript",
    "tests/guests",
    "wit",
];

/// The variables that the scripts `sdk/rust/toolchain`, `sdk/python/toolchain` and
/// `sdk/typescript/toolchain` read.
const TOOLCHAIN_VARIABLES: [&str; 6] = [
    "SEDGE_COMPONENTIZE_PY",
    "SEDGE_GUEST_TOOLCHAIN",
    "SEDGE_PYTHON",
    "SEDGE_PYTHON_TOOLCHAIN_DIR",
    "SEDGE_TOOLCHAIN_DIR",
    "SEDGE_TYPESCRIPT_TOOLCHAIN_DIR",
];

/// The folders with plugins and with guests in Python: a folder in them that has a `plugin.py` is one.
/// A guest is named `py_` and the name of its folder.
const PYTHON_FOLDERS: [&str; 2] = ["plugins", "tests/guests/python"];

/// The folders with plugins and with guests in TypeScript: a folder in them that has a `plugin.ts` is one.
/// A guest is named `ts_` and the name of its folder.
const TYPESCRIPT_FOLDERS: [&str; 2] = ["plugins", "tests/guests/typescript"];

/// The folder of guests in TypeScript that are models of swamp: an extension. A guest is named `ts_swamp_`
/// and the name of its file.
const SWAMP_EXTENSION: &str = "tests/guests/typescript/swamp";

/// The file in the target directory with the digests of the plugins in Python: `NAME SHA256`. The
/// build script of `sedge-cli` reads it.
const PYTHON_DIGESTS: &str = "python-plugin-digests";

/// Variables of cargo that are not specific to this build.
const CARGO_VARIABLES_KEPT: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_TERM_",
];

/// The paths of the components of one family, by name.
type Components = BTreeMap<String, PathBuf>;

#[expect(clippy::print_stderr, reason = "cargo shows it when the build fails")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: failed to build what the tests run: {error}");
            // The quotes keep a shell from expanding the `*`.
            let build = BUILD.replace("sedge-plugin-*", "'sedge-plugin-*'");
            eprintln!("hint: to see it alone, type: cargo $(sdk/rust/toolchain) {build}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(3)
        .ok_or("the crate is not at `tests/guests/artifacts`")?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("`OUT_DIR` is not set")?);
    rerun_when_changed(root);

    let toolchain = toolchain(root)?;
    let target_dir = target_dir(&out)?;
    let mut messages = build(root, &toolchain, &target_dir, (BUILD, ""))?;
    messages += &build(root, &toolchain, &target_dir, (BUILD_WITH_LINES, LINES))?;
    let (mut plugins, mut guests) = components(&messages, &out)?;
    python_build(root, &target_dir, &out, (&mut plugins, &mut guests))?;
    plugins_lay(&plugins, &out)?;
    let engine = engine_build(root, &target_dir)?;
    let prefix = above_profile(&out)?;
    sdk::sdks_lay(root, prefix, &engine)?;
    typescript_list(root, prefix, (&mut plugins, &mut guests))?;

    let reaper_dir = target_dir.with_file_name("reaper");
    let messages = build(root, "", &reaper_dir, (BUILD_REAPER, ""))?;
    let reaper = reaper_copy(&messages, &out)?;

    let mut code = String::new();
    let compiler = compiler(root, &toolchain)?;
    writeln!(code, "/// The version of the compiler of the components.")?;
    writeln!(code, "pub const COMPILER: &str = {compiler:?};")?;
    writeln!(code, "/// The path of the program that starts commands.")?;
    writeln!(code, "pub const REAPER: &str = {reaper:?};")?;
    writeln!(
        code,
        "/// The folder with the SDKs, one folder for each language."
    )?;
    writeln!(
        code,
        "pub const SDKS: &str = {:?};",
        prefix.join("lib/sedge/sdk")
    )?;
    family_write(&mut code, "plugin", &plugins)?;
    family_write(&mut code, "guest", &guests)?;
    Ok(fs::write(out.join("artifacts.rs"), code)?)
}

fn rerun_when_changed(root: &Path) {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    for variable in TOOLCHAIN_VARIABLES {
        println!("cargo::rerun-if-env-changed={variable}");
    }
}

/// Returns the argument that makes cargo use a toolchain with the guests' target. The argument is
/// empty if the active toolchain has it.
fn toolchain(root: &Path) -> Result<String, Box<dyn Error>> {
    let script = root.join("sdk/rust/toolchain");
    let output = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{}`: {error}", script.display()))?;
    if !output.status.success() {
        return Err("`sdk/rust/toolchain` failed; its reason is above".into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Returns the version of the compiler of a toolchain.
fn compiler(root: &Path, toolchain: &str) -> Result<String, Box<dyn Error>> {
    let output = Command::new("rustc")
        .args((!toolchain.is_empty()).then_some(toolchain))
        .arg("--version")
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `rustc`: {error}"))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Returns the folder above the one of the profile.
fn above_profile(out: &Path) -> Result<&Path, Box<dyn Error>> {
    // `<target>/[<triple>/]<profile>/build/<package>/out`
    let build = out
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "build"));
    let above = build.and_then(Path::parent).and_then(Path::parent);
    Ok(above.ok_or_else(|| format!("no folder `build` above `{}`", out.display()))?)
}

/// Copies the plugins to where `sedge` looks for them, relative to its own folder.
fn plugins_lay(plugins: &Components, out: &Path) -> Result<(), Box<dyn Error>> {
    let folder = above_profile(out)?.join("lib/sedge/plugins");
    fs::create_dir_all(&folder)?;
    for (name, path) in plugins {
        let new = folder.join(format!("{name}.wasm.new"));
        let copied = fs::copy(path, &new)
            .and_then(|_| fs::rename(&new, folder.join(format!("{name}.wasm"))));
        copied.map_err(|error| copy_error(&path.to_string_lossy(), &error))?;
    }
    Ok(())
}

/// Returns the compiler flags that keep the folders of this machine out of components: that of
/// cargo's registry, and that of the standard library's sources.
fn path_flags(toolchain: &str) -> String {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")));
    let sources = cargo_home.map(|folder| folder.join("registry/src"));
    let registries = sources.and_then(|sources| fs::read_dir(sources).ok());
    let flags = registries.into_iter().flatten().flatten().map(|registry| {
        let folder = registry.path();
        format!("--remap-path-prefix={}=/crates", folder.display())
    });
    let flags: Vec<String> = flags.chain(library_flag(toolchain)).collect();
    flags.join("\u{1f}")
}

/// Returns the compiler flag that gives the sources of the standard library the path that they have
/// in components where they are not installed.
///
/// With the rustup component `rust-src`, which editors install, the compiler writes the folder of
/// the toolchain into a component, whose digest would then depend on the machine.
fn library_flag(toolchain: &str) -> Option<String> {
    let print = |arguments: &[&str]| {
        let mut rustc = Command::new("rustc");
        rustc.args((!toolchain.is_empty()).then_some(toolchain));
        let output = rustc.args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let version = print(&["--version", "--verbose"])?;
    let commit = version
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))?;
    let root = print(&["--print", "sysroot"])?;
    let sources = Path::new(root.trim()).join("lib/rustlib/src/rust");
    Some(format!(
        "--remap-path-prefix={}=/rustc/{commit}",
        sources.display()
    ))
}

/// Returns the directory for guests: `guests` beside the directories of the profiles.
fn target_dir(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut target = above_profile(out)?;
    if target.file_name() == env::var_os("TARGET").as_deref() {
        target = target.parent().unwrap_or(target);
    }
    Ok(target.join("guests"))
}

/// Runs cargo with the arguments `asked`, before and after the common ones. Returns cargo's
/// messages, one JSON object per line.
fn build(
    root: &Path,
    toolchain: &str,
    target_dir: &Path,
    asked: (&str, &str),
) -> Result<String, Box<dyn Error>> {
    // The name, not `$CARGO`: only rustup's `cargo` understands `+toolchain`.
    let mut cargo = Command::new("cargo");
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_about_this_build) {
            cargo.env_remove(name);
        }
    }
    if asked.0 != BUILD_REAPER {
        cargo.env("CARGO_ENCODED_RUSTFLAGS", path_flags(toolchain));
    }
    let output = cargo
        .args((!toolchain.is_empty()).then_some(toolchain))
        .args(asked.0.split_whitespace())
        .args(["--locked", "--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target_dir)
        .args(asked.1.split_whitespace())
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `cargo`: {error}"))?;
    if !output.status.success() {
        return Err("cargo failed; its reason is above".into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns whether a variable describes how the host is built: with which flags, by clippy, for
/// coverage. Guests are always built in the same way. Variables that `sdk/rust/toolchain` needs
/// are kept.
fn is_about_this_build(variable: &str) -> bool {
    let is_kept = CARGO_VARIABLES_KEPT
        .iter()
        .any(|kept| variable.starts_with(kept));
    let is_of_build = [
        "CARGO",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "CLIPPY_",
        "__CARGO",
    ]
    .iter()
    .any(|prefix| variable.starts_with(prefix));
    is_of_build && !is_kept
}

/// Copies the built components to `out`. Returns the plugins and the guests.
fn components(messages: &str, out: &Path) -> Result<(Components, Components), Box<dyn Error>> {
    let (mut plugins, mut guests) = (Components::new(), Components::new());
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)?;
        let Some(built) = component_of(&message) else {
            continue;
        };
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let name = name.replace('-', "_");
        let (family, name) = match name.strip_prefix("sedge_plugin_") {
            Some(name) => (&mut plugins, name),
            None => (&mut guests, name.as_str()),
        };
        let copy = out.join(format!("{name}.wasm"));
        fs::copy(built, &copy).map_err(|error| copy_error(built, &error))?;
        family.insert(name.to_owned(), copy);
    }
    if plugins.is_empty() || guests.is_empty() {
        return Err("cargo built no component".into());
    }
    Ok((plugins, guests))
}

/// Builds the components in Python, copies them to `out`, and adds them to the plugins and the guests.
fn python_build(
    root: &Path,
    target_dir: &Path,
    out: &Path,
    (plugins, guests): (&mut Components, &mut Components),
) -> Result<(), Box<dyn Error>> {
    let built = target_dir.with_file_name("python-components");
    let mut digests = String::new();
    for folder in PYTHON_FOLDERS {
        let mut sources: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(root.join(folder))? {
            sources.push(entry?.path());
        }
        sources.retain(|source| source.join("plugin.py").is_file());
        sources.sort();
        for source in sources {
            let name = source.file_name().unwrap_or_default().to_string_lossy();
            let is_plugin = folder == PYTHON_FOLDERS[0];
            let name = match is_plugin {
                true => name.into_owned(),
                false => format!("py_{name}"),
            };
            let component = built.join(format!("{name}.wasm"));
            python_component(root, &source, &component)?;
            let copy = out.join(format!("{name}.wasm"));
            fs::copy(&component, &copy)
                .map_err(|error| copy_error(&component.to_string_lossy(), &error))?;
            if is_plugin {
                let digest = hex(&Sha256::digest(fs::read(&copy)?));
                writeln!(digests, "@sedge/{name} {digest}")?;
            }
            let family = if is_plugin {
                &mut *plugins
            } else {
                &mut *guests
            };
            family.insert(name, copy);
        }
    }
    let file = target_dir.with_file_name(PYTHON_DIGESTS);
    // A file that is newer than the program makes it look outdated.
    if fs::read_to_string(&file).is_ok_and(|former| former == digests) {
        return Ok(());
    }
    Ok(fs::write(file, digests)?)
}

/// Builds the engine of plugins in TypeScript, if anything in it has changed since it was built.
/// Returns its path.
fn engine_build(root: &Path, target_dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let engine = target_dir.with_file_name("script-engine.wasm");
    let script = root.join("sdk/typescript/build-engine");
    let status = Command::new(&script)
        .arg(&engine)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()
        .map_err(|error| format!("cannot run `{}`: {error}", script.display()))?;
    match status.success() {
        true => Ok(engine),
        false => Err("`sdk/typescript/build-engine` failed; its reason is above".into()),
    }
}

/// Builds one component in Python, if anything in it has changed since it was built.
fn python_component(root: &Path, source: &Path, component: &Path) -> Result<(), Box<dyn Error>> {
    let script = root.join("sdk/python/build");
    let status = Command::new(&script)
        .args([source, component])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()
        .map_err(|error| format!("cannot run `{}`: {error}", script.display()))?;
    match status.success() {
        true => Ok(()),
        false => Err("`sdk/python/build` failed; its reason is above".into()),
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        // ignored: writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Adds the components in TypeScript, which tests build: see `sedge_test_kit::typescript`.
fn typescript_list(
    root: &Path,
    prefix: &Path,
    (plugins, guests): (&mut Components, &mut Components),
) -> Result<(), Box<dyn Error>> {
    for folder in TYPESCRIPT_FOLDERS {
        let is_plugin = folder == TYPESCRIPT_FOLDERS[0];
        for name in names_in(&root.join(folder))? {
            if !root.join(folder).join(&name).join("plugin.ts").is_file() {
                continue;
            }
            if is_plugin {
                let file = prefix.join(format!("lib/sedge/plugins/{name}.wasm"));
                plugins.insert(name.replace('-', "_"), file);
            } else {
                let file = prefix.join(format!("typescript-components/{name}/{name}.wasm"));
                guests.insert(format!("ts_{name}"), file);
            }
        }
    }
    let models = root.join(SWAMP_EXTENSION).join("models");
    for file in names_in(&models)? {
        let Some(name) = file.strip_suffix(".ts") else {
            continue;
        };
        let text = fs::read_to_string(models.join(&file))?;
        // A module that extends the type of another one is part of its component.
        if text.contains("export const model") {
            let file = prefix.join(format!("typescript-components/swamp/{name}.wasm"));
            guests.insert(format!("ts_swamp_{name}"), file);
        }
    }
    Ok(())
}

/// Returns the names in a folder, sorted. A folder that does not exist has none.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Returns the path of the component that a message of cargo reports, if any.
fn component_of(message: &Value) -> Option<&str> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let files = message["filenames"].as_array()?;
    files
        .iter()
        .filter_map(Value::as_str)
        .find(|file| file.ends_with(".wasm"))
}

/// Copies the reaper to `out`, and returns its path.
fn reaper_copy(messages: &str, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)?;
        if let Some(built) = message["executable"].as_str() {
            let copy = out.join("sedge-reaper");
            // The old file is not overwritten, because a test may be executing it.
            let new = out.join("sedge-reaper.new");
            let copied = fs::copy(built, &new).and_then(|_| fs::rename(&new, &copy));
            copied.map_err(|error| copy_error(built, &error))?;
            return Ok(copy);
        }
    }
    Err("cargo built no `sedge-reaper`".into())
}

fn copy_error(built: &str, error: &io::Error) -> String {
    format!("cannot copy `{built}`: {error}")
}

/// Writes a constant for each component, and the macro that names them all.
fn family_write(
    code: &mut String,
    family: &str,
    components: &Components,
) -> Result<(), Box<dyn Error>> {
    let mut names = String::new();
    for (name, path) in components {
        let constant = name.to_uppercase();
        let path = path
            .to_str()
            .ok_or("the target directory's path is not UTF-8")?;
        writeln!(code, "/// The path of the component of {family} `{name}`.")?;
        writeln!(code, "pub const {constant}: &str = {path:?};")?;
        writeln!(names, "        $check! {{ {name} }}")?;
    }
    writeln!(
        code,
        "/// Expands to `$check! {{ name }}` for each {family}."
    )?;
    writeln!(code, "#[macro_export]\nmacro_rules! foreach_{family} {{")?;
    writeln!(code, "    ($check:ident) => {{\n{names}    }};\n}}")?;
    Ok(())
}
