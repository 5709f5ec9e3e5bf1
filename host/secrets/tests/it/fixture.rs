//! A folder of secrets in a temporary place.

use std::path::PathBuf;

use sedge_model::names::SecretName;
use sedge_secrets::{SecretValue, Secrets, SecretsError};
use sedge_sys::folder::Folder;
use tempfile::TempDir;

/// The actor in tests.
pub(crate) const ME: &str = "tester@here";

pub(crate) struct Fixture {
    keep: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let keep = tempfile::tempdir().expect("there is room for temporary files");
        Self { keep }
    }

    /// Returns a folder with the secrets `A` and `B`, each with its own name in its value.
    pub(crate) fn with_two() -> Self {
        let fixture = Self::new();
        let secrets = fixture.secrets();
        put(&secrets, "A", "value A").expect("put");
        put(&secrets, "B", "value B").expect("put");
        fixture
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.keep.path().join(file)
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::open(self.keep.path()).expect("it is there")
    }

    /// Opens the secrets again, as another process would.
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets::open(&self.folder()).expect("a folder of ours")
    }
}

pub(crate) fn name(text: &str) -> SecretName {
    text.parse().expect("it is a name")
}

pub(crate) fn value(text: &str) -> SecretValue {
    SecretValue::new(text.as_bytes().to_vec()).expect("it has a fitting length")
}

pub(crate) fn put(secrets: &Secrets, of: &str, text: &str) -> Result<u64, SecretsError> {
    Ok(secrets.put(&name(of), &value(text), ME)?.version)
}

/// Returns the value of a secret as text; `None` if it does not exist.
pub(crate) fn got(secrets: &Secrets, of: &str) -> Result<Option<String>, SecretsError> {
    let value = secrets.get(&name(of))?;
    let text = |it: SecretValue| String::from_utf8_lossy(it.expose()).into_owned();
    Ok(value.map(text))
}
