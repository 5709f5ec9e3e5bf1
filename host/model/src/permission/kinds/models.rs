//! Other models: calling them, and reading their data and their definitions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{KindRules, alone};
use crate::names::ModelName;
use crate::permission::Permission;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;
use crate::permission::pattern::ModelPattern;

/// Call a model, and read its data and its definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPermission {
    /// The model.
    pub model: ModelPattern,
}

impl KindRules for ModelPermission {
    fn subject(&self) -> String {
        self.model.to_string()
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        alone(subject, details).map(|model| Self { model })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        let meets = |one: &ModelPattern| one.covers(&self.model) || self.model.covers(one);
        granted.models.iter().any(meets)
    }

    fn has_all(&self, granted: &Grants) -> bool {
        granted.models.iter().any(|one| one.covers(&self.model))
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.models.push(self.model.clone());
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let both = granted
            .models
            .iter()
            .filter_map(|granted| narrower_model(&self.model, granted));
        both.map(|model| model.to_string()).collect()
    }

    fn narrowed(&self, subject: &str) -> Option<Permission> {
        let wanted: ModelPattern = subject.parse().ok()?;
        self.model
            .covers(&wanted)
            .then_some(Permission::Models(Self { model: wanted }))
    }

    fn narrowest(&self) -> Vec<String> {
        vec![match &self.model {
            ModelPattern::Any => "models: [NAME]".to_owned(),
            model @ ModelPattern::One(_) => format!("models: [{model}]"),
        }]
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        matches!(used, Use::Model(target) if self.model.matches(target))
    }
}

/// The models whose data and definitions a model may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadableModels {
    /// All of them.
    All,
    /// These, among which is the model itself.
    Only(BTreeSet<ModelName>),
}

impl ReadableModels {
    /// Returns whether the model of a name may be read. A text that is not a name is among all names.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|it| it.as_str() == name),
        }
    }
}

/// The touch of a model that may change something.
const CALL: &str = "call";

impl Permissions {
    /// Returns the models that may be read: those that the plugin requests and that are granted, and
    /// the model itself.
    #[must_use]
    pub fn models_readable(&self) -> ReadableModels {
        let mut names = BTreeSet::from([self.model.clone()]);
        for asked in self.asks() {
            let Permission::Models(ModelPermission { model: asked }) = asked else {
                continue;
            };
            let granted = self.granted.models.iter();
            for both in granted.filter_map(|granted| narrower_model(asked, granted)) {
                match both {
                    ModelPattern::Any => return ReadableModels::All,
                    ModelPattern::One(name) => {
                        names.insert(name.clone());
                    }
                }
            }
        }
        ReadableModels::Only(names)
    }

    /// Checks that a model may be called, or read: `touch` says which. A model may always call and
    /// read itself.
    ///
    /// # Errors
    /// The plugin does not request the model, or no grant allows it.
    pub fn model(&self, target: &str, touch: &str) -> Result<(), Denial> {
        let attempt = || format!("{touch} the model `{target}`");
        if touch == CALL {
            self.change_check(attempt)?;
        }
        if target == self.model.as_str() {
            return Ok(());
        }
        let asks = |asked: &Permission| matches!(asked, Permission::Models(ModelPermission { model }) if model.matches(target));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt()));
        }
        if self
            .granted
            .models
            .iter()
            .any(|model| model.matches(target))
        {
            return Ok(());
        }
        // A text that is not a name of a model is covered by `*` only.
        let model = target.parse().unwrap_or(ModelPattern::Any);
        let lacking = Permission::Models(ModelPermission { model });
        Err(self.not_granted(attempt(), &lacking, None))
    }
}

fn narrower_model<'a>(one: &'a ModelPattern, other: &'a ModelPattern) -> Option<&'a ModelPattern> {
    if one.covers(other) {
        Some(other)
    } else {
        other.covers(one).then_some(one)
    }
}
