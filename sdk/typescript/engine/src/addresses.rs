//! URLs, as the WHATWG standard defines them.

use url::{Position, Url, quirks};

/// The parts of a URL, as the class `URL` of a script shows them.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    /// The names of the parts and their values, in this order.
    pub parts: [(&'static str, String); 11],
}

/// A part of a URL that a script sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Href,
    /// The scheme, with or without its colon.
    Protocol,
    /// The user name.
    Username,
    /// The password.
    Password,
    /// The host name and the port.
    Host,
    /// The host name.
    Hostname,
    /// The port.
    Port,
    /// The path.
    Pathname,
    /// The query, with or without its question mark.
    Search,
    /// The fragment, with or without its number sign.
    Hash,
}

impl Part {
    /// Returns the part of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "href" => Self::Href,
            "protocol" => Self::Protocol,
            "username" => Self::Username,
            "password" => Self::Password,
            "host" => Self::Host,
            "hostname" => Self::Hostname,
            "port" => Self::Port,
            "pathname" => Self::Pathname,
            "search" => Self::Search,
            "hash" => Self::Hash,
            _ => return None,
        })
    }
}

/// Returns the parts of a URL, which may be relative to `base`, or `None` if it is not valid.
#[must_use]
pub fn parse(text: &str, base: Option<&str>) -> Option<Parts> {
    // ignored: the script's `URL` says that it is invalid, as the standard has it, and no more.
    let base = base.map(Url::parse).transpose().ok()?;
    // ignored: as above.
    let url = Url::options().base_url(base.as_ref()).parse(text).ok()?;
    Some(parts(&url))
}

/// Returns a URL after a part of it was set, or `None` if `href` or, for [`Part::Href`], the new value
/// is not valid. Other values that do not fit leave the URL as it is.
#[must_use]
pub fn set(href: &str, part: Part, value: &str) -> Option<Parts> {
    // ignored: the script's `URL` says that it is invalid, and no more.
    let mut url = Url::parse(href).ok()?;
    let set = match part {
        Part::Href => quirks::set_href(&mut url, value).map_err(|_| ()),
        Part::Protocol => quirks::set_protocol(&mut url, value),
        Part::Username => quirks::set_username(&mut url, value),
        Part::Password => quirks::set_password(&mut url, value),
        Part::Host => quirks::set_host(&mut url, value),
        Part::Hostname => quirks::set_hostname(&mut url, value),
        Part::Port => quirks::set_port(&mut url, value),
        Part::Pathname => {
            quirks::set_pathname(&mut url, value);
            Ok(())
        }
        Part::Search => {
            quirks::set_search(&mut url, value);
            Ok(())
        }
        Part::Hash => {
            quirks::set_hash(&mut url, value);
            Ok(())
        }
    };
    (set.is_ok() || part != Part::Href).then(|| parts(&url))
}

fn parts(url: &Url) -> Parts {
    let (hash, search) = (quirks::hash(url), quirks::search(url));
    Parts {
        parts: [
            ("href", url[Position::BeforeScheme..].to_owned()),
            ("origin", quirks::origin(url)),
            ("protocol", quirks::protocol(url).to_owned()),
            ("username", quirks::username(url).to_owned()),
            ("password", quirks::password(url).to_owned()),
            ("host", quirks::host(url).to_owned()),
            ("hostname", quirks::hostname(url).to_owned()),
            ("port", quirks::port(url).to_owned()),
            ("pathname", quirks::pathname(url).to_owned()),
            ("search", search.to_owned()),
            ("hash", hash.to_owned()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'p>(parts: &'p Parts, name: &str) -> &'p str {
        let part = parts.parts.iter().find(|(found, _)| *found == name);
        &part.expect("the part exists").1
    }

    #[test]
    fn url_is_parsed_against_its_base() {
        let parts = parse("../b?x=ä#y", Some("https://u:p@Example.com:8443/a/c/")).expect("valid");
        assert_eq!(
            value(&parts, "href"),
            "https://u:p@example.com:8443/a/b?x=%C3%A4#y"
        );
        assert_eq!(value(&parts, "origin"), "https://example.com:8443");
        assert_eq!(value(&parts, "host"), "example.com:8443");
        assert_eq!(value(&parts, "pathname"), "/a/b");
        assert_eq!(value(&parts, "search"), "?x=%C3%A4");
        assert_eq!(parse("/b", None), None);
        assert_eq!(parse("http://[", None), None);
        assert_eq!(parse("/b", Some("no")), None);
    }

    #[test]
    fn part_is_set_or_left() {
        let check = |part, new, expected: Option<&str>| {
            let set = set("https://a.example/x?y#z", part, new);
            assert_eq!(
                set.as_ref().map(|parts| value(parts, "href")),
                expected,
                "{new}"
            );
        };
        check(Part::Port, "99999", Some("https://a.example/x?y#z"));
        check(Part::Port, "81", Some("https://a.example:81/x?y#z"));
        check(Part::Search, "a b", Some("https://a.example/x?a%20b#z"));
        check(Part::Hash, "", Some("https://a.example/x?y"));
        check(Part::Href, "mailto:a@b", Some("mailto:a@b"));
        check(Part::Href, "no", None);
    }

    #[test]
    fn every_part_that_can_be_set_has_a_name() {
        let parts = parse("https://a.example/", None).expect("valid");
        for (name, _) in &parts.parts {
            assert_eq!(Part::named(name).is_some(), *name != "origin", "{name}");
        }
    }
}
