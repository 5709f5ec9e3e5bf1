//! The text in the column `plugin` of an origin: the digest of the component, and for a restored
//! version where that comes from.

use crate::data_restore::RestoredFrom;
use crate::door::TxFault;
use crate::error::StoreError;

/// The parts of the text.
///
/// A version that a call wrote has the digest alone. For a restored one, ` restored 3 by ada` is
/// appended. A digest has no space, so the two cannot be confused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPlugin {
    /// The digest of the component; empty if it is unknown.
    pub(crate) sha256: String,
    /// Where a restored version comes from.
    pub(crate) restored: Option<RestoredFrom>,
}

impl StoredPlugin {
    /// Reads a text that the store wrote.
    pub(crate) fn read(text: &str) -> Result<Self, TxFault> {
        let Some((sha256, more)) = text.split_once(' ') else {
            return Ok(Self {
                sha256: text.to_owned(),
                restored: None,
            });
        };
        let restored = restored_read(more)
            .ok_or_else(|| StoreError::unreadable("origin", format!("`{text}` is not known")))?;
        Ok(Self {
            sha256: sha256.to_owned(),
            restored: Some(restored),
        })
    }

    /// Returns the text for a version that is restored from one with this origin.
    pub(crate) fn restored(&self, from: &RestoredFrom) -> String {
        let RestoredFrom { version, by } = from;
        format!("{} restored {version} by {by}", self.sha256)
    }
}

fn restored_read(text: &str) -> Option<RestoredFrom> {
    let (version, by) = text.strip_prefix("restored ")?.split_once(" by ")?;
    Some(RestoredFrom {
        version: version.parse().ok()?, // ignored: the caller reports the whole text
        by: by.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restoration_is_read_as_it_was_written() {
        let by = "ada, by a command of the call k3v9q2x8w1mz/1";
        let from = RestoredFrom {
            version: 3,
            by: by.to_owned(),
        };
        for sha256 in ["0".repeat(64), String::new()] {
            let plain = StoredPlugin::read(&sha256).expect("a digest");
            assert_eq!((&plain.sha256, &plain.restored), (&sha256, &None));
            let again = StoredPlugin::read(&plain.restored(&from)).expect("it was just written");
            assert_eq!(again.sha256, sha256);
            assert_eq!(again.restored.as_ref(), Some(&from));
            // A version that is restored from a restored one comes from that one.
            let second = RestoredFrom {
                version: 5,
                by: "bob".to_owned(),
            };
            let text = again.restored(&second);
            assert_eq!(text, format!("{sha256} restored 5 by bob"));
        }
    }

    #[test]
    fn unknown_addition_is_refused() {
        for text in [
            "0 ",
            "0 x",
            "0 restored",
            "0 restored x by a",
            "0 restored 1",
        ] {
            assert!(StoredPlugin::read(text).is_err(), "{text}");
        }
    }
}
