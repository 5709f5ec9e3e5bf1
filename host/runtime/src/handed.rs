//! The secrets that a call was handed, and the texts that stand for them in its requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sedge_model::names::SecretName;
use sedge_model::permission::effective::SecretUse;
use sedge_secrets::SecretValue;
use sedge_sys::random;

/// How every placeholder begins.
pub(crate) const PLACEHOLDER_START: &[u8] = b"sedge-secret-";

/// How long every placeholder is: behind its start, 128 random bits in hexadecimal digits. Who
/// was not given it cannot guess it, and no other text is one by chance.
pub(crate) const PLACEHOLDER_BYTES: usize = PLACEHOLDER_START.len() + 32;

/// The most placeholders of one call. A guest asks for them, with a user's name each, and the
/// host keeps them until the call ends.
const PLACEHOLDERS_MAX: usize = 1_000;

/// What one call was handed.
#[derive(Default)]
pub(crate) struct Handed {
    secrets: Vec<Secret>,
    placeholders: Vec<Placeholder>,
}

/// A secret that a call may use.
pub(crate) struct Secret {
    pub(crate) name: SecretName,
    /// None if nothing of it was granted: it is asked for, and denied where it is used.
    pub(crate) value: Option<SecretValue>,
    pub(crate) usage: SecretUse,
}

/// What of a secret a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// The value.
    Plain,
    /// The credentials of a user, for HTTP Basic (RFC 7617).
    Basic {
        /// The user's name.
        user: String,
    },
}

struct Placeholder {
    text: String,
    at: usize,
    form: Form,
}

/// A call has as many placeholders as it may have.
#[derive(Debug, thiserror::Error)]
#[error("a call has at most {PLACEHOLDERS_MAX} placeholders of secrets")]
pub(crate) struct TooMany;

impl Handed {
    /// Returns where a secret is that was handed over before.
    pub(crate) fn find(&self, name: &SecretName) -> Option<usize> {
        self.secrets.iter().position(|secret| secret.name == *name)
    }

    /// Hands a secret over, and returns where it is.
    pub(crate) fn hand(&mut self, secret: Secret) -> usize {
        self.secrets.push(secret);
        self.secrets.len() - 1
    }

    pub(crate) fn secret(&self, at: usize) -> &Secret {
        &self.secrets[at]
    }

    /// Returns the text that stands for a secret, the same for the same form.
    ///
    /// # Errors
    /// It is one too many.
    pub(crate) fn placeholder(&mut self, at: usize, form: Form) -> Result<String, TooMany> {
        let mut known = self.placeholders.iter();
        if let Some(known) = known.find(|it| it.at == at && it.form == form) {
            return Ok(known.text.clone());
        }
        if self.placeholders.len() == PLACEHOLDERS_MAX {
            return Err(TooMany);
        }
        let start = String::from_utf8_lossy(PLACEHOLDER_START);
        let text = format!("{start}{:016x}{:016x}", random::bits(), random::bits());
        self.placeholders.push(Placeholder {
            text: text.clone(),
            at,
            form,
        });
        Ok(text)
    }

    /// Returns whether any text stands for a secret.
    pub(crate) fn has_placeholders(&self) -> bool {
        !self.placeholders.is_empty()
    }

    /// Returns the secret that a text stands for, and what to put in its place.
    pub(crate) fn stands_for(&self, text: &[u8]) -> Option<(&Secret, SecretText)> {
        let mut placeholders = self.placeholders.iter();
        let found = placeholders.find(|it| it.text.as_bytes() == text)?;
        let secret = &self.secrets[found.at];
        let value = secret.value.as_ref().map_or(&[][..], SecretValue::expose);
        let text = match &found.form {
            Form::Plain => SecretText::from(value.to_vec()),
            Form::Basic { user } => {
                let plain = SecretText::from([user.as_bytes(), b":", value].concat());
                SecretText::from(STANDARD.encode(&plain).into_bytes())
            }
        };
        Some((secret, text))
    }
}

/// Bytes with a secret in them, which are erased when they are dropped.
pub(crate) type SecretText = zeroize::Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn handed() -> Handed {
        let mut handed = Handed::default();
        handed.hand(Secret {
            name: "TOKEN".parse().expect("a name"),
            value: SecretValue::new(b"open sesame".to_vec()).ok(),
            usage: SecretUse {
                hosts: Vec::new(),
                reveal: false,
            },
        });
        handed
    }

    #[test]
    fn a_placeholder_stands_for_its_form() {
        let mut handed = handed();
        let check = |handed: &Handed, text: &str, expect: Option<&[u8]>| {
            let found = handed.stands_for(text.as_bytes());
            let found = found.map(|(_, value)| value.to_vec());
            assert_eq!(found.as_deref(), expect);
        };
        let plain = handed.placeholder(0, Form::Plain).expect("one more");
        assert_eq!(plain.len(), PLACEHOLDER_BYTES);
        let user = "aladdin".to_owned();
        let basic = handed
            .placeholder(0, Form::Basic { user })
            .expect("one more");
        assert_ne!(plain, basic);
        check(&handed, &plain, Some(b"open sesame"));
        check(&handed, &basic, Some(b"YWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        check(&handed, &"x".repeat(PLACEHOLDER_BYTES), None);
        let again = handed.placeholder(0, Form::Plain).expect("no new one");
        assert_eq!(again, plain);
    }

    #[test]
    fn a_call_has_a_bounded_number_of_placeholders() {
        let mut handed = handed();
        let mut basic = |n: usize| {
            let user = n.to_string();
            handed.placeholder(0, Form::Basic { user })
        };
        assert!((0..PLACEHOLDERS_MAX).all(|n| basic(n).is_ok()));
        assert!(basic(PLACEHOLDERS_MAX).is_err());
        assert!(basic(0).is_ok());
    }
}
