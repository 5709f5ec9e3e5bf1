//! All commands: one folder per noun, and in it one file per command, with its arguments and what
//! it prints.

pub(crate) mod audit;
pub(crate) mod compile_component;
pub(crate) mod data;
pub(crate) mod datastore;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod model;
pub(crate) mod plugin;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod shared;
pub(crate) mod status;
pub(crate) mod validate;
pub(crate) mod workflow;

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// The arguments of a command.
pub(crate) trait Run {
    /// Runs the command.
    ///
    /// # Errors
    /// The command failed.
    fn run(self, cx: &Context) -> Result<Output, CliError>;

    /// Returns whether the command changes something, or runs something, before it writes its output.
    /// If that output cannot be written, the command must not be repeated.
    fn changes(&self) -> bool {
        false
    }
}

/// Declares a group of commands for the grammar. Each entry holds the arguments of one command, or
/// another group, and runs itself.
macro_rules! commands {
    ($(#[$about:meta])* $group:ident {
        $($(#[$meta:meta])* $name:ident($args:ty),)*
    }) => {
        $(#[$about])*
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum $group {
            $($(#[$meta])* $name($args),)*
        }

        impl $crate::commands::Run for $group {
            fn run(
                self,
                cx: &$crate::context::Context,
            ) -> Result<$crate::output::Output, $crate::error::CliError> {
                match self {
                    $(Self::$name(args) => args.run(cx),)*
                }
            }

            fn changes(&self) -> bool {
                match self {
                    $(Self::$name(args) => args.changes(),)*
                }
            }
        }
    };
}
use commands;

commands! {
    /// A noun, or a command without a noun. The help of nouns is here; the help of a command is at
    /// its arguments.
    Command {
        Init(init::InitArgs),
        Status(status::StatusArgs),
        Doctor(doctor::DoctorArgs),
        Validate(validate::ValidateArgs),
        Eval(eval::EvalArgs),
        Schema(schema::SchemaArgs),
        /// Add, inspect, restore, remove and write plugins, which provide types
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Plugin(plugin::Plugin),
        /// Take over what another tool has made
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Import(import::Import),
        /// Create, inspect, run and delete models
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Model(model::Model),
        /// Read, search and delete the data that models wrote
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Data(data::Data),
        /// Inspect and maintain the datastore
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Datastore(datastore::Datastore),
        /// Manage secrets
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Secret(secret::Secret),
        /// Run workflows, and approve or reject their gates
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Workflow(workflow::Workflow),
        /// Inspect runs, and delete old ones
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Run(run::RunCommand),
        /// Show what users did: grants, secrets, gates, runs and more
        #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true)]
        Audit(audit::Audit),
    }
}
