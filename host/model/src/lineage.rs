//! A call and its ancestors, up to the run.
//!
//! A lineage is a path: the run, then the ordinal of each call in its parent. So two lineages are
//! enough to decide whether one call is an ancestor of another, even if the calls belong to
//! different processes, and after a crash.

use std::fmt;
use std::str::FromStr;

use crate::names::{NameError, RunId};

/// The name of a run or of one call in it.
///
/// For example, `k3v9q2x8w1mz/1/2` is the second call that the run's first call made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage {
    run: RunId,
    ordinals: Vec<u32>,
}

impl Lineage {
    /// Returns the lineage of the run itself.
    #[must_use]
    pub fn root(run: RunId) -> Self {
        Self {
            run,
            ordinals: Vec::new(),
        }
    }

    /// Returns the lineage of the call with this ordinal among the calls of this one. Ordinals
    /// count from 1.
    #[must_use]
    pub fn child(&self, ordinal: u32) -> Self {
        let mut ordinals = Vec::with_capacity(self.ordinals.len() + 1);
        ordinals.extend_from_slice(&self.ordinals);
        ordinals.push(ordinal);
        Self {
            run: self.run.clone(),
            ordinals,
        }
    }

    /// Returns the lineage of the caller. Returns `None` for a run.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, front) = self.ordinals.split_last()?;
        Some(Self {
            run: self.run.clone(),
            ordinals: front.to_vec(),
        })
    }

    /// Returns the run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Returns the depth: 0 for a run, 1 for a call that it makes.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.ordinals.len()
    }

    /// Returns the ordinal of this call in its parent. Returns `None` for a run.
    #[must_use]
    pub fn ordinal(&self) -> Option<u32> {
        self.ordinals.last().copied()
    }

    /// Returns the ordinals from the run down, one for each call. There are none for a run.
    #[must_use]
    pub fn ordinals(&self) -> &[u32] {
        &self.ordinals
    }

    /// Returns the ordinals from the run down, for example `1/2`. The text is empty for a run.
    #[must_use]
    pub fn path(&self) -> String {
        let ordinals: Vec<String> = self.ordinals.iter().map(u32::to_string).collect();
        ordinals.join("/")
    }

    /// Returns whether this is `other` or one of its ancestors.
    ///
    /// This is the rule of Moss's nested transactions: a lock that an ancestor holds never blocks
    /// its descendants.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.run == other.run && other.ordinals.starts_with(&self.ordinals)
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.run)?;
        for ordinal in &self.ordinals {
            write!(f, "/{ordinal}")?;
        }
        Ok(())
    }
}

impl FromStr for Lineage {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let no_lineage = || NameError {
            what: "call id",
            text: text.to_owned(),
            rule: "it is a run id and ordinals: `k3v9q2x8w1mz/1/2`",
        };
        let mut parts = text.split('/');
        let run = parts.next().unwrap_or_default().parse()?;
        let ordinals = parts
            .map(|part| part.parse().ok().filter(|ordinal| *ordinal > 0))
            .collect::<Option<_>>()
            .ok_or_else(no_lineage)?;
        Ok(Self { run, ordinals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(text: &str) -> Lineage {
        text.parse().expect("a lineage")
    }

    #[test]
    fn lineage_covers_itself_and_its_descendants() {
        let check = |one: &str, other: &str, expect: bool| {
            assert_eq!(
                lineage(one).covers(&lineage(other)),
                expect,
                "{one} covers {other}"
            );
        };
        check("000000000000", "000000000000/1/2", true);
        check("000000000000/1", "000000000000/1", true);
        check("000000000000/1", "000000000000/1/2/3", true);
        check("000000000000/1", "000000000000/11", false);
        check("000000000000/1/2", "000000000000/1", false);
        check("000000000000/1", "000000000000/2", false);
        check("000000000000/1", "111111111111/1", false);
    }

    #[test]
    fn lineage_is_parsed_from_its_text() {
        let run = Lineage::root(RunId::from_bits(7));
        let call = run.child(1).child(20);
        assert_eq!(call.to_string().parse(), Ok(call.clone()));
        assert_eq!(call.parent(), Some(run.child(1)));
        assert_eq!(run.parent(), None);
        assert_eq!(call.depth(), 2);
        for bad in [
            "",
            "000000000000/",
            "000000000000/0",
            "000000000000/x",
            "short/1",
        ] {
            assert!(bad.parse::<Lineage>().is_err(), "{bad}");
        }
    }
}
