//! `sedge plugin …`

pub(crate) mod add;
pub(crate) mod describe;
pub(crate) mod list;

use super::commands;

commands! {
    Plugin {
        Add(add::PluginAddArgs),
        Describe(describe::PluginDescribeArgs),
        List(list::PluginListArgs),
    }
}
