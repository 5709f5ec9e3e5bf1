//! `sedge audit …`

pub(crate) mod list;

use super::commands;

commands! {
    Audit {
        #[command(alias = "ls")]
        List(list::AuditListArgs),
    }
}
