//! The subjects of permissions: origins, hosts, endpoints and names.

mod named;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::NameError;

pub use named::{CommandPattern, ModelPattern, SubjectName, SubjectPattern, WorkflowPattern};

/// The maximum length of a host name, in bytes (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 253;

const ORIGIN_RULE: &str = "it is `https://HOST` or `http://HOST`, optionally with `:PORT`, or `:*` for every port; HOST is a name in lower case, `*.` and the end of one, `*` for every one, or an address";
const SOCKET_RULE: &str = "it is `HOST:PORT`; HOST is a name in lower case or an address";

/// How a request reaches its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without encryption.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as URLs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the default port.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A host: a name, a suffix of names, an address, or all hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// One name, in lower case, without a dot at its end.
    Name(String),
    /// All hosts, by name or by address.
    Any,
    /// All names with this suffix and at least one more label: `*.example.com` contains
    /// `example.com`.
    EndsWith(String),
    /// One address.
    Address(IpAddr),
}

impl HostPattern {
    /// Parses a host; case is ignored. Returns `None` if the text is not a host.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(IpAddr::V6(address)));
        }
        if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
            return Some(Self::Address(IpAddr::V4(address)));
        }
        if text == "*" {
            return Some(Self::Any);
        }
        if let Some(end) = text.strip_prefix("*.") {
            return is_host_name(end).then(|| Self::EndsWith(end.to_owned()));
        }
        // A final dot marks a name as complete, and all names here are complete.
        let name = text.strip_suffix('.').unwrap_or(&text);
        is_host_name(name).then(|| Self::Name(name.to_owned()))
    }

    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::EndsWith(end), Self::Name(name)) => is_below(name, end),
            (Self::EndsWith(end), Self::EndsWith(narrower)) => {
                narrower == end || is_below(narrower, end)
            }
            (Self::Name(_) | Self::Address(_), _)
            | (Self::EndsWith(_), Self::Address(_) | Self::Any) => self == other,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Any => f.write_str("*"),
            Self::EndsWith(end) => write!(f, "*.{end}"),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn is_below(name: &str, end: &str) -> bool {
    name.strip_suffix(end)
        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name whose last label is a number is an address or invalid (WHATWG URL, 3.5).
    let ends_in_number = text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x"));
    text.len() <= HOST_BYTES_MAX && !ends_in_number && text.split('.').all(is_label)
}

/// One port, or all ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortPattern {
    /// All ports.
    Any,
    /// One port, from 1.
    One(u16),
}

impl PortPattern {
    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

impl fmt::Display for PortPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(port) => port.fmt(f),
        }
    }
}

/// Where HTTP requests go: a scheme, a host and a port.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpOrigin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: HostPattern,
    /// The port. The default port of the scheme if the text has none.
    pub port: PortPattern,
}

impl HttpOrigin {
    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.port.covers(other.port) && self.host.covers(&other.host)
    }

    /// Returns the port if this is one destination, and `None` if it is a pattern.
    #[must_use]
    pub fn port_of_one(&self) -> Option<u16> {
        match (&self.host, self.port) {
            (HostPattern::Name(_) | HostPattern::Address(_), PortPattern::One(port)) => Some(port),
            (
                HostPattern::Any
                | HostPattern::EndsWith(_)
                | HostPattern::Name(_)
                | HostPattern::Address(_),
                _,
            ) => None,
        }
    }
}

impl FromStr for HttpOrigin {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parse = || {
            let (scheme, rest) = text.split_once("://")?;
            let scheme = match scheme.to_ascii_lowercase().as_str() {
                "http" => Scheme::Http,
                "https" => Scheme::Https,
                _ => return None,
            };
            let (host, port) = host_and_port(rest)?;
            let (host, port) = (
                HostPattern::parse(host)?,
                port.unwrap_or(PortPattern::One(scheme.port())),
            );
            Some(Self { scheme, host, port })
        };
        parse().ok_or_else(|| refused("web origin", text, ORIGIN_RULE))
    }
}

impl fmt::Display for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == PortPattern::One(self.scheme.port()) {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

/// The destination of a connection: a host and a port.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// A name or an address; never a pattern.
    pub host: HostPattern,
    /// The port.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parse = || {
            let (host, port) = host_and_port(text)?;
            let PortPattern::One(port) = port? else {
                return None;
            };
            match HostPattern::parse(host)? {
                HostPattern::EndsWith(_) | HostPattern::Any => None,
                host @ (HostPattern::Name(_) | HostPattern::Address(_)) => {
                    Some(Self { host, port })
                }
            }
        };
        parse().ok_or_else(|| refused("TCP endpoint", text, SOCKET_RULE))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A field of a JSON value, as a JSON Pointer in which `*` stands for any one part:
/// `/keys/*/value`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FieldPattern(String);

impl FieldPattern {
    /// Returns the narrowest pattern for a field.
    ///
    /// A part that a pattern cannot write, for example one with white space, becomes `*`.
    #[must_use]
    pub fn of(pointer: &str) -> Self {
        let part = |part: &str| match is_field_part(part) {
            true => format!("/{part}"),
            false => "/*".to_owned(),
        };
        // The text before the first `/` is empty.
        Self(pointer.split('/').skip(1).map(part).collect())
    }

    /// Returns whether the pattern matches a JSON Pointer.
    #[must_use]
    pub fn matches(&self, pointer: &str) -> bool {
        let (parts, given) = (self.0.split('/'), pointer.split('/'));
        parts.clone().count() == given.clone().count()
            && parts
                .zip(given)
                .all(|(part, given)| part == "*" || part == given)
    }

    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

/// Returns whether a text can be a part of a [`FieldPattern`].
fn is_field_part(part: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\\');
    part.chars().all(is_plain) && part.len() <= FIELD_PART_BYTES_MAX
}

/// The maximum length of one part of a [`FieldPattern`], in bytes.
const FIELD_PART_BYTES_MAX: usize = 200;

/// The rule for a [`FieldPattern`].
const FIELD_RULE: &str =
    "write a JSON Pointer without white space, with `*` for any one part: `/keys/*/value`";

impl FromStr for FieldPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let has_parts = text.is_empty() || text.starts_with('/');
        if has_parts && text.split('/').all(is_field_part) {
            return Ok(Self(text.to_owned()));
        }
        Err(refused("field", text, FIELD_RULE))
    }
}

impl fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values that are hidden unless they are revealed.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RevealPattern {
    /// `argument:/token`: the secret in an argument.
    Argument(FieldPattern),
    /// `data:vault:/password`: a sealed field of a model's data, whichever its output spec.
    Data {
        /// The model.
        model: ModelPattern,
        /// The field.
        field: FieldPattern,
    },
}

impl RevealPattern {
    /// Returns whether the pattern matches a sealed field of a model's data.
    #[must_use]
    pub fn matches_data(&self, name: &str, pointer: &str) -> bool {
        match self {
            Self::Argument(_) => false,
            Self::Data { model, field } => model.matches(name) && field.matches(pointer),
        }
    }

    /// Returns whether the pattern matches an argument.
    #[must_use]
    pub fn matches_argument(&self, pointer: &str) -> bool {
        match self {
            Self::Argument(field) => field.matches(pointer),
            Self::Data { .. } => false,
        }
    }

    /// Returns whether the pattern matches everything that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Argument(one), Self::Argument(other)) => one.covers(other),
            (
                Self::Data { model, field },
                Self::Data {
                    model: other,
                    field: other_field,
                },
            ) => model.covers(other) && field.covers(other_field),
            (Self::Argument(_), Self::Data { .. }) | (Self::Data { .. }, Self::Argument(_)) => {
                false
            }
        }
    }
}

/// The rule for a [`RevealPattern`].
const REVEAL_RULE: &str =
    "write `argument:/FIELD` or `data:MODEL:/FIELD`, where FIELD is a JSON Pointer";

impl FromStr for RevealPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Some(field) = text.strip_prefix("argument:") {
            return Ok(Self::Argument(field.parse()?));
        }
        let data = text.strip_prefix("data:").and_then(|it| it.split_once(':'));
        let (model, field) = data.ok_or_else(|| refused("hidden value", text, REVEAL_RULE))?;
        Ok(Self::Data {
            model: model.parse()?,
            field: field.parse()?,
        })
    }
}

impl fmt::Display for RevealPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(field) => write!(f, "argument:{field}"),
            Self::Data { model, field } => write!(f, "data:{model}:{field}"),
        }
    }
}

macro_rules! text_of {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`{self}`")
            }
        }
    )*};
}

text_of!(HttpOrigin, Endpoint, FieldPattern, RevealPattern);

/// Splits `host:port`. An address of version 6 is in brackets.
fn host_and_port(text: &str) -> Option<(&str, Option<PortPattern>)> {
    let after_host = match text.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(after_host);
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    if digits == "*" {
        return Some((host, Some(PortPattern::Any)));
    }
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let port: u16 = is_number.then(|| digits.parse().ok())??;
    (port > 0).then_some((host, Some(PortPattern::One(port))))
}

fn refused(what: &'static str, text: &str, rule: &'static str) -> NameError {
    NameError {
        what,
        text: text.to_owned(),
        rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_pattern_matches_whole_pointers() {
        let check = |pattern: &str, pointer: &str, expect: bool| {
            let pattern: FieldPattern = pattern.parse().expect("a pattern");
            assert_eq!(pattern.matches(pointer), expect, "{pattern} {pointer}");
        };
        check("/password", "/password", true);
        check("/password", "/password/0", false);
        check("/password", "/passwords", false);
        check("/*", "/password", true);
        check("/*", "", false);
        check("/*", "/keys/0", false);
        check("/keys/*/value", "/keys/17/value", true);
        check("/keys/*/value", "/keys/17/name", false);
        check("", "", true);
        check("", "/a", false);
        assert_eq!(FieldPattern::of("/a b/c").to_string(), "/*/c");
        assert_eq!(FieldPattern::of("").to_string(), "");
        for bad in ["password", "/a b", "/a\n", "/a\"b"] {
            assert!(bad.parse::<FieldPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reveal_pattern_is_shown_as_it_is_written() {
        let check = |text: &str, is_valid: bool| {
            let parsed = text.parse::<RevealPattern>().map(|it| it.to_string());
            assert_eq!(parsed.ok().as_deref(), is_valid.then_some(text), "{text}");
        };
        check("argument:/token", true);
        check("argument:/auth/token", true);
        check("data:vault:/password", true);
        check("data:*:/keys/*", true);
        check("data:vault:", true);
        for bad in [
            "",
            "/token",
            "argument",
            "argument:token",
            "data:vault",
            "data:/a",
            "data:A b:/a",
        ] {
            check(bad, false);
        }
        let covers = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|it| it.parse().expect("a pattern"));
            RevealPattern::covers(&one, &other)
        };
        assert!(covers("data:*:/a", "data:vault:/a") && !covers("data:vault:/a", "data:*:/a"));
        assert!(covers("data:vault:/*", "data:vault:/a"));
        assert!(!covers("argument:/a", "data:vault:/a"));
    }

    #[test]
    fn origin_is_shown_as_it_is_written() {
        let check = |text: &str, expect: Option<&str>| {
            let found = text
                .parse::<HttpOrigin>()
                .map(|origin| origin.to_string())
                .ok();
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("https://api.example.com", Some("https://api.example.com"));
        check(
            "HTTPS://API.example.com:443",
            Some("https://api.example.com"),
        );
        check("http://example.com:8080", Some("http://example.com:8080"));
        check("https://*.example.com", Some("https://*.example.com"));
        check("https://*", Some("https://*"));
        check("http://*:8080", Some("http://*:8080"));
        check("http://*:*", Some("http://*:*"));
        check("http://[::1]:*", Some("http://[::1]:*"));
        check("https://example.com.", Some("https://example.com"));
        check("http://127.0.0.1:80", Some("http://127.0.0.1"));
        check("http://[::1]:8080", Some("http://[::1]:8080"));
        check("http://[0:0::1]", Some("http://[::1]"));
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://**",
            "https://*.",
            "https://a.*.com",
            "https://example.com/",
            "https://u@example.com",
            "https://a b",
            "https://example.com:",
            "https://example.com:**",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:+1",
            "https://1.2.3",
            "https://0x7f.1",
            "https://127.1",
            "https://2130706433",
            "https://[::1",
            "https://::1",
            "https://-a.com",
            "https://a..b",
            "https://a.com\r\n",
            "https://ex\u{e4}mple.com",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn pattern_covers_only_what_it_names() {
        let check = |wide: &str, narrow: &str, expect: bool| {
            let origin = |text: &str| text.parse::<HttpOrigin>().expect(text);
            assert_eq!(
                origin(wide).covers(&origin(narrow)),
                expect,
                "{wide} {narrow}"
            );
        };
        check("https://a.com", "https://a.com:443", true);
        check("https://a.com", "http://a.com", false);
        check("https://a.com", "https://a.com:8443", false);
        check("https://a.com", "https://b.a.com", false);
        check("https://*.a.com", "https://b.a.com", true);
        check("https://*.a.com", "https://c.b.a.com", true);
        check("https://*.a.com", "https://*.b.a.com", true);
        check("https://*.a.com", "https://*.a.com", true);
        check("https://*.a.com", "https://a.com", false);
        check("https://*.a.com", "https://ba.com", false);
        check("https://*.b.a.com", "https://*.a.com", false);
        check("https://*", "https://a.com", true);
        check("https://*", "https://*.a.com", true);
        check("https://*", "https://127.0.0.1", true);
        check("https://*", "https://*", true);
        check("https://*", "https://a.com:8443", false);
        check("https://*", "http://a.com", false);
        check("https://*:*", "https://a.com:8443", true);
        check("https://*:*", "https://*", true);
        check("https://a.com:*", "https://a.com", true);
        check("https://a.com:*", "https://b.com", false);
        check("https://a.com", "https://a.com:*", false);
        check("https://*.a.com", "https://*", false);
        check("https://a.com", "https://*", false);
        check("http://127.0.0.1", "http://127.0.0.1", true);
        check("http://127.0.0.1", "http://127.0.0.2", false);
    }

    #[test]
    fn endpoint_has_a_port_and_one_host() {
        for good in ["db.internal:5432", "10.0.0.1:1", "[fe80::1]:22"] {
            let endpoint: Endpoint = good.parse().expect(good);
            assert_eq!(endpoint.to_string(), good);
        }
        for bad in [
            "db.internal",
            "db.internal:*",
            "*.internal:1",
            "*:1",
            ":1",
            "a:b",
            "a:1:2",
        ] {
            bad.parse::<Endpoint>().expect_err(bad);
        }
    }
}
