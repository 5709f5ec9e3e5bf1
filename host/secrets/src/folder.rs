//! The folder of secrets: what is done with them, one process at a time.
//!
//! Whatever a call is cut off at, by an error, a kill or a power cut, every secret can be read
//! afterwards, with its former or its new value. Whoever only reads waits for nobody, unless it
//! comes across files that somebody is just about to replace.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sedge_model::names::SecretName;
use sedge_sys::clock::Timestamp;
use sedge_sys::disk::PrivateDisk;
use sedge_sys::file_lock::FileQueue;
use sedge_sys::folder::Folder;

use crate::error::SecretsError;
use crate::files;
use crate::keys::{KEY_FILE_BYTES_MAX, Keys};
use crate::log::{CHANGES, LogRecord, USES, What, bounded};
use crate::sealed::{Fault, Label, SEALED_BYTES_MAX, Sealed, seal};
use crate::value::SecretValue;
use crate::weakness::Weakness;

/// The file of the key.
const KEY: &str = "key";

/// The file by which processes take turns.
const TURN: &str = "turn.lock";

/// How long a process waits for its turn, unless it says otherwise.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What the file of a secret is called, behind the secret's name.
const SEALED: &str = ".sealed";

/// The secrets of one folder.
pub struct Secrets {
    disk: Arc<dyn PrivateDisk>,
    path: PathBuf,
    /// Where the file is by which processes take turns.
    folder: Folder,
    /// How long this process waits for its turn.
    wait_max: Duration,
    /// The turn of this process's threads.
    threads: Mutex<()>,
}

/// A secret, and its value or why it cannot be read.
pub type Opened = (SecretName, Result<SecretValue, SecretsError>);

/// A secret in a list.
#[derive(Debug)]
pub struct ListedSecret {
    /// Its name.
    pub name: SecretName,
    /// What is known of it; `None` if its file cannot be read.
    pub info: Option<SecretInfo>,
    /// Why its value is weak, if it is; or why the value cannot be opened.
    pub opened: Result<Option<Weakness>, SecretsError>,
}

/// What is known of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// How many values it has had, with this one.
    pub version: u64,
    /// When it was first put.
    pub created_at: Timestamp,
    /// When this value was put.
    pub updated_at: Timestamp,
    /// When it was sealed by the key that there is: when it was put, or when the key was rotated.
    pub sealed_at: Timestamp,
    /// Who put it.
    pub by: String,
    /// When it was last used and by what, as far as that is known still.
    pub last_use: Option<(Timestamp, String)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.path).finish()
    }
}

impl Secrets {
    /// Opens the secrets of a folder, which may have none yet.
    ///
    /// # Errors
    /// The process has no descriptors left.
    pub fn open(folder: &Folder) -> Result<Self, SecretsError> {
        Self::between(folder, Arc::new(folder.share()?))
    }

    /// Opens the secrets of a folder whose files are reached through `disk`, for tests that put
    /// something between.
    ///
    /// # Errors
    /// As [`Secrets::open`].
    pub fn between(folder: &Folder, disk: Arc<dyn PrivateDisk>) -> Result<Self, SecretsError> {
        Ok(Self {
            disk,
            path: folder.path().to_owned(),
            folder: folder.share()?,
            wait_max: WAIT_MAX,
            threads: Mutex::new(()),
        })
    }

    /// Sets how long this process waits for others that change secrets.
    pub fn set_wait_max(&mut self, wait_max: Duration) {
        self.wait_max = wait_max;
    }

    /// Puts a value, in place of the one that there may be. The first one makes the key.
    ///
    /// # Errors
    /// The key is missing though there are secrets, or cannot be used; the former file of the
    /// secret is damaged; or the disk refuses. The former value is there then, or this one.
    pub fn put(
        &self,
        name: &SecretName,
        value: &SecretValue,
        by: &str,
    ) -> Result<SecretInfo, SecretsError> {
        self.in_turn(|| {
            let former = self.label(name)?;
            let keys = self.keys_or_fresh()?;
            let label = Label::new(name, former.as_ref(), bounded(by));
            let mut record = LogRecord::new(What::Put, Some(name), by);
            record.version = Some(label.version);
            CHANGES.add(&*self.disk, &record)?;
            let info = SecretInfo::new(&label, None);
            let file = seal(label, value, keys.newest());
            files::replace(&*self.disk, &path_of(name), &file)?;
            Ok(info)
        })
    }

    /// Returns what is known of each secret, by name. A secret that cannot be opened is listed,
    /// with the reason.
    ///
    /// # Errors
    /// The folder or the log of uses cannot be read.
    pub fn list(&self) -> Result<Vec<ListedSecret>, SecretsError> {
        let mut uses: HashMap<SecretName, LogRecord> = HashMap::new();
        for record in USES.records(&*self.disk)? {
            if let Some(name) = &record.name {
                uses.insert(name.clone(), record);
            }
        }
        let mut listed = Vec::new();
        for (name, opened) in self.all()? {
            let label = self.label(&name);
            // Another process may have deleted it since.
            if let Ok(None) = label {
                continue;
            }
            let last_use = uses.remove(&name);
            listed.push(ListedSecret {
                info: label
                    // ignored: a label that cannot be read is shown as a secret that cannot be opened.
                    .ok()
                    .flatten()
                    .map(|label| SecretInfo::new(&label, last_use)),
                opened: opened.map(|value| Weakness::of(&value)),
                name,
            });
        }
        Ok(listed)
    }

    /// Deletes a secret; false where there is none. It may be damaged.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn delete(&self, name: &SecretName, by: &str) -> Result<bool, SecretsError> {
        self.in_turn(|| {
            if self.disk.open(&path_of(name))?.is_none() {
                return Ok(false);
            }
            let record = LogRecord::new(What::Delete, Some(name), by);
            CHANGES.add(&*self.disk, &record)?;
            self.disk.remove(&path_of(name))?;
            self.disk.sync_folder("")?;
            Ok(true)
        })
    }

    /// Seals all secrets by a fresh key, forgets the former one, and returns how many there are.
    ///
    /// Both keys are in the file until the last secret has been sealed anew. A rotation that was
    /// cut off is finished by the next one, which then goes on with a key of its own.
    ///
    /// # Errors
    /// The key or a secret cannot be read, or the disk refuses. Every secret that could be read
    /// can still be read.
    pub fn rotate(&self, by: &str) -> Result<usize, SecretsError> {
        self.in_turn(|| {
            let Some(keys) = self.keys()? else {
                return Ok(0);
            };
            let n_secrets = self.names()?.len();
            CHANGES.add(&*self.disk, &LogRecord::new(What::Rotate, None, by))?;
            let keys = self.settle(keys)?.renewed();
            files::replace_sole(&*self.disk, KEY, keys.to_file().as_bytes())?;
            self.settle(keys)?;
            Ok(n_secrets)
        })
    }

    /// Returns the value of a secret; none where there is no such secret.
    ///
    /// # Errors
    /// The key is missing, open to others or another one; the secret's file is damaged; or the
    /// disk refuses.
    pub fn get(&self, name: &SecretName) -> Result<Option<SecretValue>, SecretsError> {
        match self.value(name) {
            // Key and secret may be of before and after a rotation; in turn, nothing moves.
            Err(_) => self.in_turn(|| self.value(name)),
            got => got,
        }
    }

    /// Returns the values of all secrets, by name; for one that cannot be opened, the reason.
    ///
    /// # Errors
    /// The folder cannot be read, so that not even their names are known.
    pub fn all(&self) -> Result<Vec<Opened>, SecretsError> {
        let keys = self.keys();
        let mut all = Vec::new();
        for name in self.names()? {
            let opened = match &keys {
                Ok(Some(keys)) => self.opened(&name, keys),
                Ok(None) | Err(_) => self.get(&name),
            };
            // A rotation may have sealed it by another key meanwhile.
            let opened = opened.or_else(|_| self.get(&name));
            // Another process may have deleted it since.
            if let Some(opened) = opened.transpose() {
                all.push((name, opened));
            }
        }
        Ok(all)
    }

    /// Checks that the key can be used, if there is one, and that there is one if there are secrets.
    ///
    /// # Errors
    /// The key is missing, damaged or open to others, or the disk refuses.
    pub fn key_check(&self) -> Result<(), SecretsError> {
        self.keys().map(drop)
    }

    /// Notes that a secret was handed to somebody: a call, by its name.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn note_use(&self, name: &SecretName, by: &str) -> Result<(), SecretsError> {
        let record = LogRecord::new(What::Use, Some(name), by);
        self.in_turn(|| Ok(USES.add(&*self.disk, &record)?))
    }

    /// Returns who did what as far as it is known still: changes, and then uses, each oldest
    /// first.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn log(&self) -> Result<Vec<LogRecord>, SecretsError> {
        let mut records = CHANGES.records(&*self.disk)?;
        records.extend(USES.records(&*self.disk)?);
        Ok(records)
    }

    /// Does something while no other process and no other thread changes anything.
    fn in_turn<T>(
        &self,
        work: impl FnOnce() -> Result<T, SecretsError>,
    ) -> Result<T, SecretsError> {
        let _thread = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // Not before: a user who only reads need not be able to write here.
        let processes = FileQueue::open(&self.folder, TURN, self.wait_max)?;
        let _process = processes.enter()?;
        work()
    }

    /// Seals all secrets by the newest key, and forgets the others once none needs them.
    fn settle(&self, keys: Keys) -> Result<Keys, SecretsError> {
        if keys.is_settled() {
            return Ok(keys);
        }
        for name in self.names()? {
            self.seal_anew(&name, &keys)?;
        }
        let keys = keys.settled();
        files::replace_sole(&*self.disk, KEY, keys.to_file().as_bytes())?;
        Ok(keys)
    }

    fn seal_anew(&self, name: &SecretName, keys: &Keys) -> Result<(), SecretsError> {
        let file = self.with_sealed(name, |sealed| {
            if sealed.is_by(keys.newest()) {
                return Ok(None);
            }
            let value = sealed.open(|id| keys.of_id(id))?;
            Ok(Some(seal(sealed.label.anew(), &value, keys.newest())))
        })?;
        if let Some(Some(file)) = file {
            files::replace(&*self.disk, &path_of(name), &file)?;
        }
        Ok(())
    }

    fn value(&self, name: &SecretName) -> Result<Option<SecretValue>, SecretsError> {
        if self.disk.open(&path_of(name))?.is_none() {
            return Ok(None);
        }
        let Some(keys) = self.keys()? else {
            return Ok(None);
        };
        self.opened(name, &keys)
    }

    fn opened(&self, name: &SecretName, keys: &Keys) -> Result<Option<SecretValue>, SecretsError> {
        self.with_sealed(name, |sealed| sealed.open(|id| keys.of_id(id)))
    }

    fn label(&self, name: &SecretName) -> Result<Option<Label>, SecretsError> {
        self.with_sealed(name, |sealed| Ok(sealed.label.clone()))
    }

    /// Reads a secret's file and does something with it; none where there is none.
    fn with_sealed<T>(
        &self,
        name: &SecretName,
        work: impl FnOnce(&Sealed<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, SecretsError> {
        let Some(mut file) = self.disk.open(&path_of(name))? else {
            return Ok(None);
        };
        let content = files::read(&mut file, SEALED_BYTES_MAX)?;
        let done = Sealed::parse(&content, name).and_then(|sealed| work(&sealed));
        done.map(Some).map_err(|fault| self.error(fault, name))
    }

    fn error(&self, fault: Fault, name: &SecretName) -> SecretsError {
        let (name, path) = (name.clone(), self.path.join(path_of(name)));
        match fault {
            Fault::Newer => SecretsError::Newer(path),
            Fault::Damaged => SecretsError::Damaged { name, path },
            Fault::KeyOther => SecretsError::KeyOther {
                name,
                path: self.path.join(KEY),
            },
        }
    }

    /// Reads the keys; none where there are neither keys nor secrets.
    fn keys(&self) -> Result<Option<Keys>, SecretsError> {
        let path = self.path.join(KEY);
        let Some(mut file) = self.disk.open(KEY)? else {
            return if self.names()?.is_empty() {
                Ok(None)
            } else {
                Err(SecretsError::KeyMissing(path))
            };
        };
        if let Some(owner) = file.distrusted_owner() {
            return Err(SecretsError::KeyForeign { path, owner });
        }
        if !file.is_private() {
            return Err(SecretsError::KeyOpen(path));
        }
        let content = files::read(&mut file, KEY_FILE_BYTES_MAX)?;
        Keys::from_file(&content, &path).map(Some)
    }

    /// Reads the keys, or makes the first one.
    fn keys_or_fresh(&self) -> Result<Keys, SecretsError> {
        if let Some(keys) = self.keys()? {
            return Ok(keys);
        }
        let keys = Keys::fresh();
        files::replace_sole(&*self.disk, KEY, keys.to_file().as_bytes())?;
        Ok(keys)
    }

    /// Returns the names of all secrets, sorted. They may be damaged.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn names(&self) -> Result<Vec<SecretName>, SecretsError> {
        let entries = self.disk.entries("")?;
        // ignored: a file whose name is none of a secret is none of ours, and no I/O error.
        let name = |file: &str| file.strip_suffix(SEALED)?.parse().ok();
        let mut names: Vec<SecretName> = entries.iter().filter_map(|it| name(&it.name)).collect();
        names.sort();
        Ok(names)
    }
}

impl SecretInfo {
    fn new(label: &Label, last_use: Option<LogRecord>) -> Self {
        // A secret of the same name may have been used and deleted before.
        let last_use = last_use.filter(|it| it.at_ms >= label.created_at_ms);
        Self {
            name: label.name.clone(),
            version: label.version,
            created_at: Timestamp(label.created_at_ms),
            updated_at: Timestamp(label.updated_at_ms),
            sealed_at: Timestamp(label.sealed_at_ms),
            by: label.by.clone(),
            last_use: last_use.map(|it| (Timestamp(it.at_ms), it.by)),
        }
    }
}

fn path_of(name: &SecretName) -> String {
    format!("{name}{SEALED}")
}
