//! The paths of the built plugins and test guests: a constant for each component, and `REAPER` for
//! the program `sedge-reaper`. The build script of this crate builds them.
//!
//! `foreach_plugin!` and `foreach_guest!` list them all, so that a guest without a test causes a
//! compile error:
//!
//! ```text
//! macro_rules! assert_test_exists {
//!     ($name:ident) => {
//!         #[expect(unused_imports, reason = "the import checks that it exists")]
//!         use self::$name as _;
//!     };
//! }
//! sedge_test_artifacts::foreach_guest!(assert_test_exists);
//! ```

include!(concat!(env!("OUT_DIR"), "/artifacts.rs"));

/// The head of the custom section with the contract's version: the length of the section's name,
/// and the name.
const CONTRACT_SECTION: &[u8] = b"\x0esedge:contract";

/// Returns a copy of a component that claims another version of the contract. The version must
/// have the same length.
///
/// # Panics
/// The component does not state its version exactly once, or the version has another length.
#[must_use]
pub fn with_contract_version(component: &[u8], version: &str) -> Vec<u8> {
    let places: Vec<usize> = component
        .windows(CONTRACT_SECTION.len())
        .enumerate()
        .filter_map(|(place, window)| (window == CONTRACT_SECTION).then_some(place))
        .collect();
    let [place] = places[..] else {
        panic!("it names the contract {} times", places.len());
    };
    // The section's size precedes the head. It takes one byte for a section this small.
    assert_eq!(
        usize::from(component[place - 1]),
        CONTRACT_SECTION.len() + version.len(),
        "`{version}` is not as long as the version in the component"
    );
    let start = place + CONTRACT_SECTION.len();
    let mut changed = component.to_vec();
    changed[start..start + version.len()].copy_from_slice(version.as_bytes());
    changed
}

#[cfg(test)]
mod tests {
    use wasmparser::{Encoding, Parser, Payload};

    use super::*;

    /// The properties of a component that the tests check.
    #[derive(Debug, Default)]
    struct Parts {
        imports: Vec<String>,
        exports: Vec<String>,
        contracts: Vec<String>,
        has_names: bool,
    }

    fn read(path: &str) -> Vec<u8> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the path is a constant of this crate"
        )]
        std::fs::read(path).expect("the build script copied it there")
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the many parts of a component, four are of interest"
    )]
    fn parts(component: &[u8]) -> Parts {
        let mut parts = Parts::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload.expect("it is well-formed") {
                Payload::Version { encoding, .. } if depth == 0 => {
                    assert_eq!(encoding, Encoding::Component);
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        let import = import.expect("it is well-formed");
                        parts.imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        let export = export.expect("it is well-formed");
                        parts.exports.push(export.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) => {
                    parts.has_names |= depth > 0 && section.name() == "name";
                    if section.name() == "sedge:contract" {
                        let version = String::from_utf8_lossy(section.data()).into_owned();
                        parts.contracts.push(version);
                    }
                }
                _ => {}
            }
        }
        parts
    }

    fn check_plugin(path: &str) {
        let parts = parts(&read(path));
        assert_eq!(parts.exports, ["sedge:model/model@0.4.0"], "{path}");
        assert_eq!(parts.contracts, [sedge_sdk::CONTRACT_VERSION], "{path}");
        assert!(parts.has_names, "{path} lost the names of its functions");
        for import in &parts.imports {
            assert!(
                import.starts_with("sedge:model/") || import.starts_with("wasi:"),
                "{path} imports {import}"
            );
        }
    }

    #[test]
    fn every_plugin_implements_the_contract() {
        for path in [SINK, SPAWN] {
            check_plugin(path);
        }
    }

    #[test]
    fn every_guest_except_the_command_implements_the_contract() {
        for path in [
            COUNTER,
            HOSTILE,
            HOSTILE_LINES,
            MISFIT_NAME,
            MISFIT_PANIC,
            MISFIT_SCHEMA,
            MISFIT_VERSION,
            RAW,
            READER,
            RECURSE,
        ] {
            check_plugin(path);
        }
    }

    #[test]
    fn command_implements_another_world() {
        let parts = parts(&read(COMMAND));
        assert!(parts.contracts.is_empty());
        assert!(
            parts
                .exports
                .iter()
                .all(|export| export.starts_with("wasi:cli/run@")),
            "{:?}",
            parts.exports
        );
    }

    #[test]
    fn contract_version_can_be_changed() {
        let changed = with_contract_version(&read(SINK), "9.9.0");
        assert_eq!(parts(&changed).contracts, ["9.9.0"]);
    }

    #[test]
    #[should_panic(expected = "not as long as")]
    fn contract_version_of_another_length_is_refused() {
        let _ = with_contract_version(&read(SINK), "10.0.0");
    }
}
