//! The names of the secrets. Their values stay where they are.

use std::collections::BTreeSet;

use sedge_api::view::swamp::ImportedSecretView;
use sedge_lang::definition::Definition;
use sedge_sys::source_tree;

use super::SwampImport;
use crate::error::AppError;
use crate::secret::secret_exists;

/// The folder of the values, which are encrypted: `TYPE/VAULT/KEY.enc`.
const SECRETS_FOLDER: &str = ".swamp/secrets";

/// The end of the file of a value.
const VALUE_END: &str = ".enc";

impl SwampImport<'_> {
    /// Returns the names of the secrets that the vaults have, and of those that the definitions use.
    pub(super) fn secrets(
        &mut self,
        definitions: &[Definition],
    ) -> Result<Vec<ImportedSecretView>, AppError> {
        let mut names = BTreeSet::new();
        for file in source_tree::names(&self.folder.join(SECRETS_FOLDER))? {
            names.extend(secret_name(&file));
        }
        for definition in definitions {
            let secrets = definition.exprs().flat_map(|expr| expr.secrets());
            names.extend(secrets.map(|secret| secret.name));
        }
        for vault in source_tree::names(&self.folder.join("vaults"))? {
            let why = "Sedge keeps secrets itself; the keys of a vault are secrets with its name before a \
                       point";
            self.leave(format!("vault `vaults/{vault}`"), why);
        }
        let mut views = Vec::new();
        for name in names {
            views.push(ImportedSecretView {
                is_there: secret_exists(self.cx, &name)?,
                name,
            });
        }
        Ok(views)
    }
}

/// Returns the name of a secret by the file of its value: `VAULT.KEY` for `TYPE/VAULT/KEY.enc`.
fn secret_name(file: &str) -> Option<String> {
    let (above, key) = file.rsplit_once('/')?;
    let key = key.strip_suffix(VALUE_END)?;
    let vault = above.rsplit('/').next()?;
    // The folders of annotations and of settings begin with a point.
    (!vault.starts_with('.')).then(|| format!("{vault}.{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_named_by_its_vault_and_its_key() {
        let check = |file: &str, expect: Option<&str>| {
            assert_eq!(secret_name(file).as_deref(), expect, "{file}");
        };
        check(
            "local_encryption/main/API_TOKEN.enc",
            Some("main.API_TOKEN"),
        );
        check("local_encryption/main/.annotations/API_TOKEN.enc", None);
        check("local_encryption/main/.key", None);
        check("key.enc", None);
    }
}
