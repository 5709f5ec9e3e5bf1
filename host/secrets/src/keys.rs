//! The keys that seal secrets and sealed fields, and their files.
//!
//! The first key of a file is the newest. During a rotation the file of the secrets holds two keys,
//! so that after an interruption every secret is sealed with a key in the file. The file of the
//! sealed fields keeps its former keys, because versions of data never change.

use std::fmt::{self, Write as _};
use std::path::Path;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sedge_sys::random;
use zeroize::Zeroizing;

use crate::error::SecretsError;

/// A kind of key file.
#[derive(Debug)]
pub(crate) struct KeyFile {
    /// Its name in the folder of secrets.
    pub(crate) name: &'static str,
    /// Its first line, without the number of the format.
    first_line_start: &'static str,
    /// A comment in the file for users who open it.
    warning: &'static str,
    /// The most bytes that the file may have. Another user may have replaced the file, and its size
    /// must not exhaust the memory.
    pub(crate) bytes_max: usize,
}

/// The file of the key that seals secrets. One key takes about 160 bytes, two take 230.
pub(crate) const SECRETS_KEY: KeyFile = KeyFile {
    name: "key",
    first_line_start: "sedge-secrets-key ",
    warning: "# Anyone who has this file can read the secrets beside it. They are lost without it.",
    bytes_max: 4096,
};

/// The file of the keys that seal fields of data. It has room for about a thousand keys.
pub(crate) const FIELDS_KEY: KeyFile = KeyFile {
    name: "fields.key",
    first_line_start: "sedge-fields-key ",
    warning: "# Anyone who has this file can read the sealed fields of the data. They are lost without it.",
    bytes_max: 64 << 10,
};

/// The number of the format of both files.
const FORMAT: &str = "1";

/// The context for the digests that name keys, which separates them from all other digests.
const ID_CONTEXT: &str = "sedge 2026 id of a key of secrets";

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;

/// The bytes of a key in its file: hexadecimal digits and a line end.
const KEY_LINE_BYTES: usize = 2 * KEY_BYTES + 1;

pub(crate) const NONCE_BYTES: usize = 24;

/// A nonce. It is never used twice.
pub(crate) type Nonce = [u8; NONCE_BYTES];

/// The id of a key, which reveals nothing about the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyId([u8; ID_BYTES]);

/// A key.
pub(crate) struct SealKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: KeyId,
}

/// The keys of the file, newest first: one, or two after an interrupted rotation.
pub(crate) struct KeyRing {
    newest: SealKey,
    former: Vec<SealKey>,
}

impl SealKey {
    fn fresh() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random::fill(&mut *bytes);
        Self::new(bytes)
    }

    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let digest = blake3::derive_key(ID_CONTEXT, &*bytes);
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&digest[..ID_BYTES]);
        Self {
            bytes,
            id: KeyId(id),
        }
    }

    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// Seals a value. Only this key opens it again, with the same nonce and the same `bound`.
    pub(crate) fn seal(&self, nonce: &Nonce, bound: &[u8], value: &[u8]) -> Vec<u8> {
        // The capacity includes the tag: a buffer that had to grow would leave a copy of the value
        // behind.
        let mut buffer = Vec::with_capacity(value.len() + TAG_BYTES);
        buffer.extend_from_slice(value);
        self.cipher()
            .encrypt_in_place(&XNonce::from(*nonce), bound, &mut buffer)
            .expect("a value is far smaller than the cipher's limit");
        buffer
    }

    /// Opens the result of [`SealKey::seal`]; returns `None` if it, the nonce or `bound` differs.
    pub(crate) fn open(
        &self,
        nonce: &Nonce,
        bound: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(sealed.to_vec());
        self.cipher()
            .decrypt_in_place(&XNonce::from(*nonce), bound, &mut *buffer)
            // ignored: the cipher reports no more than that it does not open.
            .ok()?;
        Some(buffer)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.bytes).into())
    }
}

/// The bytes that sealing adds to a value.
pub(crate) const TAG_BYTES: usize = 16;

impl KeyRing {
    pub(crate) fn fresh() -> Self {
        Self {
            newest: SealKey::fresh(),
            former: Vec::new(),
        }
    }

    /// Adds a new key in front of the existing ones.
    pub(crate) fn renewed(self) -> Self {
        let mut former = self.former;
        former.insert(0, self.newest);
        Self {
            newest: SealKey::fresh(),
            former,
        }
    }

    /// Discards all keys but the newest.
    pub(crate) fn settled(self) -> Self {
        Self {
            newest: self.newest,
            former: Vec::new(),
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.former.is_empty()
    }

    /// Returns the key that new secrets are sealed with.
    pub(crate) fn newest(&self) -> &SealKey {
        &self.newest
    }

    pub(crate) fn of_id(&self, id: KeyId) -> Option<&SealKey> {
        let mut keys = std::iter::once(&self.newest).chain(&self.former);
        keys.find(|key| key.id == id)
    }

    /// Returns whether a file of this kind has room for one more key.
    pub(crate) fn has_room(&self, kind: &KeyFile) -> bool {
        let n_head = kind.first_line_start.len() + FORMAT.len() + kind.warning.len() + 2;
        n_head + (self.former.len() + 2) * KEY_LINE_BYTES <= kind.bytes_max
    }

    /// Returns the content of a file of this kind.
    pub(crate) fn to_file(&self, kind: &KeyFile) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(kind.bytes_max));
        text.push_str(kind.first_line_start);
        text.push_str(FORMAT);
        text.push('\n');
        text.push_str(kind.warning);
        text.push('\n');
        for key in std::iter::once(&self.newest).chain(&self.former) {
            push_hex(&mut text, &*key.bytes);
            text.push('\n');
        }
        text
    }

    /// Parses a file of this kind. Errors name its `path`.
    pub(crate) fn from_file(
        content: &[u8],
        kind: &KeyFile,
        path: &Path,
    ) -> Result<Self, SecretsError> {
        let damaged = || SecretsError::KeyDamaged(path.to_owned());
        let text = std::str::from_utf8(content).map_err(|_| damaged())?;
        let mut lines = text.lines();
        // ignored: an empty file is damaged, as the empty line shows.
        let first = lines.next().unwrap_or_default();
        match first.strip_prefix(kind.first_line_start) {
            Some(FORMAT) => {}
            Some(_) => return Err(SecretsError::Newer(path.to_owned())),
            None => return Err(damaged()),
        }
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let key = |line: &str| {
            let mut bytes = Zeroizing::new([0; KEY_BYTES]);
            read_hex(line, &mut *bytes)?;
            Some(SealKey::new(bytes))
        };
        let keys: Option<Vec<SealKey>> = lines.map(key).collect();
        let mut keys = keys.ok_or_else(damaged)?.into_iter();
        Ok(Self {
            newest: keys.next().ok_or_else(damaged)?,
            former: keys.collect(),
        })
    }
}

impl KeyId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut id = [0; ID_BYTES];
        read_hex(text, &mut id)?;
        Some(Self(id))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Returns bytes as hexadecimal digits, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes all");
    }
}

/// Parses hexadecimal digits that fill `bytes` exactly; returns `None` for any other text.
pub(crate) fn read_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let text = text.as_bytes();
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_digit(digits[0])? << 4 | hex_digit(digits[1])?;
    }
    Some(())
}

/// Returns the value of a hexadecimal digit.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    // ignored: a digit of base 16 is below 16.
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<KeyRing, SecretsError> {
        KeyRing::from_file(text.as_bytes(), &SECRETS_KEY, Path::new("key"))
    }

    #[test]
    fn key_file_is_read_as_it_was_written() {
        let keys = KeyRing::fresh();
        let first = keys.newest().id();
        let keys = keys.renewed();
        let file = keys.to_file(&SECRETS_KEY);
        assert_eq!(file.capacity(), SECRETS_KEY.bytes_max, "it never moved");
        let again = read(&file).expect("it was just written");
        assert!(again.newest().id() == keys.newest().id() && !again.is_settled());
        assert!(again.of_id(first).is_some());
        let settled = again.settled();
        assert!(settled.is_settled() && settled.of_id(first).is_none());
    }

    #[test]
    fn invalid_key_file_is_refused() {
        let file = KeyRing::fresh().to_file(&SECRETS_KEY);
        let check = |text: &str, is_newer: bool| {
            let is_right = match read(text).err() {
                Some(SecretsError::Newer(_)) => is_newer,
                Some(SecretsError::KeyDamaged(_)) => !is_newer,
                _ => false,
            };
            assert!(is_right, "{text}");
        };
        check("", false);
        check("sedge-secrets-key 1", false);
        check(&file.replace("key 1", "key 2"), true);
        check(&file.replace("sedge", "other"), false);
        check(&KeyRing::fresh().to_file(&FIELDS_KEY), false);
        check(&file[..file.len() - 2], false);
        check(&format!("{}zz\n", &file[..file.len() - 3]), false);
    }

    #[test]
    fn key_file_with_room_for_one_more_key_takes_it() {
        let mut keys = KeyRing::fresh();
        let mut n_keys = 1;
        while keys.has_room(&FIELDS_KEY) {
            keys = keys.renewed();
            n_keys += 1;
        }
        assert!(n_keys > 900, "{n_keys}");
        let file = keys.to_file(&FIELDS_KEY);
        assert!(file.len() <= FIELDS_KEY.bytes_max, "{}", file.len());
        assert_eq!(file.capacity(), FIELDS_KEY.bytes_max, "it never moved");
        KeyRing::from_file(file.as_bytes(), &FIELDS_KEY, Path::new("fields.key"))
            .expect("it is whole");
    }

    #[test]
    fn sealed_value_opens_only_with_the_same_key_nonce_and_label() {
        let (key, other) = (SealKey::fresh(), SealKey::fresh());
        assert!(key.id() != other.id());
        let nonce = [7; NONCE_BYTES];
        let sealed = key.seal(&nonce, b"name", b"value");
        assert_eq!(sealed.len(), b"value".len() + TAG_BYTES);
        let opened = key.open(&nonce, b"name", &sealed).expect("the same");
        assert_eq!(opened.as_slice(), b"value");
        assert!(other.open(&nonce, b"name", &sealed).is_none());
        assert!(key.open(&[8; NONCE_BYTES], b"name", &sealed).is_none());
        assert!(key.open(&nonce, b"eman", &sealed).is_none());
        assert!(key.open(&nonce, b"name", &sealed[1..]).is_none());
        assert!(key.open(&nonce, b"name", b"").is_none());
    }
}
