//! The version of the contract that this SDK builds plugins for.

/// The version of the WIT package `sedge:model`. Each plugin states it in the custom section
/// `sedge:contract`, and the host refuses versions that it does not support.
pub const CONTRACT_VERSION: &str = "0.4.0";

/// [`CONTRACT_VERSION`] as an array. A custom section can hold bytes, but not a pointer to them.
pub const CONTRACT_VERSION_BYTES: [u8; CONTRACT_VERSION.len()] = {
    let mut bytes = [0; CONTRACT_VERSION.len()];
    bytes.copy_from_slice(CONTRACT_VERSION.as_bytes());
    bytes
};

/// The file of the contract that names the version of its package.
const WORLD: &str = include_str!("../wit/world.wit");

// The bindings are generated from the files of the contract beside this crate. If those have another
// version than this crate was written for, the build ends here.
const _: () = assert!(
    contains(WORLD.as_bytes(), b"package sedge:model@") && contains(WORLD.as_bytes(), &PACKAGE_END),
    "the folder `wit` beside this crate has another version of the contract than the crate"
);

/// `@VERSION;`, the end of the line that names the package.
const PACKAGE_END: [u8; CONTRACT_VERSION.len() + 2] = {
    let mut bytes = [b'@'; CONTRACT_VERSION.len() + 2];
    let mut at = 0;
    while at < CONTRACT_VERSION.len() {
        bytes[at + 1] = CONTRACT_VERSION_BYTES[at];
        at += 1;
    }
    bytes[at + 1] = b';';
    bytes
};

/// Returns whether `bytes` contains `part`.
const fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let mut start = 0;
    while start + part.len() <= bytes.len() {
        let mut at = 0;
        while at < part.len() && bytes[start + at] == part[at] {
            at += 1;
        }
        if at == part.len() {
            return true;
        }
        start += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract_version_equals_that_of_the_wit_package() {
        let package = WORLD
            .lines()
            .find(|line| line.starts_with("package "))
            .expect("the world's file names its package");
        assert_eq!(package, format!("package sedge:model@{CONTRACT_VERSION};"));
        assert_eq!(CONTRACT_VERSION_BYTES, *CONTRACT_VERSION.as_bytes());
        let end = format!("@{CONTRACT_VERSION};");
        assert_eq!(PACKAGE_END, *end.as_bytes());
    }

    #[test]
    fn other_version_in_the_folder_is_found() {
        let other = WORLD.replace(CONTRACT_VERSION, "0.0.1");
        assert!(contains(WORLD.as_bytes(), &PACKAGE_END));
        assert!(!contains(other.as_bytes(), &PACKAGE_END));
    }
}
