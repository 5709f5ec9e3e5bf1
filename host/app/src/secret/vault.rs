//! The secrets of a run: handed to its calls, and redacted in what the calls leave behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::names::SecretName;
use sedge_secrets::{Redactor, SecretValue, Weakness};

use crate::error::{AppError, SecretError};
use crate::repository::Repository;

/// The secrets of a run.
///
/// A vault redacts the values of all secrets of the repository, not only of those that were handed
/// to calls: a server may return what another model sent to it, and the user may have written a
/// value into a definition. A run therefore begins only if every secret can be opened.
#[derive(Default)]
pub(crate) struct Vault {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    values: BTreeMap<SecretName, SecretValue>,
    /// The secrets with weak values that were handed to a call of this run.
    weak_handed: BTreeSet<SecretName>,
    redactors: Redactors,
}

/// The redactors for the various texts of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactors {
    /// Redacts all values; for logs, outcomes, errors and text that the user writes.
    pub(crate) all: Arc<Redactor>,
    /// Redacts the values that are not weak, and the weak values that were handed to a call of this
    /// run; for what calls write.
    pub(crate) content: Arc<Redactor>,
    /// Redacts the values that are not weak; for names, tags and arguments of calls, in which a
    /// weak value could occur by chance.
    pub(crate) strong: Arc<Redactor>,
}

impl Redactors {
    fn new(values: &BTreeMap<SecretName, SecretValue>, weak_handed: &BTreeSet<SecretName>) -> Self {
        let all = Arc::new(Redactor::new(values.clone()));
        let is_weak = |value: &SecretValue| Weakness::of(value).is_some();
        if !values.values().any(is_weak) {
            return Self {
                content: Arc::clone(&all),
                strong: Arc::clone(&all),
                all,
            };
        }
        let mut known = values.clone();
        known.retain(|name, value| weak_handed.contains(name) || !is_weak(value));
        let content = Arc::new(Redactor::new(known.clone()));
        known.retain(|_, value| !is_weak(value));
        let strong = Arc::new(Redactor::new(known));
        Self {
            all,
            content,
            strong,
        }
    }
}

impl Vault {
    /// Opens all secrets of a repository. The vault is empty if the repository has no secrets.
    ///
    /// # Errors
    /// Returns an error if a secret cannot be opened, because its value could not be redacted.
    pub(crate) fn open(repository: &Repository) -> Result<Self, AppError> {
        let vault = Self::default();
        if repository.has_state_folder("secrets")? {
            vault.inner().set(values(repository)?);
        }
        Ok(vault)
    }

    /// Returns the current value of a secret, and records that `by` uses it. Returns `None` if
    /// there is no such secret.
    ///
    /// # Errors
    /// Returns an error if the secret cannot be read.
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
        // The value may have been stored after the run began.
        let is_new = known != Some(value.expose());
        let is_handed = Weakness::of(&value).is_some() && inner.weak_handed.insert(name.clone());
        if is_new || is_handed {
            let mut values = std::mem::take(&mut inner.values);
            values.insert(name.clone(), value.clone());
            inner.set(values);
        }
        Ok(Some(value))
    }

    /// Returns the redactors for the values known now.
    pub(crate) fn redactors(&self) -> Redactors {
        self.inner().redactors.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn set(&mut self, values: BTreeMap<SecretName, SecretValue>) {
        self.redactors = Redactors::new(&values, &self.weak_handed);
        self.values = values;
    }
}

/// Opens all secrets.
fn values(repository: &Repository) -> Result<BTreeMap<SecretName, SecretValue>, AppError> {
    let closed =
        |names: Vec<SecretName>, source| AppError::from(SecretError::Closed { names, source });
    let opened = repository.secrets()?.all();
    let (mut values, mut failed) = (BTreeMap::new(), Vec::new());
    let mut first = None;
    for (name, opened) in opened.map_err(|error| closed(Vec::new(), error))? {
        match opened {
            Ok(value) => {
                values.insert(name, value);
            }
            Err(error) => {
                failed.push(name);
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(error) => Err(closed(failed, error)),
        None => Ok(values),
    }
}
