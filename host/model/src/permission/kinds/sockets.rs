//! Connections without HTTP, and look-ups of their names.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{GrantRules, KindRules, alone};
use crate::permission::Permission;
use crate::permission::address::{AddressRange, Addresses, one_address};
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;
use crate::permission::pattern::{Endpoint, HostPattern};

/// Make connections of TCP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketPermission {
    /// The destination.
    pub to: Endpoint,
}

/// Connections that are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketGrant {
    /// The destination.
    pub to: Endpoint,
    /// The addresses that are not public and that the name may resolve to, as in a grant of HTTP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

impl KindRules for SocketPermission {
    fn subject(&self) -> String {
        self.to.to_string()
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        alone(subject, details).map(|to| Self { to })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        granted.sockets.iter().any(|one| one.to == self.to)
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.sockets.push(SocketGrant {
            to: self.to.clone(),
            addresses: Vec::new(),
        });
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let is_granted = granted.sockets.iter().any(|grant| grant.to == self.to);
        is_granted
            .then(|| self.to.to_string())
            .into_iter()
            .collect()
    }

    fn narrowest(&self) -> Vec<String> {
        vec![format!("sockets: [{{to: \"{}\"}}]", self.to)]
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        matches!(used, Use::Socket(endpoint) if self.to == **endpoint)
    }
}

impl GrantRules for SocketGrant {
    fn subject(&self) -> String {
        self.to.to_string()
    }
}

impl Permissions {
    /// Checks that a connection may be made, and returns which addresses its host may have.
    ///
    /// # Errors
    /// The plugin does not request this, or no grant allows it.
    pub fn socket(&self, to: &Endpoint) -> Result<Addresses, Denial> {
        let attempt = || format!("connect to {to}");
        self.change_check(attempt)?;
        let wanted = Permission::Sockets(SocketPermission { to: to.clone() });
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

    /// Returns the denial of an address to which a granted name resolved, with the lines that would
    /// allow it.
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

    /// Checks that a name may be looked up: that of an endpoint to which connections may be made.
    ///
    /// # Errors
    /// The plugin does not request a connection to the name, or no grant allows it.
    pub fn look_up(&self, name: &str) -> Result<(), Denial> {
        // An address needs no look-up.
        if name.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let is_it = |to: &Endpoint| matches!(&to.host, HostPattern::Name(it) if it == name);
        if self.sockets().any(is_it) {
            return Ok(());
        }
        let asked = self.asks().find(
            |asked| matches!(asked, Permission::Sockets(SocketPermission { to }) if is_it(to)),
        );
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
            .any(|asked| matches!(asked, Permission::Sockets(_)))
    }

    /// Returns the endpoints that are both requested and granted.
    pub fn sockets(&self) -> impl Iterator<Item = &Endpoint> {
        self.granted
            .sockets
            .iter()
            .map(|grant| &grant.to)
            .filter(|to| {
                self.asks()
                    .any(|asked| matches!(asked, Permission::Sockets(SocketPermission { to: asked }) if asked == *to))
            })
    }
}
