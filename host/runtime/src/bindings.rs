//! Rust bindings generated from the contract in `wit/`. They have their own file because all of it
//! is generated.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "sedge:model/calls.pending": crate::host::calls::Pending,
        "sedge:model/commands.process": crate::host::commands::process::GuestProcess,
        "sedge:model/data.file-reader": crate::host::data::files::GuestFileReader,
        "sedge:model/data.file-writer": crate::host::data::files::GuestFileWriter,
        "sedge:model/secrets.secret": crate::host::secrets::SecretHandle,
    },
});
