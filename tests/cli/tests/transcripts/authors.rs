//! The environment of a plugin author: a machine with cargo, and projects whose builds are reused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sedge_test_kit::{TestEnv, node_modules, sedge};

/// Returns an environment in which cargo works without a network, from the packages that the build of
/// Sedge has downloaded. The project `name` is a folder that the next run of the test uses again, so
/// that cargo need not compile the SDK another time.
///
/// # Panics
/// The folders cannot be made.
pub(crate) fn author_env(env: TestEnv, name: &str) -> TestEnv {
    let mut env = env;
    let target = target().join("authors");
    env.variable(
        "PATH",
        &variable("PATH").expect("tests are started from a shell"),
    );
    env.variable("CARGO_HOME", &home_of("CARGO_HOME", ".cargo"));
    env.variable("RUSTUP_HOME", &home_of("RUSTUP_HOME", ".rustup"));
    env.variable("CARGO_NET_OFFLINE", "true");
    env.variable("CARGO_TERM_COLOR", "never");
    let build = target.join("build");
    env.variable("CARGO_TARGET_DIR", build.to_str().expect("a path of text"));
    if let Some(toolchain) = variable("RUSTUP_TOOLCHAIN") {
        env.variable("RUSTUP_TOOLCHAIN", &toolchain);
    }
    let project = target.join(name);
    if project.exists() {
        fs::remove_dir_all(&project).expect("the folder is ours");
    }
    fs::create_dir_all(&project).expect("the folder is ours");
    std::os::unix::fs::symlink(&project, env.repository().join(name)).expect("the folder is ours");
    env
}

/// Returns an environment in which plugins in Python are built, by the componentize-py with which the build
/// of Sedge has built its own.
///
/// # Panics
/// There is none. The message of the script says how to get it.
pub(crate) fn python_env(env: TestEnv) -> TestEnv {
    let mut env = env;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let found = Command::new(root.join("sdk/python/toolchain")).output();
    let found = found.expect("the script can be started");
    let complaint = String::from_utf8_lossy(&found.stderr);
    assert!(found.status.success(), "no componentize-py: {complaint}");
    let program = String::from_utf8(found.stdout).expect("a path of text");
    env.variable("SEDGE_COMPONENTIZE_PY", program.trim());
    env.variable(
        "PATH",
        &variable("PATH").expect("tests are started from a shell"),
    );
    env
}

/// Returns an environment in which plugins in TypeScript are built, with Node.js and the packages of npm
/// that the build of Sedge uses.
///
/// # Panics
/// They are not there: `sdk/typescript/toolchain` installs them.
pub(crate) fn typescript_env(env: TestEnv) -> TestEnv {
    let mut env = env;
    let modules = node_modules();
    assert!(
        modules.join("esbuild").is_dir(),
        "type: sdk/typescript/toolchain"
    );
    env.variable(
        "SEDGE_NODE_MODULES",
        modules.to_str().expect("a path of text"),
    );
    env.variable(
        "PATH",
        &variable("PATH").expect("tests are started from a shell"),
    );
    env
}

/// Returns the target folder of the build: the program is in `release` in it.
fn target() -> PathBuf {
    let target = sedge().parent().and_then(Path::parent);
    target.expect("a program is in a folder").to_owned()
}

fn home_of(name: &str, in_home: &str) -> String {
    variable(name).unwrap_or_else(|| {
        let home = variable("HOME").expect("the user who runs the tests has a home");
        format!("{home}/{in_home}")
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns a transcript without what depends on the compiler and on the day: the size of a component
/// and the version of its type.
pub(crate) fn without_build(text: &str) -> String {
    let mut shown = String::new();
    for line in text.split_inclusive('\n') {
        let mut words: Vec<&str> = line.split(' ').collect();
        for at in 0..words.len() {
            let is_size = words
                .get(at + 1)
                .is_some_and(|it| it.starts_with("KiB") || it.starts_with("MiB"));
            if is_size && words[at].starts_with(|c: char| c.is_ascii_digit()) {
                words[at] = "[n]";
            }
            let parts = words[at].trim_end_matches(['\n', '.', ',']).split('.');
            let numbers = parts.map(str::parse::<u32>);
            let numbers: Vec<u32> = numbers.map_while(Result::ok).collect();
            if numbers.len() == 4 && numbers[0] > 2025 {
                words[at] = match words[at].ends_with('\n') {
                    true => "[version]\n",
                    false => "[version]",
                };
            }
        }
        shown.push_str(&words.join(" "));
    }
    shown
}
