//! Dependencies: their licences, their duplicate versions and their sources are those in `deny.toml`.
//!
//! The tool cargo-deny reads the same file and also looks up known vulnerabilities, for which it
//! needs the network. These rules need neither.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use semver::{Version, VersionReq};
use serde_json::Value as Json;
use toml::{Table, Value};

use crate::tree::{files, hold};

/// The file with the permissions.
const POLICY: &str = "deny.toml";

/// What `deny.toml` permits.
#[derive(Debug)]
struct Policy {
    /// The platforms whose dependencies count.
    targets: Vec<String>,
    licences: BTreeSet<String>,
    duplicates: Vec<Duplicate>,
    registries: Vec<String>,
}

/// A version of a crate that may occur beside a newer one.
#[derive(Debug)]
struct Duplicate {
    name: String,
    versions: VersionReq,
    reason: String,
}

/// A package of the program, of a plugin, or of a test.
#[derive(Debug, Clone)]
struct Package {
    name: String,
    version: Version,
    /// An expression of SPDX.
    licence: Option<String>,
    /// Where it comes from; `None` for a folder on this machine.
    source: Option<String>,
    /// Whether it is part of this repository.
    is_own: bool,
}

impl Policy {
    fn parse(text: &str) -> Self {
        let table: Table = text
            .parse()
            .unwrap_or_else(|error| panic!("{POLICY}: it is not TOML: {error}"));
        let list = |section: &str, key: &str| {
            let list = table.get(section).and_then(|it| it.get(key)?.as_array());
            list.unwrap_or_else(|| panic!("{POLICY}: the list `{section}.{key}` is missing"))
        };
        let texts = |section: &str, key: &str| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let texts: Option<Vec<String>> = list(section, key).iter().map(text).collect();
            texts.unwrap_or_else(|| panic!("{POLICY}: `{section}.{key}` has more than texts"))
        };
        Self {
            targets: texts("graph", "targets"),
            licences: texts("licenses", "allow").into_iter().collect(),
            duplicates: list("bans", "skip").iter().map(Duplicate::parse).collect(),
            registries: texts("sources", "allow-registry"),
        }
    }
}

impl Duplicate {
    /// Reads `{ crate = "NAME:VERSIONS", reason = "…" }`.
    fn parse(entry: &Value) -> Self {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let read = || -> Option<Self> {
            let (name, versions) = text("crate").split_once(':')?;
            Some(Self {
                name: name.to_owned(),
                versions: versions.parse().ok()?,
                reason: text("reason").to_owned(),
            })
        };
        read().unwrap_or_else(|| {
            panic!("{POLICY}: `{entry:?}` in bans.skip is not {{ crate = \"NAME:VERSIONS\", reason = \"…\" }}")
        })
    }

    fn fits(&self, package: &Package) -> bool {
        self.name == package.name && self.versions.matches(&package.version)
    }
}

impl Package {
    fn parse(package: &Json, own: &BTreeSet<&str>) -> Option<Self> {
        let text = |key: &str| package.get(key).and_then(Json::as_str);
        Some(Self {
            name: text("name")?.to_owned(),
            version: text("version")?.parse().ok()?,
            licence: text("license").map(str::to_owned),
            source: text("source").map(str::to_owned),
            is_own: own.contains(text("id")?),
        })
    }
}

/// What the licence of a dependency demands, the licence of Sedge has to permit.
#[test]
fn licences_are_permitted() {
    let policy = policy();
    let faults = licence_faults(&packages(&policy), &policy);
    hold("the licence of each dependency is permitted", &faults);
}

/// A second version of a crate is built and linked in addition, and its types differ from those of
/// the first. The list keeps each of them a decision.
#[test]
fn duplicate_versions_are_listed_with_a_reason() {
    let policy = policy();
    let faults = duplicate_faults(&packages(&policy), &policy);
    hold("a crate has one version, or a listed reason", &faults);
}

/// Only the permitted registry keeps every version forever, and names who published it.
#[test]
fn dependencies_come_from_the_permitted_registry() {
    let policy = policy();
    let faults = source_faults(&packages(&policy), &policy);
    hold("each dependency comes from the permitted registry", &faults);
}

fn policy() -> Policy {
    let file = files().iter().find(|file| file.path == POLICY);
    Policy::parse(&file.expect("the root has the file").text())
}

/// Returns the packages that `Cargo.lock` selects for the platforms.
fn packages(policy: &Policy) -> Vec<Package> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root);
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    for target in &policy.targets {
        cargo.args(["--filter-platform", target]);
    }
    let listed = cargo.output().expect("the cargo of this build is there");
    let complaint = String::from_utf8_lossy(&listed.stderr);
    assert!(
        listed.status.success(),
        "cargo metadata failed; if packages are missing, type `cargo fetch --locked`: {complaint}"
    );
    let metadata: Json = serde_json::from_slice(&listed.stdout).expect("cargo prints JSON");
    let own = metadata["workspace_members"].as_array();
    let own = own.expect("cargo lists the members").iter();
    let own: BTreeSet<&str> = own.filter_map(Json::as_str).collect();
    let packages = metadata["packages"].as_array();
    let packages = packages.expect("cargo lists the packages").iter();
    let packages: Option<Vec<Package>> = packages.map(|it| Package::parse(it, &own)).collect();
    packages.expect("each package has an id, a name and a version")
}

fn licence_faults(packages: &[Package], policy: &Policy) -> Vec<String> {
    let mut faults = Vec::new();
    let mut unseen = policy.licences.clone();
    for Package {
        name,
        version,
        licence,
        ..
    } in packages
    {
        let Some(licence) = licence else {
            faults.push(format!(
                "{name} {version}: it states no licence; use another crate"
            ));
            continue;
        };
        match Expression::is_permitted(licence, &policy.licences, &mut unseen) {
            Some(true) => {}
            Some(false) => faults.push(format!(
                "{name} {version}: its licence `{licence}` is not permitted; use another crate, or decide on that licence and add it to licenses.allow in {POLICY}"
            )),
            None => faults.push(format!(
                "{name} {version}: its licence `{licence}` is not an expression of SPDX; use another crate"
            )),
        }
    }
    faults.extend(unseen.iter().map(|licence| {
        format!(
            "{POLICY}: no dependency has the licence `{licence}`; remove it from licenses.allow"
        )
    }));
    faults
}

fn duplicate_faults(packages: &[Package], policy: &Policy) -> Vec<String> {
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in packages {
        by_name.entry(&package.name).or_default().push(package);
    }
    let mut older = Vec::new();
    for versions in by_name.values_mut() {
        versions.sort_by(|one, other| one.version.cmp(&other.version));
        versions.pop();
        older.extend(versions.iter().copied());
    }
    let mut faults = Vec::new();
    for package in &older {
        if !policy.duplicates.iter().any(|entry| entry.fits(package)) {
            faults.push(format!(
                "{} {}: there is a newer version of this crate, too; use one version, or add this one to bans.skip in {POLICY}, with the reason",
                package.name, package.version
            ));
        }
    }
    for entry in &policy.duplicates {
        let shown = format!("{}:{}", entry.name, entry.versions);
        if !older.iter().any(|package| entry.fits(package)) {
            faults.push(format!(
                "{POLICY}: `{shown}` is not an older version of a crate with several versions; remove it from bans.skip"
            ));
        }
        if entry.reason.trim().is_empty() {
            faults.push(format!("{POLICY}: `{shown}` in bans.skip has no reason"));
        }
    }
    faults
}

fn source_faults(packages: &[Package], policy: &Policy) -> Vec<String> {
    let is_permitted = |package: &&Package| match &package.source {
        None => package.is_own,
        Some(source) => source
            .strip_prefix("registry+")
            .is_some_and(|registry| policy.registries.iter().any(|it| it == registry)),
    };
    let faults = packages.iter().filter(|package| !is_permitted(package));
    faults
        .map(|package| {
            let source = package
                .source
                .as_deref()
                .unwrap_or("a folder outside of the repository");
            format!(
                "{} {}: it comes from {source}; use a version that is published on crates.io",
                package.name, package.version
            )
        })
        .collect()
}

/// A reader of an expression of SPDX, such as `(MIT OR Apache-2.0) AND Unicode-3.0`. Older packages
/// write `/` for `OR`.
struct Expression<'a> {
    words: Vec<&'a str>,
    permitted: &'a BTreeSet<String>,
    /// The permitted licences that have not occurred.
    unseen: &'a mut BTreeSet<String>,
}

impl<'a> Expression<'a> {
    /// Returns whether the permitted licences satisfy an expression; `None` if it is invalid.
    fn is_permitted(
        text: &str,
        permitted: &'a BTreeSet<String>,
        unseen: &'a mut BTreeSet<String>,
    ) -> Option<bool> {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let mut words: Vec<&str> = spaced.split_whitespace().collect();
        // The next word is the last one of the list.
        words.reverse();
        let mut expression = Expression {
            words,
            permitted,
            unseen,
        };
        let is_permitted = expression.any()?;
        expression.words.is_empty().then_some(is_permitted)
    }

    /// Reads alternatives, of which one is enough.
    fn any(&mut self) -> Option<bool> {
        let mut is_permitted = self.all()?;
        while self.takes("OR") {
            // Both sides are read, whatever the first one is.
            is_permitted |= self.all()?;
        }
        Some(is_permitted)
    }

    /// Reads licences that hold together.
    fn all(&mut self) -> Option<bool> {
        let mut is_permitted = self.one()?;
        while self.takes("AND") {
            is_permitted &= self.one()?;
        }
        Some(is_permitted)
    }

    /// Reads a licence, with an exception if it has one, or an expression in parentheses.
    fn one(&mut self) -> Option<bool> {
        if self.takes("(") {
            let is_permitted = self.any()?;
            return self.takes(")").then_some(is_permitted);
        }
        let mut licence = self.words.pop().filter(|it| is_name(it))?.to_owned();
        if self.takes("WITH") {
            let exception = self.words.pop().filter(|it| is_name(it))?;
            licence = format!("{licence} WITH {exception}");
        }
        self.unseen.remove(&licence);
        Some(self.permitted.contains(&licence))
    }

    fn takes(&mut self, word: &str) -> bool {
        let takes = self.words.last() == Some(&word);
        if takes {
            self.words.pop();
        }
        takes
    }
}

fn is_name(word: &str) -> bool {
    !["AND", "OR", "WITH", "(", ")"].contains(&word)
}

#[cfg(test)]
fn test_policy(licences: &str, duplicates: &str) -> Policy {
    Policy::parse(&format!(
        "graph.targets = []\nlicenses.allow = [{licences}]\nbans.skip = [{duplicates}]\nsources.allow-registry = ['https://example.com/index']"
    ))
}

#[cfg(test)]
fn test_package(name: &str, version: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: version.parse().expect("a version"),
        licence: Some("MIT".to_owned()),
        source: Some("registry+https://example.com/index".to_owned()),
        is_own: false,
    }
}

#[test]
fn the_rule_on_licences_can_fail() {
    let check = |licence: Option<&str>, allowed: &str, expect: usize| {
        let package = Package {
            licence: licence.map(str::to_owned),
            ..test_package("a", "1.0.0")
        };
        let faults = licence_faults(&[package], &test_policy(allowed, ""));
        assert_eq!(faults.len(), expect, "{licence:?}: {faults:?}");
    };
    check(Some("MIT"), "'MIT'", 0);
    check(Some("GPL-3.0 OR MIT"), "'MIT'", 0);
    check(Some("GPL-3.0/MIT"), "'MIT'", 0);
    check(Some("(GPL-3.0 OR MIT) AND ISC"), "'MIT', 'ISC'", 0);
    check(Some("A WITH x OR B"), "'A WITH x'", 0);
    check(None, "", 1);
    check(Some("GPL-3.0"), "", 1);
    check(Some("MIT AND GPL-3.0"), "'MIT'", 1);
    check(Some("(GPL-3.0 OR MIT) AND ISC"), "'MIT'", 1);
    check(Some("A WITH x"), "'A WITH y', 'A'", 3);
    check(Some("MIT"), "'MIT', 'ISC'", 1);
    for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "OR", "MIT WITH"] {
        let faults = licence_faults(
            &[Package {
                licence: Some(broken.to_owned()),
                ..test_package("a", "1.0.0")
            }],
            &test_policy("", ""),
        );
        assert_eq!(faults.len(), 1, "{broken}: {faults:?}");
    }
}

#[test]
fn the_rule_on_duplicates_can_fail() {
    let check = |versions: &[&str], skipped: &str, expect: usize| {
        let packages = versions.iter().map(|version| test_package("a", version));
        let packages: Vec<Package> = packages.collect();
        let faults = duplicate_faults(&packages, &test_policy("", skipped));
        assert_eq!(faults.len(), expect, "{versions:?} {skipped}: {faults:?}");
    };
    let old = "{ crate = 'a:0.9', reason = 'b' }";
    check(&["1.0.0"], "", 0);
    check(&["1.0.0", "0.9.3"], old, 0);
    check(&["1.0.0", "0.9.3"], "", 1);
    check(&["1.0.0", "0.9.3", "0.8.0"], old, 1);
    check(&["1.0.0"], old, 1);
    check(&["0.9.3"], old, 1);
    check(&["1.0.0", "0.9.3"], "{ crate = 'a:0.9' }", 1);
    // The newest one is not an exception.
    check(&["0.9.3", "0.8.0"], old, 2);
}

#[test]
fn the_rule_on_sources_can_fail() {
    let check = |source: Option<&str>, is_own: bool, expect: usize| {
        let package = Package {
            source: source.map(str::to_owned),
            is_own,
            ..test_package("a", "1.0.0")
        };
        let faults = source_faults(&[package], &test_policy("", ""));
        assert_eq!(faults.len(), expect, "{source:?}: {faults:?}");
    };
    check(Some("registry+https://example.com/index"), false, 0);
    check(None, true, 0);
    check(None, false, 1);
    check(Some("registry+https://example.org/index"), false, 1);
    check(Some("git+https://example.com/index"), false, 1);
}

#[test]
#[should_panic(expected = "bans.skip")]
fn an_entry_without_versions_is_refused() {
    test_policy("", "{ crate = 'a', reason = 'b' }");
}
