//! Reads the key `grants`.

use std::fmt::Display;
use std::str::FromStr;

use sedge_model::permission::grants::{FolderGrant, Grants, HttpGrant, SecretGrant, SocketGrant};
use sedge_model::permission::{FileAccess, is_http_method};

use crate::diagnostic::DiagnosticCode;
use crate::suggest::nearest;
use crate::yaml::node::Node;
use crate::yaml::{Faults, KeySet, Keys, read};

/// The kinds of grants.
pub(crate) const GRANT_KEYS: KeySet = KeySet {
    of: "the grants",
    keys: &[
        "models",
        "workflows",
        "http",
        "sockets",
        "files",
        "env",
        "secrets",
        "commands",
        "reveal",
    ],
    foreign: &[
        (
            "network",
            "write `http: [{url: \"https://HOST\"}]`, or `sockets: [{to: \"HOST:PORT\"}]`",
        ),
        ("hosts", "write `http: [{url: \"https://HOST\"}]`"),
        ("folders", "write `files: [{name: NAME, path: PATH}]`"),
        ("filesystem", "write `files: [{name: NAME, path: PATH}]`"),
        ("environment", "write `env: [NAME]`"),
    ],
};

/// The keys of a grant of HTTP requests.
pub(crate) const HTTP_GRANT_KEYS: KeySet = KeySet {
    of: "a grant of HTTP requests",
    keys: &["url", "methods", "addresses"],
    foreign: &[
        ("host", "write `url: \"https://HOST\"`"),
        ("method", "write `methods: [GET]`"),
    ],
};

/// The keys of a grant of TCP connections.
pub(crate) const SOCKET_GRANT_KEYS: KeySet = KeySet {
    of: "a grant of TCP connections",
    keys: &["to", "addresses"],
    foreign: &[
        ("host", "write `to: \"HOST:PORT\"`"),
        ("port", "write `to: \"HOST:PORT\"`"),
    ],
};

/// The keys of a granted folder.
pub(crate) const FOLDER_GRANT_KEYS: KeySet = KeySet {
    of: "a granted folder",
    keys: &["name", "path", "access"],
    foreign: &[
        ("write", "write `access: write`"),
        ("mode", "write `access: read` or `access: write`"),
    ],
};

/// The keys of a granted secret.
pub(crate) const SECRET_GRANT_KEYS: KeySet = KeySet {
    of: "a granted secret",
    keys: &["name", "hosts", "reveal"],
    foreign: &[
        ("to", "write `hosts: [\"https://HOST\"]`"),
        ("host", "write `hosts: [\"https://HOST\"]`"),
    ],
};

/// Reads the grants of a definition. Each list also takes one item without brackets.
pub(crate) fn grants(node: &Node, faults: &mut Faults) -> Grants {
    let Some(keys) = Keys::read(node, &GRANT_KEYS, faults) else {
        return Grants::default();
    };
    Grants {
        models: items(keys.get("models"), faults, named),
        workflows: items(keys.get("workflows"), faults, named),
        http: items(keys.get("http"), faults, http),
        sockets: items(keys.get("sockets"), faults, socket),
        files: items(keys.get("files"), faults, folder),
        env: items(keys.get("env"), faults, named),
        secrets: items(keys.get("secrets"), faults, secret),
        commands: items(keys.get("commands"), faults, named),
        reveal: items(keys.get("reveal"), faults, named),
    }
}

fn items<'n, T>(
    node: Option<&'n Node>,
    faults: &mut Faults,
    item: impl FnMut(&'n Node, &mut Faults) -> Option<T>,
) -> Vec<T> {
    let read = node.and_then(|node| read::one_or_list(node, faults, item));
    read.map(|it| it.value).unwrap_or_default()
}

/// Reads an item that is a text of a form.
fn named<N: FromStr<Err: Display>>(node: &Node, faults: &mut Faults) -> Option<N> {
    read::parsed(node, faults).map(|it| it.value)
}

fn http(node: &Node, faults: &mut Faults) -> Option<HttpGrant> {
    if node.text().is_some() {
        return Some(HttpGrant {
            url: named(node, faults)?,
            methods: Vec::new(),
            addresses: Vec::new(),
        });
    }
    let keys = Keys::read(node, &HTTP_GRANT_KEYS, faults)?;
    let url = keys.required("url", faults);
    let url = url.and_then(|it| named(it, faults));
    let methods = items(keys.get("methods"), faults, method);
    let addresses = items(keys.get("addresses"), faults, named);
    Some(HttpGrant {
        url: url?,
        methods,
        addresses,
    })
}

/// Reads a method of HTTP. The methods of HTTP are in capitals, and `get` would allow nothing.
fn method(node: &Node, faults: &mut Faults) -> Option<String> {
    let method = read::text(node, faults)?;
    if is_http_method(&method.value) {
        return Some(method.value);
    }
    let message = format!("`{}` is not a method of HTTP", method.value.escape_debug());
    let fault = faults.fault(method.span, message);
    faults.push(fault.with_hint("methods are in capitals: `GET`, `POST`"));
    None
}

fn socket(node: &Node, faults: &mut Faults) -> Option<SocketGrant> {
    if node.text().is_some() {
        return Some(SocketGrant {
            to: named(node, faults)?,
            addresses: Vec::new(),
        });
    }
    let keys = Keys::read(node, &SOCKET_GRANT_KEYS, faults)?;
    let to = keys.required("to", faults);
    let to = to.and_then(|it| named(it, faults));
    let addresses = items(keys.get("addresses"), faults, named);
    Some(SocketGrant { to: to?, addresses })
}

fn folder(node: &Node, faults: &mut Faults) -> Option<FolderGrant> {
    let keys = Keys::read(node, &FOLDER_GRANT_KEYS, faults)?;
    let name = keys.required("name", faults);
    let name = name.and_then(|it| named(it, faults));
    let path = keys.required("path", faults);
    let path = path.and_then(|it| read::text(it, faults));
    let access = keys.get("access").map(|it| access(it, faults));
    Some(FolderGrant {
        name: name?,
        path: path?.value,
        access: match access {
            Some(access) => access?,
            None => FileAccess::default(),
        },
    })
}

fn access(node: &Node, faults: &mut Faults) -> Option<FileAccess> {
    const ALL: [FileAccess; 2] = [FileAccess::Read, FileAccess::Write];
    let access = read::text(node, faults)?;
    let found = ALL.into_iter().find(|it| it.as_str() == access.value);
    if found.is_none() {
        let message = format!("`{}` is not an access", access.value.escape_debug());
        let fault = faults.fault(access.span, message);
        let near = nearest(&access.value, ALL.map(FileAccess::as_str));
        faults.push(match near {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint("write `read`, or `write` for both"),
        });
    }
    found
}

fn secret(node: &Node, faults: &mut Faults) -> Option<SecretGrant> {
    let keys = if node.text().is_some() {
        let fault = faults.fault(node.span.clone(), "a granted secret is a map");
        let hint = format!(
            "write `{{name: {}, hosts: [\"https://HOST\"]}}`",
            node.text().unwrap_or_default()
        );
        faults.push(fault.with_code(DiagnosticCode::WrongType).with_hint(hint));
        return None;
    } else {
        Keys::read(node, &SECRET_GRANT_KEYS, faults)?
    };
    let name = keys.required("name", faults);
    let name = name.and_then(|it| named(it, faults));
    let hosts = items(keys.get("hosts"), faults, named);
    let reveal = keys.get("reveal").map(|it| read::boolean(it, faults));
    Some(SecretGrant {
        name: name?,
        hosts,
        reveal: match reveal {
            Some(reveal) => reveal?.value,
            None => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use sedge_model::permission::PermissionKind;
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::yaml::parse_tree;

    fn parse(text: &str) -> Result<Grants, Faults> {
        let file = SourceFile::new("f.yaml", text);
        let node = parse_tree(&file).expect(text);
        let mut faults = Faults::new(&file);
        let grants = grants(&node, &mut faults);
        faults.result(grants)
    }

    fn check(text: &str, expect: &Value) {
        let grants = parse(text).expect(text);
        let value = serde_json::to_value(&grants).expect("it has a form in JSON");
        assert_eq!(&value, expect, "{text}");
    }

    fn check_fault(text: &str, expect: &str) {
        let faults = parse(text).expect_err(text);
        assert_eq!(faults.to_string(), expect, "{text}");
    }

    #[test]
    fn every_kind_has_a_key() {
        let kinds: Vec<&str> = PermissionKind::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(GRANT_KEYS.keys, kinds);
    }

    #[test]
    fn every_kind_is_read() {
        check("{}\n", &json!({}));
        check(
            "models: [\"*\", sink, \"@acme/x\"]\n",
            &json!({"models": ["*", "sink", "@acme/x"]}),
        );
        check(
            "workflows: [nightly, \"@acme/x\"]\n",
            &json!({"workflows": ["nightly", "@acme/x"]}),
        );
        check("env: HOME\n", &json!({"env": ["HOME"]}));
        check("commands: [date]\n", &json!({"commands": ["date"]}));
        check(
            "reveal: [\"data:vault:/password\", \"argument:/token\"]\n",
            &json!({"reveal": ["data:vault:/password", "argument:/token"]}),
        );
        check(
            "http:\n  - https://a.test\n  - {url: https://b.test, methods: [GET], addresses: [10.0.0.0/8]}\n",
            &json!({"http": [
                {"url": "https://a.test"},
                {"url": "https://b.test", "methods": ["GET"], "addresses": ["10.0.0.0/8"]},
            ]}),
        );
        check(
            "sockets: [\"db.test:5432\", {to: \"b.test:1\", addresses: [127.0.0.1]}]\n",
            &json!({"sockets": [
                {"to": "db.test:5432"},
                {"to": "b.test:1", "addresses": ["127.0.0.1"]},
            ]}),
        );
        check(
            "files: [{name: inbox, path: in}, {name: out, path: /srv/out, access: write}]\n",
            &json!({"files": [
                {"name": "inbox", "path": "in", "access": "read"},
                {"name": "out", "path": "/srv/out", "access": "write"},
            ]}),
        );
        check(
            "secrets: [{name: TOKEN, hosts: [\"https://a.test\"]}, {name: KEY, reveal: true}]\n",
            &json!({"secrets": [
                {"name": "TOKEN", "hosts": ["https://a.test"]},
                {"name": "KEY", "reveal": true},
            ]}),
        );
    }

    #[test]
    fn faults_are_at_the_value() {
        check_fault(
            "env: [\"1X\"]\n",
            "f.yaml:1:7: `1X` is not a name of an environment variable: it takes 1 to 255 letters, digits and `_` of ASCII, and does not begin with a digit",
        );
        check_fault(
            "http: [{url: https://a.test, methods: [get]}]\n",
            "f.yaml:1:40: `get` is not a method of HTTP",
        );
        check_fault(
            "files: [{name: a, path: b, access: wrte}]\n",
            "f.yaml:1:36: `wrte` is not an access",
        );
        check_fault(
            "secrets: [TOKEN]\n",
            "f.yaml:1:11: a granted secret is a map",
        );
        for (text, code) in [
            ("nets: []\n", DiagnosticCode::UnknownKey),
            ("network: []\n", DiagnosticCode::ForeignKey),
            ("http: [{host: a.test}]\n", DiagnosticCode::ForeignKey),
            ("files: [{name: a}]\n", DiagnosticCode::MissingKey),
            ("env: [[HOME]]\n", DiagnosticCode::WrongType),
            (
                "secrets: [{name: A, reveal: yes}]\n",
                DiagnosticCode::WrongType,
            ),
        ] {
            let faults = parse(text).expect_err(text);
            assert!(
                faults.iter().any(|it| it.code == code),
                "{text}: {faults:?}"
            );
        }
    }
}
