//! The configuration of the user for all repositories: `sedge/config.yaml`.

use std::sync::Arc;

use serde::Deserialize;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::yaml;

/// The user's settings for all repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct UserConfig {
    /// The absolute paths of repositories that are used although another user owns them. `*` means
    /// all repositories.
    pub safe_directories: Vec<String>,
}

impl UserConfig {
    /// Parses the file.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Diagnostic> {
        yaml::parse(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<UserConfig, Diagnostic> {
        UserConfig::parse(&SourceFile::new("config.yaml", text))
    }

    #[test]
    fn safe_directories_are_listed() {
        let config = parse("safeDirectories: [/srv/a b, \"*\"]\n").expect("a good file");
        assert_eq!(config.safe_directories, ["/srv/a b", "*"]);
        let fault = parse("safeDirectory: [/srv]\n").expect_err("a misspelt key");
        assert!(fault.to_string().starts_with("config.yaml:1:"), "{fault}");
    }
}
