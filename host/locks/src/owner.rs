//! The owners of locks: a lineage in a session.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use sedge_model::lineage::Lineage;

/// The number of a session, which is the use of a datastore by one process.
///
/// The number is random, and no other session has the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

/// The text is not a session number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a session number: it takes 16 hexadecimal digits")]
pub struct SessionIdError(String);

impl SessionId {
    /// Creates a number from 64 random bits.
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

/// The owner of a lock or of a request.
///
/// The order places the descendants of an owner directly after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The call that waits for the process of this owner, or `None`: see [`crate::joined`].
    pub under: Option<Box<Owner>>,
    /// The session of the process. Two processes that work on one run in turn are two owners.
    pub session: SessionId,
    /// The call with its ancestors, or only the run.
    pub lineage: Lineage,
}

impl Owner {
    /// Returns whether this owner is `other` or one of its ancestors, in any process.
    ///
    /// This is Moss's rule: a lock of an ancestor never blocks its descendant.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let is_below = self.session == other.session
            && self.under == other.under
            && self.lineage.covers(&other.lineage);
        is_below || other.under.as_ref().is_some_and(|it| self.covers(it))
    }

    /// Returns the number of runs and calls above the owner.
    #[must_use]
    pub fn depth(&self) -> usize {
        let above = self.under.as_ref().map_or(0, |it| it.depth() + 1);
        above + self.lineage.depth()
    }

    /// Returns the session and lineage of the owner, after those of the owners that it is under.
    pub(crate) fn path(&self) -> Vec<(SessionId, &Lineage)> {
        let mut path = self.under.as_ref().map_or_else(Vec::new, |it| it.path());
        path.push((self.session, &self.lineage));
        path
    }
}

impl Ord for Owner {
    fn cmp(&self, other: &Self) -> Ordering {
        let is_joined = self.under.is_some() || other.under.is_some();
        if is_joined {
            return self.path().cmp(&other.path());
        }
        (self.session, &self.lineage).cmp(&(other.session, &other.lineage))
    }
}

impl PartialOrd for Owner {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lineage.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates an owner from a text.
    ///
    /// `a/1` is a call of the run `a`; each run has a process of its own. `a/1>b/2` is a call of
    /// the run `b`, which `a/1` waits for.
    fn owner(text: &str) -> Owner {
        let (under, own) = match text.rsplit_once('>') {
            Some((under, own)) => (Some(Box::new(owner(under))), own),
            None => (None, text),
        };
        Owner {
            under,
            session: SessionId::from_bits(own.as_bytes()[0].into()),
            lineage: format!("00000000000{own}").parse().expect("a lineage"),
        }
    }

    #[test]
    fn an_ancestor_covers_its_descendants_in_every_process() {
        let check = |one: &str, other: &str, expect: bool| {
            assert_eq!(owner(one).covers(&owner(other)), expect, "{one} {other}");
        };
        check("a/1", "a/1/2", true);
        check("a/1", "a/1>b", true);
        check("a/1", "a/1/2>b/1>c/7", true);
        check("a/1>b", "a/1>b/2", true);
        check("a/1>b", "a/1>b/2>c", true);
        check("a/1>b", "a/1", false);
        check("a/1/2", "a/1>b/2", false);
        check("a/1>b", "a/1>c", false);
        check("a/1>b", "a/2>b/1", false);
        check("b", "a/1>b/1", false);
        check("a/1>b", "b/1", false);
    }

    #[test]
    fn descendants_are_right_behind_an_owner() {
        let texts = [
            "a",
            "a/1",
            "a/1>b",
            "a/1>b/1",
            "a/1>b/1>c",
            "a/1>b/2",
            "a/1>d",
            "a/1/1",
            "a/1/1>b",
            "a/2",
            "a/2>b",
            "b",
            "b/1",
            "c",
        ];
        let owners: Vec<Owner> = texts.iter().map(|text| owner(text)).collect();
        assert!(owners.is_sorted(), "{texts:?}");
        for (at, above) in owners.iter().enumerate() {
            let covered: Vec<bool> = owners.iter().map(|it| above.covers(it)).collect();
            let n_below = covered[at..].iter().take_while(|it| **it).count();
            assert_eq!(
                covered.iter().filter(|it| **it).count(),
                n_below,
                "{}",
                texts[at]
            );
        }
    }

    #[test]
    fn the_depth_counts_runs_and_calls_above() {
        assert_eq!((owner("a").depth(), owner("a/1>b/2").depth()), (0, 3));
    }
}
