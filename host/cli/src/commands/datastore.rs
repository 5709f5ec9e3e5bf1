//! `sedge datastore …`

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod lock_release;
pub(crate) mod lock_status;
pub(crate) mod restore;
pub(crate) mod status;

use super::commands;

commands! {
    Datastore {
        Backup(backup::DatastoreBackupArgs),
        Check(check::DatastoreCheckArgs),
        Compact(compact::DatastoreCompactArgs),
        /// Show and release locks
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Lock(DatastoreLock),
        Restore(restore::DatastoreRestoreArgs),
        Status(status::DatastoreStatusArgs),
    }
}

commands! {
    DatastoreLock {
        Release(lock_release::DatastoreLockReleaseArgs),
        Status(lock_status::DatastoreLockStatusArgs),
    }
}
