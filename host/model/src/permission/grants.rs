//! The key `grants:` of definitions, `sedge.yaml` and `sedge.lock`.

use super::revoke::grant_subjects;
use super::{Permission, PermissionKind, PermissionRequest};

pub use super::address::AddressRange;
pub use super::kinds::Grants;
pub use super::kinds::files::FolderGrant;
pub use super::kinds::http::HttpGrant;
pub use super::kinds::secrets::SecretGrant;
pub use super::kinds::sockets::SocketGrant;

/// A grant of which no part is requested, so that it has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedGrant {
    /// The kind.
    pub kind: PermissionKind,
    /// Its position in the list of the kind.
    pub at: usize,
    /// Its name on a command line: `http=https://api.example.com`.
    pub shown: String,
}

impl Grants {
    /// Returns the grants of which no request asks for any part.
    #[must_use]
    pub fn unused(&self, requests: &[PermissionRequest]) -> Vec<UnusedGrant> {
        let is_used = |grant: &Self| requests.iter().any(|it| grant.has_part_of(&it.permission));
        let parts = self.parts().into_iter();
        let unused = parts.filter(|(_, _, grant)| !is_used(grant));
        unused
            .map(|(kind, at, grant)| UnusedGrant {
                kind,
                at,
                shown: grant_subjects(&grant).concat(),
            })
            .collect()
    }

    /// Returns whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether a requested permission is granted, completely or in part.
    #[must_use]
    pub fn has_part_of(&self, permission: &Permission) -> bool {
        permission.rules().has_part(self)
    }

    /// Returns whether one grant covers a requested permission completely.
    #[must_use]
    pub fn has_all_of(&self, permission: &Permission) -> bool {
        permission.rules().has_all(self)
    }

    /// Returns the grant of exactly one permission. A folder is granted at `path`; without a path,
    /// the result is empty.
    #[must_use]
    pub fn of(permission: &Permission, path: Option<&str>) -> Self {
        let mut grants = Self::default();
        permission.rules().grant(&mut grants, path);
        grants
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest_text::GuestText;

    #[test]
    fn grant_is_unused_if_no_request_asks_for_a_part_of_it() {
        let requests = [
            "models sink",
            "http https://*.example.com GET",
            "env REGION",
        ]
        .map(|line| PermissionRequest {
            permission: line.parse().expect("a permission"),
            reason: GuestText::default(),
        });
        let granted = |lines: &[&str]| {
            let mut grants = Grants::default();
            for line in lines {
                grants.extend(&Grants::of(&line.parse().expect("a permission"), None));
            }
            grants
        };
        let grants = granted(&[
            "models *",
            "models other",
            "http https://api.example.com",
            "http https://example.net",
            "env REGION",
            "env HOME",
        ]);
        let unused: Vec<(usize, String)> = grants
            .unused(&requests)
            .into_iter()
            .map(|it| (it.at, it.shown))
            .collect();
        let expect = [
            (1, "models=other"),
            (1, "http=https://example.net"),
            (1, "env=HOME"),
        ];
        assert_eq!(unused, expect.map(|(at, shown)| (at, shown.to_owned())));
        assert_eq!(Grants::default().unused(&requests), []);
        assert_eq!(granted(&["env HOME"]).unused(&[]).len(), 1);
    }
}
