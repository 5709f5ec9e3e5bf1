//! What the person who adds a plugin grants of what it asks for: `--grant KIND=WHAT`.

use std::fmt;
use std::str::FromStr;

use super::grants::{FolderGrant, Grants};
use super::pattern::{CommandPattern, HttpOrigin, ModelPattern};
use super::{Permission, PermissionKind, PermissionRequest};

/// One word of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `none`: nothing.
    None,
    /// Everything. A folder needs a word of its own, since only the operator knows where it is.
    All,
    /// `env`: everything of one kind.
    Kind(PermissionKind),
    /// `http=https://api.example.com`: one thing, or a narrower one of the same kind.
    One {
        /// Its kind.
        kind: PermissionKind,
        /// What it is about.
        subject: String,
    },
    /// `files=NAME:PATH`: a folder, and where it is.
    Folder {
        /// The name by which the plugin asks for it.
        name: String,
        /// Where it is.
        path: String,
    },
}

/// A decision that cannot be understood, or is about nothing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// No such kind.
    #[error(
        "`{0}` is no kind of permission: there are models, http, sockets, files, env, secrets, commands, and none"
    )]
    Kind(String),
    /// A folder without a place.
    #[error("`files={0}` does not say where the folder is")]
    NoPath(String),
    /// The plugin asks for no such thing.
    #[error("it does not ask for `{0}`")]
    NotAsked(String),
    /// `none` beside others.
    #[error("`none` stands alone")]
    NoneAndMore,
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        if text == "none" {
            return Ok(Self::None);
        }
        let (word, subject) = match text.split_once('=') {
            Some((word, subject)) => (word, Some(subject)),
            None => (text, None),
        };
        let known = PermissionKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word);
        let kind = known.ok_or_else(|| ChoiceError::Kind(word.to_owned()))?;
        match (kind, subject) {
            (PermissionKind::Files, Some(subject)) => match subject.split_once(':') {
                Some((name, path)) if !path.is_empty() => Ok(Self::Folder {
                    name: name.to_owned(),
                    path: path.to_owned(),
                }),
                Some(_) | None => Err(ChoiceError::NoPath(subject.to_owned())),
            },
            (PermissionKind::Files, None) => Err(ChoiceError::NoPath("NAME".to_owned())),
            (kind, Some(subject)) => Ok(Self::One {
                kind,
                subject: subject.to_owned(),
            }),
            (kind, None) => Ok(Self::Kind(kind)),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::Kind(kind) => f.write_str(kind.as_str()),
            Self::One { kind, subject } => write!(f, "{}={subject}", kind.as_str()),
            Self::Folder { name, path } => write!(f, "files={name}:{path}"),
        }
    }
}

/// Returns what a decision grants of what a plugin asks for.
///
/// # Errors
/// A word is about nothing that was asked for.
pub fn granted(asked: &[PermissionRequest], choices: &[Choice]) -> Result<Grants, ChoiceError> {
    if choices.len() > 1 && choices.contains(&Choice::None) {
        return Err(ChoiceError::NoneAndMore);
    }
    let mut grants = Grants::default();
    for choice in choices {
        let before = grants.clone();
        for request in asked {
            let of_one = of_choice(&request.permission, choice);
            grants.extend(&of_one.unwrap_or_default());
        }
        let must_hit = match choice {
            Choice::None | Choice::All => false,
            Choice::Kind(_) | Choice::One { .. } | Choice::Folder { .. } => true,
        };
        let hits = |request: &PermissionRequest| of_choice(&request.permission, choice).is_some();
        if must_hit && before == grants && !asked.iter().any(hits) {
            return Err(ChoiceError::NotAsked(choice.to_string()));
        }
    }
    Ok(grants)
}

/// Returns what of a permission is chosen; none if it is not.
fn of_choice(permission: &Permission, choice: &Choice) -> Option<Grants> {
    match choice {
        Choice::None => None,
        Choice::All => Some(Grants::of(permission, None)),
        Choice::Kind(kind) => (permission.kind() == *kind).then(|| Grants::of(permission, None)),
        Choice::One { kind, subject } if permission.kind() == *kind => {
            Some(Grants::of(&narrowed(permission, subject)?, None))
        }
        Choice::One { .. } => None,
        Choice::Folder { name, path } => match permission {
            Permission::Files {
                name: asked,
                access,
            } if asked.as_str() == name => {
                let mut grants = Grants::default();
                grants.files.push(FolderGrant {
                    name: asked.clone(),
                    path: path.clone(),
                    access: *access,
                });
                Some(grants)
            }
            Permission::Files { .. }
            | Permission::Models { .. }
            | Permission::Http { .. }
            | Permission::Sockets { .. }
            | Permission::Env { .. }
            | Permission::Secrets { .. }
            | Permission::Commands { .. } => None,
        },
    }
}

/// Returns the permission for what a subject names, if that is part of it.
fn narrowed(permission: &Permission, subject: &str) -> Option<Permission> {
    if permission.subject() == subject {
        return Some(permission.clone());
    }
    match permission {
        Permission::Models { model } => {
            let wanted: ModelPattern = subject.parse().ok()?;
            model
                .covers(&wanted)
                .then_some(Permission::Models { model: wanted })
        }
        Permission::Http { url, methods } => {
            let wanted: HttpOrigin = subject.parse().ok()?;
            url.covers(&wanted).then(|| Permission::Http {
                url: wanted,
                methods: methods.clone(),
            })
        }
        Permission::Commands { name } => {
            let wanted: CommandPattern = subject.parse().ok()?;
            name.covers(&wanted)
                .then_some(Permission::Commands { name: wanted })
        }
        Permission::Sockets { .. }
        | Permission::Files { .. }
        | Permission::Env { .. }
        | Permission::Secrets { .. } => None,
    }
}
