//! The interface `secrets`.

pub(crate) use crate::bindings::sedge::model::secrets::*;

use super::super::permissions::Attempt;
use super::super::world::{Placeholder, current};

/// A secret of the test.
#[derive(Debug)]
pub(crate) struct Secret(String);

/// Returns a secret that the test has set.
pub(crate) fn get(name: &str) -> Result<Secret, SecretError> {
    current(|world| {
        let permitted = world.permitted(&Attempt::Secret(name));
        permitted.map_err(SecretError::Denied)?;
        match world.secrets.contains_key(name) {
            true => Ok(Secret(name.to_owned())),
            false => Err(SecretError::Missing(format!("there is no secret `{name}`"))),
        }
    })
}

impl Secret {
    /// Returns the placeholder of the value.
    pub(crate) fn placeholder(&self) -> String {
        self.placeholder_of(None)
    }

    /// Returns the placeholder of the credentials of a user.
    pub(crate) fn basic(&self, user: &str) -> String {
        self.placeholder_of(Some(user.to_owned()))
    }

    fn placeholder_of(&self, user: Option<String>) -> String {
        let placeholder = Placeholder {
            secret: self.0.clone(),
            user,
        };
        current(|world| world.placeholder(placeholder))
    }

    /// Returns the value, if the type requests to reveal it.
    pub(crate) fn reveal(&self) -> Result<Vec<u8>, String> {
        current(|world| {
            world.permitted(&Attempt::Reveal(&self.0))?;
            Ok(world.secrets.get(&self.0).cloned().unwrap_or_default())
        })
    }
}
