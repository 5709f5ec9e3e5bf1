//! Reads what a component declares without compiling it.

use semver::Version;
use wasmparser::{Encoding, Parser, Payload};

use sedge_model::limits::{ComponentLimit, ComponentLimits};

use crate::component_limits::Sizes;
use crate::plugin::PluginError;

/// The version of the contract in `wit/` that this host implements.
pub const CONTRACT_VERSION: &str = "0.4.0";

/// The custom section that may state which version of the contract a component was built for.
const CONTRACT_SECTION: &str = "sedge:contract";

/// The beginning of the name of the export that every plugin has; the version follows.
const CONTRACT_EXPORT: &str = "sedge:model/model@";

/// The beginning of the names of the contract's interfaces, as a component imports and exports
/// them: `sedge:model/data@0.4.0`.
const CONTRACT_PACKAGE: &str = "sedge:model/";

/// Checks that `bytes` are a component within `limits`, built for a version of the contract that
/// this host supports. Returns that version.
///
/// The version is checked first. A plugin for a newer contract may look invalid in other ways,
/// too, and then the useful advice is to use a newer Sedge.
///
/// A component states the version in the names of the interfaces that it imports and exports, and
/// may repeat it in a section, as our SDK for Rust does. Both have to be supported: the section could
/// be copied from elsewhere.
pub(crate) fn contract_check(
    bytes: &[u8],
    limits: &ComponentLimits,
) -> Result<String, PluginError> {
    let stated = stated_versions(bytes, limits)?;
    if let Some(text) = &stated.section {
        version_check(text)?;
    }
    if let Some(text) = &stated.interface {
        version_check(text)?;
    }
    let version = stated.section.or(stated.export);
    version.ok_or(PluginError::ContractMissing)
}

/// Checks that this host supports a version of the contract.
fn version_check(text: &str) -> Result<(), PluginError> {
    let unreadable = || PluginError::ContractUnreadable {
        text: text.to_owned(),
    };
    let built_for = Version::parse(text).map_err(|_| unreadable())?;
    let known = Version::parse(CONTRACT_VERSION).expect("our own version is one");
    let built_for_text = text.to_owned();
    if built_for > known {
        return Err(PluginError::ContractNewer {
            built_for: built_for_text,
        });
    }
    // Below 1.0.0, a new minor version is a breaking change.
    if (built_for.major, built_for.minor) != (known.major, known.minor) {
        return Err(PluginError::ContractOlder {
            built_for: built_for_text,
        });
    }
    Ok(())
}

/// The versions of the contract that a component states.
#[derive(Debug, Default)]
struct StatedVersions {
    /// The text of its custom section, or of that of a module in it.
    section: Option<String>,
    /// The version in the name of its export [`CONTRACT_EXPORT`].
    export: Option<String>,
    /// The first version in the names of its interfaces that differs from [`CONTRACT_VERSION`].
    interface: Option<String>,
}

impl StatedVersions {
    /// Notes the version in the name of an import or export, if it is one of the contract.
    fn interface_note(&mut self, name: &str) {
        let version = name
            .strip_prefix(CONTRACT_PACKAGE)
            .and_then(|rest| rest.split_once('@'));
        if let Some((_, version)) = version
            && version != CONTRACT_VERSION
        {
            self.interface.get_or_insert_with(|| version.to_owned());
        }
    }

    /// Notes the version in the name of an export of the component itself, if it is that of a plugin.
    fn export_note(&mut self, name: &str) {
        if let Some(version) = name.strip_prefix(CONTRACT_EXPORT) {
            self.export.get_or_insert_with(|| version.to_owned());
        }
    }
}

/// Returns the versions that a component states, and checks its sizes.
fn stated_versions(bytes: &[u8], limits: &ComponentLimits) -> Result<StatedVersions, PluginError> {
    let mut sizes = Sizes::new(limits);
    sizes.check(ComponentLimit::Bytes, bytes.len() as u64)?;
    let not_wasm = |reason: &str| PluginError::NotWasm {
        reason: reason.to_owned(),
    };
    if !bytes.starts_with(b"\0asm") {
        return Err(not_wasm("it does not begin as WebAssembly does"));
    }
    let mut stated = StatedVersions::default();
    let mut depth = 0_u32;
    for (at, payload) in Parser::new(0).parse_all(bytes).enumerate() {
        let payload = payload.map_err(|error| not_wasm(error.message()))?;
        if at == 0
            && matches!(
                payload,
                Payload::Version {
                    encoding: Encoding::Module,
                    ..
                }
            )
        {
            return Err(PluginError::CoreModule);
        }
        sizes.count(&payload);
        payload_note(&payload, &mut stated);
        if let Payload::ModuleSection { .. } | Payload::ComponentSection { .. } = payload {
            depth += 1;
        }
        if let Payload::End(_) = payload {
            depth = depth.saturating_sub(1);
        }
        // What a component inside of it exports is not what it exports itself.
        if let (Payload::ComponentExportSection(exports), 0) = (&payload, depth) {
            let exports = exports.clone().into_iter().map_while(Result::ok);
            exports.for_each(|export| stated.export_note(export.name.name));
        }
    }
    sizes.check_all()?;
    Ok(stated)
}

/// Notes what one part of a component states about the contract. An entry that cannot be parsed is
/// left to the compiler, which refuses it with its reason.
fn payload_note(payload: &Payload<'_>, stated: &mut StatedVersions) {
    if let Payload::CustomSection(section) = payload
        && section.name() == CONTRACT_SECTION
    {
        stated.section = Some(String::from_utf8_lossy(section.data()).into_owned());
    }
    if let Payload::ComponentImportSection(imports) = payload {
        let imports = imports.clone().into_iter().map_while(Result::ok);
        imports.for_each(|import| stated.interface_note(import.name.name));
    }
    if let Payload::ComponentExportSection(exports) = payload {
        let exports = exports.clone().into_iter().map_while(Result::ok);
        exports.for_each(|export| stated.interface_note(export.name.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component_limits::LIMITS;

    /// An empty component with a custom section.
    fn component(section: &str, content: &str) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        section_add(&mut bytes, section, content);
        bytes
    }

    /// Adds a custom section to a component.
    fn section_add(bytes: &mut Vec<u8>, section: &str, content: &str) {
        let size = u8::try_from(1 + section.len() + content.len()).expect("short");
        bytes.extend([0, size, u8::try_from(section.len()).expect("short")]);
        bytes.extend(section.bytes().chain(content.bytes()));
    }

    /// A component that exports an instance without functions under this name.
    fn exporting(name: &str) -> Vec<u8> {
        let text = format!("(component (instance $empty) (export \"{name}\" (instance $empty)))");
        wat::parse_str(text).expect("it is a component")
    }

    #[test]
    fn contract_of_another_version_is_refused() {
        let check = |bytes: &[u8], expect: &str| {
            let found = contract_check(bytes, &LIMITS).unwrap_or_else(|error| error.to_string());
            assert_eq!(found, expect);
        };
        check(&component("sedge:contract", "0.4.0"), "0.4.0");
        check(
            &component("sedge:contract", "0.2.1"),
            "it was built for contract 0.2.1, this program has 0.4.0",
        );
        check(
            &component("sedge:contract", "0.1.0"),
            "it was built for contract 0.1.0, this program has 0.4.0",
        );
        check(
            &component("sedge:contract", "one"),
            "it was built for contract `one`, which is not a version number",
        );
        check(
            &component("other", "0.4.0"),
            "it is a component, but not a plugin of Sedge: it does not export `sedge:model/model`",
        );
        check(
            b"\0asm\x01\0\0\0",
            "it is a core WebAssembly module, not a component",
        );
    }

    /// The tools of script languages write no section.
    #[test]
    fn contract_is_that_of_the_export_if_there_is_no_section() {
        let check = |bytes: &[u8], expect: &str| {
            let found = contract_check(bytes, &LIMITS).unwrap_or_else(|error| error.to_string());
            assert_eq!(found, expect);
        };
        let missing =
            "it is a component, but not a plugin of Sedge: it does not export `sedge:model/model`";
        check(&exporting("sedge:model/model@0.4.0"), "0.4.0");
        check(
            &exporting("sedge:model/model@0.3.0"),
            "it was built for contract 0.3.0, this program has 0.4.0",
        );
        check(
            &exporting("sedge:model/model@9.0.0"),
            "it was built for contract 9.0.0, this program has 0.4.0",
        );
        check(&exporting("sedge:model/data@0.4.0"), missing);
        check(&exporting("sedge:model/model"), missing);
        let nested = r#"(component (component (instance $empty)
            (export "sedge:model/model@0.4.0" (instance $empty))))"#;
        check(&wat::parse_str(nested).expect("a component"), missing);
        // If it has a section, too, both have to fit.
        let both = |version: &str| {
            let mut bytes = exporting("sedge:model/model@0.4.0");
            section_add(&mut bytes, "sedge:contract", version);
            bytes
        };
        check(&both("0.4.0"), "0.4.0");
        check(
            &both("0.3.0"),
            "it was built for contract 0.3.0, this program has 0.4.0",
        );
    }

    /// The section says what the host supports, and the interfaces are those of another version.
    #[test]
    fn interfaces_of_another_version_are_refused() {
        let check = |name: &str, expect: Option<&str>| {
            let mut stated = StatedVersions::default();
            stated.interface_note(name);
            assert_eq!(stated.interface.as_deref(), expect, "{name}");
        };
        check("sedge:model/data@0.4.0", None);
        check("sedge:model/data@0.1.0", Some("0.1.0"));
        check("sedge:model/model@0.5.0", Some("0.5.0"));
        check("wasi:cli/stdout@0.2.12", None);
        check("sedge:model/data", None);
    }

    #[test]
    fn bytes_that_are_not_wasm_are_refused() {
        for bytes in [&b""[..], b"hello", b"\0asm", b"\0asm\x0d\0\x01\0\0\xff"] {
            assert!(
                matches!(
                    contract_check(bytes, &LIMITS),
                    Err(PluginError::NotWasm { .. })
                ),
                "{bytes:?}"
            );
        }
    }
}
