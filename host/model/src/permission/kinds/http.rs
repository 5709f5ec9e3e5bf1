//! HTTP requests.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{GrantRules, KindRules, narrower, origin_of_one};
use crate::permission::Permission;
use crate::permission::address::{AddressRange, Addresses, one_address};
use crate::permission::choice::ChoiceError;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;
use crate::permission::pattern::{HostPattern, HttpOrigin};

/// Send HTTP requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPermission {
    /// The destination.
    pub url: HttpOrigin,
    /// The methods; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

/// HTTP requests that are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// The destination.
    pub url: HttpOrigin,
    /// The methods; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The addresses that are not public and that the name may resolve to. If this is empty, the
    /// name may resolve to public addresses only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

impl KindRules for HttpPermission {
    fn subject(&self) -> String {
        self.url.to_string()
    }

    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.methods.iter().try_for_each(|it| write!(f, " {it}"))
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        let are_methods = details.iter().all(|it| is_http_method(it));
        are_methods.then_some(Self {
            url: subject.parse().ok()?, // ignored: the caller reports the line
            methods: details.iter().map(|&it| it.to_owned()).collect(),
        })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        let meets = |one: &HttpGrant| one.url.covers(&self.url) || self.url.covers(&one.url);
        granted.http.iter().any(meets)
    }

    fn has_all(&self, granted: &Grants) -> bool {
        let asked = &self.methods;
        let every = |granted: &[String]| {
            granted.is_empty() || (!asked.is_empty() && asked.iter().all(|it| granted.contains(it)))
        };
        let has = |one: &HttpGrant| one.url.covers(&self.url) && every(&one.methods);
        granted.http.iter().any(has)
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.http.push(HttpGrant {
            url: self.url.clone(),
            methods: self.methods.clone(),
            addresses: Vec::new(),
        });
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let grants = granted.http.iter();
        grants
            .filter_map(|grant| effective_http(&self.url, &self.methods, grant))
            .collect()
    }

    fn narrowed(&self, subject: &str) -> Option<Permission> {
        let wanted: HttpOrigin = subject.parse().ok()?;
        self.url.covers(&wanted).then(|| {
            Permission::Http(Self {
                url: wanted,
                methods: self.methods.clone(),
            })
        })
    }

    fn narrowest(&self) -> Vec<String> {
        let url = origin_of_one(&self.url);
        let of = |method: &str| format!("http: [{{url: \"{url}\", methods: [{method}]}}]");
        if self.methods.is_empty() {
            vec![of("GET")]
        } else {
            self.methods.iter().map(|method| of(method)).collect()
        }
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        matches!(
            used,
            Use::Http(to, method)
                if self.url.covers(to)
                    && (self.methods.is_empty() || self.methods.iter().any(|it| it == method))
        )
    }
}

impl GrantRules for HttpGrant {
    fn subject(&self) -> String {
        self.url.to_string()
    }

    fn subject_parsed(subject: &str) -> Result<String, ChoiceError> {
        Ok(subject.parse::<HttpOrigin>()?.to_string())
    }
}

/// The methods that only read, by their definition (RFC 9110, section 9.2.1). `TRACE` is not among
/// them, because its response repeats the headers of the request, which may have credentials.
const SAFE_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

impl Permissions {
    /// Checks that a request may be sent, and returns which addresses its host may have.
    ///
    /// # Errors
    /// The plugin does not request this, or no grant allows it.
    pub fn http(&self, to: &HttpOrigin, method: &str) -> Result<Addresses, Denial> {
        let fits = |methods: &[String]| {
            methods.is_empty() || methods.iter().any(|allowed| allowed == method)
        };
        let attempt = || format!("send {method} to {to}");
        if !SAFE_METHODS.contains(&method) {
            self.change_check(attempt)?;
        }
        let asks = |asked: &Permission| matches!(asked, Permission::Http(HttpPermission { url, methods }) if url.covers(to) && fits(methods));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt()));
        }
        let grants = self.granted.http.iter();
        let grants: Vec<&HttpGrant> = grants
            .filter(|grant| grant.url.covers(to) && fits(&grant.methods))
            .collect();
        if grants.is_empty() {
            let lacking = Permission::Http(HttpPermission {
                url: to.clone(),
                methods: vec![method.to_owned()],
            });
            return Err(self.not_granted(attempt(), &lacking, None));
        }
        Ok(Addresses {
            named: grants
                .iter()
                .flat_map(|grant| grant.addresses.clone())
                .collect(),
            // Only a grant of exactly this host implies the address that the host is.
            host: match grants.iter().any(|grant| grant.url.host == to.host) {
                true => to.host.clone(),
                false => HostPattern::Any,
            },
        })
    }

    /// Returns the denial of an address to which a granted name resolved, with the lines that would
    /// allow it.
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
}

fn effective_http(url: &HttpOrigin, asked: &[String], grant: &HttpGrant) -> Option<String> {
    let url = narrower(url, &grant.url)?;
    let methods: Vec<&str> = match (asked.is_empty(), grant.methods.is_empty()) {
        (true, _) => grant.methods.iter().map(String::as_str).collect(),
        (false, true) => asked.iter().map(String::as_str).collect(),
        (false, false) => {
            let both: Vec<&str> = asked
                .iter()
                .filter(|method| grant.methods.contains(method))
                .map(String::as_str)
                .collect();
            if both.is_empty() {
                return None;
            }
            both
        }
    };
    let methods = if methods.is_empty() {
        "any".to_owned()
    } else {
        methods.join(", ")
    };
    Some(format!("{methods} {url}"))
}

/// Returns whether a text is a method of HTTP: a token in upper case (RFC 9110, 9.1).
#[must_use]
pub fn is_http_method(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}
