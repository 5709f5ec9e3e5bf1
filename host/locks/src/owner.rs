//! Whom a lock belongs to: a lineage, in a session.

use std::fmt;
use std::str::FromStr;

use sedge_model::lineage::Lineage;
use serde::{Deserialize, Serialize};

/// One process's time with a datastore. Nobody else ever has the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(u64);

/// A text is no number of a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the number of a session: it is 16 digits of base 16")]
pub struct SessionIdError(String);

impl SessionId {
    /// Makes a number of 64 random bits.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        let error = || SessionIdError(text.to_owned());
        if text.len() != 16 {
            return Err(error());
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| error())
    }
}

impl TryFrom<String> for SessionId {
    type Error = SessionIdError;

    fn try_from(text: String) -> Result<Self, SessionIdError> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

/// Who asks for a lock, or has one.
///
/// The order puts the descendants of an owner right behind it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The process. Two that work on one run, one after the other, are two owners.
    pub session: SessionId,
    /// The call and its ancestors, or the run alone.
    pub lineage: Lineage,
}

impl Owner {
    /// Returns whether this is `other` or one of its ancestors.
    ///
    /// This is Moss's rule: what an ancestor holds never stands in its descendant's way.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.session == other.session && self.lineage.covers(&other.lineage)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lineage.fmt(f)
    }
}
