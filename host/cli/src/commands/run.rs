//! `sedge run …`

pub(crate) mod cancel;
pub(crate) mod gc;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod show;
pub(crate) mod watch;

use super::commands;

commands! {
    RunCommand {
        Cancel(cancel::RunCancelArgs),
        Gc(gc::RunGcArgs),
        #[command(alias = "ls")]
        List(list::RunListArgs),
        Logs(logs::RunLogsArgs),
        #[command(aliases = ["get", "describe"])]
        Show(show::RunShowArgs),
        Watch(watch::RunWatchArgs),
    }
}
