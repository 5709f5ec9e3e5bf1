//! The contract with plugins, in `wit/`: one version, and what was promised stays.

use std::collections::BTreeMap;

use crate::tree::{TreeFile, files, hold};

/// Where the contracts of released versions are kept, each in a folder of its version.
const FROZEN: &str = "wit/frozen/";

/// Files of one version, by name.
type Contract<'a> = BTreeMap<&'a str, &'a TreeFile>;

/// A plugin asks for a version of the whole contract, so the whole has one.
#[test]
fn the_contract_has_one_version() {
    let files = files();
    let mut faults = Vec::new();
    for (folder, contract) in contracts(files) {
        if let Err(fault) = version_of(folder, &contract) {
            faults.extend(fault);
        }
    }
    hold("every file of a contract says the same version", &faults);
}

/// Components outlive our memory of them: what was released for a version is what the
/// next host must still offer. A frozen contract is changed by making the next version.
#[test]
fn a_frozen_contract_stays() {
    hold(
        "a released contract is kept as it was",
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
        if folder.starts_with("wit/") && name.ends_with(".wit") {
            contracts.entry(folder).or_default().insert(name, file);
        }
    }
    contracts
}

/// Returns the version that every file of a contract says, or what is wrong.
fn version_of(folder: &str, contract: &Contract<'_>) -> Result<String, Vec<String>> {
    let mut versions = BTreeMap::new();
    let mut faults = Vec::new();
    for file in contract.values() {
        match package_version(&file.text()) {
            Some(version) => drop(versions.insert(version, &file.path)),
            None => faults.push(format!(
                "{}: it does not say of which version it is; write `package sedge:model@0.1.0;` at its top",
                file.path
            )),
        }
    }
    if versions.len() > 1 {
        faults.push(format!(
            "{folder}: its files say the versions {versions:?}; make them one"
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
        return vec!["wit/: the contract is not there".to_owned()];
    };
    // Other faults of versions are told by the rule on those.
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
    let said = version_of(folder, frozen).ok()?;
    (said != version).then(|| {
        format!("{folder}: its files say that they are of {said}; a folder has its version's name")
    })
}

fn difference_faults(folder: &str, frozen: &Contract<'_>, current: &Contract<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, file) in current {
        match frozen.get(name) {
            Some(same) if same.bytes == file.bytes => {}
            Some(_) => faults.push(format!(
                "wit/{name}: it differs from {folder}{name}, which was released; raise the version in wit/, or undo the change"
            )),
            None => faults.push(format!(
                "{folder}: it lacks {name}; freeze the whole contract, or raise the version in wit/"
            )),
        }
    }
    for name in frozen.keys().filter(|name| !current.contains_key(*name)) {
        faults.push(format!(
            "{folder}{name}: it was released and wit/ lacks it; raise the version in wit/, or put it back"
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
}
