//! Records which permissions a call has used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Permissions;
use crate::names::{CommandName, FolderName, SecretName};
use crate::permission::Permission;
use crate::permission::pattern::{Endpoint, HttpOrigin};

/// An action of a call that requires a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use<'a> {
    /// It called a model, or read its data or its definition.
    Model(&'a str),
    /// It sent a request with a method to an allowed address.
    Http(&'a HttpOrigin, &'a str),
    /// It connected to an allowed address.
    Socket(&'a Endpoint),
    /// It accessed a folder.
    Folder(&'a FolderName),
    /// It read an environment variable, or all of them.
    Variable(&'a str),
    /// The host put a secret into a request. The handle alone does not count.
    SecretSent(&'a SecretName, &'a HttpOrigin),
    /// It saw a secret.
    SecretShown(&'a SecretName),
    /// It saw a sealed field of another model's data.
    FieldShown {
        /// The other model.
        model: &'a str,
        /// The JSON Pointer of the field.
        pointer: &'a str,
    },
    /// It saw the secret in an argument, which is named by a JSON Pointer.
    ArgumentShown(&'a str),
    /// It ran a pinned program.
    Command(&'a CommandName),
    /// It ran a workflow.
    Workflow(&'a str),
}

/// The requested permissions that one call has used: a mark for each.
#[derive(Debug)]
pub struct Uses {
    permissions: Arc<Permissions>,
    marks: Box<[AtomicBool]>,
}

impl Uses {
    /// Returns the marks of a call that has not used any permission.
    #[must_use]
    pub fn new(permissions: Arc<Permissions>) -> Self {
        let marks = permissions.asks().map(|_| AtomicBool::new(false));
        Self {
            marks: marks.collect(),
            permissions,
        }
    }

    /// Marks the requests that allow a use. The caller has checked that the use is allowed and that
    /// nothing else prevents it.
    pub fn mark(&self, used: &Use<'_>) {
        // A model needs no permission to call and read itself.
        if matches!(used, Use::Model(target) if *target == self.permissions.model.as_str()) {
            return;
        }
        for (asked, mark) in self.permissions.asks().zip(&self.marks) {
            if asked.rules().permits(used) {
                mark.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Returns the requested permissions that were used so far.
    #[must_use]
    pub fn used(&self) -> Vec<Permission> {
        let marked = self.permissions.asks().zip(&self.marks);
        marked
            .filter(|(_, mark)| mark.load(Ordering::Relaxed))
            .map(|(asked, _)| asked.clone())
            .collect()
    }
}
