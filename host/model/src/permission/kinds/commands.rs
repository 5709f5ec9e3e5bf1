//! Programs of the machine that the operator pinned.

use serde::{Deserialize, Serialize};

use super::{KindRules, alone};
use crate::names::CommandName;
use crate::permission::Permission;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;
use crate::permission::pattern::CommandPattern;

/// Run programs that the operator pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandPermission {
    /// The name under which the program is pinned.
    pub name: CommandPattern,
}

impl KindRules for CommandPermission {
    fn subject(&self) -> String {
        self.name.to_string()
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        alone(subject, details).map(|name| Self { name })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        let meets = |one: &CommandPattern| one.covers(&self.name) || self.name.covers(one);
        granted.commands.iter().any(meets)
    }

    fn has_all(&self, granted: &Grants) -> bool {
        granted.commands.iter().any(|one| one.covers(&self.name))
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.commands.push(self.name.clone());
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let granted = &granted.commands;
        if granted.contains(&CommandPattern::Any) {
            return vec![self.name.to_string()];
        }
        let both = granted.iter().filter(|grant| self.name.covers(grant));
        both.map(ToString::to_string).collect()
    }

    fn narrowed(&self, subject: &str) -> Option<Permission> {
        let wanted: CommandPattern = subject.parse().ok()?;
        self.name
            .covers(&wanted)
            .then_some(Permission::Commands(Self { name: wanted }))
    }

    fn narrowest(&self) -> Vec<String> {
        vec![match &self.name {
            CommandPattern::Any => "commands: [NAME]".to_owned(),
            name @ CommandPattern::One(_) => format!("commands: [{name}]"),
        }]
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        matches!(used, Use::Command(command) if self.name.matches(command.as_str()))
    }
}

impl Permissions {
    /// Checks that a pinned program may be run.
    ///
    /// # Errors
    /// The plugin does not request the command, or no grant allows it.
    pub fn command(&self, wanted: &CommandName) -> Result<(), Denial> {
        let attempt = || format!("run the command `{wanted}`");
        self.change_check(attempt)?;
        let asks = |asked: &Permission| matches!(asked, Permission::Commands(CommandPermission { name }) if name.matches(wanted.as_str()));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt()));
        }
        let mut granted = self.granted.commands.iter();
        if granted.any(|it| it.matches(wanted.as_str())) {
            return Ok(());
        }
        let lacking = Permission::Commands(CommandPermission {
            name: CommandPattern::One(wanted.clone()),
        });
        Err(self.not_granted(attempt(), &lacking, None))
    }
}
