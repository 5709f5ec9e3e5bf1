//! The contract in Rust, as wit-bindgen writes it. Nothing else is in this file, and
//! nothing outside of this crate and Sedge's own tests names what is in it.

#![expect(
    missing_docs,
    reason = "wit-bindgen writes docs only where the contract has some"
)]

wit_bindgen::generate!({
    world: "plugin",
    path: "../../wit",
    pub_export_macro: true,
    default_bindings_module: "sedge_sdk::__private::bindings",
});
