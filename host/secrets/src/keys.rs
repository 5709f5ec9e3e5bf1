//! The key by which secrets are sealed, and its file.
//!
//! While secrets are being sealed anew there are two keys in the file, so that whenever that
//! is cut off, each secret is sealed by one that is there. The first one is the newest.

use std::fmt::{self, Write as _};
use std::path::Path;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sedge_sys::random;
use zeroize::Zeroizing;

use crate::error::SecretsError;

/// The first line of the file.
const FIRST_LINE: &str = "sedge-secrets-key 1";

/// What the first line of the file of a newer Sedge begins with.
const FIRST_LINE_START: &str = "sedge-secrets-key ";

/// What a person who opens the file is told.
const WARNING: &str =
    "# Whoever has this file can read the secrets beside it; without it nobody can.";

/// The most bytes that the file may have; it has some 160, or 230 with two keys. Somebody else
/// may have put another file in its place, which is not to fill the memory.
pub(crate) const KEY_FILE_BYTES_MAX: usize = 4096;

/// What tells the digests that name keys from all others.
const ID_CONTEXT: &str = "sedge 2026 id of a key of secrets";

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
pub(crate) const NONCE_BYTES: usize = 24;

/// A nonce: never the same twice.
pub(crate) type Nonce = [u8; NONCE_BYTES];

/// A name of a key, which says nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyId([u8; ID_BYTES]);

/// A key.
pub(crate) struct Key {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: KeyId,
}

/// The keys of the file, newest first: one, or two where a rotation was cut off.
pub(crate) struct Keys {
    newest: Key,
    former: Vec<Key>,
}

impl Key {
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

    /// Returns what only this key opens again, with the same nonce and `bound`.
    pub(crate) fn seal(&self, nonce: &Nonce, bound: &[u8], value: &[u8]) -> Vec<u8> {
        // With room for the tag: a buffer that grew would leave the value where it was.
        let mut buffer = Vec::with_capacity(value.len() + TAG_BYTES);
        buffer.extend_from_slice(value);
        self.cipher()
            .encrypt_in_place(&XNonce::from(*nonce), bound, &mut buffer)
            .expect("a value is far smaller than the cipher's limit");
        buffer
    }

    /// Opens what [`Key::seal`] returned; none if it, the nonce or `bound` is another.
    pub(crate) fn open(
        &self,
        nonce: &Nonce,
        bound: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(sealed.to_vec());
        self.cipher()
            .decrypt_in_place(&XNonce::from(*nonce), bound, &mut *buffer)
            // ignored: the cipher says nothing but that it does not fit.
            .ok()?;
        Some(buffer)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.bytes).into())
    }
}

/// What sealing adds to a value, in bytes.
pub(crate) const TAG_BYTES: usize = 16;

impl Keys {
    pub(crate) fn fresh() -> Self {
        Self {
            newest: Key::fresh(),
            former: Vec::new(),
        }
    }

    /// Adds a fresh key, in front of those that there are.
    pub(crate) fn renewed(self) -> Self {
        let mut former = self.former;
        former.insert(0, self.newest);
        Self {
            newest: Key::fresh(),
            former,
        }
    }

    /// Forgets all keys but the newest.
    pub(crate) fn settled(self) -> Self {
        Self {
            newest: self.newest,
            former: Vec::new(),
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.former.is_empty()
    }

    /// Returns the key that secrets are sealed by.
    pub(crate) fn newest(&self) -> &Key {
        &self.newest
    }

    pub(crate) fn of_id(&self, id: KeyId) -> Option<&Key> {
        let mut keys = std::iter::once(&self.newest).chain(&self.former);
        keys.find(|key| key.id == id)
    }

    /// Returns the file.
    pub(crate) fn to_file(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX));
        text.push_str(FIRST_LINE);
        text.push('\n');
        text.push_str(WARNING);
        text.push('\n');
        for key in std::iter::once(&self.newest).chain(&self.former) {
            push_hex(&mut text, &*key.bytes);
            text.push('\n');
        }
        text
    }

    /// Reads the file, whose path is for the error.
    pub(crate) fn from_file(content: &[u8], path: &Path) -> Result<Self, SecretsError> {
        let damaged = || SecretsError::KeyDamaged(path.to_owned());
        let text = std::str::from_utf8(content).map_err(|_| damaged())?;
        let mut lines = text.lines();
        // ignored: there is no error here, only no value.
        let first = lines.next().unwrap_or_default();
        if first != FIRST_LINE {
            return Err(if first.starts_with(FIRST_LINE_START) {
                SecretsError::Newer(path.to_owned())
            } else {
                damaged()
            });
        }
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let key = |line: &str| {
            let mut bytes = Zeroizing::new([0; KEY_BYTES]);
            read_hex(line, &mut *bytes)?;
            Some(Key::new(bytes))
        };
        let keys: Option<Vec<Key>> = lines.map(key).collect();
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

/// Reads as many bytes as there is room for; none if the text is anything else than those.
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

/// Returns the number that a hexadecimal digit stands for.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    // ignored: a digit of base 16 is below 16.
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Keys, SecretsError> {
        Keys::from_file(text.as_bytes(), Path::new("key"))
    }

    #[test]
    fn a_file_of_keys_is_read_as_it_was_written() {
        let keys = Keys::fresh();
        let first = keys.newest().id();
        let keys = keys.renewed();
        let file = keys.to_file();
        assert_eq!(file.capacity(), KEY_FILE_BYTES_MAX, "it never moved");
        let again = read(&file).expect("it was just written");
        assert!(again.newest().id() == keys.newest().id() && !again.is_settled());
        assert!(again.of_id(first).is_some());
        let settled = again.settled();
        assert!(settled.is_settled() && settled.of_id(first).is_none());
    }

    #[test]
    fn another_file_is_refused() {
        let file = Keys::fresh().to_file();
        let check = |text: &str, is_newer: bool| {
            let is_right = match read(text).err() {
                Some(SecretsError::Newer(_)) => is_newer,
                Some(SecretsError::KeyDamaged(_)) => !is_newer,
                _ => false,
            };
            assert!(is_right, "{text}");
        };
        check("", false);
        check(FIRST_LINE, false);
        check(&file.replace("key 1", "key 2"), true);
        check(&file.replace("sedge", "other"), false);
        check(&file[..file.len() - 2], false);
        check(&format!("{}zz\n", &file[..file.len() - 3]), false);
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_nonce_and_words() {
        let (key, other) = (Key::fresh(), Key::fresh());
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
