//! Transcripts of every command, with the real program, real plugins and a real repository.
//!
//! There is one module for each command, named like it: `host/cli/src/commands/data/get.rs` has `data_get`. It shows
//! the command when it succeeds, as text and as JSON, and the usual mistakes of users. The other
//! modules show sequences of several commands: the `scenario`, refused requests, interruptions and
//! concurrent processes.
//!
//! To accept the current output, and then to review the difference:
//! `cargo insta test --accept --release --workspace --test transcripts`.
#![expect(
    clippy::disallowed_methods,
    reason = "some transcripts show the messages about damaged files"
)]
#![expect(
    clippy::too_many_lines,
    reason = "a transcript is as long as the output that it shows"
)]

mod audit_list;
mod authors;
mod bad_component;
mod bad_input;
mod busy;
mod checks;
mod commands;
mod compile_component;
mod compiled_code;
mod completion;
mod data_delete;
mod data_diff;
mod data_gc;
mod data_get;
mod data_list;
mod data_prune;
mod data_query;
mod data_rename;
mod data_restore;
mod data_search;
mod data_versions;
mod datastore_backup;
mod datastore_check;
mod datastore_compact;
mod datastore_lock_release;
mod datastore_lock_status;
mod datastore_restore;
mod datastore_status;
mod doctor;
mod doctor_fix;
mod errors;
mod errors_of_locks;
mod errors_of_requests;
mod errors_of_state;
mod eval;
mod first_party;
mod fixtures;
mod guest_text;
mod help;
mod import_swamp;
mod init;
mod inputs;
mod interrupted;
mod joined;
mod limits;
mod manual;
mod model_create;
mod model_delete;
mod model_edit;
mod model_evaluate;
mod model_get;
mod model_grant;
mod model_list;
mod model_method_direct;
mod model_method_run;
mod model_method_run_fails;
mod model_permissions;
mod model_revoke;
mod model_upgrade;
mod model_validate;
mod one_process;
mod plugin_add;
mod plugin_add_asks;
mod plugin_add_limits;
mod plugin_build;
mod plugin_describe;
mod plugin_dev;
mod plugin_download;
mod plugin_files;
mod plugin_github_releases;
mod plugin_http;
mod plugin_import_swamp;
mod plugin_list;
mod plugin_new;
mod plugin_remove;
mod plugin_restore;
mod plugin_shell;
mod plugin_test;
mod plugin_versions;
mod reaper;
mod run_cancel;
mod run_gc;
mod run_list;
mod run_logs;
mod run_show;
mod run_show_backtrace;
mod run_watch;
mod scenario;
mod scenario_json;
mod schema;
mod secret_delete;
mod secret_list;
mod secret_put;
mod secret_rotate;
mod secret_sources;
mod start_up;
mod status;
mod terminal;
mod validate;
mod workflow_approvals;
mod workflow_approve;
mod workflow_evaluate;
mod workflow_get;
mod workflow_graph;
mod workflow_inputs;
mod workflow_list;
mod workflow_reject;
mod workflow_resume;
mod workflow_run;
mod workflow_run_shown;
mod workflow_validate;
mod workflows_of_guests;
