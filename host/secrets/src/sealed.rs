//! The file of a sealed secret: a line that identifies the format, a readable line of metadata, and
//! the sealed value, which is bound to both lines.
//!
//! Because of that binding, a file does not open if it was renamed, combined with parts of another
//! version, or changed in any bit.

use sedge_model::names::SecretName;
use sedge_sys::clock::Timestamp;
use sedge_sys::random;
use serde::{Deserialize, Serialize};

use crate::keys::{KeyId, NONCE_BYTES, SealKey, TAG_BYTES, hex, read_hex};
use crate::value::{SecretValue, VALUE_BYTES_MAX};

/// The first line of the file.
const FIRST_LINE: &[u8] = b"sedge-secret 1\n";

/// The start of the first line of files written by newer versions of Sedge.
const FIRST_LINE_START: &[u8] = b"sedge-secret ";

/// The most bytes of the metadata line, which usually has about 400. Another user may have replaced
/// the file, and its size must not exhaust the memory.
const LABEL_BYTES_MAX: usize = 4096;

/// The most bytes that the file may have.
pub(crate) const SEALED_BYTES_MAX: usize =
    FIRST_LINE.len() + LABEL_BYTES_MAX + VALUE_BYTES_MAX + TAG_BYTES;

/// The metadata of a secret, which is readable without its key.
///
/// If a newer version of Sedge adds fields, it also changes the first line, and this version
/// refuses the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Label {
    /// Its name.
    pub(crate) name: SecretName,
    /// The number of values it has had, including this one.
    pub(crate) version: u64,
    /// When its first value was put, in milliseconds since 1970.
    pub(crate) created_at_ms: u64,
    /// When this value was put, in milliseconds since 1970.
    pub(crate) updated_at_ms: u64,
    /// The actor that put it.
    pub(crate) by: String,
    /// When it was sealed, by the put or the last rotation, in milliseconds since 1970.
    pub(crate) sealed_at_ms: u64,
    /// The id of the key.
    key: String,
    /// The nonce, in hexadecimal.
    nonce: String,
}

/// A sealed secret.
#[derive(Debug)]
pub(crate) struct Sealed<'f> {
    pub(crate) label: Label,
    /// The lines before the sealed value, which are its associated data.
    bound: &'f [u8],
    sealed: &'f [u8],
}

/// Why a file cannot be opened as a sealed secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealFault {
    /// A newer version of Sedge wrote it.
    Newer,
    /// It is not as it was written.
    Damaged,
    /// It was sealed with a key that is not in the key file.
    KeyOther,
}

impl Label {
    /// Returns the label of a value that is put now and replaces `former`.
    pub(crate) fn new(name: &SecretName, former: Option<&Self>, by: &str) -> Self {
        let now = Timestamp::now().0;
        Self {
            name: name.clone(),
            version: former.map_or(0, |former| former.version).saturating_add(1),
            created_at_ms: former.map_or(now, |former| former.created_at_ms),
            updated_at_ms: now,
            by: by.to_owned(),
            sealed_at_ms: now,
            key: String::new(),
            nonce: String::new(),
        }
    }

    /// Returns the label of the same value, resealed now.
    pub(crate) fn resealed(&self) -> Self {
        Self {
            sealed_at_ms: Timestamp::now().0,
            ..self.clone()
        }
    }
}

/// Returns the content of a secret's file.
pub(crate) fn seal(mut label: Label, value: &SecretValue, key: &SealKey) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    random::fill(&mut nonce);
    label.key = key.id().to_string();
    label.nonce = hex(&nonce);
    let mut file = FIRST_LINE.to_vec();
    serde_json::to_writer(&mut file, &label).expect("a label is plain data");
    file.push(b'\n');
    let sealed = key.seal(&nonce, &file, value.expose());
    file.extend_from_slice(&sealed);
    file
}

impl<'f> Sealed<'f> {
    /// Parses the file of the secret `name`. The label is not authenticated by this.
    pub(crate) fn parse(file: &'f [u8], name: &SecretName) -> Result<Self, SealFault> {
        let Some(rest) = file.strip_prefix(FIRST_LINE) else {
            return Err(if file.starts_with(FIRST_LINE_START) {
                SealFault::Newer
            } else {
                SealFault::Damaged
            });
        };
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or(SealFault::Damaged)?;
        let (label, sealed) = (&rest[..end], &rest[end + 1..]);
        let label: Label = serde_json::from_slice(label).map_err(|_| SealFault::Damaged)?;
        if label.name != *name {
            return Err(SealFault::Damaged);
        }
        Ok(Self {
            label,
            bound: &file[..file.len() - sealed.len()],
            sealed,
        })
    }

    /// Returns whether the secret is sealed with `key`.
    pub(crate) fn is_by(&self, key: &SealKey) -> bool {
        self.label.key == key.id().to_string()
    }

    /// Opens the sealed value, and so authenticates the label.
    pub(crate) fn open<'k>(
        &self,
        key_of: impl FnOnce(KeyId) -> Option<&'k SealKey>,
    ) -> Result<SecretValue, SealFault> {
        let id = KeyId::parse(&self.label.key).ok_or(SealFault::Damaged)?;
        let mut nonce = [0; NONCE_BYTES];
        read_hex(&self.label.nonce, &mut nonce).ok_or(SealFault::Damaged)?;
        let key = key_of(id).ok_or(SealFault::KeyOther)?;
        let value = key.open(&nonce, self.bound, self.sealed);
        let value = value.ok_or(SealFault::Damaged)?;
        SecretValue::new(value).map_err(|_| SealFault::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyRing;

    fn name(text: &str) -> SecretName {
        text.parse().expect("it is a name")
    }

    fn sealed(keys: &KeyRing, version: u64) -> Vec<u8> {
        let value = SecretValue::new(b"canary".to_vec()).expect("long enough");
        let mut label = Label::new(&name("TOKEN"), None, "me");
        label.version = version;
        seal(label, &value, keys.newest())
    }

    fn opened(file: &[u8], of: &str, keys: &KeyRing) -> Result<Vec<u8>, SealFault> {
        let sealed = Sealed::parse(file, &name(of))?;
        let value = sealed.open(|id| keys.of_id(id))?;
        Ok(value.expose().to_vec())
    }

    #[test]
    fn sealed_file_opens_and_does_not_contain_the_value() {
        let keys = KeyRing::fresh();
        let file = sealed(&keys, 3);
        assert_eq!(opened(&file, "TOKEN", &keys), Ok(b"canary".to_vec()));
        assert!(!file.windows(6).any(|it| it == b"canary"));
        let label = Sealed::parse(&file, &name("TOKEN"))
            .expect("it is whole")
            .label;
        assert_eq!((label.version, label.by.as_str()), (3, "me"));
        assert!(file.len() < SEALED_BYTES_MAX);
        assert_ne!(file, sealed(&keys, 3), "nonces differ");
    }

    #[test]
    fn change_of_any_bit_is_detected() {
        let keys = KeyRing::fresh();
        let file = sealed(&keys, 1);
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut file = file.clone();
                file[at] ^= 1 << bit;
                opened(&file, "TOKEN", &keys).expect_err("it was changed");
            }
            opened(&file[..at], "TOKEN", &keys).expect_err("it was cut off");
        }
    }

    #[test]
    fn file_is_bound_to_its_name_version_and_key() {
        let keys = KeyRing::fresh();
        let (one, two) = (sealed(&keys, 1), sealed(&keys, 2));
        assert_eq!(opened(&one, "TOKENS", &keys), Err(SealFault::Damaged));
        // The label of one version with the value of the other.
        let at = one.len() - b"canary".len() - TAG_BYTES;
        let mixed = [&one[..at], &two[two.len() - (one.len() - at)..]].concat();
        assert_eq!(opened(&mixed, "TOKEN", &keys), Err(SealFault::Damaged));
        assert_eq!(
            opened(&one, "TOKEN", &KeyRing::fresh()),
            Err(SealFault::KeyOther)
        );
        let mut newer = one.clone();
        newer[FIRST_LINE.len() - 2] = b'2';
        assert_eq!(opened(&newer, "TOKEN", &keys), Err(SealFault::Newer));
    }
}
