//! What the user who adds a plugin grants of its requests: `--grant KIND=WHAT`.

use std::fmt;
use std::str::FromStr;

use super::grants::Grants;
use super::pattern::HttpOrigin;
use super::{Permission, PermissionKind, PermissionRequest, kind_of};
use crate::names::{NameError, SecretName};

/// One part of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `none`: grants nothing.
    None,
    /// Everything except folders. A folder needs a choice of its own, because only the operator
    /// knows its path.
    All,
    /// `env`: all requests of one kind.
    Kind(PermissionKind),
    /// `http=https://api.example.com`: one request, or a narrower permission of the same kind.
    One {
        /// Its kind.
        kind: PermissionKind,
        /// The subject.
        subject: String,
    },
    /// Exactly one request.
    Exactly(Permission),
    /// `secrets=NAME@https://api.example.com`: a secret that may be sent to one host.
    SecretTo {
        /// The secret.
        name: SecretName,
        /// Where the host may put it into requests.
        to: HttpOrigin,
    },
    /// `files=NAME:PATH`: a folder and its path.
    Folder {
        /// The name by which the plugin requests it.
        name: String,
        /// Its path.
        path: String,
    },
}

/// A decision that is not valid, or that does not match a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No such kind.
    #[error("`{0}` is not a kind of permission: write {kinds}, or none", kinds = kinds_text())]
    Kind(String),
    /// No such kind, of a grant to revoke.
    #[error("`{0}` is not a kind of permission: write {kinds}", kinds = kinds_text())]
    RevokedKind(String),
    /// A folder without a path.
    #[error("`files={0}` does not say where the folder is: write `files=NAME:PATH`")]
    NoPath(String),
    /// The plugin does not request this.
    #[error("it does not request `{0}`")]
    NotRequested(String),
    /// The plugin requests the secret, but not for this host.
    #[error(
        "it does not request permission to send the secret `{name}` to `{to}`{}",
        asked_text(asked)
    )]
    SecretElsewhere {
        /// The secret.
        name: SecretName,
        /// The host of the decision.
        to: HttpOrigin,
        /// The hosts that the plugin requests.
        asked: Vec<HttpOrigin>,
    },
    /// The subject is not a valid name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// `none` is combined with other choices.
    #[error("`none` cannot be combined with other choices")]
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
        let kind = kind_of(word).ok_or_else(|| ChoiceError::Kind(word.to_owned()))?;
        match (kind, subject) {
            (PermissionKind::Files, Some(subject)) => match subject.split_once(':') {
                Some((name, path)) if !path.is_empty() => Ok(Self::Folder {
                    name: name.to_owned(),
                    path: path.to_owned(),
                }),
                Some(_) | None => Err(ChoiceError::NoPath(subject.to_owned())),
            },
            (PermissionKind::Secrets, Some(subject)) if subject.contains('@') => {
                let (name, to) = subject.split_once('@').unwrap_or((subject, ""));
                Ok(Self::SecretTo {
                    name: name.parse()?,
                    to: to.parse()?,
                })
            }
            (PermissionKind::Files, None) => Err(ChoiceError::NoPath("NAME".to_owned())),
            (kind, Some(subject)) => Ok(Self::One {
                kind,
                subject: kind.grant_subject(subject)?,
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
            Self::Exactly(permission) => permission.fmt(f),
            Self::SecretTo { name, to } => write!(f, "secrets={name}@{to}"),
            Self::Folder { name, path } => write!(f, "files={name}:{path}"),
        }
    }
}

/// A permission that a choice grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenPermission {
    /// The request, or the narrower permission that was chosen of it.
    pub permission: Permission,
    /// The grants for it. They are empty for a folder without a path.
    pub grants: Grants,
}

/// Returns the grants that a decision makes from a plugin's requests.
///
/// # Errors
/// A choice does not match any request.
pub fn granted(asked: &[PermissionRequest], choices: &[Choice]) -> Result<Grants, ChoiceError> {
    let mut grants = Grants::default();
    for one in chosen(asked, choices)? {
        grants.extend(&one.grants);
    }
    Ok(grants)
}

/// Returns the permissions that a decision grants of a plugin's requests, in the order of the
/// choices.
///
/// # Errors
/// A choice does not match any request.
pub fn chosen(
    asked: &[PermissionRequest],
    choices: &[Choice],
) -> Result<Vec<ChosenPermission>, ChoiceError> {
    if choices.len() > 1 && choices.contains(&Choice::None) {
        return Err(ChoiceError::NoneAndMore);
    }
    let mut all = Vec::new();
    for choice in choices {
        let must_match = match choice {
            Choice::None | Choice::All => false,
            Choice::Kind(_)
            | Choice::One { .. }
            | Choice::Exactly(_)
            | Choice::SecretTo { .. }
            | Choice::Folder { .. } => true,
        };
        let requests = asked.iter();
        let matching = requests.filter_map(|request| of_choice(&request.permission, choice));
        let matching: Vec<ChosenPermission> = matching.collect();
        if must_match && matching.is_empty() {
            return Err(not_asked(asked, choice));
        }
        all.extend(matching);
    }
    Ok(all)
}

/// Returns the reason why a choice does not match any request.
fn not_asked(asked: &[PermissionRequest], choice: &Choice) -> ChoiceError {
    if let Choice::SecretTo { name: wanted, to } = choice {
        let of_secret = |request: &PermissionRequest| {
            let Permission::Secrets(secret) = &request.permission else {
                return None;
            };
            (secret.name == *wanted).then(|| secret.hosts.clone())
        };
        let hosts: Vec<Vec<HttpOrigin>> = asked.iter().filter_map(of_secret).collect();
        if !hosts.is_empty() {
            return ChoiceError::SecretElsewhere {
                name: wanted.clone(),
                to: to.clone(),
                asked: hosts.concat(),
            };
        }
    }
    ChoiceError::NotRequested(choice.to_string())
}

fn kinds_text() -> String {
    let kinds: Vec<&str> = PermissionKind::ALL.iter().map(|it| it.as_str()).collect();
    kinds.join(", ")
}

fn asked_text(asked: &[HttpOrigin]) -> String {
    let hosts: Vec<String> = asked.iter().map(|host| format!("`{host}`")).collect();
    if hosts.is_empty() {
        ", nor to any other host".to_owned()
    } else {
        format!(", but to {}", hosts.join(", "))
    }
}

/// Returns the narrowest grants for a request, as lines for the key `grants:` of a definition.
/// Values that only the operator knows are in capitals: `HOST`, `PATH`, `NAME`.
#[must_use]
pub fn narrowest(permission: &Permission) -> Vec<String> {
    permission.rules().narrowest()
}

/// Returns the part of a requested permission that a choice grants. Returns `None` if the choice does
/// not match.
fn of_choice(permission: &Permission, choice: &Choice) -> Option<ChosenPermission> {
    let whole = || permission.clone();
    let (permission, path) = match choice {
        Choice::None => return None,
        Choice::All => (whole(), None),
        Choice::Kind(kind) if permission.kind() == *kind => (whole(), None),
        Choice::One { kind, subject } if permission.kind() == *kind => {
            (narrowed(permission, subject)?, None)
        }
        Choice::Exactly(chosen) if permission == chosen => (whole(), None),
        Choice::Kind(_) | Choice::One { .. } | Choice::Exactly(_) => return None,
        Choice::SecretTo { name, to } => {
            let Permission::Secrets(secret) = permission else {
                return None;
            };
            (Permission::Secrets(secret.sent_to(name, to)?), None)
        }
        Choice::Folder { name, path } => {
            let Permission::Files(folder) = permission else {
                return None;
            };
            if folder.name.as_str() != name {
                return None;
            }
            (whole(), Some(path.as_str()))
        }
    };
    Some(ChosenPermission {
        grants: Grants::of(&permission, path),
        permission,
    })
}

/// Returns the permission for a subject if a request covers it.
fn narrowed(permission: &Permission, subject: &str) -> Option<Permission> {
    if permission.subject() == subject {
        return Some(permission.clone());
    }
    permission.rules().narrowed(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(hosts: &[&str], reveal: bool) -> Permission {
        Permission::Secrets(super::super::SecretPermission {
            name: "TOKEN".parse().expect("a name"),
            hosts: hosts
                .iter()
                .map(|it| it.parse().expect("an origin"))
                .collect(),
            reveal,
        })
    }

    fn asked(permission: Permission) -> Vec<PermissionRequest> {
        let reason = "to test".into();
        vec![PermissionRequest { permission, reason }]
    }

    #[test]
    fn secret_is_granted_for_one_host() {
        let asked = asked(secret(&["https://*:*", "http://a.test"], true));
        let check = |text: &str, expect: Result<&str, &str>| {
            let choice: Result<Choice, ChoiceError> = text.parse();
            let granted = choice.and_then(|choice| granted(&asked, &[choice]));
            let shown = granted.map(|grants| {
                let of = |one: &super::super::grants::SecretGrant| {
                    let hosts: Vec<String> = one.hosts.iter().map(ToString::to_string).collect();
                    format!("{} {}", hosts.join(" "), one.reveal)
                };
                grants.secrets.iter().map(of).collect::<Vec<_>>().join("; ")
            });
            match (shown, expect) {
                (Ok(shown), Ok(expect)) => assert_eq!(shown, expect, "{text}"),
                (Err(error), Err(expect)) => {
                    assert!(error.to_string().contains(expect), "{text}: {error}");
                }
                (shown, _) => panic!("{text}: {shown:?}"),
            }
        };
        check(
            "secrets=TOKEN@https://api.test",
            Ok("https://api.test false"),
        );
        check(
            "secrets=TOKEN@https://api.test:8443",
            Ok("https://api.test:8443 false"),
        );
        check("secrets=TOKEN@http://a.test", Ok("http://a.test false"));
        check(
            "secrets=TOKEN@http://b.test",
            Err("but to `https://*:*`, `http://a.test`"),
        );
        check(
            "secrets=OTHER@https://api.test",
            Err("does not request `secrets=OTHER@https://api.test`"),
        );
        check(
            "secrets=TOKEN@api.test",
            Err("`api.test` is not a web origin"),
        );
        check("secrets=TOKEN@", Err("is not a web origin"));
        check(
            "secrets=@https://api.test",
            Err("is not a name of a secret"),
        );
        check("http=ftp://api.test", Err("is not a web origin"));
    }

    #[test]
    fn narrowest_grants_name_one_host_and_one_method() {
        let check = |permission: &Permission, expect: &[&str]| {
            assert_eq!(narrowest(permission), expect);
        };
        check(
            &secret(&["https://*:*", "http://*.a.test:8080"], true),
            &[
                "secrets: [{name: TOKEN, hosts: [\"https://HOST\"]}]",
                "secrets: [{name: TOKEN, hosts: [\"http://HOST.a.test:8080\"]}]",
                "secrets: [{name: TOKEN, reveal: true}]",
            ],
        );
        let http = Permission::Http(super::super::HttpPermission {
            url: "https://api.test".parse().expect("an origin"),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
        });
        check(
            &http,
            &[
                "http: [{url: \"https://api.test\", methods: [GET]}]",
                "http: [{url: \"https://api.test\", methods: [POST]}]",
            ],
        );
    }
}
