//! The secrets of a run: handed to its calls, and redacted in what the calls leave behind, as the
//! sensitive inputs of the run are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sedge_model::names::SecretName;
use sedge_secrets::{Redactor, SecretValue, Weakness};

use crate::error::{AppError, SecretError};
use crate::repository::Repository;
use crate::secret::source::source_read;

/// The secrets of a run.
///
/// A vault redacts the values of all secrets of the repository, not only of those that were handed
/// to calls: a server may return what another model sent to it, and the user may have written a
/// value into a definition. A run therefore begins only if every secret can be opened.
#[derive(Default)]
pub(crate) struct Vault {
    inner: Mutex<Inner>,
    /// Held while a command reads a secret, so that no secret of a run is read twice.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Inner {
    values: BTreeMap<SecretName, SecretValue>,
    /// The secrets with weak values that were handed to a call of this run.
    weak_handed: BTreeSet<SecretName>,
    redactors: Redactors,
    /// The secrets that commands have read for this run.
    read: BTreeSet<SecretName>,
    /// The values of the run's sensitive inputs.
    sealed: Vec<SecretValue>,
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
    /// Redacts the values of secrets that are not weak, and no sensitive input; finds what a call may
    /// not pass to another one.
    pub(crate) secrets: Arc<Redactor>,
}

impl Redactors {
    fn new(inner: &Inner) -> Self {
        let Inner {
            values,
            weak_handed,
            sealed,
            ..
        } = inner;
        let all = Arc::new(Redactor::with_sealed(values.clone(), sealed.clone()));
        let is_weak = |value: &SecretValue| Weakness::of(value).is_some();
        let secrets = |strong: &Arc<Redactor>| {
            if sealed.is_empty() {
                return Arc::clone(strong);
            }
            let known = values.iter().filter(|(_, value)| !is_weak(value));
            let known = known.map(|(name, value)| (name.clone(), value.clone()));
            Arc::new(Redactor::new(known))
        };
        if !values.values().chain(sealed).any(is_weak) {
            return Self {
                content: Arc::clone(&all),
                strong: Arc::clone(&all),
                secrets: secrets(&all),
                all,
            };
        }
        let strong_sealed = sealed.iter().filter(|it| !is_weak(it)).cloned();
        let strong_sealed: Vec<SecretValue> = strong_sealed.collect();
        let mut known = values.clone();
        known.retain(|name, value| weak_handed.contains(name) || !is_weak(value));
        let content = Arc::new(Redactor::with_sealed(known.clone(), strong_sealed.clone()));
        known.retain(|_, value| !is_weak(value));
        let strong = Arc::new(Redactor::with_sealed(known, strong_sealed));
        Self {
            secrets: secrets(&strong),
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

    /// Has a command read a secret that is not stored, once in a run. Its value is redacted from then
    /// on. Does nothing for a secret that is stored.
    ///
    /// # Errors
    /// The command cannot be run, takes too long, fails, or prints no value that can be a secret.
    pub(crate) async fn fetch(
        &self,
        repository: &Repository,
        name: &SecretName,
    ) -> Result<(), AppError> {
        let Some((source, key)) = repository.secret_sources().source_of(name) else {
            return Ok(());
        };
        let _reading = self.reading.lock().await;
        if self.inner().read.contains(name) {
            return Ok(());
        }
        let redactor = self.redactors().all;
        let value = source_read(repository, source, key, &redactor).await?;
        let mut inner = self.inner();
        let mut values = std::mem::take(&mut inner.values);
        values.insert(name.clone(), value);
        inner.read.insert(name.clone());
        inner.set(values);
        Ok(())
    }

    /// Returns the value of a secret that this run has used, or that is stored.
    pub(crate) fn known(&self, name: &SecretName) -> Option<SecretValue> {
        self.inner().values.get(name).cloned()
    }

    /// Returns the current value of a secret, and records that `by` uses it. Returns `None` if
    /// there is no such secret. [`Vault::fetch`] comes first, for a secret that a command reads.
    ///
    /// # Errors
    /// Returns an error if the secret cannot be read.
    pub(crate) fn get(
        &self,
        repository: &Repository,
        name: &SecretName,
        by: &str,
    ) -> Result<Option<SecretValue>, AppError> {
        let value = match self.read_by_command(name) {
            Some(value) => value,
            None => {
                let secrets = repository.secrets()?;
                let Some(value) = secrets.get(name)? else {
                    return Ok(None);
                };
                secrets.note_use(name, by)?;
                value
            }
        };
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

    /// Returns the value of a secret that a command has read for this run.
    fn read_by_command(&self, name: &SecretName) -> Option<SecretValue> {
        let inner = self.inner();
        let is_read = inner.read.contains(name);
        inner.values.get(name).filter(|_| is_read).cloned()
    }

    /// Adds values of sensitive inputs. They are redacted from then on.
    pub(crate) fn sealed_add(&self, sealed: Vec<SecretValue>) {
        if sealed.is_empty() {
            return;
        }
        let mut inner = self.inner();
        inner.sealed.extend(sealed);
        let values = std::mem::take(&mut inner.values);
        inner.set(values);
    }

    /// Returns the values of sensitive inputs that are redacted.
    pub(crate) fn sealed(&self) -> Vec<SecretValue> {
        self.inner().sealed.clone()
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
        self.values = values;
        self.redactors = Redactors::new(self);
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
