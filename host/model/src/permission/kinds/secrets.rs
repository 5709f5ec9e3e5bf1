//! Secrets: sending them in requests, and seeing them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{GrantRules, KindRules, narrower, origin_of_one, take};
use crate::names::SecretName;
use crate::permission::Permission;
use crate::permission::choice::ChoiceError;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;
use crate::permission::pattern::HttpOrigin;

/// Use one secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretPermission {
    /// Its name.
    pub name: SecretName,
    /// Where the host may put it into requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HttpOrigin>,
    /// Whether the plugin requests to see it.
    #[serde(default)]
    pub reveal: bool,
}

/// A secret that may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretGrant {
    /// The secret.
    pub name: SecretName,
    /// Where the host may put it into requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HttpOrigin>,
    /// Whether the plugin may see it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reveal: bool,
}

/// How a secret may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUsage {
    /// Where the host may put it into requests.
    pub hosts: Vec<HttpOrigin>,
    /// Whether the plugin may see it.
    pub reveal: bool,
}

impl SecretUsage {
    /// Returns whether nothing was granted.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.hosts.is_empty() && !self.reveal
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl KindRules for SecretPermission {
    fn subject(&self) -> String {
        self.name.to_string()
    }

    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hosts
            .iter()
            .try_for_each(|host| write!(f, " {host}"))?;
        f.write_str(if self.reveal { " reveal" } else { "" })
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        let (hosts, reveal) = match details.split_last() {
            Some((&"reveal", hosts)) => (hosts, true),
            Some(_) | None => (details, false),
        };
        let hosts: Result<Vec<HttpOrigin>, _> = hosts.iter().map(|it| it.parse()).collect();
        Some(Self {
            name: subject.parse().ok()?, // ignored: the caller reports the line
            hosts: hosts.ok()?,          // ignored: the caller reports the line
            reveal,
        })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        granted.secrets.iter().any(|one| one.name == self.name)
    }

    fn has_all(&self, granted: &Grants) -> bool {
        let to = |one: &SecretGrant, host| one.hosts.iter().any(|it| it.covers(host));
        let has = |one: &SecretGrant| {
            one.name == self.name
                && one.reveal >= self.reveal
                && self.hosts.iter().all(|host| to(one, host))
        };
        granted.secrets.iter().any(has)
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.secrets.push(SecretGrant {
            name: self.name.clone(),
            hosts: self.hosts.clone(),
            reveal: self.reveal,
        });
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let mut lines = Vec::new();
        let grants = granted.secrets.iter();
        for grant in grants.filter(|grant| grant.name == self.name) {
            for granted in &grant.hosts {
                lines.extend(
                    self.hosts
                        .iter()
                        .filter_map(|host| narrower(host, granted))
                        .map(|host| format!("to {host}")),
                );
            }
            if self.reveal && grant.reveal {
                lines.push("reveal".to_owned());
            }
        }
        lines
    }

    fn narrowest(&self) -> Vec<String> {
        let name = &self.name;
        let to = |host| {
            let host = origin_of_one(host);
            format!("secrets: [{{name: {name}, hosts: [\"{host}\"]}}]")
        };
        let mut lines: Vec<String> = self.hosts.iter().map(to).collect();
        if self.reveal {
            lines.push(format!("secrets: [{{name: {name}, reveal: true}}]"));
        }
        lines
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        if let Use::SecretSent(secret, to) = used {
            return self.name == **secret && self.hosts.iter().any(|host| host.covers(to));
        }
        matches!(used, Use::SecretShown(secret) if self.name == **secret && self.reveal)
    }
}

impl GrantRules for SecretGrant {
    fn subject(&self) -> String {
        self.name.to_string()
    }

    fn subject_parsed(subject: &str) -> Result<String, ChoiceError> {
        Ok(match subject.split_once('@') {
            Some((name, host)) => format!("{name}@{}", host.parse::<HttpOrigin>()?),
            None => subject.to_owned(),
        })
    }

    /// Removes whole grants of secrets, or one host from each grant of a secret.
    fn take_from(grants: &mut Vec<Self>, subject: Option<&str>) -> Vec<Self> {
        let Some((name, host)) = subject.and_then(|it| it.split_once('@')) else {
            return take(grants, |grant| subject.is_none_or(|it| grant.is_named(it)));
        };
        let mut gone = Vec::new();
        for grant in grants.iter_mut() {
            if grant.name.as_str() != name {
                continue;
            }
            let hosts = take(&mut grant.hosts, |it| it.to_string() == host);
            if !hosts.is_empty() {
                gone.push(Self {
                    name: grant.name.clone(),
                    hosts,
                    reveal: false,
                });
            }
        }
        if !gone.is_empty() {
            grants.retain(|it| it.name.as_str() != name || it.reveal || !it.hosts.is_empty());
        }
        gone
    }
}

impl SecretPermission {
    /// Returns the part of the permission that concerns one host. Returns `None` if `name` is
    /// another secret, or if the permission does not cover the host.
    pub(in crate::permission) fn sent_to(
        &self,
        name: &SecretName,
        to: &HttpOrigin,
    ) -> Option<Self> {
        let has_it = self.name == *name && self.hosts.iter().any(|host| host.covers(to));
        has_it.then(|| Self {
            name: name.clone(),
            hosts: vec![to.clone()],
            reveal: false,
        })
    }
}

impl Permissions {
    /// Checks that a secret may be used, and returns how: to which hosts it may be sent, which may
    /// be none, and whether the plugin may see it.
    ///
    /// # Errors
    /// The plugin does not request the secret; or it requests only to see it, and no grant allows
    /// that.
    pub fn secret(&self, wanted: &SecretName) -> Result<SecretUsage, Denial> {
        let attempt = || format!("use the secret `{wanted}`");
        let asks: Vec<&Permission> = self
            .asks()
            .filter(|asked| matches!(asked, Permission::Secrets(SecretPermission { name, .. }) if name == wanted))
            .collect();
        if asks.is_empty() {
            return Err(self.not_asked(attempt()));
        }
        let grants: Vec<&SecretGrant> = self
            .granted
            .secrets
            .iter()
            .filter(|grant| grant.name == *wanted)
            .collect();
        // The destination is known only when the secret is sent. The denial then names the host.
        let is_sent = |asked: &&Permission| matches!(asked, Permission::Secrets(SecretPermission { hosts, .. }) if !hosts.is_empty());
        if grants.is_empty() && !asks.iter().any(is_sent) {
            return Err(self.not_granted(attempt(), asks[0], None));
        }
        let mut used = SecretUsage {
            hosts: Vec::new(),
            reveal: false,
        };
        for asked in asks {
            if let Permission::Secrets(SecretPermission { hosts, reveal, .. }) = asked {
                used.reveal |= *reveal && grants.iter().any(|grant| grant.reveal);
                for granted in grants.iter().flat_map(|grant| &grant.hosts) {
                    used.hosts
                        .extend(hosts.iter().filter_map(|host| narrower(host, granted)));
                }
            }
        }
        Ok(used)
    }

    /// Returns how a secret may be used that stands in an argument: to which hosts it may be sent,
    /// which are those of the operator's grants. The plugin does not request such a secret, because
    /// it does not know which one the operator chose.
    #[must_use]
    pub fn argument_secret(&self, name: &SecretName) -> SecretUsage {
        let grants = self.granted.secrets.iter();
        let hosts = grants
            .filter(|grant| grant.name == *name)
            .flat_map(|grant| grant.hosts.clone());
        SecretUsage {
            hosts: hosts.collect(),
            reveal: false,
        }
    }

    /// Returns the denial of putting a secret of an argument into a request to a host.
    #[must_use]
    pub fn argument_secret_denied(&self, name: &SecretName, to: &HttpOrigin) -> Denial {
        let attempt = format!("send the secret `{name}` of its arguments to {to}");
        let lacking = Permission::Secrets(SecretPermission {
            name: name.clone(),
            hosts: vec![to.clone()],
            reveal: false,
        });
        self.not_granted(attempt, &lacking, None)
    }

    /// Returns the denial of putting a secret into a request to a host. If `to` is `None`, it is
    /// the denial of showing the secret to the plugin.
    #[must_use]
    pub fn secret_denied(&self, name: &SecretName, to: Option<&HttpOrigin>) -> Denial {
        let attempt = match to {
            Some(to) => format!("send the secret `{name}` to {to}"),
            None => format!("see the secret `{name}`"),
        };
        let asks = self.asks().any(|asked| {
            let Permission::Secrets(SecretPermission {
                name: asked,
                hosts,
                reveal,
            }) = asked
            else {
                return false;
            };
            asked == name && to.map_or(*reveal, |to| hosts.iter().any(|host| host.covers(to)))
        });
        if !asks {
            return self.not_asked(attempt);
        }
        let lacking = Permission::Secrets(SecretPermission {
            name: name.clone(),
            hosts: to.cloned().into_iter().collect(),
            reveal: to.is_none(),
        });
        self.not_granted(attempt, &lacking, None)
    }
}
