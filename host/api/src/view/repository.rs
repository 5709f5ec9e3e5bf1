//! Views of a repository.

use schemars::JsonSchema;
use serde::Serialize;

/// A repository that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryMade {
    /// Its folder, as an absolute path.
    pub path: String,
}
