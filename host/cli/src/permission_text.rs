//! Permissions as text.

use sedge_api::view::permission::{FileAccessView, PermissionView};

/// The name that stands for every model, workflow or command.
const EVERY: &str = "*";

/// Returns a permission as the end of a sentence that begins with "it requests permission to …".
pub(crate) fn permission_text(permission: &PermissionView) -> String {
    match permission {
        PermissionView::Models { model } if model == EVERY => {
            "call and read every model".to_owned()
        }
        PermissionView::Models { model } => format!("call and read the model `{model}`"),
        PermissionView::Workflows { workflow } if workflow == EVERY => {
            "run every workflow".to_owned()
        }
        PermissionView::Workflows { workflow } => format!("run the workflow `{workflow}`"),
        PermissionView::Http { url, methods } if methods.is_empty() => {
            format!("send any requests to {url}")
        }
        PermissionView::Http { url, methods } => format!("send {} to {url}", methods.join(", ")),
        PermissionView::Sockets { to } => format!("connect to {to}"),
        PermissionView::Files {
            name,
            access: FileAccessView::Read,
        } => format!("read the folder `{name}`"),
        PermissionView::Files {
            name,
            access: FileAccessView::Write,
        } => format!("read and write the folder `{name}`"),
        PermissionView::Env { name } => format!("read the environment variable {name}"),
        PermissionView::Secrets {
            name,
            hosts,
            reveal,
        } => secret_text(name, hosts, *reveal),
        PermissionView::Commands { name } if name == EVERY => "run every pinned command".to_owned(),
        PermissionView::Commands { name } => format!("run the command `{name}`"),
        PermissionView::Reveal { what } => reveal_text(what),
    }
}

/// Returns the kind of a permission as the end of a sentence that begins with "it may …", before a list
/// of what is granted.
pub(crate) fn kind_text(permission: &PermissionView) -> &'static str {
    match permission {
        PermissionView::Models { .. } => "call and read models",
        PermissionView::Workflows { .. } => "run workflows",
        PermissionView::Http { .. } => "send requests",
        PermissionView::Sockets { .. } => "connect",
        PermissionView::Files { .. } => "use folders",
        PermissionView::Env { .. } => "read environment variables",
        PermissionView::Secrets { .. } => "use secrets",
        PermissionView::Commands { .. } => "run commands",
        PermissionView::Reveal { .. } => "see sealed values",
    }
}

/// Returns the text for `data:MODEL:POINTER` or `argument:POINTER`.
fn reveal_text(what: &str) -> String {
    let data = what.strip_prefix("data:").and_then(|it| it.split_once(':'));
    match (data, what.strip_prefix("argument:")) {
        (Some((EVERY, field)), _) => format!("see the sealed field `{field}` of every model"),
        (Some((model, field)), _) => {
            format!("see the sealed field `{field}` of the model `{model}`")
        }
        (None, Some(field)) => format!("see the secret in its argument `{field}`"),
        (None, None) => format!("see `{what}`"),
    }
}

fn secret_text(name: &str, hosts: &[String], reveal: bool) -> String {
    let hosts = hosts.join(", ");
    match (hosts.is_empty(), reveal) {
        (true, true) => format!("see the secret `{name}`"),
        (true, false) => format!("use the secret `{name}`"),
        (false, true) => format!("see the secret `{name}`, and send it to {hosts}"),
        (false, false) => format!("send the secret `{name}` to {hosts}"),
    }
}

/// Returns the kind and the object of a permission as cells of a table: `http` and
/// `https://example.com GET`.
pub(crate) fn permission_cells(permission: &PermissionView) -> (&'static str, String) {
    let words = |first: &str, more: &[String]| {
        let mut words = vec![first.to_owned()];
        words.extend_from_slice(more);
        words.join(" ")
    };
    match permission {
        PermissionView::Models { model } => ("models", model.clone()),
        PermissionView::Workflows { workflow } => ("workflows", workflow.clone()),
        PermissionView::Http { url, methods } => ("http", words(url, methods)),
        PermissionView::Sockets { to } => ("sockets", to.clone()),
        PermissionView::Files { name, access } => {
            let access = match access {
                FileAccessView::Read => "read",
                FileAccessView::Write => "write",
            };
            ("files", format!("{name} {access}"))
        }
        PermissionView::Env { name } => ("env", name.clone()),
        PermissionView::Secrets {
            name,
            hosts,
            reveal,
        } => {
            let mut text = words(name, hosts);
            if *reveal {
                text.push_str(" reveal");
            }
            ("secrets", text)
        }
        PermissionView::Commands { name } => ("commands", name.clone()),
        PermissionView::Reveal { what } => ("reveal", what.clone()),
    }
}
