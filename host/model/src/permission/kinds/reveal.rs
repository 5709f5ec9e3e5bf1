//! Seeing values that are hidden otherwise: sealed fields of other models' data, and the secrets
//! that stand in arguments.

use serde::{Deserialize, Serialize};

use super::{GrantRules, KindRules, alone};
use crate::permission::Permission;
use crate::permission::choice::ChoiceError;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;
use crate::permission::pattern::{FieldPattern, ModelPattern, RevealPattern};

/// See a hidden value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevealPermission {
    /// The value.
    pub what: RevealPattern,
}

impl KindRules for RevealPermission {
    fn subject(&self) -> String {
        self.what.to_string()
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        alone(subject, details).map(|what| Self { what })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        let meets = |one: &RevealPattern| one.covers(&self.what) || self.what.covers(one);
        granted.reveal.iter().any(meets)
    }

    fn has_all(&self, granted: &Grants) -> bool {
        granted.reveal.iter().any(|one| one.covers(&self.what))
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.reveal.push(self.what.clone());
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let narrower = |one: &RevealPattern| match (self.what.covers(one), one.covers(&self.what)) {
            (true, _) => Some(one.to_string()),
            (false, true) => Some(self.what.to_string()),
            (false, false) => None,
        };
        granted.reveal.iter().filter_map(narrower).collect()
    }

    fn narrowed(&self, subject: &str) -> Option<Permission> {
        // ignored: the caller reports a subject that is not requested.
        let wanted: RevealPattern = subject.parse().ok()?;
        self.what
            .covers(&wanted)
            .then_some(Permission::Reveal(Self { what: wanted }))
    }

    fn narrowest(&self) -> Vec<String> {
        let what = match &self.what {
            RevealPattern::Data {
                model: ModelPattern::Any,
                field,
            } => format!("data:NAME:{field}"),
            what @ (RevealPattern::Data { .. } | RevealPattern::Argument(_)) => what.to_string(),
        };
        vec![format!("reveal: [\"{what}\"]")]
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        match used {
            Use::FieldShown { model, pointer } => self.what.matches_data(model, pointer),
            Use::ArgumentShown(pointer) => self.what.matches_argument(pointer),
            Use::Model(_)
            | Use::Http(..)
            | Use::Socket(_)
            | Use::Folder(_)
            | Use::Variable(_)
            | Use::SecretSent(..)
            | Use::SecretShown(_)
            | Use::Command(_)
            | Use::Workflow(_) => false,
        }
    }
}

impl GrantRules for RevealPattern {
    fn subject(&self) -> String {
        self.to_string()
    }

    fn subject_parsed(subject: &str) -> Result<String, ChoiceError> {
        Ok(subject.parse::<Self>()?.to_string())
    }
}

impl Permissions {
    /// Checks that the model may see a sealed field of another model's data.
    ///
    /// # Errors
    /// The plugin does not request it, or no grant allows it.
    pub fn field_reveal(&self, model: &str, pointer: &str) -> Result<(), Denial> {
        let attempt = format!("see the sealed field `{pointer}` of the model `{model}`");
        let what = RevealPattern::Data {
            // A text that is not a name of a model is covered by `*` only.
            model: model.parse().unwrap_or(ModelPattern::Any),
            field: FieldPattern::of(pointer),
        };
        self.reveal(attempt, what, |it| it.matches_data(model, pointer))
    }

    /// Checks that the model may see the value of a secret that stands in its arguments.
    ///
    /// # Errors
    /// The plugin does not request it, or no grant allows it.
    pub fn argument_reveal(&self, pointer: &str) -> Result<(), Denial> {
        let attempt = format!("see the secret in its argument `{pointer}`");
        let what = RevealPattern::Argument(FieldPattern::of(pointer));
        self.reveal(attempt, what, |it| it.matches_argument(pointer))
    }

    fn reveal(
        &self,
        attempt: String,
        what: RevealPattern,
        matches: impl Fn(&RevealPattern) -> bool,
    ) -> Result<(), Denial> {
        let asks =
            |asked: &Permission| matches!(asked, Permission::Reveal(it) if matches(&it.what));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt));
        }
        if self.granted.reveal.iter().any(matches) {
            return Ok(());
        }
        let lacking = Permission::Reveal(RevealPermission { what });
        Err(self.not_granted(attempt, &lacking, None))
    }
}
