//! The revocation of grants in a definition: `sedge model revoke MODEL KIND=WHAT`.

use std::fmt;
use std::str::FromStr;

use super::choice::ChoiceError;
use super::grants::Grants;
use super::{PermissionKind, kind_of};

/// The grants to revoke: all of one kind, or those of one kind with a certain subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    kind: PermissionKind,
    /// The subject as [`grant_subjects`] shows it: `https://api.example.com`. A folder may be
    /// followed by its path (`inbox:/srv/in`), and a secret by a host (`TOKEN@https://a.test`).
    subject: Option<String>,
}

impl FromStr for Revocation {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let (word, subject) = match text.split_once('=') {
            Some((word, subject)) => (word, Some(subject)),
            None => (text, None),
        };
        let kind = kind_of(word).ok_or_else(|| ChoiceError::RevokedKind(word.to_owned()))?;
        // One origin can be written in several ways.
        let subject = subject.map(|it| kind.grant_subject(it)).transpose()?;
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
    /// Removes the matching grants from `grants`, and returns them. The result is empty if none
    /// matches.
    pub fn remove_from(&self, grants: &mut Grants) -> Grants {
        grants.take(self.kind, self.subject.as_deref())
    }
}

/// Returns each grant as the command line names it: `http=https://api.example.com`.
#[must_use]
pub fn grant_subjects(grants: &Grants) -> Vec<String> {
    let subjects = grants.subjects().into_iter();
    let text = |(kind, subject): (PermissionKind, String)| format!("{}={subject}", kind.as_str());
    subjects.map(text).collect()
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

    /// Checks which grants are removed, and how many stay.
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
        // `none` is a decision about grants, and no kind.
        let error = "none".parse::<Revocation>().expect_err("it is no kind");
        assert!(
            error.to_string().ends_with("secrets, commands, reveal"),
            "{error}"
        );
    }
}
