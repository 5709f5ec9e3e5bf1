//! Builds plugins that no compiler produces, from the text of a module that passes arbitrary
//! numbers to the host.
//!
//! [`PluginText`] provides what every plugin needs, so that a test writes only what is wrong with
//! its own. [`imports`] returns all functions that a plugin may import, with the meaning of their
//! parameters, for tests that try all of them.

mod imports;
mod plugin;

use std::path::Path;
use std::sync::LazyLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, TypeDefKind, WorldId};

pub use imports::{Given, Import, Slot, imports};
pub use plugin::{Permission, PluginText};

/// The contract and WASI, as the host provides them.
struct Contract {
    resolve: Resolve,
    package: PackageId,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut resolve = Resolve::default();
    let pushed = resolve.push_dir(here.join("../../wit"));
    pushed.expect("the contract is valid");
    let (package, _) = resolve
        .push_dir(here.join("wit"))
        .expect("the worlds are valid");
    Contract { resolve, package }
});

impl Contract {
    fn world(&self, name: &str) -> WorldId {
        let world = self.resolve.select_world(&[self.package], Some(name));
        world.expect("`wit/world.wit` has it")
    }
}

/// The world that a module implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// `plugin`: it exports what the contract requires.
    Plugin,
    /// `owning-plugin`: it also exports a resource.
    OwningPlugin,
}

/// Builds a plugin from a module's text.
///
/// # Panics
/// The text is not a module, or the module does not implement the world.
#[must_use]
pub fn component(module: &str, world: World) -> Vec<u8> {
    with_custom_section(bare_component(module, world), "sedge:contract", b"0.4.0")
}

/// Builds a plugin from a module's text, without the section that states the contract.
fn bare_component(module: &str, world: World) -> Vec<u8> {
    let mut module = wat::parse_str(module).unwrap_or_else(|error| panic!("{error}\n{module}"));
    let name = match world {
        World::Plugin => "plugin",
        World::OwningPlugin => "owning-plugin",
    };
    let (resolve, world) = (&CONTRACT.resolve, CONTRACT.world(name));
    let embedded = embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8);
    embedded.expect("the world has a form in a section");
    let encoded = ComponentEncoder::default()
        .module(&module)
        .and_then(|mut encoder| encoder.encode());
    encoded.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Builds a component from a component's text.
///
/// # Panics
/// The text is not a component.
#[must_use]
pub fn component_of_text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a copy of a component whose interfaces have the names of another version of the contract,
/// of the same length. What the component states in its custom section stays.
///
/// # Panics
/// The version has another length, or the component has no such interface.
#[must_use]
pub fn with_interfaces_of(mut component: Vec<u8>, version: &str) -> Vec<u8> {
    const PACKAGE: &[u8] = b"sedge:model/";
    let own = contract_version();
    assert_eq!(version.len(), own.len(), "`{version}` has another length");
    let starts: Vec<usize> = (0..component.len())
        .filter(|at| component[*at..].starts_with(PACKAGE))
        .collect();
    let mut n_changed = 0;
    for start in starts {
        let name = &component[start..component.len().min(start + 64)];
        let Some(at) = name.iter().position(|byte| *byte == b'@') else {
            continue;
        };
        let at = start + at + 1;
        if component[at..].starts_with(own.as_bytes()) {
            component[at..at + own.len()].copy_from_slice(version.as_bytes());
            n_changed += 1;
        }
    }
    assert!(
        n_changed > 0,
        "the component has no interface of the contract"
    );
    component
}

/// Returns the version of the contract in `wit`.
fn contract_version() -> String {
    let contract = &CONTRACT.resolve;
    let mut packages = contract.packages.iter().map(|(_, package)| &package.name);
    let found = packages.find(|name| name.namespace == "sedge" && name.name == "model");
    let version = found.and_then(|name| name.version.as_ref());
    version.expect("`wit` names its version").to_string()
}

/// Returns the functions of the contract that a plugin imports or exports, as
/// `INTERFACE.FUNCTION` or `INTERFACE.RESOURCE.METHOD`, and the cases of its variants for errors and of
/// `run-outcome`, as `VARIANT.CASE`.
#[must_use]
pub fn contract_items() -> Vec<String> {
    let resolve = &CONTRACT.resolve;
    let mut items = Vec::new();
    for (_, interface) in &resolve.interfaces {
        let is_contract = interface.package.is_some_and(|it| {
            let name = &resolve.packages[it].name;
            name.namespace == "sedge" && name.name == "model"
        });
        let Some(name) = interface.name.as_ref().filter(|_| is_contract) else {
            continue;
        };
        for function in interface.functions.values() {
            let function = function.name.trim_start_matches("[method]");
            items.push(format!("{name}.{function}"));
        }
        for id in interface.types.values() {
            let found = &resolve.types[*id];
            let (TypeDefKind::Variant(variant), Some(of)) = (&found.kind, &found.name) else {
                continue;
            };
            if of.ends_with("-error") || of == "run-outcome" {
                let cases = variant.cases.iter();
                items.extend(cases.map(|case| format!("{of}.{}", case.name)));
            }
        }
    }
    items
}

/// Appends a custom section to a component.
#[must_use]
pub fn with_custom_section(component: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    let content = [&leb(name.len())[..], name.as_bytes(), content].concat();
    with_section(component, 0, &content)
}

/// Appends a section with this number to a component.
#[must_use]
pub fn with_section(mut component: Vec<u8>, number: u8, content: &[u8]) -> Vec<u8> {
    component.push(number);
    component.extend(leb(content.len()));
    component.extend(content);
    component
}

/// Returns a number in the LEB128 encoding of WebAssembly.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
