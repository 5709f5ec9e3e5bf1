//! The secrets that a call received, and the placeholders that stand for them in its requests.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sedge_model::names::SecretName;
use sedge_model::permission::effective::SecretUsage;
use sedge_secrets::SecretValue;
use sedge_sys::random;

/// The beginning of each placeholder.
pub(crate) const PLACEHOLDER_START: &[u8] = b"sedge-secret-";

/// The length of a placeholder in bytes: its beginning and 128 random bits in hexadecimal digits.
/// A guest cannot guess the placeholder of another call, and no other text is one by chance.
pub(crate) const PLACEHOLDER_BYTES: usize = PLACEHOLDER_START.len() + 32;

/// The maximum number of placeholders of one call. A guest requests them, each with a user name,
/// and the host keeps them until the call ends.
const PLACEHOLDERS_MAX: usize = 1_000;

/// The secrets and placeholders of one call.
#[derive(Default)]
pub(crate) struct CallSecrets {
    secrets: Vec<Secret>,
    placeholders: Vec<Placeholder>,
    /// The secrets in the arguments. A guest gets no handles of them.
    arguments: Vec<ArgumentSecret>,
}

/// A secret in the arguments of a call, for which the arguments have a placeholder.
#[derive(Clone)]
pub struct ArgumentSecret {
    /// Its name.
    pub name: SecretName,
    /// The text that stands for it in the arguments.
    pub placeholder: String,
    value: SecretValue,
    usage: SecretUsage,
}

impl ArgumentSecret {
    /// Makes a placeholder for a secret. The host replaces it in requests to the hosts of `usage`.
    #[must_use]
    pub fn new(name: SecretName, value: SecretValue, usage: SecretUsage) -> Self {
        Self {
            name,
            placeholder: placeholder_text(),
            value,
            usage,
        }
    }
}

impl fmt::Debug for ArgumentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArgumentSecret").field(&self.name).finish()
    }
}

fn placeholder_text() -> String {
    let start = String::from_utf8_lossy(PLACEHOLDER_START);
    format!("{start}{:016x}{:016x}", random::bits(), random::bits())
}

/// The secret of a placeholder, and the text to insert in its place.
pub(crate) struct PlaceholderContent<'s> {
    pub(crate) name: &'s SecretName,
    pub(crate) usage: &'s SecretUsage,
    /// Whether the secret is one of the arguments.
    pub(crate) is_argument: bool,
    /// The text to insert.
    pub(crate) text: SecretText,
}

/// A secret that a call may use.
pub(crate) struct Secret {
    pub(crate) name: SecretName,
    /// `None` if no use of it was granted. The guest still gets a handle; using it is denied.
    pub(crate) value: Option<SecretValue>,
    pub(crate) usage: SecretUsage,
}

/// The form in which a secret replaces a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretForm {
    /// The value of the secret.
    Plain,
    /// The credentials of a user, for HTTP Basic authentication (RFC 7617).
    Basic {
        /// The user's name.
        user: String,
    },
}

struct Placeholder {
    text: String,
    at: usize,
    form: SecretForm,
}

/// The call has used up its placeholders.
#[derive(Debug, thiserror::Error)]
#[error("a call has at most {PLACEHOLDERS_MAX} placeholders of secrets")]
pub(crate) struct TooMany;

impl CallSecrets {
    /// Returns the secrets of a call that has none but those in its arguments.
    pub(crate) fn of_arguments(arguments: Vec<ArgumentSecret>) -> Self {
        Self {
            arguments,
            ..Self::default()
        }
    }

    /// Returns the index of a secret that the call has received already.
    pub(crate) fn find(&self, name: &SecretName) -> Option<usize> {
        self.secrets.iter().position(|secret| secret.name == *name)
    }

    /// Adds a secret, and returns its index.
    pub(crate) fn add(&mut self, secret: Secret) -> usize {
        self.secrets.push(secret);
        self.secrets.len() - 1
    }

    pub(crate) fn secret(&self, at: usize) -> &Secret {
        &self.secrets[at]
    }

    /// Returns a placeholder for a secret. It is the same one for the same form.
    ///
    /// # Errors
    /// The call already has [`PLACEHOLDERS_MAX`] placeholders.
    pub(crate) fn placeholder(&mut self, at: usize, form: SecretForm) -> Result<String, TooMany> {
        let mut known = self.placeholders.iter();
        if let Some(known) = known.find(|it| it.at == at && it.form == form) {
            return Ok(known.text.clone());
        }
        if self.placeholders.len() == PLACEHOLDERS_MAX {
            return Err(TooMany);
        }
        let text = placeholder_text();
        self.placeholders.push(Placeholder {
            text: text.clone(),
            at,
            form,
        });
        Ok(text)
    }

    /// Returns whether the call has any placeholders.
    pub(crate) fn has_placeholders(&self) -> bool {
        !(self.placeholders.is_empty() && self.arguments.is_empty())
    }

    /// Returns the secret of a placeholder, and the text to insert.
    pub(crate) fn placeholder_content(&self, text: &[u8]) -> Option<PlaceholderContent<'_>> {
        let mut arguments = self.arguments.iter();
        if let Some(found) = arguments.find(|it| it.placeholder.as_bytes() == text) {
            return Some(PlaceholderContent {
                name: &found.name,
                usage: &found.usage,
                is_argument: true,
                text: SecretText::from(found.value.expose().to_vec()),
            });
        }
        let mut placeholders = self.placeholders.iter();
        let found = placeholders.find(|it| it.text.as_bytes() == text)?;
        let secret = &self.secrets[found.at];
        let value = secret.value.as_ref().map_or(&[][..], SecretValue::expose);
        let text = match &found.form {
            SecretForm::Plain => SecretText::from(value.to_vec()),
            SecretForm::Basic { user } => {
                let plain = SecretText::from([user.as_bytes(), b":", value].concat());
                SecretText::from(STANDARD.encode(&plain).into_bytes())
            }
        };
        Some(PlaceholderContent {
            name: &secret.name,
            usage: &secret.usage,
            is_argument: false,
            text,
        })
    }
}

/// Bytes that contain a secret. They are erased when they are dropped.
pub(crate) type SecretText = zeroize::Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> CallSecrets {
        let mut secrets = CallSecrets::default();
        secrets.add(Secret {
            name: "TOKEN".parse().expect("a name"),
            value: SecretValue::new(b"open sesame".to_vec()).ok(),
            usage: SecretUsage {
                hosts: Vec::new(),
                reveal: false,
            },
        });
        secrets
    }

    #[test]
    fn placeholder_stands_for_the_requested_form() {
        let mut secrets = secrets();
        let check = |secrets: &CallSecrets, text: &str, expect: Option<&[u8]>| {
            let found = secrets.placeholder_content(text.as_bytes());
            let found = found.map(|it| it.text.to_vec());
            assert_eq!(found.as_deref(), expect);
        };
        let plain = secrets.placeholder(0, SecretForm::Plain).expect("one more");
        assert_eq!(plain.len(), PLACEHOLDER_BYTES);
        let user = "aladdin".to_owned();
        let basic = secrets
            .placeholder(0, SecretForm::Basic { user })
            .expect("one more");
        assert_ne!(plain, basic);
        check(&secrets, &plain, Some(b"open sesame"));
        check(&secrets, &basic, Some(b"YWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        check(&secrets, &"x".repeat(PLACEHOLDER_BYTES), None);
        let again = secrets
            .placeholder(0, SecretForm::Plain)
            .expect("no new one");
        assert_eq!(again, plain);
    }

    #[test]
    fn placeholder_of_an_argument_stands_for_its_value() {
        let value = SecretValue::new(b"open sesame".to_vec()).expect("a value");
        let usage = SecretUsage {
            hosts: Vec::new(),
            reveal: false,
        };
        let name = "TOKEN".parse().expect("a name");
        let secret = ArgumentSecret::new(name, value, usage);
        let placeholder = secret.placeholder.clone();
        assert_eq!(placeholder.len(), PLACEHOLDER_BYTES);
        assert!(!format!("{secret:?}").contains("sesame"));
        let secrets = CallSecrets::of_arguments(vec![secret]);
        assert!(secrets.has_placeholders());
        let found = secrets
            .placeholder_content(placeholder.as_bytes())
            .expect("it is one");
        assert!(found.is_argument && *found.text == b"open sesame");
        let name = found.name.clone();
        assert_eq!(secrets.find(&name), None, "a guest gets no handle of it");
    }

    #[test]
    fn placeholders_beyond_the_limit_are_refused() {
        let mut secrets = secrets();
        let mut basic = |n: usize| {
            let user = n.to_string();
            secrets.placeholder(0, SecretForm::Basic { user })
        };
        assert!((0..PLACEHOLDERS_MAX).all(|n| basic(n).is_ok()));
        assert!(basic(PLACEHOLDERS_MAX).is_err());
        assert!(basic(0).is_ok());
    }
}
