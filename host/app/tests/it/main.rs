//! Tests of the use cases with real guests and a real store, each in its own repository.

#![expect(
    clippy::disallowed_methods,
    reason = "a test makes the repository that the use cases find"
)]

mod cancellation;
mod checks;
mod command_processes;
mod commands;
mod crossing;
mod data;
mod definitions;
mod direct;
mod effects;
mod environment;
mod expressions;
mod failure;
mod files;
mod fixture;
mod gates_reopened;
mod guards;
mod hostile;
mod http;
mod inputs;
mod limits;
mod locks;
mod lost_updates;
mod model_record;
mod named_files;
mod nesting;
mod observe;
mod pending;
mod permissions;
mod plugins;
mod processes;
mod python;
mod queries;
mod replay;
mod replay_after_deadlock;
mod repository;
mod retention;
mod runs;
mod runs_of_calls;
mod scripts;
mod sealed;
mod secret_arguments;
mod secret_sources;
mod secrets;
mod sensitive_inputs;
mod shown;
mod sockets;
mod stopped;
mod suspended_between;
mod swamp_machine;
mod swamp_models;
mod test_context;
mod time;
mod upgrades;
mod uses;
mod workflow;
mod workflow_cost;
mod workflow_failures;
mod workflow_language;
mod workflows_of_guests;

// Fails to compile if a guest has no test module.
macro_rules! assert_test_exists {
    ($name:ident) => {
        #[expect(unused_imports, reason = "that it can be imported is the point")]
        use crate::guests::$name as _;
    };
}
sedge_test_artifacts::foreach_guest!(assert_test_exists);

/// The module with the tests of each guest.
mod guests {
    pub(crate) use crate::cancellation::witness;
    pub(crate) use crate::checks::guarded;
    pub(crate) use crate::commands::runner;
    pub(crate) use crate::data::reader;
    pub(crate) use crate::effects::actor;
    pub(crate) use crate::failure::hostile_lines;
    pub(crate) use crate::files::filer;
    pub(crate) use crate::http::fetcher;
    pub(crate) use crate::locks::counter;
    pub(crate) use crate::lost_updates::nester;
    pub(crate) use crate::nesting::recurse;
    pub(crate) use crate::pending::looper;
    pub(crate) use crate::permissions::asker;
    pub(crate) use crate::python::{py_conformance, py_hostile};
    pub(crate) use crate::queries::seeker;
    pub(crate) use crate::scripts::{ts_conformance, ts_hostile};
    pub(crate) use crate::sealed::sealer;
    pub(crate) use crate::secrets::keeper;
    pub(crate) use crate::sockets::dialer;
    pub(crate) use crate::swamp_machine::{
        ts_swamp_archive, ts_swamp_disk, ts_swamp_identity, ts_swamp_selector, ts_swamp_watcher,
        ts_swamp_webhook, ts_swamp_workspace,
    };
    pub(crate) use crate::swamp_models::{
        ts_swamp_credentials, ts_swamp_fleet, ts_swamp_inventory, ts_swamp_journal,
        ts_swamp_pipeline, ts_swamp_rates, ts_swamp_tickets,
    };
    pub(crate) use crate::test_context::twin;
    pub(crate) use crate::uses::mover;
    pub(crate) use crate::workflows_of_guests::starter;
    // `host/app/tests/conformance` is its test.
    pub(crate) use sedge_test_artifacts::CONFORMANCE as conformance;
    pub(crate) use sedge_test_artifacts::{
        COMMAND as command, FORGER as forger, MISFIT_NAME as misfit_name,
        MISFIT_PANIC as misfit_panic, MISFIT_SCHEMA as misfit_schema,
        MISFIT_VERSION as misfit_version,
    };
    pub(crate) use sedge_test_artifacts::{HOSTILE as hostile, RAW as raw};
}
