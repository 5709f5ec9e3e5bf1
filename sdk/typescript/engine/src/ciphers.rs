//! Digests, message authentication and encryption, as far as `crypto.subtle` of a script offers them.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm, Nonce};
use hmac::{Hmac, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

/// The length of a nonce of AES-GCM in bytes. Other lengths are not supported.
pub const NONCE_LENGTH: usize = 12;

/// The maximum number of rounds of [`pbkdf2()`].
///
/// A script chooses it. It takes time that the host counts, but the function cannot be interrupted by
/// the script's own signals, so a mistaken number would only be noticed at the deadline.
pub const ROUNDS_MAX: u32 = 10_000_000;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// MD5, for protocols that still need it.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Returns the function of this name, in the spelling of Web Crypto.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "MD5" => Self::Md5,
            "SHA-1" => Self::Sha1,
            "SHA-256" => Self::Sha256,
            "SHA-384" => Self::Sha384,
            "SHA-512" => Self::Sha512,
            _ => return None,
        })
    }
}

/// Returns the digest of `bytes`.
#[must_use]
pub fn digest(hash: Hash, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(hash);
    hasher.push(bytes);
    hasher.finish()
}

/// A digest that is computed piece by piece.
pub enum Hasher {
    /// MD5.
    Md5(Md5),
    /// SHA-1.
    Sha1(Sha1),
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-384.
    Sha384(Sha384),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// Begins a digest.
    #[must_use]
    pub fn new(hash: Hash) -> Self {
        match hash {
            Hash::Md5 => Self::Md5(Md5::new()),
            Hash::Sha1 => Self::Sha1(Sha1::new()),
            Hash::Sha256 => Self::Sha256(Sha256::new()),
            Hash::Sha384 => Self::Sha384(Sha384::new()),
            Hash::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// Adds the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Returns the digest of all bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Md5(hasher) => hasher.finalize().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// Returns the code of `bytes` under a key (HMAC, RFC 2104).
#[must_use]
pub fn hmac(hash: Hash, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    macro_rules! code {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(key).expect("a key may have any length");
            mac.update(bytes);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match hash {
        Hash::Md5 => code!(Md5),
        Hash::Sha1 => code!(Sha1),
        Hash::Sha256 => code!(Sha256),
        Hash::Sha384 => code!(Sha384),
        Hash::Sha512 => code!(Sha512),
    }
}

/// Derives a key of `length` bytes from a password (PBKDF2, RFC 8018).
#[must_use]
pub fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], rounds: u32, length: usize) -> Vec<u8> {
    let mut key = vec![0; length];
    match hash {
        Hash::Md5 => pbkdf2::pbkdf2_hmac::<Md5>(password, salt, rounds, &mut key),
        Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut key),
        Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut key),
        Hash::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, rounds, &mut key),
        Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut key),
    }
    key
}

/// Compares two values in a time that does not depend on where they differ.
#[must_use]
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A key of AES-GCM (NIST SP 800-38D), of 128 or 256 bits.
pub enum Cipher {
    /// A key of 128 bits.
    Aes128(Box<Aes128Gcm>),
    /// A key of 256 bits.
    Aes256(Box<Aes256Gcm>),
}

impl Cipher {
    /// Returns the cipher with this key, or `None` if it has another length than 16 or 32 bytes.
    #[must_use]
    pub fn with_key(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            // ignored: the length is right, and there is no other reason.
            16 => Self::Aes128(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
            // ignored: as above.
            32 => Self::Aes256(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    /// Encrypts `text`, and appends the tag of 16 bytes, which also covers `additional`.
    #[must_use]
    pub fn encrypt(
        &self,
        nonce: [u8; NONCE_LENGTH],
        text: &[u8],
        additional: &[u8],
    ) -> Option<Vec<u8>> {
        let (nonce, payload) = (
            Nonce::from(nonce),
            Payload {
                msg: text,
                aad: additional,
            },
        );
        let encrypted = match self {
            Self::Aes128(cipher) => cipher.encrypt(&nonce, payload),
            Self::Aes256(cipher) => cipher.encrypt(&nonce, payload),
        };
        // ignored: it fails for texts that are longer than the memory of a plugin.
        encrypted.ok()
    }

    /// Decrypts what [`Self::encrypt`] returned. Returns `None` if the key, the nonce or anything in
    /// the texts is another one.
    #[must_use]
    pub fn decrypt(
        &self,
        nonce: [u8; NONCE_LENGTH],
        text: &[u8],
        additional: &[u8],
    ) -> Option<Vec<u8>> {
        let (nonce, payload) = (
            Nonce::from(nonce),
            Payload {
                msg: text,
                aad: additional,
            },
        );
        let decrypted = match self {
            Self::Aes128(cipher) => cipher.decrypt(&nonce, payload),
            Self::Aes256(cipher) => cipher.decrypt(&nonce, payload),
        };
        // ignored: the error deliberately says nothing about its reason.
        decrypted.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        for (name, expected) in [
            ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
            ("SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "SHA-256",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ] {
            let hash = Hash::named(name).expect("the name is known");
            assert_eq!(hex(&digest(hash, b"abc")), expected, "{name}");
        }
        let hash = Hash::named("SHA-512").expect("the name is known");
        assert!(hex(&digest(hash, b"abc")).starts_with("ddaf35a193617abacc417349ae204131"));
        let hash = Hash::named("SHA-384").expect("the name is known");
        assert!(hex(&digest(hash, b"abc")).starts_with("cb00753f45a35e8bb5a03d699ac65007"));
        assert_eq!(Hash::named("sha-256"), None);
    }

    #[test]
    fn digest_in_pieces_is_that_of_the_whole() {
        for name in ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"] {
            let hash = Hash::named(name).expect("the name is known");
            let mut hasher = Hasher::new(hash);
            for piece in [&b"one "[..], b"", b"two"] {
                hasher.push(piece);
            }
            assert_eq!(hasher.finish(), digest(hash, b"one two"), "{name}");
        }
    }

    #[test]
    fn codes_and_keys_are_those_of_the_standards() {
        // RFC 4231, test case 2.
        let code = hmac(Hash::Sha256, b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex(&code),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        // RFC 6070, the second one.
        let key = pbkdf2(Hash::Sha1, b"password", b"salt", 2, 20);
        assert_eq!(hex(&key), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
        assert!(equal(&code, &code) && !equal(&code, b"") && !equal(b"ab", b"ac"));
    }

    #[test]
    fn encrypted_text_is_decrypted_unless_it_was_changed() {
        for key in [&[7; 16][..], &[7; 32]] {
            let cipher = Cipher::with_key(key).expect("the length is right");
            let mut text = cipher
                .encrypt([1; NONCE_LENGTH], b"secret", b"header")
                .expect("short");
            assert_eq!(text.len(), 6 + 16);
            let decrypted = cipher.decrypt([1; NONCE_LENGTH], &text, b"header");
            assert_eq!(decrypted.as_deref(), Some(&b"secret"[..]));
            assert_eq!(cipher.decrypt([1; NONCE_LENGTH], &text, b"other"), None);
            assert_eq!(cipher.decrypt([2; NONCE_LENGTH], &text, b"header"), None);
            text[0] ^= 1;
            assert_eq!(cipher.decrypt([1; NONCE_LENGTH], &text, b"header"), None);
        }
        assert!(Cipher::with_key(&[7; 24]).is_none());
    }

    #[test]
    fn aes_gcm_is_that_of_the_standard() {
        // Test case 2 of the specification that NIST refers to (McGrew, Viega).
        let cipher = Cipher::with_key(&[0; 16]).expect("the length is right");
        let text = cipher
            .encrypt([0; NONCE_LENGTH], &[0; 16], b"")
            .expect("short");
        assert_eq!(
            hex(&text),
            "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"
        );
    }
}
