//! Who has asked for something.

use std::fmt;

use crate::lineage::Lineage;

/// The user who asked for something, or Sedge itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's name, as the operating system has it.
    pub name: String,
    /// The user's number in the operating system; `None` in records of earlier versions, and for
    /// Sedge itself.
    pub uid: Option<u32>,
}

/// What stands between the name of a user and the call whose command acted for the user.
const BY_COMMAND: &str = ", by a command of the call ";

impl Actor {
    /// Returns the actor for records of what Sedge itself ends because of something else, without a
    /// decision of a user.
    #[must_use]
    pub fn sedge() -> Self {
        Self {
            name: "Sedge".to_owned(),
            uid: None,
        }
    }

    /// Returns the actor for records of what a command of a call does: the user, and the call.
    #[must_use]
    pub fn below_call(&self, call: &str) -> Self {
        Self {
            name: format!("{}{BY_COMMAND}{call}", self.name),
            uid: self.uid,
        }
    }

    /// Returns the part of [`Actor::name`] that all records have of what commands did, if their calls
    /// are below `above`.
    #[must_use]
    pub fn name_part_below(above: &Lineage) -> String {
        format!("{BY_COMMAND}{above}/")
    }

    /// Returns the actor for records of what a command does that has outlived its call.
    #[must_use]
    pub fn below_ended_call(&self) -> Self {
        Self {
            name: format!("{}, by a command of a call that has ended", self.name),
            uid: self.uid,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
