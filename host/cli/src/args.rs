//! The grammar of the command line: noun, then verb.

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

/// The heading of the global options in the help.
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
    after_help = "Exit codes: 0 success; 1 the method or workflow failed; 2 a usage error or a bad file; \
3 not found, or in the wrong state; 75 busy, try again; 130 interrupted; 70 a bug."
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

/// A noun, or a command without a noun. The help of nouns is here; the help of a command is at its
/// arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    /// Add and inspect plugins, which provide types
    #[command(subcommand, arg_required_else_help = true)]
    Plugin(Plugin),
    /// Create, inspect, run and delete models
    #[command(subcommand, arg_required_else_help = true)]
    Model(Model),
    /// Read, search and delete the data that models wrote
    #[command(subcommand, arg_required_else_help = true)]
    Data(Data),
    /// Inspect and maintain the datastore
    #[command(subcommand, arg_required_else_help = true)]
    Datastore(Datastore),
    /// Manage secrets
    #[command(subcommand, arg_required_else_help = true)]
    Secret(Secret),
    /// Run workflows, and approve or reject their gates
    #[command(subcommand, arg_required_else_help = true)]
    Workflow(Workflow),
    /// Inspect runs, and delete old ones
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
    /// Show and release locks
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
