//! The kinds of permissions, one file each.
//!
//! A file has all of its kind: what a plugin requests, what an operator grants, whether a call may
//! do something, what was used, and the words of all that. To add a kind, add a file here and a
//! variant of [`Permission`](super::Permission); the compiler names the other places.

pub(super) mod commands;
pub(super) mod env;
pub(super) mod files;
pub(super) mod http;
pub(super) mod models;
pub(super) mod secrets;
pub(super) mod sockets;

use std::fmt;

use super::Permission;
use super::effective::Use;
use super::grants::Grants;
use super::pattern::{HostPattern, HttpOrigin, PortPattern};

/// The rules of one kind, for one permission that a plugin requests.
pub(super) trait KindRules {
    /// Returns what it is about, as it is named on a command line: `https://example.com`.
    fn subject(&self) -> String;

    /// Writes what one line says besides the kind and the subject.
    fn details(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    /// Returns whether something of it is granted, or all of it.
    fn has_part(&self, granted: &Grants) -> bool;

    /// Returns whether one grant covers all of it.
    fn has_all(&self, granted: &Grants) -> bool {
        self.has_part(granted)
    }

    /// Adds the grant of exactly this. A folder is granted at `path`; without one nothing is
    /// granted.
    fn grant(&self, grants: &mut Grants, path: Option<&str>);

    /// Returns what of it is allowed, one line each; empty for nothing.
    fn effective(&self, granted: &Grants) -> Vec<String>;

    /// Returns the part that another subject names; `None` if that is no part of it.
    fn narrowed(&self, _subject: &str) -> Option<Permission> {
        None
    }

    /// Returns the narrowest grants of it, as lines for the key `grants:` of a definition. What
    /// only the operator knows is in capitals: `HOST`, `PATH`, `NAME`.
    fn narrowest(&self) -> Vec<String>;

    /// Returns whether a use is one of those that it permits.
    fn permits(&self, used: &Use<'_>) -> bool;
}

/// Returns the narrower of two that one covers; none if neither covers the other.
fn narrower(one: &HttpOrigin, other: &HttpOrigin) -> Option<HttpOrigin> {
    match (one.covers(other), other.covers(one)) {
        (true, _) => Some(other.clone()),
        (false, true) => Some(one.clone()),
        (false, false) => None,
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
        // The scheme's own port is the one that is meant unless another one is named.
        PortPattern::Any => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) if port == scheme.port() => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) => format!("{}://{host}:{port}", scheme.as_str()),
    }
}
