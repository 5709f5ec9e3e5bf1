//! The contract in Rust, as wit-bindgen generates it. Only this crate and Sedge's own tests use
//! it.

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
