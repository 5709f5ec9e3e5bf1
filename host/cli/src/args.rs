//! The grammar: noun, then verb.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    data_delete, data_gc, data_get, data_list, data_prune, data_query, data_rename, data_search,
    data_versions, datastore_backup, datastore_check, datastore_compact, datastore_lock_release,
    datastore_lock_status, datastore_restore, datastore_status, doctor, init, model_create,
    model_delete, model_get, model_list, model_method_run, model_permissions, plugin_add,
    plugin_describe, plugin_list, run_gc, run_list, run_logs, run_show, secret_delete, secret_list,
    secret_put, secret_rotate, workflow_approvals, workflow_approve, workflow_get, workflow_list,
    workflow_reject, workflow_resume, workflow_run, workflow_validate,
};

/// What the help calls the options of every command.
const GLOBAL: &str = "Global options";

/// Run automation models as sandboxed WebAssembly components
#[derive(Debug, Parser)]
#[command(
    name = "sedge",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit codes: 0 done; 1 the method or workflow failed; 2 usage or a bad file; \
3 no such thing, or wrong state; 75 busy, try again; 130 interrupted; 70 a bug."
)]
pub(crate) struct Args {
    /// Use the repository in this folder or above it [default: here] [env: SEDGE_REPO]
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "DIR"
    )]
    pub(crate) repo: Option<PathBuf>,

    /// Write one JSON document to stdout and nothing to stderr
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,

    /// Write nothing to stderr but errors
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A noun, or a command without one. Nouns have their words here; a command has those of
/// its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    /// Add and inspect plugins, which provide types
    #[command(subcommand, arg_required_else_help = true)]
    Plugin(Plugin),
    /// Make, inspect, run and delete models
    #[command(subcommand, arg_required_else_help = true)]
    Model(Model),
    /// Read, find and clear away the data that models wrote
    #[command(subcommand, arg_required_else_help = true)]
    Data(Data),
    /// Look after the datastore that processes share
    #[command(subcommand, arg_required_else_help = true)]
    Datastore(Datastore),
    /// Keep what plugins use and nobody is to see: tokens, passwords, keys
    #[command(subcommand, arg_required_else_help = true)]
    Secret(Secret),
    /// Run workflows and decide their gates
    #[command(subcommand, arg_required_else_help = true)]
    Workflow(Workflow),
    /// Inspect and forget what has run
    #[command(subcommand, arg_required_else_help = true)]
    Run(Run),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    Add(plugin_add::PluginAddArgs),
    Describe(plugin_describe::PluginDescribeArgs),
    List(plugin_list::PluginListArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    Create(model_create::ModelCreateArgs),
    Delete(model_delete::ModelDeleteArgs),
    Get(model_get::ModelGetArgs),
    List(model_list::ModelListArgs),
    Permissions(model_permissions::ModelPermissionsArgs),
    /// Run the methods of models
    #[command(subcommand, arg_required_else_help = true)]
    Method(ModelMethod),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelMethod {
    Run(model_method_run::ModelMethodRunArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    Delete(data_delete::DataDeleteArgs),
    Gc(data_gc::DataGcArgs),
    Get(data_get::DataGetArgs),
    List(data_list::DataListArgs),
    Prune(data_prune::DataPruneArgs),
    Query(data_query::DataQueryArgs),
    Rename(data_rename::DataRenameArgs),
    Search(data_search::DataSearchArgs),
    Versions(data_versions::DataVersionsArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Datastore {
    Backup(datastore_backup::DatastoreBackupArgs),
    Check(datastore_check::DatastoreCheckArgs),
    Compact(datastore_compact::DatastoreCompactArgs),
    /// See and break locks
    #[command(subcommand, arg_required_else_help = true)]
    Lock(DatastoreLock),
    Restore(datastore_restore::DatastoreRestoreArgs),
    Status(datastore_status::DatastoreStatusArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatastoreLock {
    Release(datastore_lock_release::DatastoreLockReleaseArgs),
    Status(datastore_lock_status::DatastoreLockStatusArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    Delete(secret_delete::SecretDeleteArgs),
    List(secret_list::SecretListArgs),
    Put(secret_put::SecretPutArgs),
    Rotate(secret_rotate::SecretRotateArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    Approvals(workflow_approvals::WorkflowApprovalsArgs),
    Approve(workflow_approve::WorkflowApproveArgs),
    Get(workflow_get::WorkflowGetArgs),
    List(workflow_list::WorkflowListArgs),
    Reject(workflow_reject::WorkflowRejectArgs),
    Resume(workflow_resume::WorkflowResumeArgs),
    Run(workflow_run::WorkflowRunArgs),
    Validate(workflow_validate::WorkflowValidateArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Run {
    Gc(run_gc::RunGcArgs),
    List(run_list::RunListArgs),
    Logs(run_logs::RunLogsArgs),
    Show(run_show::RunShowArgs),
}
