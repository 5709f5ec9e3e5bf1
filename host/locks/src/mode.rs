//! How something is locked, and what can be locked.
//!
//! The modes are those of Gray, Lorie, Putzolu and Traiger, "Granularity of Locks and
//! Degrees of Consistency in a Shared Data Base" (1976; the compatibility matrix is that of
//! their report of 1975): an intention on the whole lets a lock on a part be taken without
//! looking at every other part.

use std::fmt;

use sedge_model::names::ModelName;

/// How something is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// I will read something inside.
    IS,
    /// I will write something inside.
    IX,
    /// I read this; others may too.
    S,
    /// This is mine alone.
    X,
}

impl Mode {
    /// All modes, in the order of the matrix below.
    pub const ALL: [Self; 4] = [Self::IS, Self::IX, Self::S, Self::X];

    /// Which modes two lineages may hold at once: a row and a column for each of
    /// [`Mode::ALL`].
    const COMPATIBLE: [[bool; 4]; 4] = [
        // IS     IX     S      X
        [true, true, true, false],    // IS
        [true, true, false, false],   // IX
        [true, false, true, false],   // S
        [false, false, false, false], // X
    ];

    /// Returns whether two lineages may hold these modes at once.
    #[must_use]
    pub fn goes_with(self, other: Self) -> bool {
        Self::COMPATIBLE[self.index()][other.index()]
    }

    /// Returns whether this is an intention: it says what will be done inside.
    #[must_use]
    pub fn is_intention(self) -> bool {
        match self {
            Self::IS | Self::IX => true,
            Self::S | Self::X => false,
        }
    }

    /// Returns whether who holds this may do all that `other` allows.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        match (self, other) {
            (Self::X, _) | (_, Self::IS) => true,
            (Self::IX, Self::IX) | (Self::S, Self::S) => true,
            (Self::IS, Self::IX | Self::S | Self::X)
            | (Self::IX, Self::S | Self::X)
            | (Self::S, Self::IX | Self::X) => false,
        }
    }

    /// Returns the mode's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IS => "IS",
            Self::IX => "IX",
            Self::S => "S",
            Self::X => "X",
        }
    }

    /// Returns the mode's place in [`Mode::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What can be locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The datastore as a whole.
    Datastore,
    /// One model: its data, and the thing outside that it stands for.
    Model(ModelName),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datastore => f.write_str("the datastore"),
            Self::Model(model) => write!(f, "the model `{model}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_grays() {
        let expect = [
            "yes yes yes no",
            "yes yes no no",
            "yes no yes no",
            "no no no no",
        ];
        for (one, row) in Mode::ALL.into_iter().zip(expect) {
            let word = |other: Mode| if one.goes_with(other) { "yes" } else { "no" };
            assert_eq!(Mode::ALL.map(word).join(" "), row, "{one}");
        }
    }

    /// A mode that includes another keeps out all that the other keeps out.
    #[test]
    fn who_may_do_more_keeps_out_more() {
        for one in Mode::ALL {
            assert!(one.includes(one), "{one}");
            assert_eq!(Mode::ALL[one.index()], one);
            for other in Mode::ALL {
                assert_eq!(one.goes_with(other), other.goes_with(one), "{one}, {other}");
                let keeps_out = |third: &Mode| !other.goes_with(*third) && one.goes_with(*third);
                if one.includes(other) {
                    assert!(!Mode::ALL.iter().any(keeps_out), "{one} includes {other}");
                }
            }
        }
    }
}
