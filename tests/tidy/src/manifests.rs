//! Manifests: the root has every version and lint, and all dependencies come from a registry.

use toml::{Table, Value};

use crate::tree::{TreeFile, files, hold};

/// A `Cargo.toml`.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    table: Table,
}

/// The purpose of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It is part of the program.
    Normal,
    /// Only the build or the tests need it.
    BuildOrTest,
}

/// A dependency as a manifest names it.
#[derive(Debug)]
pub(crate) struct Dependency<'a> {
    /// The name of the package, even if the manifest renames it.
    pub(crate) package: &'a str,
    pub(crate) need: Need,
    spec: &'a Value,
}

impl Manifest {
    /// Reads a manifest.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let table = text
            .parse()
            .unwrap_or_else(|error| panic!("{path}: it is not a manifest: {error}"));
        let path = path.to_owned();
        Self { path, table }
    }

    /// Returns its folder from the root of the repository, with a `/` at the end: `host/cli/`.
    pub(crate) fn folder(&self) -> &str {
        self.path.trim_end_matches("Cargo.toml")
    }

    /// Returns the dependencies of every kind and for every target.
    pub(crate) fn dependencies(&self) -> Vec<Dependency<'_>> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(Table::values);
        let mut found = Vec::new();
        for table in std::iter::once(&self.table).chain(targets.filter_map(Value::as_table)) {
            for (section, need) in [
                ("dependencies", Need::Normal),
                ("build-dependencies", Need::BuildOrTest),
                ("dev-dependencies", Need::BuildOrTest),
            ] {
                let section = table.get(section).and_then(Value::as_table);
                found.extend(section.into_iter().flat_map(|it| named(it, need)));
            }
        }
        found
    }

    fn workspace_dependencies(&self) -> Vec<Dependency<'_>> {
        let section = self.table.get("workspace");
        let section = section.and_then(|it| it.get("dependencies")?.as_table());
        let section = section.into_iter();
        section.flat_map(|it| named(it, Need::Normal)).collect()
    }

    fn inherits_lints(&self) -> bool {
        let lints = self.table.get("lints");
        lints.is_some_and(inherits)
    }
}

/// Returns every manifest of the tree.
pub(crate) fn manifests() -> Vec<Manifest> {
    let is_manifest = |file: &&TreeFile| {
        let name = file.path.rsplit('/').next();
        name == Some("Cargo.toml")
    };
    files()
        .iter()
        .filter(is_manifest)
        .map(|file| Manifest::parse(&file.path, &file.text()))
        .collect()
}

/// With one place for versions, the program has only one version of a dependency, an update is one
/// line, and its reason is next to it.
#[test]
fn versions_and_lints_are_in_the_root_manifest() {
    let faults: Vec<String> = manifests().iter().flat_map(inheritance_faults).collect();
    hold(
        "members take versions and lints from the root manifest",
        &faults,
    );
}

/// A git dependency has no version, has no review, and may disappear.
#[test]
fn no_dependency_comes_from_git() {
    let mut faults: Vec<String> = manifests().iter().flat_map(git_faults).collect();
    let locks = files().iter().filter(|it| it.path.ends_with("Cargo.lock"));
    faults.extend(locks.flat_map(git_lock_faults));
    hold("dependencies come from a registry", &faults);
}

fn inheritance_faults(manifest: &Manifest) -> Vec<String> {
    if manifest.table.contains_key("workspace") {
        return Vec::new();
    }
    let path = &manifest.path;
    let mut faults: Vec<String> = manifest
        .dependencies()
        .iter()
        .filter(|dependency| !inherits(dependency.spec))
        .map(|Dependency { package, .. }| {
            format!("{path}: `{package}` is not inherited from the root; add it to [workspace.dependencies] there, and write `{package}.workspace = true` here")
        })
        .collect();
    if !manifest.inherits_lints() {
        faults.push(format!(
            "{path}: it does not inherit the lints; write `[lints]` and `workspace = true`"
        ));
    }
    faults
}

fn git_faults(manifest: &Manifest) -> Vec<String> {
    let mut all = manifest.dependencies();
    all.extend(manifest.workspace_dependencies());
    let patches = manifest.table.get("patch").and_then(Value::as_table);
    for source in patches.into_iter().flat_map(Table::values) {
        let source = source.as_table().into_iter();
        all.extend(source.flat_map(|it| named(it, Need::Normal)));
    }
    let is_git = |dependency: &&Dependency<'_>| dependency.spec.get("git").is_some();
    all.iter()
        .filter(is_git)
        .map(|Dependency { package, .. }| {
            format!(
                "{}: `{package}` comes from git; use a published version",
                manifest.path
            )
        })
        .collect()
}

fn git_lock_faults(lock: &TreeFile) -> Vec<String> {
    let text = lock.text();
    let lines = text.lines().filter(|line| line.contains("\"git+"));
    lines
        .map(|line| format!("{}: {}; use a published version", lock.path, line.trim()))
        .collect()
}

fn named(section: &Table, need: Need) -> impl Iterator<Item = Dependency<'_>> {
    section.iter().map(move |(key, spec)| {
        let package = spec.get("package").and_then(Value::as_str).unwrap_or(key);
        Dependency {
            package,
            need,
            spec,
        }
    })
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[test]
fn the_rule_on_inheritance_can_fail() {
    let check = |text: &str, expect: usize| {
        let faults = inheritance_faults(&Manifest::parse("x/Cargo.toml", text));
        assert_eq!(faults.len(), expect, "{text}: {faults:?}");
    };
    let lints = "lints.workspace = true\n";
    check(lints, 0);
    check("", 1);
    check("lints.rust.unsafe_code = 'deny'", 1);
    check(&format!("{lints}dependencies.a.workspace = true"), 0);
    check(&format!("{lints}dependencies.a = '1'"), 1);
    check(&format!("{lints}dev-dependencies.a.version = '1'"), 1);
    check(&format!("{lints}target.x.dependencies.a.path = 'a'"), 1);
    check("[workspace.dependencies]\na = '1'", 0);
}

#[test]
fn the_rule_on_git_can_fail() {
    let check = |text: &str, expect: usize| {
        let faults = git_faults(&Manifest::parse("Cargo.toml", text));
        assert_eq!(faults.len(), expect, "{text}: {faults:?}");
    };
    check("dependencies.a = '1'", 0);
    check("dependencies.a.git = 'https://example.com/a'", 1);
    check("workspace.dependencies.a.git = 'https://example.com/a'", 1);
    check("patch.crates-io.a.git = 'https://example.com/a'", 1);
    let lock = "source = \"git+https://example.com/a#123\"\n";
    assert_eq!(git_lock_faults(&TreeFile::new("Cargo.lock", lock)).len(), 1);
}
