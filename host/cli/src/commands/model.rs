//! `sedge model …`

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod method_run;
pub(crate) mod permissions;

use super::commands;

commands! {
    Model {
        Create(create::ModelCreateArgs),
        Delete(delete::ModelDeleteArgs),
        #[command(aliases = ["show", "describe"])]
        Get(get::ModelGetArgs),
        #[command(alias = "ls")]
        List(list::ModelListArgs),
        Permissions(permissions::ModelPermissionsArgs),
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
