//! `sedge model …`

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod grant;
pub(crate) mod list;
pub(crate) mod method_run;
pub(crate) mod permissions;
pub(crate) mod revoke;

use super::commands;

commands! {
    Model {
        Create(create::ModelCreateArgs),
        Delete(delete::ModelDeleteArgs),
        #[command(aliases = ["show", "describe"])]
        Get(get::ModelGetArgs),
        Grant(grant::ModelGrantArgs),
        #[command(alias = "ls")]
        List(list::ModelListArgs),
        Permissions(permissions::ModelPermissionsArgs),
        Revoke(revoke::ModelRevokeArgs),
        /// Run the methods of models
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Method(ModelMethod),
    }
}

commands! {
    ModelMethod {
        Run(method_run::ModelMethodRunArgs),
    }
}
