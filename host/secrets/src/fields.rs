//! Seals the values of sensitive fields of data, and opens them again.
//!
//! A sealed value is bound to its place: the model, the output spec, the JSON Pointer of the field
//! and the call that wrote the version. All four stay the same when data is renamed, restored or
//! copied to a backup. The name of the data can change, so it is not part of the place: it is
//! sealed together with the value, and the reader checks it ([`OpenedField::name`]).
//!
//! The same keys seal values that belong to a run: its sensitive inputs, and what its steps were
//! started with. Such a value is bound to the run and to its place in it ([`RunPlace`]).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sedge_model::names::DataName;
use sedge_sys::random;
use zeroize::Zeroizing;

use crate::keys::{KeyId, KeyRing, NONCE_BYTES, TAG_BYTES};

/// The beginning of the associated data, which separates it from that of sealed secrets.
const BOUND_START: &str = "sedge-field 1";

/// The same for values that belong to runs.
const RUN_BOUND_START: &str = "sedge-run-value 1";

/// The keys that seal fields. The newest one seals, and each of them opens.
pub struct FieldKeys(KeyRing);

/// Where a sealed value belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldPlace<'a> {
    /// The model whose data it is in.
    pub model: &'a str,
    /// The output spec of the resource.
    pub spec: &'a str,
    /// The JSON Pointer of the field.
    pub pointer: &'a str,
    /// The call that wrote the version.
    pub call: &'a str,
}

/// Where a sealed value of a run belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPlace<'a> {
    /// The run.
    pub run: &'a str,
    /// The place in the run.
    pub part: RunPart<'a>,
}

/// A place of sealed values in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPart<'a> {
    /// An input, or a part of one: its JSON Pointer.
    Input(&'a str),
    /// The arguments with which a step was started, or its inputs if it runs a workflow: the step as
    /// text.
    Arguments(&'a str),
    /// The global arguments with which a step was started.
    GlobalArguments(&'a str),
    /// One of the values of a step with `forEach`.
    Item(&'a str),
}

/// A sealed value as data contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedField {
    /// The id of the key.
    pub key: String,
    /// The nonce and the sealed bytes, in base64.
    pub value: String,
}

/// An opened value.
pub struct OpenedField {
    /// The name of the data when the value was written.
    pub name: DataName,
    /// The value, as JSON text.
    pub json: Zeroizing<Vec<u8>>,
}

/// The reason why a value cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldSealError {
    /// It was sealed with a key that is not in the key file.
    #[error("it is sealed with a key that this machine does not have")]
    KeyOther,
    /// It was changed, or it was sealed for another place.
    #[error("it was not sealed for this place, or was changed")]
    Damaged,
}

impl std::fmt::Debug for FieldKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FieldKeys(..)")
    }
}

impl std::fmt::Debug for OpenedField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedField")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl FieldKeys {
    pub(crate) fn new(keys: KeyRing) -> Self {
        Self(keys)
    }

    /// Seals a value, given as JSON text, of the data `name`.
    #[must_use]
    pub fn seal(&self, place: &FieldPlace<'_>, name: &DataName, json: &[u8]) -> SealedField {
        let name = name.as_str().as_bytes();
        let n_name = u16::try_from(name.len()).expect("a name has at most some hundred bytes");
        let mut plain = Zeroizing::new(Vec::with_capacity(2 + name.len() + json.len()));
        plain.extend_from_slice(&n_name.to_be_bytes());
        plain.extend_from_slice(name);
        plain.extend_from_slice(json);
        self.seal_bound(&place.bound(), &plain)
    }

    /// Seals a value of a run, given as JSON text.
    #[must_use]
    pub fn seal_of_run(&self, place: &RunPlace<'_>, json: &[u8]) -> SealedField {
        self.seal_bound(&place.bound(), json)
    }

    fn seal_bound(&self, bound: &[u8], plain: &[u8]) -> SealedField {
        let mut nonce = [0; NONCE_BYTES];
        random::fill(&mut nonce);
        let key = self.0.newest();
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&key.seal(&nonce, bound, plain));
        SealedField {
            key: key.id().to_string(),
            value: STANDARD.encode(bytes),
        }
    }

    /// Opens a value that was sealed for this place.
    ///
    /// # Errors
    /// The key is missing, the value was changed, or it was sealed for another place.
    pub fn open(
        &self,
        place: &FieldPlace<'_>,
        sealed: &SealedField,
    ) -> Result<OpenedField, FieldSealError> {
        let plain = self.open_bound(&place.bound(), sealed)?;
        opened(&plain).ok_or(FieldSealError::Damaged)
    }

    /// Opens a value of a run that was sealed for this place. Returns it as JSON text.
    ///
    /// # Errors
    /// The same as for [`FieldKeys::open`].
    pub fn open_of_run(
        &self,
        place: &RunPlace<'_>,
        sealed: &SealedField,
    ) -> Result<Zeroizing<Vec<u8>>, FieldSealError> {
        self.open_bound(&place.bound(), sealed)
    }

    fn open_bound(
        &self,
        bound: &[u8],
        sealed: &SealedField,
    ) -> Result<Zeroizing<Vec<u8>>, FieldSealError> {
        let id = KeyId::parse(&sealed.key).ok_or(FieldSealError::Damaged)?;
        let key = self.0.of_id(id).ok_or(FieldSealError::KeyOther)?;
        let bytes = STANDARD.decode(&sealed.value);
        let bytes = bytes.map_err(|_| FieldSealError::Damaged)?;
        if bytes.len() < NONCE_BYTES + TAG_BYTES {
            return Err(FieldSealError::Damaged);
        }
        let (head, sealed) = bytes.split_at(NONCE_BYTES);
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(head);
        let plain = key.open(&nonce, bound, sealed);
        plain.ok_or(FieldSealError::Damaged)
    }
}

/// Splits what [`FieldKeys::seal`] has sealed.
fn opened(plain: &[u8]) -> Option<OpenedField> {
    let (n_name, rest) = plain.split_first_chunk()?;
    let n_name = usize::from(u16::from_be_bytes(*n_name));
    let (name, json) = rest.split_at_checked(n_name)?;
    // ignored: the caller reports that the value is not as it was sealed.
    let name = std::str::from_utf8(name).ok()?.parse().ok()?;
    Some(OpenedField {
        name,
        json: Zeroizing::new(json.to_vec()),
    })
}

impl FieldPlace<'_> {
    /// Returns the associated data. A length before each part keeps two places apart.
    fn bound(&self) -> Vec<u8> {
        bound_of(
            BOUND_START,
            &[self.model, self.spec, self.pointer, self.call],
        )
    }
}

impl RunPlace<'_> {
    /// Returns the associated data, as for [`FieldPlace`].
    fn bound(&self) -> Vec<u8> {
        let (kind, part) = match self.part {
            RunPart::Input(pointer) => ("input", pointer),
            RunPart::Arguments(step) => ("arguments", step),
            RunPart::GlobalArguments(step) => ("global-arguments", step),
            RunPart::Item(step) => ("item", step),
        };
        bound_of(RUN_BOUND_START, &[self.run, kind, part])
    }
}

fn bound_of(start: &str, parts: &[&str]) -> Vec<u8> {
    let mut bound = start.as_bytes().to_vec();
    for part in parts {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part.as_bytes());
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: FieldPlace<'_> = FieldPlace {
        model: "vault",
        spec: "login",
        pointer: "/password",
        call: "k3v9q2x8w1mz/1",
    };

    fn name() -> DataName {
        "prod".parse().expect("a name")
    }

    #[test]
    fn sealed_field_opens_in_its_place_only() {
        let keys = FieldKeys::new(KeyRing::fresh());
        let sealed = keys.seal(&PLACE, &name(), b"\"canary\"");
        assert_ne!(sealed, keys.seal(&PLACE, &name(), b"\"canary\""), "nonces");
        let opened = keys.open(&PLACE, &sealed).expect("the same place");
        assert_eq!((opened.name, &**opened.json), (name(), &b"\"canary\""[..]));
        let places = [
            FieldPlace {
                model: "evil",
                ..PLACE
            },
            FieldPlace {
                spec: "logi",
                ..PLACE
            },
            FieldPlace {
                pointer: "/user",
                ..PLACE
            },
            FieldPlace {
                call: "k3v9q2x8w1mz/1/2",
                ..PLACE
            },
            // The parts have the same bytes when they are joined.
            FieldPlace {
                model: "vaultlogin",
                spec: "",
                ..PLACE
            },
        ];
        for place in places {
            let error = keys.open(&place, &sealed).expect_err("another place");
            assert_eq!(error, FieldSealError::Damaged, "{place:?}");
        }
    }

    #[test]
    fn value_of_a_run_opens_in_its_place_only() {
        let keys = FieldKeys::new(KeyRing::fresh());
        let place = |run, part| RunPlace { run, part };
        let own = place("k3v9q2x8w1mz", RunPart::Input("/token"));
        let sealed = keys.seal_of_run(&own, b"\"canary\"");
        let opened = keys.open_of_run(&own, &sealed).expect("the same place");
        assert_eq!(&**opened, b"\"canary\"");
        let task = place("k3v9q2x8w1mz", RunPart::Arguments("a/b"));
        let sealed_task = keys.seal_of_run(&task, b"{}");
        for other in [
            place("900000000000", RunPart::Input("/token")),
            place("k3v9q2x8w1mz", RunPart::Input("/other")),
            place("k3v9q2x8w1mz", RunPart::Arguments("a/c")),
            place("k3v9q2x8w1mz", RunPart::GlobalArguments("a/b")),
            place("k3v9q2x8w1mz", RunPart::Item("a/b")),
        ] {
            for sealed in [&sealed, &sealed_task] {
                let error = keys.open_of_run(&other, sealed);
                assert_eq!(error, Err(FieldSealError::Damaged), "{other:?}");
            }
        }
        let error = keys.open(&PLACE, &sealed).expect_err("it is no field");
        assert_eq!(error, FieldSealError::Damaged);
        let renewed = FieldKeys::new(keys.0.renewed());
        renewed.open_of_run(&own, &sealed).expect("a former key");
    }

    #[test]
    fn former_key_opens_and_newest_key_seals() {
        let keys = KeyRing::fresh();
        let first = keys.newest().id().to_string();
        let keys = FieldKeys::new(keys);
        let old = keys.seal(&PLACE, &name(), b"1");
        let keys = FieldKeys::new(keys.0.renewed());
        let new = keys.seal(&PLACE, &name(), b"1");
        assert!(old.key == first && new.key != first);
        keys.open(&PLACE, &old).expect("a former key");
        keys.open(&PLACE, &new).expect("the newest key");
        let keys = FieldKeys::new(keys.0.settled());
        let error = keys.open(&PLACE, &old).expect_err("the key is gone");
        assert_eq!(error, FieldSealError::KeyOther);
    }

    #[test]
    fn changed_field_does_not_open() {
        let keys = FieldKeys::new(KeyRing::fresh());
        let sealed = keys.seal(&PLACE, &name(), b"{\"a\": [1, 2]}");
        let bytes = STANDARD.decode(&sealed.value).expect("base64");
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let value = STANDARD.encode(&bytes);
            let key = sealed.key.clone();
            keys.open(&PLACE, &SealedField { key, value })
                .expect_err("it was changed");
            let value = STANDARD.encode(&bytes[..at]);
            let key = sealed.key.clone();
            keys.open(&PLACE, &SealedField { key, value })
                .expect_err("it was cut off");
        }
        for (key, value) in [("", ""), ("zz", "AA=="), (sealed.key.as_str(), "?")] {
            let (key, value) = (key.to_owned(), value.to_owned());
            keys.open(&PLACE, &SealedField { key, value })
                .expect_err("no base64");
        }
    }
}
