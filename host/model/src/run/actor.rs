//! Who has asked for something.

use std::fmt;

/// The user who asked for something, or Sedge itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's name, as the operating system has it.
    pub name: String,
    /// The user's number in the operating system; `None` in records of earlier versions, and for
    /// Sedge itself.
    pub uid: Option<u32>,
}

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
            name: format!("{}, by a command of the call {call}", self.name),
            uid: self.uid,
        }
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
