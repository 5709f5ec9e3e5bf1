//! `sedge model …`

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod edit;
pub(crate) mod evaluate;
pub(crate) mod get;
pub(crate) mod grant;
pub(crate) mod list;
pub(crate) mod method_direct;
pub(crate) mod method_run;
pub(crate) mod permissions;
pub(crate) mod revoke;
pub(crate) mod upgrade;
pub(crate) mod validate;

use super::commands;

commands! {
    Model {
        Create(create::ModelCreateArgs),
        Delete(delete::ModelDeleteArgs),
        Edit(edit::ModelEditArgs),
        Evaluate(evaluate::ModelEvaluateArgs),
        #[command(aliases = ["show", "describe"])]
        Get(get::ModelGetArgs),
        Grant(grant::ModelGrantArgs),
        #[command(alias = "ls")]
        List(list::ModelListArgs),
        Permissions(permissions::ModelPermissionsArgs),
        Revoke(revoke::ModelRevokeArgs),
        Upgrade(upgrade::ModelUpgradeArgs),
        Validate(validate::ModelValidateArgs),
        /// Run the methods of models
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Method(ModelMethod),
    }
}

commands! {
    ModelMethod {
        Direct(method_direct::ModelMethodDirectArgs),
        Run(method_run::ModelMethodRunArgs),
    }
}
