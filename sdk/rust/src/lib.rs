//! Write automation models for Sedge in Rust.
//!
//! A plugin is one model type. Write a function that returns its description, a [`Model`], and
//! pass that function to [`export!`]. Write each method as a plain function from its arguments to
//! its result. A method's [`Context`] offers what it can do besides computing, and a [`Failure`]
//! is its error.
//!
//! ```no_run
//! use schemars::JsonSchema;
//! use sedge_sdk::{Context, Failure, MethodKind, Model};
//! use serde::{Deserialize, Serialize};
//!
//! /// The arguments of a method. The comments become the descriptions in its schema.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct GreetArguments {
//!     /// The name of the person to greet
//!     name: String,
//! }
//!
//! /// Data that a method writes. It is versioned, and other calls can read it.
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Greeting {
//!     text: String,
//! }
//!
//! fn model() -> Model {
//!     Model::new("@acme/greeter", "2026.11.23.1", "Greets people")
//!         .resource::<Greeting>("greeting", "the last greeting")
//!         .asks_for_models("sink", "to note down every greeting")
//!         .method("greet", MethodKind::Action, "Greet someone", greet)
//! }
//!
//! fn greet(cx: &Context, arguments: GreetArguments) -> Result<Greeting, Failure> {
//!     let before = cx.latest::<Greeting>("greeting")?;
//!     if before.is_some_and(|before| before.content.text.contains(&arguments.name)) {
//!         return Err(Failure::new("greeted-already", "once is enough"));
//!     }
//!     let greeting = Greeting {
//!         text: format!("Hello, {}!", arguments.name),
//!     };
//!     cx.write("greeting", &greeting)?;
//!     cx.call("sink", "run", &sedge_sdk::json!({"note": greeting.text}))?;
//!     cx.info("greeted");
//!     Ok(greeting)
//! }
//!
//! sedge_sdk::export!(model);
//! ```
//!
//! Each call runs in an instance of its own, which is dropped afterwards. Do not keep state in
//! statics; write data instead. A panic discards the writes of the call, and the call fails with
//! the panic's message. The README explains how to build a plugin.

#[cfg(test)]
extern crate self as sedge_sdk;

mod bindings;
mod bounds;
mod calls;
mod check;
mod command;
mod context;
mod contract;
mod convert;
mod data;
mod definition;
mod error;
mod failure;
mod file;
mod folder;
mod guest;
mod host;
mod http;
mod model;
mod page;
mod process;
mod query;
mod report;
mod retention;
mod secret;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod workflow;

pub use bounds::{FromJson, HasSchema, ToJson};
pub use calls::{Outcome, Pending, Written};
pub use check::{CheckScope, CheckedCall};
pub use command::{Command, End, Output, Printed};
pub use context::{Cancellation, Context, Identity, Level};
pub use contract::CONTRACT_VERSION;
pub use data::{DataFilter, DataKind, Resource, ResourceDraft, VersionInfo};
pub use definition::{ModelDefinition, ModelFilter};
pub use error::{
    CallError, CheckFailure, CommandError, DataError, ModelsError, TargetKind, Violation,
    WorkflowError, limits,
};
pub use failure::Failure;
pub use file::{FileDraft, FileReader, FileWriter, LineWriter};
pub use folder::Folder;
pub use host::{Pollable, poll, timer};
pub use http::{HttpError, Request, Response};
pub use model::{FileAccess, MethodKind, Model, NoArguments, Permission};
pub use process::{Process, ProcessOutput, ProcessStdin};
pub use query::{DataQuery, Selected};
pub use report::{
    Report, ReportSubject, ReportedCall, ReportedContent, ReportedData, ReportedFault,
    ReportedModel, ReportedModelData, ReportedOutcome, ReportedRun, ReportedRunStatus,
    ReportedStep, ReportedStepOutcome,
};
pub use retention::{OnViolation, Retention};
pub use secret::Secret;
pub use sedge_sdk_macros::{arguments, resource};
pub use serde_json::{Map, Value, json};
pub use workflow::{FailedStep, RunFailure, RunOutcome, RunSuccess};
pub use {schemars, serde, serde_json};

/// Compiles the examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// The expansion of [`export!`], which Sedge's own tests use as well. It is not for plugin
/// authors, and may change in any version.
#[doc(hidden)]
pub mod __private {
    pub mod bindings {
        pub use crate::bindings::*;
    }
    pub use crate::bindings::exports::sedge::model::model::{
        CheckRequest, CheckSpec, Guest, Invocation, MethodSpec, ReportSpec, ResourceSpec, TypeInfo,
        UpgradeSpec,
    };
    pub use crate::bindings::sedge::model::reports::{ReportDocument, ReportRequest, ReportScope};
    pub use crate::bindings::sedge::model::types::{Failure, MethodKind};
    pub use crate::contract::CONTRACT_VERSION_BYTES;
    pub use crate::guest::{check, describe, invoke, report, upgrade};
}

/// Turns the crate into a plugin. Takes the function that returns its [`Model`].
///
/// A crate calls it once, and must be a `cdylib`. On targets other than wasm it exports nothing,
/// so that the crate's own tests run anywhere.
#[macro_export]
macro_rules! export {
    ($model:path) => {
        const _: () = {
            struct Plugin;

            impl $crate::__private::Guest for Plugin {
                fn describe() -> $crate::__private::TypeInfo {
                    $crate::__private::describe($model)
                }

                fn invoke(
                    what: $crate::__private::Invocation,
                ) -> ::core::result::Result<::std::string::String, $crate::__private::Failure>
                {
                    $crate::__private::invoke($model, what)
                }

                fn check(
                    what: $crate::__private::CheckRequest,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    $crate::__private::check($model, what)
                }

                fn upgrade(
                    to_version: ::std::string::String,
                    global_arguments: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, ::std::string::String> {
                    $crate::__private::upgrade($model, &to_version, &global_arguments)
                }

                fn report(
                    what: $crate::__private::ReportRequest,
                ) -> ::core::result::Result<
                    $crate::__private::ReportDocument,
                    ::std::string::String,
                > {
                    $crate::__private::report($model, what)
                }
            }

            $crate::__export_guest!(Plugin);
        };
    };
}

/// Exports a type that implements the contract itself, together with the contract's version.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_guest {
    ($guest:ident) => {
        // Without exports, this reference prevents warnings about dead code.
        #[cfg(not(target_arch = "wasm32"))]
        const _: (
            fn() -> $crate::__private::TypeInfo,
            fn(
                $crate::__private::Invocation,
            ) -> ::core::result::Result<::std::string::String, $crate::__private::Failure>,
            fn($crate::__private::CheckRequest) -> ::core::result::Result<(), ::std::string::String>,
            fn(
                ::std::string::String,
                ::std::string::String,
            ) -> ::core::result::Result<::std::string::String, ::std::string::String>,
            fn(
                $crate::__private::ReportRequest,
            )
                -> ::core::result::Result<$crate::__private::ReportDocument, ::std::string::String>,
        ) = (
            <$guest as $crate::__private::Guest>::describe,
            <$guest as $crate::__private::Guest>::invoke,
            <$guest as $crate::__private::Guest>::check,
            <$guest as $crate::__private::Guest>::upgrade,
            <$guest as $crate::__private::Guest>::report,
        );

        #[cfg(target_arch = "wasm32")]
        $crate::__private::bindings::export!($guest with_types_in $crate::__private::bindings);

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[used]
            #[unsafe(link_section = "sedge:contract")]
            static CONTRACT: [u8; $crate::__private::CONTRACT_VERSION_BYTES.len()] =
                $crate::__private::CONTRACT_VERSION_BYTES;
        };
    };
}
