//! `sedge run …`

pub(crate) mod gc;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod show;

use super::commands;

commands! {
    RunCommand {
        Gc(gc::RunGcArgs),
        #[command(alias = "ls")]
        List(list::RunListArgs),
        Logs(logs::RunLogsArgs),
        #[command(aliases = ["get", "describe"])]
        Show(show::RunShowArgs),
    }
}
