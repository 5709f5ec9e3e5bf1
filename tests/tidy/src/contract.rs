//! The contract with plugins, in `wit/`: it has one version, and a released version never changes.

use std::collections::BTreeMap;

use crate::tree::{TreeFile, files, hold};

/// The folder of the contracts of released versions, each in a folder of its version.
const FROZEN: &str = "wit/frozen/";

/// The interfaces of WASI that the contract refers to. They are not ours, and have versions of their
/// own.
const DEPENDENCIES: &str = "wit/deps/";

/// The files of one version, by name.
type Contract<'a> = BTreeMap<&'a str, &'a TreeFile>;

/// A plugin requires one version of the whole contract, so all files have the same version.
#[test]
fn the_contract_has_one_version() {
    let files = files();
    let mut faults = Vec::new();
    for (folder, contract) in contracts(files) {
        if let Err(fault) = version_of(folder, &contract) {
            faults.extend(fault);
        }
    }
    hold("every file of a contract has the same version", &faults);
}

/// Components of a released version exist forever, so a later host has to support the same
/// contract. A change of a frozen contract needs a new version.
#[test]
fn frozen_contract_does_not_change() {
    hold(
        "a released contract does not change",
        &frozen_faults(files()),
    );
}

/// Returns the contracts of the tree by their folder: `wit/`, `wit/frozen/0.1.0/`.
fn contracts(files: &[TreeFile]) -> BTreeMap<&str, Contract<'_>> {
    let mut contracts: BTreeMap<&str, Contract<'_>> = BTreeMap::new();
    for file in files {
        let Some((at, _)) = file.path.rmatch_indices('/').next() else {
            continue;
        };
        let (folder, name) = file.path.split_at(at + 1);
        let is_ours = folder.starts_with("wit/") && folder != DEPENDENCIES;
        if is_ours && name.ends_with(".wit") {
            contracts.entry(folder).or_default().insert(name, file);
        }
    }
    contracts
}

/// Returns the version of all files of a contract, or the faults.
fn version_of(folder: &str, contract: &Contract<'_>) -> Result<String, Vec<String>> {
    let mut versions = BTreeMap::new();
    let mut faults = Vec::new();
    for file in contract.values() {
        match package_version(&file.text()) {
            Some(version) => drop(versions.insert(version, &file.path)),
            None => faults.push(format!(
                "{}: it does not declare its version; write `package sedge:model@0.1.0;` at its top",
                file.path
            )),
        }
    }
    if versions.len() > 1 {
        faults.push(format!(
            "{folder}: its files have the versions {versions:?}; declare the same version in each"
        ));
    }
    match versions.into_keys().next() {
        Some(version) if faults.is_empty() => Ok(version),
        Some(_) | None => Err(faults),
    }
}

/// Returns the version in `package sedge:model@0.1.0;`.
fn package_version(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("package "))?;
    let (_, version) = line.strip_suffix(';')?.split_once('@')?;
    Some(version.to_owned())
}

fn frozen_faults(files: &[TreeFile]) -> Vec<String> {
    let mut contracts = contracts(files);
    let Some(current) = contracts.remove("wit/") else {
        return vec!["wit/: the contract is missing".to_owned()];
    };
    // The rule on versions reports their other faults.
    let version = version_of("wit/", &current).unwrap_or_default();
    let mut faults = Vec::new();
    for (folder, frozen) in &contracts {
        let Some(frozen_version) = folder.strip_prefix(FROZEN) else {
            faults.push(format!(
                "{folder}: a contract is either in wit/ or in {FROZEN}<version>/; move it"
            ));
            continue;
        };
        let frozen_version = frozen_version.trim_end_matches('/');
        faults.extend(name_fault(folder, frozen_version, frozen));
        if frozen_version == version {
            faults.extend(difference_faults(folder, frozen, &current));
        }
    }
    faults
}

fn name_fault(folder: &str, version: &str, frozen: &Contract<'_>) -> Option<String> {
    let declared = version_of(folder, frozen).ok()?;
    (declared != version).then(|| {
        format!(
            "{folder}: its files have the version {declared}; name the folder after its version"
        )
    })
}

fn difference_faults(folder: &str, frozen: &Contract<'_>, current: &Contract<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, file) in current {
        match frozen.get(name) {
            Some(same) if same.bytes == file.bytes => {}
            Some(_) => faults.push(format!(
                "wit/{name}: it differs from {folder}{name}, which was released; raise the version in wit/, or revert the change"
            )),
            None => faults.push(format!(
                "{folder}: it lacks {name}; freeze the whole contract, or raise the version in wit/"
            )),
        }
    }
    for name in frozen.keys().filter(|name| !current.contains_key(*name)) {
        faults.push(format!(
            "{folder}{name}: it was released and wit/ lacks it; raise the version in wit/, or restore it"
        ));
    }
    faults
}

#[test]
fn the_rule_on_versions_can_fail() {
    let check = |texts: &[&str], expect: bool| {
        let named = texts.iter().enumerate();
        let named = named.map(|(n, text)| TreeFile::new(&format!("wit/{n}.wit"), text));
        let files: Vec<TreeFile> = named.collect();
        let version = version_of("wit/", &contracts(&files)["wit/"]);
        assert_eq!(version.is_ok(), expect, "{texts:?}: {version:?}");
    };
    let one = "/// Why.\npackage sedge:model@0.1.0;\n";
    check(&[one, one], true);
    check(&[one, "package sedge:model@0.2.0;\n"], false);
    check(&[one, "package sedge:model;\n"], false);
    check(&[one, "interface a {}\n"], false);
}

#[test]
fn the_rule_on_frozen_contracts_can_fail() {
    let check = |texts: &[(&str, &str)], expect: usize| {
        let made = texts.iter().map(|(path, text)| TreeFile::new(path, text));
        let faults = frozen_faults(&made.collect::<Vec<_>>());
        assert_eq!(faults.len(), expect, "{texts:?}: {faults:?}");
    };
    let (old, new) = (
        "package sedge:model@0.1.0;\n",
        "package sedge:model@0.2.0;\n",
    );
    let changed = "package sedge:model@0.1.0;\ninterface a {}\n";
    check(&[("wit/a.wit", old)], 0);
    check(&[("wit/a.wit", old), ("wit/frozen/0.1.0/a.wit", old)], 0);
    check(&[("wit/a.wit", new), ("wit/frozen/0.1.0/b.wit", old)], 0);
    check(
        &[("wit/a.wit", changed), ("wit/frozen/0.1.0/a.wit", old)],
        1,
    );
    check(&[("wit/a.wit", old), ("wit/frozen/0.1.0/b.wit", old)], 2);
    check(&[("wit/a.wit", old), ("wit/frozen/0.2.0/a.wit", old)], 1);
    check(&[("wit/a.wit", old), ("wit/old/a.wit", old)], 1);
    check(&[("wit/frozen/0.1.0/a.wit", old)], 1);
    // WASI has versions of its own.
    let wasi = ("wit/deps/io.wit", "package wasi:io@0.2.12;\n");
    check(&[("wit/a.wit", old), wasi], 0);
}
