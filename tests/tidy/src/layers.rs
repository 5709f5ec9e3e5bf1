//! The crates that each crate may depend on:
//! cli → app → { workflow | runtime } → { locks, secrets, store } → { lang, model, sys }; `api` is a leaf.

use crate::manifests::{Dependency, Manifest, Need, manifests};
use crate::tree::hold;

/// The crates of the host, top first, and the crates that each may depend on.
///
/// `lang` parses what people write, and `model` has names and values; neither reads a file.
/// `workflow` makes decisions and runs nothing, so it depends on these two only; `app` passes it a
/// function that runs a step. The CLI shows results of `app`. `api` has the types of
/// machine-readable output: `app` builds the views, and the crates below it use `api` only to
/// explain their errors. `model` does not use `api`: its values are independent of their output.
const LAYERS: &[(&str, &[&str])] = &[
    ("cli", &["app", "api", "model", "sys"]),
    (
        "app",
        &[
            "workflow", "runtime", "locks", "secrets", "store", "api", "lang", "model", "sys",
        ],
    ),
    ("workflow", &["lang", "model"]),
    ("runtime", &["secrets", "api", "lang", "model", "sys"]),
    ("locks", &["api", "model", "sys"]),
    ("secrets", &["api", "model", "sys"]),
    ("store", &["api", "lang", "model", "sys"]),
    ("lang", &["model"]),
    ("model", &[]),
    ("sys", &["api"]),
    ("api", &[]),
];

/// The libraries that only one crate of the host may depend on; a `*` stands for any ending.
const OWNED: &[(&str, &str)] = &[
    ("wasmtime*", "runtime"),
    ("rusqlite", "store"),
    ("chacha20poly1305", "secrets"),
    ("clap", "cli"),
    ("annotate-snippets", "cli"),
    ("anyhow", "cli"),
    ("getrandom", "sys"),
    ("rustix", "sys"),
];

/// Because dependencies only point down, a reader can understand a crate without the crates above
/// it, and a test can be written at the lowest boundary.
#[test]
fn dependencies_only_point_down() {
    hold(
        "a crate depends on the layers below it only",
        &layer_faults(&manifests()),
    );
}

/// The documents say, for example, that only one crate uses wasmtime. This test keeps that true.
#[test]
fn each_engine_has_one_owner() {
    hold(
        "some libraries have one crate that may depend on them",
        &owner_faults(&manifests()),
    );
}

fn layer_faults(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        match layer_of(manifest) {
            Some(layer) => faults.extend(host_faults(manifest, layer)),
            None if is_outside_host(manifest.folder()) => {}
            None => faults.extend(guest_faults(manifest)),
        }
    }
    for (layer, _) in LAYERS {
        if !manifests.iter().any(|it| layer_of(it) == Some(layer)) {
            faults.push(format!(
                "host/{layer}: the crate does not exist; remove it from LAYERS in {}",
                file!()
            ));
        }
    }
    faults
}

fn host_faults(manifest: &Manifest, layer: &str) -> Vec<String> {
    let path = &manifest.path;
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!(
            "{path}: the layer `{layer}` is not in the table; add it to LAYERS in {}",
            file!()
        )];
    };
    let fault = |Dependency { package, need, .. }: &Dependency<'_>| {
        let other = package.strip_prefix("sedge-")?;
        let is_host = LAYERS.iter().any(|(name, _)| *name == other);
        if is_host && !below.contains(&other) {
            Some(format!(
                "{path}: `{layer}` may not depend on `{other}`, but on {below:?}: move the shared code down, or pass it in as a parameter"
            ))
        } else if !is_host && *need == Need::Normal {
            Some(format!(
                "{path}: `{package}` is not part of the host; only tests and build scripts may depend on it"
            ))
        } else {
            None
        }
    };
    manifest.dependencies().iter().filter_map(fault).collect()
}

/// Plugins and guests are untrusted: they depend on the contract, and on no crate of the host.
fn guest_faults(manifest: &Manifest) -> Vec<String> {
    let dependencies = manifest.dependencies();
    let of_host = dependencies.iter().filter(|dependency| {
        let name = dependency.package.strip_prefix("sedge-");
        name.is_some_and(|name| LAYERS.iter().any(|(layer, _)| *layer == name))
    });
    of_host
        .map(|Dependency { package, .. }| {
            format!(
                "{}: a plugin depends on `wit/` and not on the host; remove `{package}`",
                manifest.path
            )
        })
        .collect()
}

fn owner_faults(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        let Some(layer) = layer_of(manifest) else {
            continue;
        };
        for Dependency { package, .. } in manifest.dependencies() {
            let fits = |pattern: &str| match pattern.strip_suffix('*') {
                Some(start) => package.starts_with(start),
                None => package == pattern,
            };
            let owner = OWNED.iter().find(|(pattern, _)| fits(pattern));
            if let Some((_, owner)) = owner.filter(|(_, owner)| *owner != layer) {
                faults.push(format!(
                    "{}: only host/{owner} may depend on `{package}`; add a function to that crate, and call it here",
                    manifest.path
                ));
            }
        }
    }
    faults
}

/// Returns the layer of a host crate, which is the name of its folder.
fn layer_of(manifest: &Manifest) -> Option<&str> {
    let folder = manifest.folder().strip_prefix("host/")?;
    Some(folder.trim_end_matches('/'))
}

/// Returns whether the crate of a folder is a test or a tool, which may depend on every layer.
fn is_outside_host(folder: &str) -> bool {
    folder.is_empty() || (folder.starts_with("tests/") && folder != "tests/guests/")
}

#[cfg(test)]
fn host(layer: &str, text: &str) -> Vec<Manifest> {
    let crates = LAYERS.iter().map(|(name, _)| {
        let text = if *name == layer { text } else { "" };
        Manifest::parse(&format!("host/{name}/Cargo.toml"), text)
    });
    crates.collect()
}

#[test]
fn the_rule_on_layers_can_fail() {
    let check = |layer: &str, text: &str, expect: usize| {
        let faults = layer_faults(&host(layer, text));
        assert_eq!(faults.len(), expect, "{layer}: {text}: {faults:?}");
    };
    check("cli", "dependencies.sedge-app.workspace = true", 0);
    check("cli", "dependencies.sedge-store.workspace = true", 1);
    check("app", "dependencies.sedge-cli.workspace = true", 1);
    check("workflow", "dependencies.sedge-runtime.workspace = true", 1);
    check("workflow", "dependencies.sedge-sys.workspace = true", 1);
    check("model", "dev-dependencies.sedge-sys.workspace = true", 1);
    check("model", "dependencies.sedge-api.workspace = true", 1);
    check("store", "dependencies.sedge-api.workspace = true", 0);
    check("api", "dependencies.sedge-model.workspace = true", 1);
    check(
        "model",
        "target.x.dependencies.sedge-sys.workspace = true",
        1,
    );
    check("sys", "dependencies.it.package = 'sedge-model'", 1);
    check("runtime", "dependencies.sedge-sdk.workspace = true", 1);
    check("runtime", "dev-dependencies.sedge-sdk.workspace = true", 0);
}

#[test]
fn missing_and_unknown_layers_are_faults() {
    let mut manifests = host("", "");
    manifests.retain(|it| it.path != "host/sys/Cargo.toml");
    assert_eq!(layer_faults(&manifests).len(), 1, "`sys` is missing");
    let mut manifests = host("", "");
    manifests.push(Manifest::parse("host/extra/Cargo.toml", ""));
    assert_eq!(layer_faults(&manifests).len(), 1, "`extra` has no place");
}

#[test]
fn the_rule_on_guests_can_fail() {
    let check = |path: &str, expect: usize| {
        let mut manifests = host("", "");
        let text = "dependencies.sedge-model.workspace = true";
        manifests.push(Manifest::parse(path, text));
        assert_eq!(layer_faults(&manifests).len(), expect, "{path}");
    };
    check("plugins/sink/Cargo.toml", 1);
    check("sdk/rust/Cargo.toml", 1);
    check("tests/guests/Cargo.toml", 1);
    check("tests/cli/Cargo.toml", 0);
}

#[test]
fn the_rule_on_owners_can_fail() {
    let check = |layer: &str, package: &str, expect: usize| {
        let text = format!("dependencies.{package}.workspace = true");
        let faults = owner_faults(&host(layer, &text));
        assert_eq!(faults.len(), expect, "{layer}: {faults:?}");
    };
    check("runtime", "wasmtime", 0);
    check("app", "wasmtime", 1);
    check("app", "wasmtime-wasi", 1);
    check("app", "rusqlite", 1);
    check("app", "anyhow", 1);
    check("app", "anyhow-like", 0);
    check("cli", "anyhow", 0);
}
