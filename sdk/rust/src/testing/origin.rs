//! Where HTTP requests go, and the patterns of it in permissions.

use std::fmt;

use fluent_uri::Uri;

/// A scheme, a host and a port; or a pattern of them, in which `*` stands for all hosts or ports, and
/// `*.` at the beginning of a host for all names below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: String,
}

impl Origin {
    /// Parses `SCHEME://HOST` or `SCHEME://HOST:PORT`. Returns `None` if the text is none of them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => "80",
            "https" => "443",
            _ => return None,
        };
        // The colons of an IPv6 address are between brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            Some(_) | None => (authority, default),
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let port = port.to_owned();
        (!host.is_empty()).then_some(Self { scheme, host, port })
    }

    /// Returns the origin of a URL.
    pub(crate) fn of(url: &Uri<String>) -> Option<Self> {
        let authority = url.authority()?.as_str();
        Self::parse(&format!("{}://{authority}", url.scheme().as_str()))
    }

    /// Returns whether the pattern matches one origin.
    pub(super) fn covers(&self, one: &Self) -> bool {
        let is_host = match self.host.strip_prefix("*.") {
            Some(end) => {
                let rest = one.host.strip_suffix(end);
                rest.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => self.host == "*" || self.host == one.host,
        };
        self.scheme == one.scheme && is_host && (self.port == "*" || self.port == one.port)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        let is_default = matches!(
            (scheme.as_str(), port.as_str()),
            ("http", "80") | ("https", "443")
        );
        match is_default {
            true => write!(f, "{scheme}://{host}"),
            false => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, url: &str, expect: bool) {
        let pattern = Origin::parse(pattern).expect("a pattern");
        let url = Uri::parse(url.to_owned()).expect("a URL");
        let one = Origin::of(&url).expect("an origin");
        assert_eq!(pattern.covers(&one), expect, "{pattern} {one}");
    }

    #[test]
    fn pattern_matches_as_in_a_grant() {
        check(
            "https://api.example.com",
            "https://API.example.com/zones",
            true,
        );
        check(
            "https://api.example.com",
            "https://api.example.com:443/",
            true,
        );
        check(
            "https://api.example.com",
            "https://api.example.com:8443/",
            false,
        );
        check(
            "https://api.example.com:*",
            "https://api.example.com:8443/",
            true,
        );
        check("https://api.example.com", "http://api.example.com/", false);
        check("https://*.example.com", "https://a.b.example.com/", true);
        check("https://*.example.com", "https://example.com/", false);
        check("https://*.example.com", "https://badexample.com/", false);
        check("http://*:*", "http://127.0.0.1:8080/", true);
        check("http://[::1]:8080", "http://[::1]:8080/", true);
    }

    #[test]
    fn default_port_is_not_shown() {
        let shown = |text: &str| Origin::parse(text).expect("an origin").to_string();
        assert_eq!(shown("https://example.com:443"), "https://example.com");
        assert_eq!(shown("http://example.com:443"), "http://example.com:443");
        assert_eq!(Origin::parse("ftp://example.com"), None);
    }
}
