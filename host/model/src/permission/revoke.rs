//! What a user takes back of a model's own grants: `sedge model revoke MODEL KIND=WHAT`.

use std::fmt;
use std::str::FromStr;

use super::PermissionKind;
use super::choice::ChoiceError;
use super::grants::{Grants, SecretGrant};
use super::pattern::HttpOrigin;

/// The grants of one kind that go: all of them, or those with a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    kind: PermissionKind,
    /// The subject as [`grant_subjects`] shows it: `https://api.example.com`. A folder may have its
    /// path behind a colon, and a secret a host behind `@`.
    subject: Option<String>,
}

impl FromStr for Revocation {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let (word, subject) = match text.split_once('=') {
            Some((word, subject)) => (word, Some(subject)),
            None => (text, None),
        };
        let mut kinds = PermissionKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.as_str() == word);
        let kind = kind.ok_or_else(|| ChoiceError::Kind(word.to_owned()))?;
        let subject = match (kind, subject) {
            (_, None) => None,
            // One origin can be written in several ways.
            (PermissionKind::Http, Some(url)) => Some(url.parse::<HttpOrigin>()?.to_string()),
            (PermissionKind::Secrets, Some(subject)) => Some(match subject.split_once('@') {
                Some((name, host)) => format!("{name}@{}", host.parse::<HttpOrigin>()?),
                None => subject.to_owned(),
            }),
            (
                PermissionKind::Models
                | PermissionKind::Sockets
                | PermissionKind::Files
                | PermissionKind::Env
                | PermissionKind::Commands,
                Some(subject),
            ) => Some(subject.to_owned()),
        };
        Ok(Self { kind, subject })
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        match &self.subject {
            Some(subject) => write!(f, "={subject}"),
            None => Ok(()),
        }
    }
}

impl Revocation {
    /// Removes the grants from others, and returns them. The result is empty if there are none.
    pub fn remove_from(&self, grants: &mut Grants) -> Grants {
        let mut gone = Grants::default();
        match self.kind {
            PermissionKind::Models => {
                gone.models = take(&mut grants.models, |it| self.is(&it.to_string()));
            }
            PermissionKind::Http => {
                gone.http = take(&mut grants.http, |it| self.is(&it.url.to_string()));
            }
            PermissionKind::Sockets => {
                gone.sockets = take(&mut grants.sockets, |it| self.is(&it.to.to_string()));
            }
            PermissionKind::Files => {
                gone.files = take(&mut grants.files, |it| {
                    self.is(it.name.as_str()) || self.is(&format!("{}:{}", it.name, it.path))
                });
            }
            PermissionKind::Env => {
                gone.env = take(&mut grants.env, |it| self.is(&it.to_string()));
            }
            PermissionKind::Secrets => gone.secrets = self.secrets_take(&mut grants.secrets),
            PermissionKind::Commands => {
                gone.commands = take(&mut grants.commands, |it| self.is(&it.to_string()));
            }
        }
        gone
    }

    fn is(&self, subject: &str) -> bool {
        self.subject.as_deref().is_none_or(|own| own == subject)
    }

    /// Removes whole grants of secrets, or one host from each grant of a secret.
    fn secrets_take(&self, secrets: &mut Vec<SecretGrant>) -> Vec<SecretGrant> {
        let host = self.subject.as_deref().and_then(|it| it.split_once('@'));
        let Some((name, host)) = host else {
            return take(secrets, |it| self.is(&it.name.to_string()));
        };
        let mut gone = Vec::new();
        for grant in secrets.iter_mut() {
            if grant.name.as_str() != name {
                continue;
            }
            let hosts = take(&mut grant.hosts, |it| it.to_string() == host);
            if !hosts.is_empty() {
                gone.push(SecretGrant {
                    name: grant.name.clone(),
                    hosts,
                    reveal: false,
                });
            }
        }
        if !gone.is_empty() {
            secrets.retain(|it| it.name.as_str() != name || it.reveal || !it.hosts.is_empty());
        }
        gone
    }
}

/// Returns each grant as a user names it: `http=https://api.example.com`.
#[must_use]
pub fn grant_subjects(grants: &Grants) -> Vec<String> {
    let Grants {
        models,
        http,
        sockets,
        files,
        env,
        secrets,
        commands,
    } = grants;
    let mut subjects: Vec<(PermissionKind, String)> = Vec::new();
    let mut add = |kind, subject: String| subjects.push((kind, subject));
    models
        .iter()
        .for_each(|it| add(PermissionKind::Models, it.to_string()));
    http.iter()
        .for_each(|it| add(PermissionKind::Http, it.url.to_string()));
    sockets
        .iter()
        .for_each(|it| add(PermissionKind::Sockets, it.to.to_string()));
    files
        .iter()
        .for_each(|it| add(PermissionKind::Files, it.name.to_string()));
    env.iter()
        .for_each(|it| add(PermissionKind::Env, it.to_string()));
    secrets
        .iter()
        .for_each(|it| add(PermissionKind::Secrets, it.name.to_string()));
    commands
        .iter()
        .for_each(|it| add(PermissionKind::Commands, it.to_string()));
    let text = |(kind, subject): (PermissionKind, String)| format!("{}={subject}", kind.as_str());
    subjects.into_iter().map(text).collect()
}

/// Removes some items from a list, and returns them.
fn take<T>(items: &mut Vec<T>, is_taken: impl Fn(&T) -> bool) -> Vec<T> {
    let all = std::mem::take(items);
    let (taken, left) = all.into_iter().partition(|item| is_taken(item));
    *items = left;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> Grants {
        let grants = serde_json::json!({
            "models": ["sink", "*"],
            "http": [{"url": "https://a.test"}, {"url": "https://b.test:8443", "methods": ["GET"]}],
            "files": [{"name": "inbox", "path": "/srv/in", "access": "read"}],
            "env": ["REGION"],
            "secrets": [
                {"name": "TOKEN", "hosts": ["https://a.test", "https://b.test"]},
                {"name": "KEY", "hosts": ["https://a.test"], "reveal": true},
            ],
        });
        serde_json::from_value(grants).expect("these are grants")
    }

    /// Checks which grants go, and that the others stay.
    #[track_caller]
    fn check(text: &str, expect: &[&str], left: usize) {
        let revocation: Revocation = text.parse().expect(text);
        assert_eq!(revocation.to_string().parse(), Ok(revocation.clone()));
        let mut rest = grants();
        let gone = revocation.remove_from(&mut rest);
        assert_eq!(grant_subjects(&gone), expect, "{text}");
        assert_eq!(grant_subjects(&rest).len(), left, "{text}");
    }

    #[test]
    fn grants_are_removed_by_kind_and_subject() {
        check("models", &["models=sink", "models=*"], 6);
        check("models=*", &["models=*"], 7);
        check("models=tub", &[], 8);
        check("http=https://a.test:443", &["http=https://a.test"], 7);
        check("files=inbox", &["files=inbox"], 7);
        check("files=inbox:/srv/in", &["files=inbox"], 7);
        check("files=inbox:/srv/out", &[], 8);
        check("env=REGION", &["env=REGION"], 7);
        check("secrets=TOKEN", &["secrets=TOKEN"], 7);
        check("commands", &[], 8);
    }

    #[test]
    fn one_host_of_a_secret_is_removed() {
        check("secrets=TOKEN@https://a.test", &["secrets=TOKEN"], 8);
        check("secrets=KEY@https://a.test", &["secrets=KEY"], 8);
        check("secrets=KEY@https://b.test", &[], 8);
        let mut rest = grants();
        for host in ["a", "b"] {
            let text = format!("secrets=TOKEN@https://{host}.test");
            let revocation: Revocation = text.parse().expect("it is valid");
            revocation.remove_from(&mut rest);
        }
        let left: Vec<String> = rest.secrets.iter().map(|it| it.name.to_string()).collect();
        assert_eq!(left, ["KEY"], "a grant without a host is removed");
    }

    #[test]
    fn unknown_kind_is_refused() {
        for text in ["planets", "planets=mars", "none", "http=nowhere", ""] {
            assert!(text.parse::<Revocation>().is_err(), "{text}");
        }
    }
}
