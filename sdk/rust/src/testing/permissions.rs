//! What the plugin of a test may do: what its type requests, except for what the test denies.

use crate::bindings::exports::sedge::model::model::Permission;

use super::origin::Origin;
use super::world::{Part, World};

/// Something that a plugin tries and that takes a permission.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attempt<'a> {
    /// Call a model.
    Call(&'a str),
    /// Read the data of a model.
    Read(&'a str),
    /// Run a workflow.
    Workflow(&'a str),
    /// Send a request: the method and the origin.
    Http(&'a str, &'a Origin),
    /// Use a folder.
    Folder(&'a str),
    /// Read a variable.
    Variable(&'a str),
    /// Use a secret.
    Secret(&'a str),
    /// Send a secret to an origin.
    SecretSent(&'a str, &'a Origin),
    /// See a secret.
    Reveal(&'a str),
    /// Run a command.
    Command(&'a str),
    /// See a sealed field: the model and the JSON Pointer.
    SealedField(&'a str, &'a str),
}

/// The HTTP methods that a check may use.
const SAFE_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

impl Attempt<'_> {
    /// Returns the end of "may not …", as in production.
    fn text(&self) -> String {
        match self {
            Self::Call(model) => format!("call the model `{model}`"),
            Self::Read(model) => format!("read the model `{model}`"),
            Self::Workflow(name) => format!("run the workflow `{}`", name.escape_debug()),
            Self::Http(method, to) => format!("send {method} to {to}"),
            Self::Folder(name) => format!("use the folder `{name}`"),
            Self::Variable(name) => format!("see the environment variable `{name}`"),
            Self::Secret(name) => format!("use the secret `{name}`"),
            Self::SecretSent(name, to) => format!("send the secret `{name}` to {to}"),
            Self::Reveal(name) => format!("see the secret `{name}`"),
            Self::Command(name) => format!("run the command `{name}`"),
            Self::SealedField(model, pointer) => {
                format!("see the sealed field `{pointer}` of the model `{model}`")
            }
        }
    }

    /// Returns whether a check may not do this.
    fn is_change(&self) -> bool {
        match self {
            Self::Call(_) | Self::Workflow(_) | Self::Command(_) => true,
            Self::Http(method, _) => !SAFE_METHODS.contains(method),
            Self::Read(_)
            | Self::Folder(_)
            | Self::Variable(_)
            | Self::Secret(_)
            | Self::SecretSent(..)
            | Self::Reveal(_)
            | Self::SealedField(..) => false,
        }
    }

    /// Returns whether a requested permission covers this.
    fn is_covered_by(&self, permission: &Permission) -> bool {
        let is_named = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        match (self, permission) {
            (Self::Call(model) | Self::Read(model), Permission::Models(asked)) => {
                is_named(asked, model)
            }
            (Self::Workflow(name), Permission::Workflows(asked)) => is_named(asked, name),
            (Self::Http(method, to), Permission::Http(asked)) => {
                let is_method = |it: &String| it == method;
                Origin::parse(&asked.url).is_some_and(|it| it.covers(to))
                    && (asked.methods.is_empty() || asked.methods.iter().any(is_method))
            }
            (Self::Folder(name), Permission::Files(asked)) => asked.name == *name,
            (Self::Variable(name), Permission::Env(asked)) => asked == name,
            (Self::Secret(name), Permission::Secrets(asked)) => asked.name == *name,
            (Self::SecretSent(name, to), Permission::Secrets(asked)) => {
                let mut hosts = asked.hosts.iter().filter_map(|host| Origin::parse(host));
                asked.name == *name && hosts.any(|host| host.covers(to))
            }
            (Self::Reveal(name), Permission::Secrets(asked)) => asked.name == *name && asked.reveal,
            (Self::Command(name), Permission::Commands(asked)) => is_named(asked, name),
            (Self::SealedField(model, pointer), Permission::Reveal(asked)) => {
                is_field(asked, model, pointer)
            }
            (
                Self::Call(_)
                | Self::Read(_)
                | Self::Workflow(_)
                | Self::Http(..)
                | Self::Folder(_)
                | Self::Variable(_)
                | Self::Secret(_)
                | Self::SecretSent(..)
                | Self::Reveal(_)
                | Self::Command(_)
                | Self::SealedField(..),
                _,
            ) => false,
        }
    }

    /// Returns whether the model of the call needs no permission for this.
    fn is_own(&self, own: &str) -> bool {
        matches!(self, Self::Call(model) | Self::Read(model) | Self::SealedField(model, _) if *model == own)
    }
}

impl World {
    /// Checks that the running call may do something.
    ///
    /// # Errors
    /// It may not. The message is that of production, except that it names no file of a definition.
    pub(super) fn permitted(&self, attempt: &Attempt<'_>) -> Result<(), String> {
        let (model, text) = (&self.model, attempt.text());
        if attempt.is_change() && self.call().part == Part::Check {
            return Err(format!(
                "`{model}` may not {text} in a check: a check only reads"
            ));
        }
        if attempt.is_own(model) {
            return Ok(());
        }
        let covering = self.covering(attempt);
        if covering.is_empty() {
            let type_name = &self.info.name;
            return Err(format!(
                "`{model}` may not {text}: its plugin `{type_name}` does not request it"
            ));
        }
        let is_denied = |it: &&Permission| self.denied.iter().any(|denied| is_same(denied, it));
        if covering.iter().all(is_denied) {
            return Err(self.not_granted(attempt, "the test denies it"));
        }
        Ok(())
    }

    /// Returns whether the type requests something.
    pub(super) fn is_requested(&self, attempt: &Attempt<'_>) -> bool {
        !self.covering(attempt).is_empty()
    }

    /// Returns the requests of the type that cover something.
    fn covering(&self, attempt: &Attempt<'_>) -> Vec<&Permission> {
        let requests = self.info.permissions.iter().map(|it| &it.permission);
        requests.filter(|it| attempt.is_covered_by(it)).collect()
    }

    /// Returns the message about something that the type requests and that the test does not grant.
    pub(super) fn not_granted(&self, attempt: &Attempt<'_>, why: &str) -> String {
        let (model, text) = (&self.model, attempt.text());
        format!("`{model}` may not {text}: no grant allows it; {why}")
    }
}

/// Returns whether a request to reveal something, `data:MODEL:POINTER`, covers a sealed field. In its
/// JSON Pointer, `*` stands for any one part.
fn is_field(asked: &str, model: &str, pointer: &str) -> bool {
    let asked = asked.strip_prefix("data:");
    let Some((models, fields)) = asked.and_then(|it| it.split_once(':')) else {
        return false;
    };
    let (fields, parts) = (fields.split('/'), pointer.split('/'));
    (models == "*" || models == model)
        && fields.clone().count() == parts.clone().count()
        && fields
            .zip(parts)
            .all(|(field, part)| field == "*" || field == part)
}

/// Returns whether two permissions are the same request. The generated types do not compare.
fn is_same(one: &Permission, other: &Permission) -> bool {
    format!("{one:?}") == format!("{other:?}")
}
