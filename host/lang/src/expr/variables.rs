//! The names that an expression can use.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The variable that every expression has: the time of the evaluation.
const NOW: &str = "now";

/// What is known of a value before it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    Any,
    /// It is an object with these members and no others.
    Object(BTreeMap<String, Shape>),
}

/// A function that a caller of the engine provides: see [`Need`](super::Need).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostFunction {
    /// Its name as an expression writes it: `data.latest`, `secret`.
    pub(super) name: String,
    /// How many arguments it takes.
    pub(super) n_args: RangeInclusive<usize>,
}

impl HostFunction {
    /// Returns how many arguments it takes, as text.
    pub(super) fn wanted(&self) -> String {
        match (self.n_args.start(), self.n_args.end()) {
            (1, 1) => "1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        }
    }
}

/// The names that an expression can use at one place of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    values: Vec<(String, Shape)>,
    lookups: Vec<String>,
    functions: Vec<HostFunction>,
    /// Other names of variables, each with the name that it stands for.
    aliases: Vec<(String, String)>,
    has_hyphens: bool,
}

impl Variables {
    /// Returns no names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable whose value [`Env`](super::Env) has.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, shape: Shape) -> Self {
        self.values.push((name.into(), shape));
        self
    }

    /// Makes `alias` another name of the variable `name`. The variable of a loop may have the same
    /// name.
    #[must_use]
    pub fn with_alias(mut self, alias: impl Into<String>, name: impl Into<String>) -> Self {
        self.aliases.push((alias.into(), name.into()));
        self
    }

    /// Adds a variable each of whose members is a need by itself: `env.HOME` needs `env` with
    /// `HOME`.
    #[must_use]
    pub fn with_lookup(mut self, name: impl Into<String>) -> Self {
        self.lookups.push(name.into());
        self
    }

    /// Adds a function whose values are needs. The name may have a point: `data.latest`. It takes
    /// six arguments or fewer.
    #[must_use]
    pub fn with_function(mut self, name: impl Into<String>, n_args: RangeInclusive<usize>) -> Self {
        self.functions.push(HostFunction {
            name: name.into(),
            n_args,
        });
        self
    }

    /// Makes a hyphen after `inputs.`, `jobs.`, `model.` and `steps.` part of the name.
    #[must_use]
    pub fn with_hyphens(mut self) -> Self {
        self.has_hyphens = true;
        self
    }

    pub(super) fn has_hyphens(&self) -> bool {
        self.has_hyphens
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        let mut values = self.values.iter();
        let found = values.find(|(known, _)| known == name);
        let found = found.map(|(_, shape)| shape);
        found.or((name == NOW).then_some(&Shape::Any))
    }

    pub(super) fn has_aliases(&self) -> bool {
        !self.aliases.is_empty()
    }

    /// Returns the variable that a name stands for, if it is another name of one.
    pub(super) fn aliased(&self, name: &str) -> Option<&str> {
        let mut aliases = self.aliases.iter();
        let found = aliases.find(|(alias, _)| alias == name);
        found.map(|(_, name)| name.as_str())
    }

    pub(super) fn alias_names(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().map(|(alias, _)| alias.as_str())
    }

    pub(super) fn is_lookup(&self, name: &str) -> bool {
        self.lookups.iter().any(|it| it == name)
    }

    /// Returns how a name that is no variable is used, if it is one of these names.
    pub(super) fn lookup_example(&self, name: &str) -> Option<String> {
        if self.is_lookup(name) {
            return Some(format!("{name}.NAME"));
        }
        let prefix = format!("{name}.");
        let mut functions = self.functions.iter();
        let function = functions.find(|it| it.name.starts_with(&prefix) || it.name == name)?;
        Some(format!("{}(…)", function.name))
    }

    /// Returns the function that a call of `name`, or of `root.name`, calls.
    pub(super) fn function(&self, root: Option<&str>, name: &str) -> Option<&HostFunction> {
        self.functions.iter().find(|it| match root {
            Some(root) => it.name.split_once('.') == Some((root, name)),
            None => it.name == name,
        })
    }

    /// Returns whether functions begin with a name and a point.
    pub(super) fn is_namespace(&self, name: &str) -> bool {
        let mut functions = self.functions.iter();
        functions.any(|it| it.name.split_once('.').is_some_and(|it| it.0 == name))
    }

    /// Returns the names of the variables.
    pub(super) fn names(&self) -> Vec<&str> {
        let values = self.values.iter().map(|(name, _)| name.as_str());
        let lookups = self.lookups.iter().map(String::as_str);
        let mut names: Vec<&str> = values.chain(lookups).collect();
        if !names.contains(&NOW) {
            names.push(NOW);
        }
        names
    }

    pub(super) fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|it| it.name.as_str())
    }
}
