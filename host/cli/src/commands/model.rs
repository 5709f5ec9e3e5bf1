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
        Get(get::ModelGetArgs),
        List(list::ModelListArgs),
        Permissions(permissions::ModelPermissionsArgs),
        /// Run the methods of models
        #[command(subcommand, arg_required_else_help = true)]
        Method(ModelMethod),
    }
}

commands! {
    ModelMethod {
        Run(method_run::ModelMethodRunArgs),
    }
}
