//! `sedge data …`

pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod gc;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod prune;
pub(crate) mod query;
pub(crate) mod rename;
pub(crate) mod restore;
pub(crate) mod search;
pub(crate) mod versions;

use super::commands;

commands! {
    Data {
        Delete(delete::DataDeleteArgs),
        Diff(diff::DataDiffArgs),
        Gc(gc::DataGcArgs),
        #[command(alias = "show")]
        Get(get::DataGetArgs),
        #[command(alias = "ls")]
        List(list::DataListArgs),
        Prune(prune::DataPruneArgs),
        Query(query::DataQueryArgs),
        Rename(rename::DataRenameArgs),
        Restore(restore::DataRestoreArgs),
        Search(search::DataSearchArgs),
        Versions(versions::DataVersionsArgs),
    }
}
