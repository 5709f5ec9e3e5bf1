//! The audit: what users did. Entries are never changed or deleted.
//!
//! The store itself records the start of a run, a decision at a gate, a request to cancel a run, a
//! release of locks and what `run gc` deletes, in the transaction that makes them. Other use cases
//! write an entry after they have succeeded and before they report that. An entry names secrets, and
//! never has their values.

pub mod list;

use sedge_model::audit::AuditWord;
use sedge_model::permission::grants::Grants;
use sedge_store::AuditEntry;

use crate::cx::Cx;
use crate::error::{AppError, DatastoreError};

pub(crate) use sedge_store::ON_DATASTORE;

/// What an entry is about if it is about all secrets.
pub(crate) const ON_SECRETS: &str = "secrets";

/// Records in the audit what the user did, to what, and more about it.
///
/// # Errors
/// Returns an error if the entry cannot be written. The error says that the action was done.
pub(crate) fn audit_note(
    cx: &Cx,
    what: AuditWord,
    on: &str,
    detail: Option<String>,
) -> Result<(), AppError> {
    audit_append(cx, what, on, detail).map_err(|source| {
        AppError::from(DatastoreError::NotAudited {
            what,
            on: on.to_owned(),
            source: Box::new(source),
        })
    })
}

fn audit_append(
    cx: &Cx,
    what: AuditWord,
    on: &str,
    detail: Option<String>,
) -> Result<(), AppError> {
    let entry = audit_entry(cx, what, on, detail)?;
    Ok(cx.repository.store()?.audit_append(&entry)?)
}

/// Returns the entry for what the user is about to do. The store writes it in the transaction that
/// does it.
pub(crate) fn audit_entry(
    cx: &Cx,
    what: AuditWord,
    on: &str,
    detail: Option<String>,
) -> Result<AuditEntry, AppError> {
    Ok(AuditEntry {
        actor: cx.recorded_actor()?,
        what: what.as_str().to_owned(),
        on: on.to_owned(),
        detail,
    })
}

/// Records which grants of a model, or of all models of a type, are new, and which are gone.
///
/// # Errors
/// The same as for [`audit_note`].
pub(crate) fn audit_grants(
    cx: &Cx,
    on: &str,
    before: &Grants,
    now: &Grants,
) -> Result<(), AppError> {
    let (before, now) = (grant_texts(before), grant_texts(now));
    let missing = |of: &[String], from: &[String]| -> Vec<String> {
        let missing = of.iter().filter(|it| !from.contains(it));
        missing.cloned().collect()
    };
    let changes = [
        (AuditWord::GrantsRemoved, missing(&before, &now)),
        (AuditWord::GrantsAdded, missing(&now, &before)),
    ];
    for (what, grants) in changes {
        if !grants.is_empty() {
            audit_note(cx, what, on, Some(grants.join(", ")))?;
        }
    }
    Ok(())
}

/// Returns each grant as a text that has all of it.
fn grant_texts(grants: &Grants) -> Vec<String> {
    // A new kind does not compile here until the audit has it, too.
    let Grants {
        models,
        workflows,
        http,
        sockets,
        files,
        env,
        secrets,
        commands,
        reveal,
    } = grants;
    let mut texts = Vec::new();
    texts.extend(models.iter().map(|it| format!("models={it}")));
    texts.extend(workflows.iter().map(|it| format!("workflows={it}")));
    texts.extend(http.iter().map(|it| {
        let methods = listed(" ", &it.methods);
        let addresses: Vec<String> = it.addresses.iter().map(|range| (*range).into()).collect();
        format!("http={}{methods}{}", it.url, listed(" at ", &addresses))
    }));
    texts.extend(sockets.iter().map(|it| {
        let addresses: Vec<String> = it.addresses.iter().map(|range| (*range).into()).collect();
        format!("sockets={}{}", it.to, listed(" at ", &addresses))
    }));
    texts.extend(files.iter().map(|it| {
        let access = it.access.as_str();
        format!("files={}:{} {access}", it.name, it.path)
    }));
    texts.extend(env.iter().map(|it| format!("env={it}")));
    texts.extend(secrets.iter().map(|it| {
        let hosts: Vec<String> = it.hosts.iter().map(ToString::to_string).collect();
        let reveal = if it.reveal { " revealed" } else { "" };
        format!("secrets={}{}{reveal}", it.name, listed(" to ", &hosts))
    }));
    texts.extend(commands.iter().map(|it| format!("commands={it}")));
    texts.extend(reveal.iter().map(|it| format!("reveal={it}")));
    texts
}

/// Returns words with spaces between them and `before` in front; nothing if there are no words.
fn listed(before: &str, words: &[String]) -> String {
    match words {
        [] => String::new(),
        words => format!("{before}{}", words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_of_a_grant_has_all_of_it() {
        let grants = json!({
            "models": ["sink"],
            "http": [
                {"url": "https://a.test"},
                {"url": "https://b.test:8443", "methods": ["GET", "PUT"], "addresses": ["10.0.0.0/8"]},
            ],
            "sockets": [{"to": "db.test:5432"}],
            "files": [{"name": "inbox", "path": "/srv/in", "access": "write"}],
            "env": ["REGION"],
            "secrets": [
                {"name": "TOKEN", "hosts": ["https://a.test", "https://b.test"]},
                {"name": "KEY", "reveal": true},
            ],
            "commands": ["git-log"],
        });
        let grants: Grants = serde_json::from_value(grants).expect("these are grants");
        let expect = [
            "models=sink",
            "http=https://a.test",
            "http=https://b.test:8443 GET PUT at 10.0.0.0/8",
            "sockets=db.test:5432",
            "files=inbox:/srv/in write",
            "env=REGION",
            "secrets=TOKEN to https://a.test https://b.test",
            "secrets=KEY revealed",
            "commands=git-log",
        ];
        assert_eq!(grant_texts(&grants), expect);
    }
}
