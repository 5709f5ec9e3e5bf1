//! Explains to the operator, for each permission that a plugin requests, how much of it is granted.

use super::Permissions;
use crate::permission::PermissionRequest;

/// A requested permission, and the part of it that is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The request, with its reason.
    pub request: PermissionRequest,
    /// The granted parts, one line each. The list is empty if nothing is granted.
    pub effective: Vec<String>,
}

impl Permissions {
    /// Returns each requested permission with the part of it that is granted.
    #[must_use]
    pub fn explain(&self) -> Vec<Explained> {
        let explained = |request: &PermissionRequest| Explained {
            effective: request.permission.rules().effective(&self.granted),
            request: request.clone(),
        };
        self.asked.iter().map(explained).collect()
    }
}
