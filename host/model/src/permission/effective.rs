//! The permissions of a model: what its plugin requests and its operator grants.

mod explain;
#[cfg(test)]
mod tests;
mod uses;

use std::net::IpAddr;

use serde::Serialize;

pub use explain::Explained;
pub use uses::{Use, Uses};

use super::address::is_public;
use super::grants::{AddressRange, FolderGrant, Grants, HttpGrant, SecretGrant, SocketGrant};
use super::pattern::{CommandPattern, Endpoint, HostPattern, HttpOrigin, ModelPattern};
use super::{FileAccess, Permission, PermissionRequest};
use crate::names::{CommandName, EnvName, FolderName, ModelName, SecretName, TypeName};
use crate::yaml;

/// The permissions of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    model: ModelName,
    type_name: TypeName,
    asked: Vec<PermissionRequest>,
    granted: Grants,
    /// The grants of the model's own definition, which are part of all grants.
    own: Grants,
}

/// An attempt that was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The attempt, as the end of "may not …".
    pub attempt: String,
    /// The model that made the attempt.
    pub model: ModelName,
    /// The reason for the denial.
    pub why: DenialReason,
}

/// The reason for a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialReason {
    /// The plugin does not request the permission. No grant helps.
    NotAsked(TypeName),
    /// The permission has no grant. These lines in the model's definition would add one.
    NotGranted {
        /// The key `grants:` with the existing grants and the missing one.
        yaml: String,
    },
}

/// The complete sentence, with the lines that would add the missing grant.
impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            attempt,
            model,
            why,
        } = self;
        match why {
            DenialReason::NotAsked(type_name) => write!(
                f,
                "`{model}` may not {attempt}: its plugin `{type_name}` does not ask for it"
            ),
            DenialReason::NotGranted { yaml } => write!(
                f,
                "`{model}` may not {attempt}: no grant allows it; these lines in {} would\n{}",
                model.file(),
                yaml.trim_end()
            ),
        }
    }
}

/// The addresses to which a name may resolve, apart from public ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    named: Vec<AddressRange>,
    /// The host, if a grant names exactly this host: its address, or this machine by its name, is
    /// allowed too.
    host: HostPattern,
}

/// A folder that a model may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The name that the plugin uses.
    pub name: FolderName,
    /// Its path. A relative path starts at the repository.
    pub path: String,
    /// The allowed access.
    pub access: FileAccess,
}

/// The allowed uses of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The destinations of requests into which the host may put it.
    pub hosts: Vec<HttpOrigin>,
    /// Whether the plugin may see it.
    pub reveal: bool,
}

impl Permissions {
    /// Combines the requests of a plugin and the grants for its type with the grants of a model's
    /// own definition.
    #[must_use]
    pub fn new(
        model: ModelName,
        type_name: TypeName,
        asked: Vec<PermissionRequest>,
        of_type: &Grants,
        own: Grants,
    ) -> Self {
        let mut granted = of_type.clone();
        granted.extend(&own);
        Self {
            model,
            type_name,
            asked,
            granted,
            own,
        }
    }

    /// Checks that a model may be called or read; `touch` is the verb for the message. A model may
    /// always call and read itself.
    ///
    /// # Errors
    /// The permission is missing.
    pub fn model(&self, target: &str, touch: &str) -> Result<(), Denial> {
        if target == self.model.as_str() {
            return Ok(());
        }
        let attempt = || format!("{touch} the model `{target}`");
        let asks = |asked: &Permission| matches!(asked, Permission::Models { model } if model.matches(target));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt()));
        }
        if self
            .granted
            .models
            .iter()
            .any(|model| model.matches(target))
        {
            return Ok(());
        }
        // Only the pattern `*` covers a text that is not the name of a model.
        let model = target.parse().unwrap_or(ModelPattern::Any);
        Err(self.not_granted(attempt(), &Permission::Models { model }, None))
    }

    /// Checks that a request may be sent, and returns the addresses that its host may have.
    ///
    /// # Errors
    /// The permission is missing.
    pub fn http(&self, to: &HttpOrigin, method: &str) -> Result<Addresses, Denial> {
        let fits = |methods: &[String]| {
            methods.is_empty() || methods.iter().any(|allowed| allowed == method)
        };
        let attempt = || format!("send {method} to {to}");
        let asks = |asked: &Permission| matches!(asked, Permission::Http { url, methods } if url.covers(to) && fits(methods));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt()));
        }
        let grants = self.granted.http.iter();
        let grants: Vec<&HttpGrant> = grants
            .filter(|grant| grant.url.covers(to) && fits(&grant.methods))
            .collect();
        if grants.is_empty() {
            let lacking = Permission::Http {
                url: to.clone(),
                methods: vec![method.to_owned()],
            };
            return Err(self.not_granted(attempt(), &lacking, None));
        }
        Ok(Addresses {
            named: grants
                .iter()
                .flat_map(|grant| grant.addresses.clone())
                .collect(),
            // A private address is allowed only if a grant names exactly this host.
            host: match grants.iter().any(|grant| grant.url.host == to.host) {
                true => to.host.clone(),
                false => HostPattern::Any,
            },
        })
    }

    /// Returns the denial for an address of a granted name, with the lines that would grant the
    /// address.
    #[must_use]
    pub fn http_address_denied(&self, to: &HttpOrigin, method: &str, address: IpAddr) -> Denial {
        let mut wanted = Grants::default();
        wanted.http.push(HttpGrant {
            url: to.clone(),
            methods: vec![method.to_owned()],
            addresses: one_address(address),
        });
        let attempt = format!("send {method} to {to}, which is at the private address {address}");
        self.lacking(attempt, &wanted)
    }

    /// Checks that a connection may be made, and returns the addresses that its host may have.
    ///
    /// # Errors
    /// The permission is missing.
    pub fn socket(&self, to: &Endpoint) -> Result<Addresses, Denial> {
        let attempt = || format!("connect to {to}");
        let wanted = Permission::Sockets { to: to.clone() };
        if !self.asks().any(|asked| *asked == wanted) {
            return Err(self.not_asked(attempt()));
        }
        let grants: Vec<&SocketGrant> = self
            .granted
            .sockets
            .iter()
            .filter(|grant| grant.to == *to)
            .collect();
        if grants.is_empty() {
            return Err(self.not_granted(attempt(), &wanted, None));
        }
        Ok(Addresses {
            named: grants
                .iter()
                .flat_map(|grant| grant.addresses.clone())
                .collect(),
            host: to.host.clone(),
        })
    }

    /// Returns the denial for an address of a granted name, with the lines that would grant the
    /// address.
    #[must_use]
    pub fn socket_address_denied(&self, to: &Endpoint, address: IpAddr) -> Denial {
        let mut wanted = Grants::default();
        wanted.sockets.push(SocketGrant {
            to: to.clone(),
            addresses: one_address(address),
        });
        let attempt = format!("connect to {to}, which is at the private address {address}");
        self.lacking(attempt, &wanted)
    }

    /// Checks that a name may be looked up: it must belong to an endpoint that the model may
    /// connect to.
    ///
    /// # Errors
    /// The permission is missing.
    pub fn look_up(&self, name: &str) -> Result<(), Denial> {
        // An address is not looked up.
        if name.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let is_it = |to: &Endpoint| matches!(&to.host, HostPattern::Name(it) if it == name);
        if self.sockets().any(is_it) {
            return Ok(());
        }
        let asked = self
            .asks()
            .find(|asked| matches!(asked, Permission::Sockets { to } if is_it(to)));
        let attempt = format!("look up the name `{name}`");
        Err(match asked {
            Some(asked) => self.not_granted(attempt, asked, None),
            None => self.not_asked(attempt),
        })
    }

    /// Returns whether the plugin requests any connections.
    #[must_use]
    pub fn asks_for_sockets(&self) -> bool {
        self.asks()
            .any(|asked| matches!(asked, Permission::Sockets { .. }))
    }

    /// Returns the endpoints that are both requested and granted.
    pub fn sockets(&self) -> impl Iterator<Item = &Endpoint> {
        self.granted
            .sockets
            .iter()
            .map(|grant| &grant.to)
            .filter(|to| {
                self.asks()
                    .any(|asked| matches!(asked, Permission::Sockets { to: asked } if asked == *to))
            })
    }

    /// Returns the folders that the model may use.
    #[must_use]
    pub fn folders(&self) -> Vec<Folder> {
        let mut folders: Vec<Folder> = Vec::new();
        for asked in self.asks() {
            let Permission::Files { name, access } = asked else {
                continue;
            };
            let grant = self.granted.files.iter().find(|grant| grant.name == *name);
            folders.extend(grant.map(|grant| folder(grant, *access)));
        }
        // A folder that is requested twice is passed once, with the wider access.
        folders.sort_by(|one, other| (&one.name, other.access).cmp(&(&other.name, one.access)));
        folders.dedup_by(|one, other| one.name == other.name);
        folders
    }

    /// Returns the folder with a name.
    ///
    /// # Errors
    /// The permission is missing.
    pub fn folder(&self, wanted: &str) -> Result<Folder, Denial> {
        let attempt = format!("use the folder `{wanted}`");
        let asked = self.asks().find(
            |asked| matches!(asked, Permission::Files { name, .. } if name.as_str() == wanted),
        );
        let Some(asked) = asked else {
            return Err(self.not_asked(attempt));
        };
        let mut folders = self.folders().into_iter();
        folders
            .find(|folder| folder.name.as_str() == wanted)
            .ok_or_else(|| self.not_granted(attempt, asked, Some("PATH")))
    }

    /// Checks that the model may see an environment variable.
    ///
    /// # Errors
    /// The permission is missing.
    pub fn variable(&self, wanted: &str) -> Result<(), Denial> {
        let attempt = format!("see the environment variable `{wanted}`");
        let asked = self
            .asks()
            .find(|asked| matches!(asked, Permission::Env { name } if name.as_str() == wanted));
        let Some(asked) = asked else {
            return Err(self.not_asked(attempt));
        };
        if self.env().any(|name| name.as_str() == wanted) {
            return Ok(());
        }
        Err(self.not_granted(attempt, asked, None))
    }

    /// Returns the environment variables that the model may see.
    pub fn env(&self) -> impl Iterator<Item = &EnvName> {
        self.asks().filter_map(|asked| {
            let Permission::Env { name } = asked else {
                return None;
            };
            self.granted.env.contains(name).then_some(name)
        })
    }

    /// Checks that a secret may be used. Returns the hosts to which it may be sent, perhaps none,
    /// and whether the plugin may see it.
    ///
    /// # Errors
    /// The plugin does not request the secret, or it requests only to see it and there is no grant.
    pub fn secret(&self, wanted: &SecretName) -> Result<SecretUse, Denial> {
        let attempt = || format!("use the secret `{wanted}`");
        let asks: Vec<&Permission> = self
            .asks()
            .filter(|asked| matches!(asked, Permission::Secrets { name, .. } if name == wanted))
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
        // The destination is known only when the secret is sent. That denial names the host.
        let is_sent = |asked: &&Permission| matches!(asked, Permission::Secrets { hosts, .. } if !hosts.is_empty());
        if grants.is_empty() && !asks.iter().any(is_sent) {
            return Err(self.not_granted(attempt(), asks[0], None));
        }
        let mut used = SecretUse {
            hosts: Vec::new(),
            reveal: false,
        };
        for asked in asks {
            if let Permission::Secrets { hosts, reveal, .. } = asked {
                used.reveal |= *reveal && grants.iter().any(|grant| grant.reveal);
                for granted in grants.iter().flat_map(|grant| &grant.hosts) {
                    used.hosts
                        .extend(hosts.iter().filter_map(|host| narrower(host, granted)));
                }
            }
        }
        Ok(used)
    }

    /// Returns the denial of a secret in a request to the host `to`. If `to` is `None`, the attempt
    /// was to show the secret to the plugin.
    #[must_use]
    pub fn secret_denied(&self, name: &SecretName, to: Option<&HttpOrigin>) -> Denial {
        let attempt = match to {
            Some(to) => format!("send the secret `{name}` to {to}"),
            None => format!("see the secret `{name}`"),
        };
        let asks = self.asks().any(|asked| {
            let Permission::Secrets {
                name: asked,
                hosts,
                reveal,
            } = asked
            else {
                return false;
            };
            asked == name && to.map_or(*reveal, |to| hosts.iter().any(|host| host.covers(to)))
        });
        if !asks {
            return self.not_asked(attempt);
        }
        let lacking = Permission::Secrets {
            name: name.clone(),
            hosts: to.cloned().into_iter().collect(),
            reveal: to.is_none(),
        };
        self.not_granted(attempt, &lacking, None)
    }

    /// Checks that a pinned program may be run.
    ///
    /// # Errors
    /// The permission is missing.
    pub fn command(&self, wanted: &CommandName) -> Result<(), Denial> {
        let attempt = || format!("run the command `{wanted}`");
        let asks = |asked: &Permission| matches!(asked, Permission::Commands { name } if name.matches(wanted));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt()));
        }
        if self.granted.commands.iter().any(|it| it.matches(wanted)) {
            return Ok(());
        }
        let lacking = Permission::Commands {
            name: CommandPattern::One(wanted.clone()),
        };
        Err(self.not_granted(attempt(), &lacking, None))
    }

    /// Returns the requested permissions, without the reasons.
    fn asks(&self) -> impl Iterator<Item = &Permission> {
        self.asked.iter().map(|request| &request.permission)
    }

    fn not_asked(&self, attempt: String) -> Denial {
        Denial {
            attempt,
            model: self.model.clone(),
            why: DenialReason::NotAsked(self.type_name.clone()),
        }
    }

    fn not_granted(&self, attempt: String, lacking: &Permission, path: Option<&str>) -> Denial {
        self.lacking(attempt, &Grants::of(lacking, path))
    }

    fn lacking(&self, attempt: String, wanted: &Grants) -> Denial {
        #[derive(Serialize)]
        struct File<'a> {
            grants: &'a Grants,
        }
        let mut grants = self.own.clone();
        grants.extend(wanted);
        Denial {
            attempt,
            model: self.model.clone(),
            why: DenialReason::NotGranted {
                yaml: yaml::write(&File { grants: &grants }),
            },
        }
    }
}

impl SecretUse {
    /// Returns whether no use is allowed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.hosts.is_empty() && !self.reveal
    }
}

impl Addresses {
    /// Returns whether a connection to an address of the name is allowed. Public addresses are
    /// allowed, and those that the operator granted.
    #[must_use]
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_named = match &self.host {
            HostPattern::Address(named) => named.to_canonical() == address,
            HostPattern::Name(name) => name == "localhost" && address.is_loopback(),
            HostPattern::EndsWith(_) | HostPattern::Any => false,
        };
        is_named || is_public(address) || self.named.iter().any(|range| range.contains(address))
    }
}

fn one_address(address: IpAddr) -> Vec<AddressRange> {
    let range = AddressRange::try_from(address.to_canonical().to_string());
    range.into_iter().collect()
}

fn folder(grant: &FolderGrant, asked: FileAccess) -> Folder {
    Folder {
        name: grant.name.clone(),
        path: grant.path.clone(),
        access: grant.access.min(asked),
    }
}

/// Returns the narrower of two origins if one covers the other, or else `None`.
fn narrower(one: &HttpOrigin, other: &HttpOrigin) -> Option<HttpOrigin> {
    match (one.covers(other), other.covers(one)) {
        (true, _) => Some(other.clone()),
        (false, true) => Some(one.clone()),
        (false, false) => None,
    }
}
