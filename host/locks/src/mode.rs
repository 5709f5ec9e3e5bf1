//! Lock modes, and the resources that can be locked.
//!
//! The modes are those of Gray, Lorie, Putzolu and Traiger, "Granularity of Locks and Degrees of
//! Consistency in a Shared Data Base" (1976); the compatibility matrix is that of their report of
//! 1975. An intention on the whole makes it possible to lock a part without checking the locks of
//! every other part.

use std::fmt;

use sedge_model::names::ModelName;

/// The mode of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Intention to read something inside the resource.
    IS,
    /// Intention to write something inside the resource.
    IX,
    /// Shared: the owner reads the resource, and other owners may read it too.
    S,
    /// Exclusive: no other owner may use the resource.
    X,
}

impl Mode {
    /// All modes, in the order of the matrix below.
    pub const ALL: [Self; 4] = [Self::IS, Self::IX, Self::S, Self::X];

    /// The modes that two lineages may hold at the same time.
    ///
    /// There is a row and a column for each of [`Mode::ALL`].
    const COMPATIBLE: [[bool; 4]; 4] = [
        // IS     IX     S      X
        [true, true, true, false],    // IS
        [true, true, false, false],   // IX
        [true, false, true, false],   // S
        [false, false, false, false], // X
    ];

    /// Returns whether two lineages may hold these modes at the same time.
    #[must_use]
    pub fn is_compatible_with(self, other: Self) -> bool {
        Self::COMPATIBLE[self.index()][other.index()]
    }

    /// Returns whether the mode is an intention, which announces a lock on something inside.
    #[must_use]
    pub fn is_intention(self) -> bool {
        match self {
            Self::IS | Self::IX => true,
            Self::S | Self::X => false,
        }
    }

    /// Returns whether a holder of this mode may do all that `other` allows.
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

    /// Returns the mode's index in [`Mode::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A resource that can be locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The datastore as a whole.
    Datastore,
    /// One model: its data, and the external thing that it represents.
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
            let word = |other: Mode| {
                if one.is_compatible_with(other) {
                    "yes"
                } else {
                    "no"
                }
            };
            assert_eq!(Mode::ALL.map(word).join(" "), row, "{one}");
        }
    }

    /// A mode that includes another one conflicts with all that the other one conflicts with.
    #[test]
    fn stronger_mode_conflicts_with_more_modes() {
        for one in Mode::ALL {
            assert!(one.includes(one), "{one}");
            assert_eq!(Mode::ALL[one.index()], one);
            for other in Mode::ALL {
                assert_eq!(
                    one.is_compatible_with(other),
                    other.is_compatible_with(one),
                    "{one}, {other}"
                );
                let keeps_out = |third: &Mode| {
                    !other.is_compatible_with(*third) && one.is_compatible_with(*third)
                };
                if one.includes(other) {
                    assert!(!Mode::ALL.iter().any(keeps_out), "{one} includes {other}");
                }
            }
        }
    }
}
