//! One use case per file: plain data in, events and plain data out.
//!
//! Every front end of Sedge uses this crate. Nothing in it prints, exits, or reads the user's
//! environment. A use case, its command and its test share one name.

mod call;
mod core_dump;
mod data_scan;
mod error;
mod events;
mod failure;
pub mod failure_text;
mod frame;
mod gates;
mod limits;
mod locks;
mod plugins;
mod repository;
mod run_cx;
mod run_find;
mod structure;
mod trust;
mod vault;
mod views;
mod workflow_drive;

pub mod compile_component;
pub mod data_delete;
pub mod data_gc;
pub mod data_get;
pub mod data_list;
pub mod data_prune;
pub mod data_query;
pub mod data_rename;
pub mod data_search;
pub mod data_versions;
pub mod datastore_backup;
pub mod datastore_check;
pub mod datastore_compact;
pub mod datastore_lock_release;
pub mod datastore_lock_status;
pub mod datastore_restore;
pub mod datastore_status;
pub mod doctor;
pub mod init;
pub mod model_create;
pub mod model_delete;
pub mod model_get;
pub mod model_list;
pub mod model_method_run;
pub mod model_permissions;
pub mod plugin_add;
pub mod plugin_describe;
pub mod plugin_list;
pub mod run_gc;
pub mod run_list;
pub mod run_logs;
pub mod run_show;
pub mod secret_delete;
pub mod secret_list;
pub mod secret_put;
pub mod secret_rotate;
pub mod workflow_approvals;
pub mod workflow_approve;
pub mod workflow_get;
pub mod workflow_list;
pub mod workflow_reject;
pub mod workflow_resume;
pub mod workflow_run;
pub mod workflow_validate;

pub use core_dump::CoreDumpEnd;
pub use error::{
    AppError, CallFailed, DataUseError, DatastoreError, LockUseError, ModelError, PathError,
    PluginUseError, ProcessError, RepositoryError, RunFailed, RunInterrupted, RunUseError,
    SecretError, StepFault, WithinCallReason, WorkflowFailed,
};
pub use events::{Event, Events};
pub use failure::{Contention, FailedCall, FailureReport};
pub use repository::{Notices, REAPER_FILE, Repository, Settings};
pub use trust::{Remedy, Trust, TrustError, safe_directories_text};

/// The types that use cases take and return, for front ends that depend on this crate alone.
pub mod types {
    pub use crate::views::permission::request_view as permission_request_view;
    pub use sedge_locks::error::Blocker;
    pub use sedge_locks::mode::Resource;
    pub use sedge_locks::status::LockStatus;
    pub use sedge_model::backtrace::{Frame, Place};
    pub use sedge_model::call::{
        CallError, CallStatus, DataKind, LimitName, LogLevel, LogLine, Outcome, TargetKind, Undone,
        Written,
    };
    pub use sedge_model::command::LINEAGE_VARIABLE;
    pub use sedge_model::diagnostic::Diagnostic;
    pub use sedge_model::digest::Digest;
    pub use sedge_model::json::{self, JsonError};
    pub use sedge_model::lifetime::{Keep, Lifetime, LifetimeError, Retention, Span};
    pub use sedge_model::lineage::Lineage;
    pub use sedge_model::names::{
        DataName, MethodName, ModelName, NameError, RunId, SecretName, StepName, TypeName,
        WorkflowName, turns_text,
    };
    pub use sedge_model::permission::choice::{Choice, ChoiceError, narrowest};
    pub use sedge_model::permission::effective::Explained;
    pub use sedge_model::permission::grants::Grants;
    pub use sedge_model::permission::pattern::{CommandPattern, HttpOrigin, ModelPattern};
    pub use sedge_model::permission::{FileAccess, Permission, PermissionRequest};
    pub use sedge_model::query::{RowFaults, Selection};
    pub use sedge_model::repository::LockedPlugin;
    pub use sedge_model::run::{GateDecision, RunEvent, RunKind, RunStatus, StepPath};
    pub use sedge_model::type_info::TypeInfo;
    pub use sedge_model::workflow::{Condition, Step, Task, Workflow};
    pub use sedge_runtime::{
        COMPILE_COMMAND, CONTRACT_VERSION, CachePart, CachePlaces, Compiler, PluginError,
    };
    pub use sedge_secrets::{
        ListedSecret, SecretInfo, SecretValue, SecretsError, VALUE_BYTES_MAX, ValueError, Weakness,
    };
    pub use sedge_store::{
        BackupReport, CallRecord, CheckReport, ContentReader, DataDeleted, DataRecord, Finding,
        GateRecord, GcReport, LogRecord, ModelData, Origin, RestoreReport, RunRecord, RunningCall,
        Scan, Status, StoreError,
    };
    pub use sedge_sys::clock::{Moment, Timestamp, pause};
    pub use sedge_sys::file_lock::QueueError;
    pub use sedge_sys::folder::read_named_file;
    pub use sedge_sys::host::{
        beside_program, current_folder, exit_now, hangup_is_handled, has_argument, n_cores,
        program, setting, stderr_columns, variable, variable_path,
    };
    pub use sedge_sys::interrupt::request as interrupt_request;
    pub use sedge_sys::output_file::OutputFile;
    pub use sedge_sys::resources::descriptors_raise;
    pub use sedge_sys::terminal::{HiddenInput, Typed};
    pub use sedge_sys::worker::WorkerAllocator;
}
