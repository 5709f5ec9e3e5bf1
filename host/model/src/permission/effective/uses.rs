//! What of its permissions a call has used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Permissions;
use crate::names::{CommandName, FolderName, SecretName};
use crate::permission::Permission;
use crate::permission::pattern::{Endpoint, HttpOrigin};

/// Something that a call did, which it could do by a permission only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use<'a> {
    /// Called a model, or read its data.
    Model(&'a str),
    /// Sent a request, with a method, to an address that was allowed.
    Http(&'a HttpOrigin, &'a str),
    /// Connected to an address that was allowed.
    Socket(&'a Endpoint),
    /// Reached for something in a folder.
    Folder(&'a FolderName),
    /// Looked at a variable of the environment, or at all of them at once.
    Variable(&'a str),
    /// Had the host put a secret into a request. A handle alone is no use.
    SecretSent(&'a SecretName, &'a HttpOrigin),
    /// Saw a secret.
    SecretShown(&'a SecretName),
    /// Ran a pinned program.
    Command(&'a CommandName),
}

impl Use<'_> {
    /// Returns whether it is one of those things that a plugin asks for so.
    fn is_by(&self, asked: &Permission) -> bool {
        match self {
            Self::Model(target) => {
                matches!(asked, Permission::Models { model } if model.matches(target))
            }
            Self::Http(to, method) => matches!(
                asked,
                Permission::Http { url, methods }
                    if url.covers(to) && (methods.is_empty() || methods.iter().any(|it| it == method))
            ),
            Self::Socket(endpoint) => {
                matches!(asked, Permission::Sockets { to } if to == *endpoint)
            }
            Self::Folder(folder) => {
                matches!(asked, Permission::Files { name, .. } if name == *folder)
            }
            Self::Variable(variable) => {
                matches!(asked, Permission::Env { name } if name.as_str() == *variable)
            }
            Self::SecretSent(secret, to) => matches!(
                asked,
                Permission::Secrets { name, hosts, .. }
                    if name == *secret && hosts.iter().any(|host| host.covers(to))
            ),
            Self::SecretShown(secret) => matches!(
                asked,
                Permission::Secrets { name, reveal, .. } if name == *secret && *reveal
            ),
            Self::Command(command) => {
                matches!(asked, Permission::Commands { name } if name.matches(command))
            }
        }
    }
}

/// Which of the things that its plugin asks for one call has used: a mark for each.
#[derive(Debug)]
pub struct Uses {
    permissions: Arc<Permissions>,
    marks: Box<[AtomicBool]>,
}

impl Uses {
    /// Returns the marks of a call that has used nothing yet.
    #[must_use]
    pub fn new(permissions: Arc<Permissions>) -> Self {
        let marks = permissions.asks().map(|_| AtomicBool::new(false));
        Self {
            marks: marks.collect(),
            permissions,
        }
    }

    /// Marks what a use was by. Whoever calls this has checked that it is allowed, and that
    /// nothing else keeps it from being done.
    pub fn mark(&self, used: &Use<'_>) {
        // For this a model needs no permission.
        if matches!(used, Use::Model(target) if *target == self.permissions.model.as_str()) {
            return;
        }
        for (asked, mark) in self.permissions.asks().zip(&self.marks) {
            if used.is_by(asked) {
                mark.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Returns what was used so far, as the plugin asks for it.
    #[must_use]
    pub fn used(&self) -> Vec<Permission> {
        let marked = self.permissions.asks().zip(&self.marks);
        marked
            .filter(|(_, mark)| mark.load(Ordering::Relaxed))
            .map(|(asked, _)| asked.clone())
            .collect()
    }
}
