//! `sedge plugin …`

pub(crate) mod add;
pub(crate) mod build;
pub(crate) mod describe;
pub(crate) mod dev;
pub(crate) mod import_swamp;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod remove;
pub(crate) mod restore;
pub(crate) mod test;

use super::commands;

commands! {
    Plugin {
        Add(add::PluginAddArgs),
        Build(build::PluginBuildArgs),
        #[command(aliases = ["show", "get"])]
        Describe(describe::PluginDescribeArgs),
        Dev(dev::PluginDevArgs),
        ImportSwamp(import_swamp::PluginImportSwampArgs),
        #[command(alias = "ls")]
        List(list::PluginListArgs),
        New(new::PluginNewArgs),
        Remove(remove::PluginRemoveArgs),
        Restore(restore::PluginRestoreArgs),
        Test(test::PluginTestArgs),
    }
}
