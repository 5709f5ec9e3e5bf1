//! What plugin authors work with: a project, the copy of the SDK in it, and the tools that build it.

pub(crate) mod bundler;
pub(crate) mod error;
pub(crate) mod project;
pub(crate) mod python;
pub(crate) mod rust;
pub(crate) mod script;
pub(crate) mod sdk;
pub(crate) mod tools;
pub(crate) mod typescript;
