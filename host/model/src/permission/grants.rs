//! The key `grants:` of definitions, `sedge.yaml` and `sedge.lock`.

use super::Permission;

pub use super::address::AddressRange;
pub use super::kinds::Grants;
pub use super::kinds::files::FolderGrant;
pub use super::kinds::http::HttpGrant;
pub use super::kinds::secrets::SecretGrant;
pub use super::kinds::sockets::SocketGrant;

impl Grants {
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
