//! The bounds of the functions of [`Model`](crate::Model), with hints of the compiler.
//!
//! Each trait is implemented for all types that implement the trait above it. They exist because only
//! the crate of a trait can say what to write if a type lacks it.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type that can be read from JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from JSON, so it cannot be the arguments of a method",
    label = "this type does not implement `Deserialize`",
    note = "put `#[sedge_sdk::arguments]` above the type, or derive `Deserialize` of `serde` 1"
)]
pub trait FromJson: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> FromJson for T {}

/// A type that can be written as JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as JSON, so it cannot be a result or a resource",
    label = "this type does not implement `Serialize`",
    note = "put `#[sedge_sdk::resource]` above the type, or derive `Serialize` of `serde` 1"
)]
pub trait ToJson: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ToJson for T {}

/// A type that has a JSON Schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema, which Sedge needs for arguments and resources",
    label = "this type does not implement `JsonSchema`",
    note = "put `#[sedge_sdk::arguments]` or `#[sedge_sdk::resource]` above the type, or derive `JsonSchema` of `schemars` 1"
)]
pub trait HasSchema: JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> HasSchema for T {}
