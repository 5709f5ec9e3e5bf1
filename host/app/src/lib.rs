//! One folder per noun, and one function per use case: plain data in, events and plain data out.
//!
//! Every front end of Sedge uses this crate. Nothing in it prints or exits. Settings come as
//! values: of the environment it reads only variables that the operator granted to a model or named
//! in the pin of a command. A use case, its command and its test share one name.

mod background;
mod call;
mod cancel;
mod error;
mod events;
mod locks;
mod repository;
mod structure;
mod views;

pub mod actor;
pub mod audit;
pub mod completion;
pub mod cx;
pub mod data;
pub mod datastore;
pub mod doctor;
pub mod expression;
pub mod import;
pub mod init;
pub mod model;
pub mod plugin;
pub mod run;
pub mod schema;
pub mod secret;
pub mod status;
pub mod validate;
pub mod workflow;

pub use background::BackgroundWork;
pub use call::core_dump::CoreDumpEnd;
pub use call::failure::{CallFailure, Contention, FailureReport};
pub use call::failure_text;
pub use cancel::Cancel;
pub use cx::Cx;
pub use sedge_model::run::CheckSkips;

pub use error::{
    AppError, AuthorError, CallFailed, ChildVerb, DataUseError, DatastoreError, LockUseError,
    ModelError, PathError, PluginUseError, ProcessError, RepositoryError, RunFailed,
    RunInterrupted, RunUseError, SecretError, StepFault, UpkeepError, WithinCallReason,
    WorkflowFailed, WorkflowFailedEnd,
};
pub use events::{DefinitionUpgrade, Event, EventPlace, EventSink, Events, ReportedEvent};
pub use plugin::first_party::FirstParty;
pub use repository::trust::{Remedy, Trust, TrustError, safe_directories_text};
pub use repository::{Notices, REAPER_FILE, Repository, Settings};

/// The types that use cases take and return, for front ends that depend on this crate alone.
pub mod types {
    pub use crate::views::permission::request_view as permission_request_view;
    pub use sedge_lang::diagnostic::{Diagnostic, SourceFile};
    pub use sedge_lang::input::{GivenInput, GivenInputs, InputItemError, InputItems, inputs_file};
    pub use sedge_lang::json_schema::SchemaOf;
    pub use sedge_lang::query::{RowFaults, Selection};
    pub use sedge_lang::repository::LockedPlugin;
    pub use sedge_lang::type_info::TypeInfo;
    pub use sedge_lang::workflow::{Condition, Step, Task, Workflow};
    pub use sedge_locks::error::Blocker;
    pub use sedge_locks::mode::Resource;
    pub use sedge_locks::status::LockStatus;
    pub use sedge_model::audit::AuditWord;
    pub use sedge_model::backtrace::{SourcePlace, StackFrame};
    pub use sedge_model::call::{
        CallError, CallStatus, DataKind, DiscardedChanges, LimitName, LogLevel, LogLine, Outcome,
        TargetKind, Written,
    };
    pub use sedge_model::command::LINEAGE_VARIABLE;
    pub use sedge_model::digest::Digest;
    pub use sedge_model::json::{self, JsonError};
    pub use sedge_model::lifetime::{Keep, Lifetime, LifetimeError, Retention, Span};
    pub use sedge_model::lineage::Lineage;
    pub use sedge_model::names::{
        DataName, JobName, MethodName, ModelName, NameError, RunId, SecretName, StepName, TypeName,
        WorkflowName, is_direction_control,
    };
    pub use sedge_model::permission::choice::{Choice, ChoiceError, narrowest};
    pub use sedge_model::permission::effective::Explained;
    pub use sedge_model::permission::grants::{AddressRange, Grants};
    pub use sedge_model::permission::pattern::{CommandPattern, HttpOrigin, ModelPattern};
    pub use sedge_model::permission::revoke::Revocation;
    pub use sedge_model::permission::{FileAccess, Permission, PermissionRequest};
    pub use sedge_model::run::{
        Actor, AssertSeverity, CheckSkips, GateDeadline, GateDecision, OnTimeout, RunEvent,
        RunKind, RunStatus, StepAttempt, StepInstance, StepPath,
    };
    pub use sedge_runtime::{
        COMPILE_COMMAND, CONTRACT_VERSION, CachePart, CachePlaces, ComponentCompiler, PluginError,
        SNAPSHOT_COMMAND, Workload,
    };
    pub use sedge_secrets::{
        ListedSecret, SecretInfo, SecretValue, SecretsError, VALUE_BYTES_MAX, ValueError, Weakness,
    };
    pub use sedge_store::{
        BackupReport, CallRecord, CheckReport, ContentReader, DataDeleted, DataRecord, GateRecord,
        GcReport, LogRecord, ModelData, Origin, RestoreReport, RunRecord, RunningCall, Scan,
        Status, StoreError, StoreFinding,
    };
    pub use sedge_sys::clock::{Moment, Timestamp, pause};
    pub use sedge_sys::command::CommandSlots;
    pub use sedge_sys::file_lock::QueueError;
    pub use sedge_sys::folder::read_named_file;
    pub use sedge_sys::host::{
        arguments, arguments_unchanged, beside_program, current_folder, exit_now,
        hangup_is_handled, has_argument, n_cores, program, setting, stderr_columns, stderr_rows,
        stdout_columns, variable, variable_path,
    };
    pub use sedge_sys::interrupt::request as interrupt_request;
    pub use sedge_sys::net::Resolver;
    pub use sedge_sys::output_file::OutputFile;
    pub use sedge_sys::resources::descriptors_raise;
    pub use sedge_sys::terminal::{HiddenInput, Typed};
    pub use sedge_sys::worker::WorkerAllocator;
}
