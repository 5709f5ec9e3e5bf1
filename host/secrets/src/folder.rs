//! The folder of secrets and the operations on it. One process changes it at a time.
//!
//! If an operation is interrupted by an error, a kill or a power loss, every secret can still be
//! read, with its former or its new value. Readers take no lock, unless they find files that
//! another process is replacing.

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
use crate::fields::FieldKeys;
use crate::files;
use crate::keys::{FIELDS_KEY, KeyFile, KeyRing, SECRETS_KEY};
use crate::log::{CHANGES, SecretLogRecord, USES, What, bounded};
use crate::sealed::{Label, SEALED_BYTES_MAX, SealFault, Sealed, seal};
use crate::value::SecretValue;
use crate::weakness::Weakness;

/// The name of the lock file that serialises changes.
const LOCK: &str = "turn.lock";

/// The default for how long a process waits for the lock on the folder.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The end of the file name of a secret, after the secret's name.
const SEALED: &str = ".sealed";

/// The secrets of one folder.
pub struct Secrets {
    disk: Arc<dyn PrivateDisk>,
    path: PathBuf,
    /// The folder of the lock file that serialises changes.
    folder: Folder,
    /// How long this process waits for the lock on the folder.
    wait_max: Duration,
    /// Serialises the threads of this process.
    threads: Mutex<()>,
}

/// A secret's name, and its value or the reason why it cannot be opened.
pub type Opened = (SecretName, Result<SecretValue, SecretsError>);

/// A secret in a list.
#[derive(Debug)]
pub struct ListedSecret {
    /// Its name.
    pub name: SecretName,
    /// Its metadata; `None` if its file cannot be read.
    pub info: Option<SecretInfo>,
    /// Its weakness, `None` if its value is strong; or the reason why it cannot be opened.
    pub opened: Result<Option<Weakness>, SecretsError>,
}

/// The metadata of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// The number of values it has had, including this one.
    pub version: u64,
    /// When its first value was put.
    pub created_at: Timestamp,
    /// When this value was put.
    pub updated_at: Timestamp,
    /// When it was sealed with the current key: when it was put, or when the key was rotated.
    pub sealed_at: Timestamp,
    /// The actor that put it.
    pub by: String,
    /// When it was last used and by which call, if that record is still retained.
    pub last_use: Option<(Timestamp, String)>,
}

/// The result of a rotation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeysRotated {
    /// The number of secrets that were sealed with a new key.
    pub n_secrets: usize,
    /// Whether there is a new key for sealed fields.
    pub has_fields: bool,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.path).finish()
    }
}

impl Secrets {
    /// Opens the secrets of a folder, which may be empty.
    ///
    /// # Errors
    /// The process has no descriptors left.
    pub fn open(folder: &Folder) -> Result<Self, SecretsError> {
        Self::between(folder, Arc::new(folder.share()?))
    }

    /// Opens the secrets of a folder whose files are accessed through `disk`. Tests pass a disk
    /// that fails.
    ///
    /// # Errors
    /// The same as for [`Secrets::open`].
    pub fn between(folder: &Folder, disk: Arc<dyn PrivateDisk>) -> Result<Self, SecretsError> {
        Ok(Self {
            disk,
            path: folder.path().to_owned(),
            folder: folder.share()?,
            wait_max: WAIT_MAX,
            threads: Mutex::new(()),
        })
    }

    /// Sets how long this process waits for other processes that change secrets.
    pub fn set_wait_max(&mut self, wait_max: Duration) {
        self.wait_max = wait_max;
    }

    /// Puts a value, replacing the former one. The first put creates the key.
    ///
    /// # Errors
    /// The key is missing although secrets exist, or cannot be used; the former file of the secret
    /// is damaged; or the disk fails. The secret then has its former value or this one.
    pub fn put(
        &self,
        name: &SecretName,
        value: &SecretValue,
        by: &str,
    ) -> Result<SecretInfo, SecretsError> {
        self.with_lock(|| {
            let former = self.label(name)?;
            let keys = self.keys_or_fresh()?;
            let label = Label::new(name, former.as_ref(), bounded(by));
            let mut record = SecretLogRecord::new(What::Put, Some(name), by);
            record.version = Some(label.version);
            CHANGES.add(&*self.disk, &record)?;
            let info = SecretInfo::new(&label, None);
            let file = seal(label, value, keys.newest());
            files::replace(&*self.disk, &path_of(name), &file)?;
            Ok(info)
        })
    }

    /// Takes all rights to the keys from users other than their owner.
    ///
    /// # Errors
    /// The mode of a key file cannot be changed.
    pub fn key_close(&self) -> Result<(), SecretsError> {
        for kind in [&SECRETS_KEY, &FIELDS_KEY] {
            if self.disk.open(kind.name)?.is_some() {
                self.folder.others_exclude(kind.name)?;
            }
        }
        Ok(())
    }

    /// Returns the metadata of each secret, sorted by name. A secret that cannot be opened is
    /// listed with the reason.
    ///
    /// # Errors
    /// The folder or the log of uses cannot be read.
    pub fn list(&self) -> Result<Vec<ListedSecret>, SecretsError> {
        let mut uses: HashMap<SecretName, SecretLogRecord> = HashMap::new();
        for record in USES.records(&*self.disk)? {
            if let Some(name) = &record.name {
                uses.insert(name.clone(), record);
            }
        }
        let mut listed = Vec::new();
        for (name, opened) in self.all()? {
            let label = self.label(&name);
            // Another process may have deleted it meanwhile.
            if let Ok(None) = label {
                continue;
            }
            let last_use = uses.remove(&name);
            listed.push(ListedSecret {
                info: label
                    // ignored: the secret is listed without its metadata, and `opened` has the
                    // error.
                    .ok()
                    .flatten()
                    .map(|label| SecretInfo::new(&label, last_use)),
                opened: opened.map(|value| Weakness::of(&value)),
                name,
            });
        }
        Ok(listed)
    }

    /// Deletes a secret, even a damaged one. Returns false if it does not exist.
    ///
    /// # Errors
    /// The disk fails.
    pub fn delete(&self, name: &SecretName, by: &str) -> Result<bool, SecretsError> {
        self.with_lock(|| {
            if self.disk.open(&path_of(name))?.is_none() {
                return Ok(false);
            }
            let record = SecretLogRecord::new(What::Delete, Some(name), by);
            CHANGES.add(&*self.disk, &record)?;
            self.disk.remove(&path_of(name))?;
            self.disk.sync_folder("")?;
            Ok(true)
        })
    }

    /// Seals all secrets with a new key, and discards the former key. If there are keys of sealed
    /// fields, adds a new one in front, with which fields are sealed from now on.
    ///
    /// The key file of the secrets holds both keys until the last secret has been resealed. An
    /// interrupted rotation is completed by the next one, which then rotates to another new key.
    ///
    /// # Errors
    /// The key or a secret cannot be read, the file of the keys of sealed fields is full, or the
    /// disk fails. Everything that was readable before is still readable.
    pub fn rotate(&self, by: &str) -> Result<KeysRotated, SecretsError> {
        self.with_lock(|| {
            let keys = self.keys()?;
            let of_fields = self.key_file(&FIELDS_KEY)?;
            if of_fields
                .as_ref()
                .is_some_and(|it| !it.has_room(&FIELDS_KEY))
            {
                return Err(SecretsError::KeysFull(self.path.join(FIELDS_KEY.name)));
            }
            if keys.is_none() && of_fields.is_none() {
                return Ok(KeysRotated::default());
            }
            CHANGES.add(&*self.disk, &SecretLogRecord::new(What::Rotate, None, by))?;
            let mut rotated = KeysRotated::default();
            if let Some(keys) = keys {
                rotated.n_secrets = self.names()?.len();
                let keys = self.reseal_all(keys)?.renewed();
                self.key_file_replace(&SECRETS_KEY, &keys)?;
                self.reseal_all(keys)?;
            }
            if let Some(keys) = of_fields {
                self.key_file_replace(&FIELDS_KEY, &keys.renewed())?;
                rotated.has_fields = true;
            }
            Ok(rotated)
        })
    }

    /// Returns the keys of sealed fields. `None` if no field was ever sealed here, so that none can
    /// be opened.
    ///
    /// # Errors
    /// The key file is damaged or open to other users, or the disk fails.
    pub fn field_keys(&self) -> Result<Option<FieldKeys>, SecretsError> {
        Ok(self.key_file(&FIELDS_KEY)?.map(FieldKeys::new))
    }

    /// Returns the keys of sealed fields, and creates the first one if there is none.
    ///
    /// # Errors
    /// The same as for [`Secrets::field_keys`].
    pub fn field_keys_or_fresh(&self) -> Result<FieldKeys, SecretsError> {
        if let Some(keys) = self.field_keys()? {
            return Ok(keys);
        }
        self.with_lock(|| {
            // Another process may have created it meanwhile.
            if let Some(keys) = self.field_keys()? {
                return Ok(keys);
            }
            let keys = KeyRing::fresh();
            self.key_file_replace(&FIELDS_KEY, &keys)?;
            Ok(FieldKeys::new(keys))
        })
    }

    /// Returns the value of a secret; `None` if it does not exist.
    ///
    /// # Errors
    /// The key is missing, open to other users or not the one that sealed the secret; the secret's
    /// file is damaged; or the disk fails.
    pub fn get(&self, name: &SecretName) -> Result<Option<SecretValue>, SecretsError> {
        match self.value(name) {
            // A concurrent rotation may have replaced the key or the file between the two reads.
            // With the lock, nothing changes in between.
            Err(_) => self.with_lock(|| self.value(name)),
            got => got,
        }
    }

    /// Returns the values of all secrets, sorted by name, with the reason for each one that cannot
    /// be opened.
    ///
    /// # Errors
    /// The folder cannot be read, so that the names are unknown.
    pub fn all(&self) -> Result<Vec<Opened>, SecretsError> {
        let keys = self.keys();
        let mut all = Vec::new();
        for name in self.names()? {
            let opened = match &keys {
                Ok(Some(keys)) => self.opened(&name, keys),
                Ok(None) | Err(_) => self.get(&name),
            };
            // A rotation may have resealed it meanwhile.
            let opened = opened.or_else(|_| self.get(&name));
            // Another process may have deleted it meanwhile.
            if let Some(opened) = opened.transpose() {
                all.push((name, opened));
            }
        }
        Ok(all)
    }

    /// Checks that the keys can be used if they exist, and that the key of the secrets exists if
    /// there are secrets.
    ///
    /// # Errors
    /// A key is missing, damaged or open to other users, or the disk fails.
    pub fn key_check(&self) -> Result<(), SecretsError> {
        self.keys()?;
        self.key_file(&FIELDS_KEY).map(drop)
    }

    /// Records that a secret was passed to a call. `by` names the call.
    ///
    /// # Errors
    /// The disk fails.
    pub fn note_use(&self, name: &SecretName, by: &str) -> Result<(), SecretsError> {
        let record = SecretLogRecord::new(What::Use, Some(name), by);
        self.with_lock(|| Ok(USES.add(&*self.disk, &record)?))
    }

    /// Returns the retained log records: first the changes, then the uses, each oldest first.
    ///
    /// # Errors
    /// The disk fails.
    pub fn log(&self) -> Result<Vec<SecretLogRecord>, SecretsError> {
        let mut records = CHANGES.records(&*self.disk)?;
        records.extend(USES.records(&*self.disk)?);
        Ok(records)
    }

    /// Does `work` while no other process and no other thread changes secrets.
    fn with_lock<T>(
        &self,
        work: impl FnOnce() -> Result<T, SecretsError>,
    ) -> Result<T, SecretsError> {
        let _thread = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // The queue is opened only here, because a user who only reads secrets may not be able to
        // write to the folder.
        let processes = FileQueue::open(&self.folder, LOCK, self.wait_max)?;
        let _process = processes.enter()?;
        work()
    }

    /// Seals all secrets with the newest key, and discards the other keys once no secret needs
    /// them.
    fn reseal_all(&self, keys: KeyRing) -> Result<KeyRing, SecretsError> {
        if keys.is_settled() {
            return Ok(keys);
        }
        for name in self.names()? {
            self.reseal(&name, &keys)?;
        }
        let keys = keys.settled();
        self.key_file_replace(&SECRETS_KEY, &keys)?;
        Ok(keys)
    }

    fn reseal(&self, name: &SecretName, keys: &KeyRing) -> Result<(), SecretsError> {
        let file = self.with_sealed(name, |sealed| {
            if sealed.is_by(keys.newest()) {
                return Ok(None);
            }
            let value = sealed.open(|id| keys.of_id(id))?;
            Ok(Some(seal(sealed.label.resealed(), &value, keys.newest())))
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

    fn opened(
        &self,
        name: &SecretName,
        keys: &KeyRing,
    ) -> Result<Option<SecretValue>, SecretsError> {
        self.with_sealed(name, |sealed| sealed.open(|id| keys.of_id(id)))
    }

    fn label(&self, name: &SecretName) -> Result<Option<Label>, SecretsError> {
        self.with_sealed(name, |sealed| Ok(sealed.label.clone()))
    }

    /// Reads a secret's file and passes it to `work`; returns `None` if it does not exist.
    fn with_sealed<T>(
        &self,
        name: &SecretName,
        work: impl FnOnce(&Sealed<'_>) -> Result<T, SealFault>,
    ) -> Result<Option<T>, SecretsError> {
        let Some(mut file) = self.disk.open(&path_of(name))? else {
            return Ok(None);
        };
        let content = files::read(&mut file, SEALED_BYTES_MAX)?;
        let done = Sealed::parse(&content, name).and_then(|sealed| work(&sealed));
        done.map(Some).map_err(|fault| self.error(fault, name))
    }

    fn error(&self, fault: SealFault, name: &SecretName) -> SecretsError {
        let (name, path) = (name.clone(), self.path.join(path_of(name)));
        match fault {
            SealFault::Newer => SecretsError::Newer(path),
            SealFault::Damaged => SecretsError::Damaged { name, path },
            SealFault::KeyOther => SecretsError::KeyOther {
                name,
                path: self.path.join(SECRETS_KEY.name),
            },
        }
    }

    /// Reads the keys of the secrets; returns `None` if neither keys nor secrets exist.
    fn keys(&self) -> Result<Option<KeyRing>, SecretsError> {
        match self.key_file(&SECRETS_KEY)? {
            None if !self.names()?.is_empty() => {
                Err(SecretsError::KeyMissing(self.path.join(SECRETS_KEY.name)))
            }
            keys => Ok(keys),
        }
    }

    /// Reads the keys of the secrets, or creates the first one.
    fn keys_or_fresh(&self) -> Result<KeyRing, SecretsError> {
        if let Some(keys) = self.keys()? {
            return Ok(keys);
        }
        let keys = KeyRing::fresh();
        self.key_file_replace(&SECRETS_KEY, &keys)?;
        Ok(keys)
    }

    /// Reads a key file; returns `None` if it does not exist.
    fn key_file(&self, kind: &KeyFile) -> Result<Option<KeyRing>, SecretsError> {
        let path = self.path.join(kind.name);
        let Some(mut file) = self.disk.open(kind.name)? else {
            return Ok(None);
        };
        if let Some(owner) = file.distrusted_owner() {
            return Err(SecretsError::KeyForeign { path, owner });
        }
        if !file.is_private() {
            return Err(SecretsError::KeyOpen(path));
        }
        let content = files::read(&mut file, kind.bytes_max)?;
        KeyRing::from_file(&content, kind, &path).map(Some)
    }

    fn key_file_replace(&self, kind: &KeyFile, keys: &KeyRing) -> Result<(), SecretsError> {
        let content = keys.to_file(kind);
        Ok(files::replace_sole(
            &*self.disk,
            kind.name,
            content.as_bytes(),
        )?)
    }

    /// Returns the names of all secrets, sorted, including damaged ones.
    ///
    /// # Errors
    /// The disk fails.
    pub fn names(&self) -> Result<Vec<SecretName>, SecretsError> {
        let entries = self.disk.entries("")?;
        // ignored: a file of another name is not a secret, and this is no I/O error.
        let name = |file: &str| file.strip_suffix(SEALED)?.parse().ok();
        let mut names: Vec<SecretName> = entries.iter().filter_map(|it| name(&it.name)).collect();
        names.sort();
        Ok(names)
    }
}

impl SecretInfo {
    fn new(label: &Label, last_use: Option<SecretLogRecord>) -> Self {
        // A deleted secret of the same name may have been used before this one was put.
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
