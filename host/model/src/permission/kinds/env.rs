//! Variables of the environment.

use serde::{Deserialize, Serialize};

use super::{GrantRules, KindRules, alone};
use crate::names::EnvName;
use crate::permission::Permission;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;

/// Read one environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvPermission {
    /// Its name.
    pub name: EnvName,
}

impl KindRules for EnvPermission {
    fn subject(&self) -> String {
        self.name.to_string()
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        alone(subject, details).map(|name| Self { name })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        granted.env.contains(&self.name)
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.env.push(self.name.clone());
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let is_granted = granted.env.contains(&self.name);
        is_granted
            .then(|| self.name.to_string())
            .into_iter()
            .collect()
    }

    fn narrowest(&self) -> Vec<String> {
        vec![format!("env: [{}]", self.name)]
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        matches!(used, Use::Variable(variable) if self.name.as_str() == *variable)
    }
}

impl GrantRules for EnvName {
    fn subject(&self) -> String {
        self.to_string()
    }
}

impl Permissions {
    /// Checks that the model sees a variable of the environment.
    ///
    /// # Errors
    /// The plugin does not request the variable, or no grant allows it.
    pub fn variable(&self, wanted: &str) -> Result<(), Denial> {
        let attempt = format!("see the environment variable `{wanted}`");
        let asked = self
            .asks()
            .find(|asked| matches!(asked, Permission::Env(EnvPermission { name }) if name.as_str() == wanted));
        let Some(asked) = asked else {
            return Err(self.not_asked(attempt));
        };
        if self.env().any(|name| name.as_str() == wanted) {
            return Ok(());
        }
        Err(self.not_granted(attempt, asked, None))
    }

    /// Returns the variables of the environment that the model sees.
    pub fn env(&self) -> impl Iterator<Item = &EnvName> {
        self.asks().filter_map(|asked| {
            let Permission::Env(EnvPermission { name }) = asked else {
                return None;
            };
            self.granted.env.contains(name).then_some(name)
        })
    }
}
