//! File formats have types of their own.

use crate::tree::{TreeFile, files, hold};

/// The crates to which the rule applies, each with the folder of these types.
const CRATES: [(&str, &str); 1] = [("host/locks/src/", "host/locks/src/format")];

/// The traits of a type that can be written to a file, or read from one.
const TRAITS: [&str; 2] = [concat!("Serial", "ize"), concat!("Deserial", "ize")];

/// If an internal type had the derive, a change of the type would change files that processes of
/// other versions read.
#[test]
fn formats_have_types_of_their_own() {
    let faults: Vec<String> = files().iter().flat_map(derive_faults).collect();
    hold("types that are written to files are in `format`", &faults);
}

fn derive_faults(file: &TreeFile) -> Vec<String> {
    let is_elsewhere = |(sources, format): &&(&str, &str)| {
        file.path.starts_with(sources) && !file.path.starts_with(format)
    };
    let Some((_, format)) = CRATES.iter().find(is_elsewhere) else {
        return Vec::new();
    };
    let text = file.text();
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| TRAITS.iter().any(|name| line.contains(name)));
    lines
        .map(|(n, _)| {
            format!(
                "{}:{}: it is a type of a file outside of `format`; write a conversion to a type in \
                 {format}",
                file.path,
                n + 1
            )
        })
        .collect()
}

#[test]
fn the_rule_on_formats_can_fail() {
    let check = |path: &str, expect: usize| {
        let text = format!("use serde::{{{}}};\n", TRAITS.join(", "));
        assert_eq!(
            derive_faults(&TreeFile::new(path, &text)).len(),
            expect,
            "{path}"
        );
    };
    check("host/locks/src/owner.rs", 1);
    check("host/locks/src/format/pass.rs", 0);
    check("host/locks/tests/x.rs", 0);
    check("host/model/src/lineage.rs", 0);
}
