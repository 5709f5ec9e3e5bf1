//! The key `grants:` of definitions, `sedge.yaml` and `sedge.lock`.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::pattern::{CommandPattern, Endpoint, HttpOrigin, ModelPattern};
use super::{FileAccess, Permission};
use crate::names::{EnvName, FolderName, SecretName};

/// The grants of an operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Models that may be called and read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelPattern>,
    /// HTTP requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
    /// Connections other than HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<SocketGrant>,
    /// Folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FolderGrant>,
    /// Environment variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvName>,
    /// Secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretGrant>,
    /// Pinned programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandPattern>,
}

/// A grant of HTTP requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// The destination.
    pub url: HttpOrigin,
    /// The HTTP methods. Empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The addresses to which the name may resolve, apart from public ones, for example of private
    /// networks. If empty, only public addresses are allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

/// A grant of connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketGrant {
    /// The destination.
    pub to: Endpoint,
    /// See [`HttpGrant::addresses`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

/// A grant of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderGrant {
    /// The name by which the plugin requests it.
    pub name: FolderName,
    /// Its path. A relative path starts at the repository.
    pub path: String,
    /// The allowed access.
    #[serde(default)]
    pub access: FileAccess,
}

/// A grant of a secret.
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
                format!("`{text}` is not a range of addresses: write `10.0.0.0/8`, or one address")
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
    reason = "the signature that serde calls"
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

    /// Returns whether a requested permission is granted, completely or in part.
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

    /// Returns whether one grant covers a requested permission completely.
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

    /// Adds other grants without duplicates.
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
        // A name stands for one folder, so a later grant replaces an earlier one.
        for folder in &other.files {
            self.files.retain(|known| known.name != folder.name);
            self.files.push(folder.clone());
        }
    }

    /// Returns the grant of exactly one permission. A folder is granted at `path`; without a path,
    /// the result is empty.
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
