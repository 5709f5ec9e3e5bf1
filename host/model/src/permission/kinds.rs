//! The kinds of permissions, one file each.
//!
//! Each file defines its kind completely: the request of a plugin, the grant of an operator, the
//! check of an attempt, the match of a use, and their texts. To add a kind, add a file here and a
//! variant of [`Permission`](super::Permission); the compiler names the other places.

pub(super) mod commands;
pub(super) mod env;
pub(super) mod files;
pub(super) mod http;
pub(super) mod models;
pub(super) mod secrets;
pub(super) mod sockets;

use std::fmt;
use std::str::FromStr;

use super::Permission;
use super::effective::Use;
use super::grants::Grants;
use super::pattern::{HostPattern, HttpOrigin, PortPattern};

/// The rules of one kind, for one permission that a plugin requests.
pub(super) trait KindRules {
    /// Returns the subject as it is named on a command line: `https://example.com`.
    fn subject(&self) -> String;

    /// Writes the rest of the line that describes the permission, after the kind and the subject.
    fn details(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    /// Parses what [`KindRules::subject`] and [`KindRules::details`] wrote. Returns `None` if the
    /// words do not describe a permission of this kind.
    fn of_words(subject: &str, details: &[&str]) -> Option<Self>
    where
        Self: Sized;

    /// Returns whether the permission is granted, completely or in part.
    fn has_part(&self, granted: &Grants) -> bool;

    /// Returns whether one grant covers the permission completely.
    fn has_all(&self, granted: &Grants) -> bool {
        self.has_part(granted)
    }

    /// Adds the grant of exactly this permission. A folder is granted at `path`; without a path,
    /// nothing is added.
    fn grant(&self, grants: &mut Grants, path: Option<&str>);

    /// Returns the part of the permission that is effective, one line each. Returns no lines if
    /// nothing is granted.
    fn effective(&self, granted: &Grants) -> Vec<String>;

    /// Returns the part of the permission that `subject` names. Returns `None` if the permission
    /// does not cover it.
    fn narrowed(&self, _subject: &str) -> Option<Permission> {
        None
    }

    /// Returns the narrowest grants of the permission, as lines for the key `grants:` of a
    /// definition. Values that only the operator knows are in capitals: `HOST`, `PATH`, `NAME`.
    fn narrowest(&self) -> Vec<String>;

    /// Returns whether the permission allows a use.
    fn permits(&self, used: &Use<'_>) -> bool;
}

/// Parses a subject that has no details.
fn alone<T: FromStr>(subject: &str, details: &[&str]) -> Option<T> {
    // ignored: the caller reports the line.
    details.is_empty().then(|| subject.parse().ok()).flatten()
}

/// Returns the narrower of two patterns. Returns `None` if neither covers the other.
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
        // Without a port, an origin has the default port of its scheme.
        PortPattern::Any => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) if port == scheme.port() => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) => format!("{}://{host}:{port}", scheme.as_str()),
    }
}
