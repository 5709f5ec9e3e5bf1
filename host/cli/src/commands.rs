//! One file per command: its arguments and its output.

pub(crate) mod compile_component;
pub(crate) mod data_delete;
pub(crate) mod data_gc;
pub(crate) mod data_get;
pub(crate) mod data_list;
pub(crate) mod data_prune;
pub(crate) mod data_query;
pub(crate) mod data_rename;
pub(crate) mod data_search;
pub(crate) mod data_versions;
pub(crate) mod datastore_backup;
pub(crate) mod datastore_check;
pub(crate) mod datastore_compact;
pub(crate) mod datastore_lock_release;
pub(crate) mod datastore_lock_status;
pub(crate) mod datastore_restore;
pub(crate) mod datastore_status;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod model_create;
pub(crate) mod model_delete;
pub(crate) mod model_get;
pub(crate) mod model_list;
pub(crate) mod model_method_run;
pub(crate) mod model_permissions;
pub(crate) mod plugin_add;
pub(crate) mod plugin_describe;
pub(crate) mod plugin_list;
pub(crate) mod run_gc;
pub(crate) mod run_list;
pub(crate) mod run_logs;
pub(crate) mod run_show;
pub(crate) mod secret_delete;
pub(crate) mod secret_list;
pub(crate) mod secret_put;
pub(crate) mod secret_rotate;
pub(crate) mod shared;
pub(crate) mod workflow_approvals;
pub(crate) mod workflow_approve;
pub(crate) mod workflow_get;
pub(crate) mod workflow_list;
pub(crate) mod workflow_reject;
pub(crate) mod workflow_resume;
pub(crate) mod workflow_run;
pub(crate) mod workflow_validate;

use crate::args::{
    Command, Data, Datastore, DatastoreLock, Model, ModelMethod, Plugin, Run, Secret, Workflow,
};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Runs one command.
pub(crate) fn run(cx: &Context, command: Command) -> Result<Output, CliError> {
    match command {
        Command::Init(args) => init::run(cx, &args),
        Command::Doctor(args) => doctor::run(cx, &args),
        Command::Plugin(Plugin::Add(args)) => plugin_add::run(cx, &args),
        Command::Plugin(Plugin::Describe(args)) => plugin_describe::run(cx, &args),
        Command::Plugin(Plugin::List(args)) => plugin_list::run(cx, &args),
        Command::Model(Model::Create(args)) => model_create::run(cx, args),
        Command::Model(Model::Delete(args)) => model_delete::run(cx, &args),
        Command::Model(Model::Get(args)) => model_get::run(cx, &args),
        Command::Model(Model::List(args)) => model_list::run(cx, &args),
        Command::Model(Model::Permissions(args)) => model_permissions::run(cx, &args),
        Command::Model(Model::Method(ModelMethod::Run(args))) => model_method_run::run(cx, args),
        Command::Data(Data::Delete(args)) => data_delete::run(cx, &args),
        Command::Data(Data::Gc(args)) => data_gc::run(cx, &args),
        Command::Data(Data::Prune(args)) => data_prune::run(cx, &args),
        Command::Data(Data::Query(args)) => data_query::run(cx, &args),
        Command::Data(Data::Rename(args)) => data_rename::run(cx, &args),
        Command::Data(Data::Search(args)) => data_search::run(cx, &args),
        Command::Data(Data::Get(args)) => data_get::run(cx, &args),
        Command::Data(Data::List(args)) => data_list::run(cx, &args),
        Command::Data(Data::Versions(args)) => data_versions::run(cx, &args),
        Command::Datastore(Datastore::Backup(args)) => datastore_backup::run(cx, &args),
        Command::Datastore(Datastore::Check(args)) => datastore_check::run(cx, &args),
        Command::Datastore(Datastore::Compact(args)) => datastore_compact::run(cx, &args),
        Command::Datastore(Datastore::Restore(args)) => datastore_restore::run(cx, &args),
        Command::Datastore(Datastore::Status(args)) => datastore_status::run(cx, &args),
        Command::Datastore(Datastore::Lock(DatastoreLock::Release(args))) => {
            datastore_lock_release::run(cx, &args)
        }
        Command::Datastore(Datastore::Lock(DatastoreLock::Status(args))) => {
            datastore_lock_status::run(cx, &args)
        }
        Command::Secret(Secret::Delete(args)) => secret_delete::run(cx, &args),
        Command::Secret(Secret::List(args)) => secret_list::run(cx, &args),
        Command::Secret(Secret::Put(args)) => secret_put::run(cx, &args),
        Command::Secret(Secret::Rotate(args)) => secret_rotate::run(cx, &args),
        Command::Workflow(Workflow::Approvals(args)) => workflow_approvals::run(cx, &args),
        Command::Workflow(Workflow::Approve(args)) => workflow_approve::run(cx, args),
        Command::Workflow(Workflow::Get(args)) => workflow_get::run(cx, &args),
        Command::Workflow(Workflow::List(args)) => workflow_list::run(cx, &args),
        Command::Workflow(Workflow::Reject(args)) => workflow_reject::run(cx, args),
        Command::Workflow(Workflow::Resume(args)) => workflow_resume::run(cx, &args),
        Command::Workflow(Workflow::Run(args)) => workflow_run::run(cx, &args),
        Command::Workflow(Workflow::Validate(args)) => workflow_validate::run(cx, &args),
        Command::Run(Run::Gc(args)) => run_gc::run(cx, &args),
        Command::Run(Run::List(args)) => run_list::run(cx, args),
        Command::Run(Run::Logs(args)) => run_logs::run(cx, &args),
        Command::Run(Run::Show(args)) => run_show::run(cx, &args),
    }
}
