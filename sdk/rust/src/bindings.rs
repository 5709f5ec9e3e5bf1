//! The contract in Rust, as wit-bindgen generates it. Only this crate and Sedge's own tests use
//! it.

#![expect(
    missing_docs,
    reason = "wit-bindgen writes docs only where the contract has some"
)]

wit_bindgen::generate!({
    world: "plugin",
    path: "wit",
    with: {
        "wasi:io/error@0.2.12": wasip2::io::error,
        "wasi:io/poll@0.2.12": wasip2::io::poll,
        "wasi:io/streams@0.2.12": wasip2::io::streams,
    },
    pub_export_macro: true,
    default_bindings_module: "sedge_sdk::__private::bindings",
});
