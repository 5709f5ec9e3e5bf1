//! `sedge plugin …`

pub(crate) mod add;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod restore;

use super::commands;

commands! {
    Plugin {
        Add(add::PluginAddArgs),
        #[command(aliases = ["show", "get"])]
        Describe(describe::PluginDescribeArgs),
        #[command(alias = "ls")]
        List(list::PluginListArgs),
        Remove(remove::PluginRemoveArgs),
        Restore(restore::PluginRestoreArgs),
    }
}
