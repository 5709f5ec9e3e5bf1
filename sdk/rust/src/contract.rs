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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract_version_equals_that_of_the_wit_package() {
        let world = include_str!("../../../wit/world.wit");
        let package = world
            .lines()
            .find(|line| line.starts_with("package "))
            .expect("the world's file names its package");
        assert_eq!(package, format!("package sedge:model@{CONTRACT_VERSION};"));
        assert_eq!(CONTRACT_VERSION_BYTES, *CONTRACT_VERSION.as_bytes());
    }
}
