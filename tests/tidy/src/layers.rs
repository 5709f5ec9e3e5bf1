//! Which crate may know which: cli → app → { workflow | runtime } → { locks, secrets, store } →
//! { model, sys }; `api` is a leaf.

use crate::manifests::{Dependency, Manifest, Need, manifests};
use crate::tree::hold;

/// The crates of the host, top first, and those that each may depend on.
///
/// `workflow` decides and runs nothing, so it knows `model` only; `app` hands it a
/// function that runs a step. The CLI speaks to people, and does so through `app`. `api` is
/// what leaves for machines: views are made in `app`, and the crates below it know it only to
/// explain their errors. `model` thinks, so it does not know how its values are shown.
const LAYERS: &[(&str, &[&str])] = &[
    ("cli", &["app", "api", "model", "sys"]),
    (
        "app",
        &[
            "workflow", "runtime", "locks", "secrets", "store", "api", "model", "sys",
        ],
    ),
    ("workflow", &["model"]),
    ("runtime", &["secrets", "api", "model", "sys"]),
    ("locks", &["api", "model", "sys"]),
    ("secrets", &["api", "model", "sys"]),
    ("store", &["api", "model", "sys"]),
    ("model", &[]),
    ("sys", &["api"]),
    ("api", &[]),
];

/// What one crate of the host alone may depend on; a `*` stands for any ending.
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

/// Dependencies that point down only are what lets a reader understand a crate without
/// those above it, and lets a test be written at the lowest boundary.
#[test]
fn dependencies_point_down_only() {
    hold(
        "a crate depends on the layers below it only",
        &layer_faults(&manifests()),
    );
}

/// "The only crate that knows wasmtime" is true as long as no other one can.
#[test]
fn each_engine_has_one_owner() {
    hold(
        "some libraries are known to one crate only",
        &owner_faults(&manifests()),
    );
}

fn layer_faults(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        match layer_of(manifest) {
            Some(layer) => faults.extend(host_faults(manifest, layer)),
            None if is_judge(manifest.folder()) => {}
            None => faults.extend(guest_faults(manifest)),
        }
    }
    for (layer, _) in LAYERS {
        if !manifests.iter().any(|it| layer_of(it) == Some(layer)) {
            faults.push(format!(
                "host/{layer}: there is no such crate; take it out of LAYERS in {}",
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
            "{path}: the layer `{layer}` is not in the table; give it its place in LAYERS in {}",
            file!()
        )];
    };
    let fault = |Dependency { package, need, .. }: &Dependency<'_>| {
        let other = package.strip_prefix("sedge-")?;
        let is_host = LAYERS.iter().any(|(name, _)| *name == other);
        if is_host && !below.contains(&other) {
            Some(format!(
                "{path}: `{layer}` may not know `{other}`; it may know {below:?}: move what it needs down, or have it handed in from above"
            ))
        } else if !is_host && *need == Need::Normal {
            Some(format!(
                "{path}: `{package}` is not part of the host; only tests and build scripts may need it"
            ))
        } else {
            None
        }
    };
    manifest.dependencies().iter().filter_map(fault).collect()
}

/// Plugins and guests are strangers: they know the contract, and nothing of the host.
fn guest_faults(manifest: &Manifest) -> Vec<String> {
    let dependencies = manifest.dependencies();
    let of_host = dependencies.iter().filter(|dependency| {
        let name = dependency.package.strip_prefix("sedge-");
        name.is_some_and(|name| LAYERS.iter().any(|(layer, _)| *layer == name))
    });
    of_host
        .map(|Dependency { package, .. }| {
            format!(
                "{}: plugins know the host by `wit/` only; do without `{package}`",
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
                    "{}: only host/{owner} may know `{package}`; give that crate a function for what is needed here",
                    manifest.path
                ));
            }
        }
    }
    faults
}

/// Returns the name of a host crate: of its folder.
fn layer_of(manifest: &Manifest) -> Option<&str> {
    let folder = manifest.folder().strip_prefix("host/")?;
    Some(folder.trim_end_matches('/'))
}

/// Returns whether a folder's crate looks at the host from outside: tests and tools may
/// know every layer.
fn is_judge(folder: &str) -> bool {
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
fn the_rule_on_layers_knows_who_is_missing() {
    let mut manifests = host("", "");
    manifests.retain(|it| it.path != "host/sys/Cargo.toml");
    assert_eq!(layer_faults(&manifests).len(), 1, "`sys` is not there");
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
