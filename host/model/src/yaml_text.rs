//! All writing of YAML.

use serde::Serialize;

/// Writes one document.
///
/// # Panics
/// Never for the types of this crate: their maps have text keys.
#[must_use]
pub fn write<T: Serialize>(value: &T) -> String {
    serde_saphyr::to_string(value).expect("every persisted type of ours has a form in YAML")
}
