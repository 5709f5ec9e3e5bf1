//! Rust bindings for the contract in `wit/`, for the baseline without our runtime.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    imports: { default: async | trappable },
    exports: { default: async },
    with: { "wasi:io": wasmtime_wasi::p2::bindings::io },
});
