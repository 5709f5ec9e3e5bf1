//! What the user who adds a plugin grants of its requests: `--grant KIND=WHAT`.

use std::fmt;
use std::str::FromStr;

use super::grants::{FolderGrant, Grants};
use super::pattern::{CommandPattern, HostPattern, HttpOrigin, ModelPattern, PortPattern};
use super::{FileAccess, Permission, PermissionKind, PermissionRequest};
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
    /// The kind does not exist.
    #[error(
        "`{0}` is not a kind of permission: write models, http, sockets, files, env, secrets, commands, or none"
    )]
    Kind(String),
    /// A folder without a path.
    #[error("`files={0}` does not say where the folder is")]
    NoPath(String),
    /// The plugin does not request this.
    #[error("it does not ask for `{0}`")]
    NotAsked(String),
    /// The plugin requests the secret, but not for this host.
    #[error(
        "it does not ask to send the secret `{name}` to `{to}`{}",
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
            Self::Exactly(permission) => permission.fmt(f),
            Self::SecretTo { name, to } => write!(f, "secrets={name}@{to}"),
            Self::Folder { name, path } => write!(f, "files={name}:{path}"),
        }
    }
}

/// Returns the grants that a decision makes from a plugin's requests.
///
/// # Errors
/// A choice does not match any request.
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
            Choice::Kind(_)
            | Choice::One { .. }
            | Choice::Exactly(_)
            | Choice::SecretTo { .. }
            | Choice::Folder { .. } => true,
        };
        let hits = |request: &PermissionRequest| of_choice(&request.permission, choice).is_some();
        if must_hit && before == grants && !asked.iter().any(hits) {
            return Err(not_asked(asked, choice));
        }
    }
    Ok(grants)
}

/// Returns the reason why a choice does not match any request.
fn not_asked(asked: &[PermissionRequest], choice: &Choice) -> ChoiceError {
    if let Choice::SecretTo { name: wanted, to } = choice {
        let of_secret = |request: &PermissionRequest| match &request.permission {
            Permission::Secrets { name, hosts, .. } if name == wanted => Some(hosts.clone()),
            Permission::Secrets { .. }
            | Permission::Models { .. }
            | Permission::Http { .. }
            | Permission::Sockets { .. }
            | Permission::Files { .. }
            | Permission::Env { .. }
            | Permission::Commands { .. } => None,
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
    ChoiceError::NotAsked(choice.to_string())
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
    match permission {
        Permission::Models {
            model: ModelPattern::Any,
        } => vec!["models: [NAME]".to_owned()],
        Permission::Models { model } => vec![format!("models: [{model}]")],
        Permission::Http { url, methods } => {
            let url = origin_of_one(url);
            let of = |method: &str| format!("http: [{{url: \"{url}\", methods: [{method}]}}]");
            if methods.is_empty() {
                vec![of("GET")]
            } else {
                methods.iter().map(|method| of(method)).collect()
            }
        }
        Permission::Sockets { to } => vec![format!("sockets: [{{to: \"{to}\"}}]")],
        Permission::Files { name, access } => {
            let of = |access: FileAccess| {
                let access = access.as_str();
                format!("files: [{{name: {name}, path: PATH, access: {access}}}]")
            };
            match access {
                FileAccess::Read => vec![of(FileAccess::Read)],
                FileAccess::Write => vec![of(FileAccess::Read), of(FileAccess::Write)],
            }
        }
        Permission::Env { name } => vec![format!("env: [{name}]")],
        Permission::Secrets {
            name,
            hosts,
            reveal,
        } => {
            let to = |host| {
                let host = origin_of_one(host);
                format!("secrets: [{{name: {name}, hosts: [\"{host}\"]}}]")
            };
            let mut lines: Vec<String> = hosts.iter().map(to).collect();
            if *reveal {
                lines.push(format!("secrets: [{{name: {name}, reveal: true}}]"));
            }
            lines
        }
        Permission::Commands {
            name: CommandPattern::Any,
        } => vec!["commands: [NAME]".to_owned()],
        Permission::Commands { name } => vec![format!("commands: [{name}]")],
    }
}

/// Returns one origin of a pattern, with `HOST` where the operator has to name the host.
fn origin_of_one(pattern: &HttpOrigin) -> String {
    let host = match &pattern.host {
        HostPattern::Any => "HOST".to_owned(),
        HostPattern::EndsWith(end) => format!("HOST.{end}"),
        one @ (HostPattern::Name(_) | HostPattern::Address(_)) => one.to_string(),
    };
    let scheme = pattern.scheme;
    match pattern.port {
        // The default port of the scheme applies unless the pattern names another one.
        PortPattern::Any => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) if port == scheme.port() => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) => format!("{}://{host}:{port}", scheme.as_str()),
    }
}

/// Returns the grants that a choice makes from a permission. Returns `None` if the choice does not
/// match.
fn of_choice(permission: &Permission, choice: &Choice) -> Option<Grants> {
    match choice {
        Choice::None => None,
        Choice::All => Some(Grants::of(permission, None)),
        Choice::Kind(kind) => (permission.kind() == *kind).then(|| Grants::of(permission, None)),
        Choice::One { kind, subject } if permission.kind() == *kind => {
            Some(Grants::of(&narrowed(permission, subject)?, None))
        }
        Choice::One { .. } => None,
        Choice::Exactly(chosen) => (permission == chosen).then(|| Grants::of(permission, None)),
        Choice::SecretTo { name: chosen, to } => match permission {
            Permission::Secrets { name, hosts, .. }
                if name == chosen && hosts.iter().any(|host| host.covers(to)) =>
            {
                let narrowed = Permission::Secrets {
                    name: name.clone(),
                    hosts: vec![to.clone()],
                    reveal: false,
                };
                Some(Grants::of(&narrowed, None))
            }
            Permission::Secrets { .. }
            | Permission::Files { .. }
            | Permission::Models { .. }
            | Permission::Http { .. }
            | Permission::Sockets { .. }
            | Permission::Env { .. }
            | Permission::Commands { .. } => None,
        },
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

/// Returns the permission for a subject if a request covers it.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(hosts: &[&str], reveal: bool) -> Permission {
        Permission::Secrets {
            name: "TOKEN".parse().expect("a name"),
            hosts: hosts
                .iter()
                .map(|it| it.parse().expect("an origin"))
                .collect(),
            reveal,
        }
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
            Err("does not ask for `secrets=OTHER@https://api.test`"),
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
        let http = Permission::Http {
            url: "https://api.test".parse().expect("an origin"),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
        };
        check(
            &http,
            &[
                "http: [{url: \"https://api.test\", methods: [GET]}]",
                "http: [{url: \"https://api.test\", methods: [POST]}]",
            ],
        );
    }
}
