//! Write automation models for Sedge in Rust.
//!
//! A plugin is one model type: say what it is in a function that returns a [`Model`],
//! hand that function to [`export!`], and write each method as a plain function from
//! its arguments to its result. What a method can do besides computing is in its
//! [`Context`]; how it says that it did not succeed is a [`Failure`].
//!
//! ```no_run
//! use schemars::JsonSchema;
//! use sedge_sdk::{Context, Failure, MethodKind, Model};
//! use serde::{Deserialize, Serialize};
//!
//! /// A method's arguments; the comments become the descriptions in its schema.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct GreetArguments {
//!     /// Whom to greet
//!     name: String,
//! }
//!
//! /// What a method writes, versioned, for others to read.
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
//! Every call runs in an instance of its own, which is thrown away afterwards: keep
//! nothing in statics, write data instead. A panic undoes what the call wrote and ends
//! it as failed with the panic's message. See the README for how to build a plugin.

mod bindings;
mod calls;
mod command;
mod context;
mod contract;
mod convert;
mod data;
mod error;
mod failure;
mod file;
mod guest;
mod http;
mod model;
mod retention;
mod secret;

pub use calls::{Outcome, Pending, Written};
pub use command::{Command, CommandError, End, Output, Printed};
pub use context::{Context, Identity, Level};
pub use contract::CONTRACT_VERSION;
pub use data::{DataKind, Resource, ResourceDraft, VersionInfo};
pub use error::{CallError, DataError, TargetKind, Violation};
pub use failure::Failure;
pub use file::{FileDraft, FileReader, FileWriter, LineWriter};
pub use http::{HttpError, Request, Response};
pub use model::{FileAccess, MethodKind, Model, NoArguments, Permission};
pub use retention::{OnViolation, Retention};
pub use secret::Secret;
pub use serde_json::{Value, json};
pub use {schemars, serde, serde_json};

/// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// What [`export!`] expands to, and what Sedge's own tests misuse. Not for authors: it
/// changes with any version.
#[doc(hidden)]
pub mod __private {
    pub mod bindings {
        pub use crate::bindings::*;
    }
    pub use crate::bindings::exports::sedge::model::model::{
        Guest, Invocation, MethodSpec, ResourceSpec, TypeInfo,
    };
    pub use crate::bindings::sedge::model::types::{Failure, MethodKind};
    pub use crate::contract::CONTRACT_VERSION_BYTES;
    pub use crate::guest::{describe, invoke};
}

/// Makes the crate a plugin: takes the function that returns its [`Model`].
///
/// A crate uses it once, and is a `cdylib`. On a target other than wasm it exports
/// nothing, so that the crate's own tests can run anywhere.
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
            }

            $crate::__export_guest!(Plugin);
        };
    };
}

/// Exports a type that implements the contract by itself, with the contract's version.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_guest {
    ($guest:ident) => {
        // Where nothing is exported, this is what keeps the guest from being dead code.
        #[cfg(not(target_arch = "wasm32"))]
        const _: (
            fn() -> $crate::__private::TypeInfo,
            fn(
                $crate::__private::Invocation,
            ) -> ::core::result::Result<::std::string::String, $crate::__private::Failure>,
        ) = (
            <$guest as $crate::__private::Guest>::describe,
            <$guest as $crate::__private::Guest>::invoke,
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
