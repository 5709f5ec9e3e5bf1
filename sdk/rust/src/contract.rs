//! For which version of the contract this SDK builds plugins.

/// The version of the package `sedge:model`, as every plugin carries it in the custom
/// section `sedge:contract`. The host refuses a plugin whose version it does not know.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// [`CONTRACT_VERSION`] as an array: a custom section takes bytes, no pointer to them.
pub const CONTRACT_VERSION_BYTES: [u8; CONTRACT_VERSION.len()] = {
    let mut bytes = [0; CONTRACT_VERSION.len()];
    bytes.copy_from_slice(CONTRACT_VERSION.as_bytes());
    bytes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_wit_package() {
        let world = include_str!("../../../wit/world.wit");
        let package = world
            .lines()
            .find(|line| line.starts_with("package "))
            .expect("the world's file names its package");
        assert_eq!(package, format!("package sedge:model@{CONTRACT_VERSION};"));
        assert_eq!(CONTRACT_VERSION_BYTES, *CONTRACT_VERSION.as_bytes());
    }
}
