//! Reads what a component declares without compiling it.

use semver::Version;
use wasmparser::{Encoding, Parser, Payload};

use sedge_model::limits::{ComponentLimit, ComponentLimits};

use crate::component_limits::Sizes;
use crate::plugin::PluginError;

/// The version of the contract in `wit/` that this host implements.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// The custom section that states which version of the contract a component was built for.
const CONTRACT_SECTION: &str = "sedge:contract";

/// Checks that `bytes` are a component within `limits`, built for a version of the contract that
/// this host supports. Returns that version.
///
/// The version is checked first. A plugin for a newer contract may look invalid in other ways,
/// too, and then the useful advice is to use a newer Sedge.
pub(crate) fn contract_check(
    bytes: &[u8],
    limits: &ComponentLimits,
) -> Result<String, PluginError> {
    let Some(text) = contract_version(bytes, limits)? else {
        return Err(PluginError::ContractMissing);
    };
    let unreadable = || PluginError::ContractUnreadable { text: text.clone() };
    let built_for = Version::parse(&text).map_err(|_| unreadable())?;
    let known = Version::parse(CONTRACT_VERSION).expect("our own version is one");
    if built_for > known {
        return Err(PluginError::ContractNewer { built_for: text });
    }
    // Below 1.0.0, a new minor version is a breaking change.
    if (built_for.major, built_for.minor) != (known.major, known.minor) {
        return Err(PluginError::ContractOlder { built_for: text });
    }
    Ok(text)
}

/// Returns the version that a component, or a module in it, states in its custom section. Returns
/// `None` if there is no such section.
fn contract_version(bytes: &[u8], limits: &ComponentLimits) -> Result<Option<String>, PluginError> {
    let mut sizes = Sizes::new(limits);
    sizes.check(ComponentLimit::Bytes, bytes.len() as u64)?;
    if !bytes.starts_with(b"\0asm") {
        let reason = "it does not begin as WebAssembly does".to_owned();
        return Err(PluginError::NotWasm { reason });
    }
    let mut contract = None;
    for (at, payload) in Parser::new(0).parse_all(bytes).enumerate() {
        let payload = payload.map_err(|error| PluginError::NotWasm {
            reason: error.message().to_owned(),
        })?;
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
        if let Payload::CustomSection(section) = payload
            && section.name() == CONTRACT_SECTION
        {
            contract = Some(String::from_utf8_lossy(section.data()).into_owned());
        }
    }
    sizes.check_all()?;
    Ok(contract)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component_limits::LIMITS;

    /// An empty component with a custom section.
    fn component(section: &str, content: &str) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        let size = u8::try_from(1 + section.len() + content.len()).expect("short");
        bytes.extend([0, size, u8::try_from(section.len()).expect("short")]);
        bytes.extend(section.bytes().chain(content.bytes()));
        bytes
    }

    #[test]
    fn contract_of_another_version_is_refused() {
        let check = |bytes: &[u8], expect: &str| {
            let found = contract_check(bytes, &LIMITS).unwrap_or_else(|error| error.to_string());
            assert_eq!(found, expect);
        };
        check(&component("sedge:contract", "0.1.0"), "0.1.0");
        check(
            &component("sedge:contract", "0.1.1"),
            "it was built for contract 0.1.1, this version of Sedge supports contract 0.1.0",
        );
        check(
            &component("sedge:contract", "0.0.9"),
            "it was built for contract 0.0.9, which this version of Sedge no longer supports",
        );
        check(
            &component("sedge:contract", "one"),
            "it was built for contract `one`, which is not a version number",
        );
        check(
            &component("other", "0.1.0"),
            "it is a component, but not a plugin of Sedge: it has no section `sedge:contract`",
        );
        check(
            b"\0asm\x01\0\0\0",
            "it is a core WebAssembly module, not a component",
        );
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
