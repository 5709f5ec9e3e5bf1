//! The secrets of a run: handed to calls, and kept out of what calls leave behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::names::SecretName;
use sedge_secrets::{Redactor, SecretValue};

use crate::error::AppError;
use crate::repository::{Repository, STATE_FOLDER};

/// The secrets of a run.
///
/// It looks for the values of all secrets that there are, not only of those that were handed
/// over: a server may send back what another model sent to it, and a person may have written a
/// value into a definition.
#[derive(Default)]
pub(crate) struct Vault {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    values: BTreeMap<SecretName, SecretValue>,
    redactor: Arc<Redactor>,
}

impl Vault {
    /// Reads all secrets of a repository, none where there are none.
    pub(crate) fn open(repository: &Repository) -> Self {
        let vault = Self::default();
        let folder = format!("{STATE_FOLDER}/secrets");
        if let Ok(false) = repository.folder().has(&folder) {
            return vault;
        }
        let values = match read_all(repository) {
            Ok(values) => values,
            Err(error) => {
                // Nobody can be handed one either, so there is none to keep in.
                tracing::warn!(%error, "the secrets cannot be read");
                BTreeMap::new()
            }
        };
        vault.inner().set(values);
        vault
    }

    /// Returns the value of a secret as it is now, and notes that `by` uses it; none where there
    /// is no such secret.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn get(
        &self,
        repository: &Repository,
        name: &SecretName,
        by: &str,
    ) -> Result<Option<SecretValue>, AppError> {
        let secrets = repository.secrets()?;
        let Some(value) = secrets.get(name)? else {
            return Ok(None);
        };
        secrets.note_use(name, by)?;
        let mut inner = self.inner();
        let known = inner.values.get(name).map(SecretValue::expose);
        if known != Some(value.expose()) {
            // It was put since the run began.
            let mut values = std::mem::take(&mut inner.values);
            values.insert(name.clone(), value.clone());
            inner.set(values);
        }
        Ok(Some(value))
    }

    /// Returns what takes the values out of texts.
    pub(crate) fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.inner().redactor)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn set(&mut self, values: BTreeMap<SecretName, SecretValue>) {
        self.redactor = Arc::new(Redactor::new(values.clone()));
        self.values = values;
    }
}

/// Reads the secrets that can be read.
fn read_all(repository: &Repository) -> Result<BTreeMap<SecretName, SecretValue>, AppError> {
    let mut values = BTreeMap::new();
    for (name, opened) in repository.secrets()?.all()? {
        match opened {
            Ok(value) => {
                values.insert(name, value);
            }
            Err(error) => tracing::warn!(%name, %error, "a secret cannot be read"),
        }
    }
    Ok(values)
}
