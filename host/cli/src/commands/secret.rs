//! `sedge secret …`

pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod put;
pub(crate) mod rotate;

use super::commands;

commands! {
    Secret {
        Delete(delete::SecretDeleteArgs),
        #[command(alias = "ls")]
        List(list::SecretListArgs),
        Put(put::SecretPutArgs),
        Rotate(rotate::SecretRotateArgs),
    }
}
