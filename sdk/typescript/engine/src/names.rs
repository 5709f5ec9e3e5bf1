//! Converts names between the spelling of Rust, in which the bindings have them, and that of the
//! values that a script sees.

/// The segments of names in WASI that are written in upper case.
const ACRONYMS: [&str; 4] = ["dns", "http", "tls", "uri"];

/// Returns the property for a field of a record: `waited_ms` becomes `waitedMs`, and `type_`, which
/// would be a keyword without the underscore, becomes `type`.
#[must_use]
pub fn property(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    let mut is_start = false;
    for letter in field.chars() {
        match (letter, is_start) {
            ('_', _) => is_start = !name.is_empty(),
            (_, true) => {
                name.push(letter.to_ascii_uppercase());
                is_start = false;
            }
            (_, false) => name.push(letter),
        }
    }
    name
}

/// Returns the tag for a case of a variant or an enum: `LockTimeout` becomes `lock-timeout`.
#[must_use]
pub fn tag(case: &str) -> String {
    let mut name = String::with_capacity(case.len() + 4);
    for letter in case.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Returns a tag in the spelling of `wasi:http`: `http-request-denied` becomes `HTTP-request-denied`.
#[must_use]
pub fn http_tag(tag: &str) -> String {
    let segments: Vec<String> = tag
        .split('-')
        .map(|segment| match ACRONYMS.contains(&segment) {
            true => segment.to_ascii_uppercase(),
            false => segment.to_owned(),
        })
        .collect();
    segments.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_becomes_property() {
        assert_eq!(property("name"), "name");
        assert_eq!(property("waited_ms"), "waitedMs");
        assert_eq!(property("created_at_ms"), "createdAtMs");
        assert_eq!(property("type_"), "type");
    }

    #[test]
    fn case_becomes_tag() {
        assert_eq!(tag("Cancelled"), "cancelled");
        assert_eq!(tag("LockTimeout"), "lock-timeout");
        assert_eq!(
            http_tag(&tag("HttpRequestUriTooLong")),
            "HTTP-request-URI-too-long"
        );
        assert_eq!(http_tag(&tag("ConnectionRefused")), "connection-refused");
        assert_eq!(
            http_tag(&tag("TlsCertificateError")),
            "TLS-certificate-error"
        );
    }
}
