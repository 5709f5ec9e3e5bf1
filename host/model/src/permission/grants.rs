//! `grants:`, as definitions, `sedge.yaml` and `sedge.lock` have it.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::pattern::{CommandPattern, Endpoint, HttpOrigin, ModelPattern};
use super::{FileAccess, Permission};
use crate::names::{EnvName, FolderName, SecretName};

/// What an operator lets models do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Models that may be called and read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelPattern>,
    /// HTTP requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
    /// Connections without HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<SocketGrant>,
    /// Folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FolderGrant>,
    /// Variables of the environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvName>,
    /// Secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretGrant>,
    /// Pinned programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandPattern>,
}

/// HTTP requests that are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// Whereto.
    pub url: HttpOrigin,
    /// With which methods; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Addresses of private networks and the like that the name may stand for. Without this
    /// it may stand for public ones only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

/// Connections that are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketGrant {
    /// Whereto.
    pub to: Endpoint,
    /// As of [`HttpGrant::addresses`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

/// A folder that is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderGrant {
    /// The name by which the plugin asks for it.
    pub name: FolderName,
    /// Where it is; what is relative begins at the repository.
    pub path: String,
    /// What may be done there.
    #[serde(default)]
    pub access: FileAccess,
}

/// A secret that may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretGrant {
    /// Which.
    pub name: SecretName,
    /// Where the host may put it into requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HttpOrigin>,
    /// Whether the plugin may see it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reveal: bool,
}

/// A range of addresses: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Returns whether an address is in the range.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl TryFrom<String> for AddressRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let one = text.parse().map(|address: std::net::IpAddr| address.into());
        one.or_else(|_| text.parse().map(|net: IpNet| net.trunc()))
            .map(Self)
            .map_err(|_| {
                format!("`{text}` is no range of addresses: it is `10.0.0.0/8`, or one address")
            })
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        if range.0.prefix_len() == range.0.max_prefix_len() {
            range.0.addr().to_string()
        } else {
            range.0.to_string()
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what serde calls it with"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Grants {
    /// Returns whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether something of what was asked for is granted, or all of it.
    #[must_use]
    pub fn has_part_of(&self, permission: &Permission) -> bool {
        match permission {
            Permission::Models { model } => {
                let meets = |one: &ModelPattern| one.covers(model) || model.covers(one);
                self.models.iter().any(meets)
            }
            Permission::Http { url, .. } => {
                let meets = |one: &HttpGrant| one.url.covers(url) || url.covers(&one.url);
                self.http.iter().any(meets)
            }
            Permission::Sockets { to } => self.sockets.iter().any(|one| one.to == *to),
            Permission::Files { name, .. } => self.files.iter().any(|one| one.name == *name),
            Permission::Env { name } => self.env.contains(name),
            Permission::Secrets { name, .. } => self.secrets.iter().any(|one| one.name == *name),
            Permission::Commands { name } => {
                let meets = |one: &CommandPattern| one.covers(name) || name.covers(one);
                self.commands.iter().any(meets)
            }
        }
    }

    /// Returns whether one grant covers all of what was asked for.
    #[must_use]
    pub fn has_all_of(&self, permission: &Permission) -> bool {
        let every = |granted: &[String], asked: &[String]| {
            granted.is_empty() || (!asked.is_empty() && asked.iter().all(|it| granted.contains(it)))
        };
        match permission {
            Permission::Models { model } => self.models.iter().any(|one| one.covers(model)),
            Permission::Http { url, methods } => {
                let has = |one: &HttpGrant| one.url.covers(url) && every(&one.methods, methods);
                self.http.iter().any(has)
            }
            Permission::Files { name, access } => {
                let has = |one: &FolderGrant| one.name == *name && one.access >= *access;
                self.files.iter().any(has)
            }
            Permission::Secrets {
                name,
                hosts,
                reveal,
            } => {
                let to = |one: &SecretGrant, host| one.hosts.iter().any(|it| it.covers(host));
                let has = |one: &SecretGrant| {
                    one.name == *name
                        && one.reveal >= *reveal
                        && hosts.iter().all(|host| to(one, host))
                };
                self.secrets.iter().any(has)
            }
            Permission::Commands { name } => self.commands.iter().any(|one| one.covers(name)),
            Permission::Sockets { .. } | Permission::Env { .. } => self.has_part_of(permission),
        }
    }

    /// Adds what others grant. What is granted twice is there once.
    pub fn extend(&mut self, other: &Self) {
        fn add<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
            for one in from {
                if !to.contains(one) {
                    to.push(one.clone());
                }
            }
        }
        add(&mut self.models, &other.models);
        add(&mut self.http, &other.http);
        add(&mut self.sockets, &other.sockets);
        add(&mut self.env, &other.env);
        add(&mut self.secrets, &other.secrets);
        add(&mut self.commands, &other.commands);
        // A name stands for one folder: who speaks later has the last word.
        for folder in &other.files {
            self.files.retain(|known| known.name != folder.name);
            self.files.push(folder.clone());
        }
    }

    /// Returns what grants exactly what was asked for. A folder is granted at `path`; without
    /// one there is nothing to hand over.
    #[must_use]
    pub fn of(permission: &Permission, path: Option<&str>) -> Self {
        let mut grants = Self::default();
        match permission {
            Permission::Models { model } => grants.models.push(model.clone()),
            Permission::Http { url, methods } => grants.http.push(HttpGrant {
                url: url.clone(),
                methods: methods.clone(),
                addresses: Vec::new(),
            }),
            Permission::Sockets { to } => grants.sockets.push(SocketGrant {
                to: to.clone(),
                addresses: Vec::new(),
            }),
            Permission::Files { name, access } => {
                grants.files.extend(path.map(|path| FolderGrant {
                    name: name.clone(),
                    path: path.to_owned(),
                    access: *access,
                }));
            }
            Permission::Env { name } => grants.env.push(name.clone()),
            Permission::Secrets {
                name,
                hosts,
                reveal,
            } => grants.secrets.push(SecretGrant {
                name: name.clone(),
                hosts: hosts.clone(),
                reveal: *reveal,
            }),
            Permission::Commands { name } => grants.commands.push(name.clone()),
        }
        grants
    }
}
