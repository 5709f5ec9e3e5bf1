//! What use cases return, one module a noun.

pub mod audit;
pub mod call;
pub mod data;
pub mod datastore;
pub mod doctor;
pub mod event;
pub mod expression;
pub mod graph;
pub mod model;
pub mod permission;
pub mod plan;
pub mod plugin;
pub mod plugin_project;
pub mod program;
pub mod repository;
pub mod run;
pub mod sarif;
pub mod schema;
pub mod secret;
pub mod status;
pub mod swamp;
pub mod validate;
pub mod workflow;
