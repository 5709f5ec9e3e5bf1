//! The contract and WASI in Rust, as wit-bindgen generates them. The derived traits make values of a
//! script out of their types, and the reverse: see `write` and `read`.

#![expect(
    unsafe_code,
    reason = "calls between a component and its host go through functions of C"
)]

use super::exports::Engine;

wit_bindgen::generate!({
    inline: "
        package sedge:engine;

        /// The engine of plugins in TypeScript. A build loads a script into it; from then on it is that
        /// plugin.
        world engine {
            include sedge:model/script@0.4.0;

            /// Why a script cannot be loaded.
            record build-error {
                /// A sentence for the author.
                message: string,
                /// Where it failed, innermost frame first: `NAME at plugin.js:LINE:COLUMN`.
                stack: list<string>,
            }

            /// Compiles an ES module, and returns its bytecode, which another instance of this engine
            /// loads.
            export compile: func(source: string) -> result<list<u8>, build-error>;

            /// Loads and evaluates a module. Returns the lines that it has logged. This instance is the
            /// plugin from then on, so it can be done once.
            export load: func(bytecode: list<u8>) -> result<list<string>, build-error>;
        }
    ",
    path: "../../../wit",
    generate_all,
    additional_derives: [serde::Serialize, serde::Deserialize],
    additional_derives_ignore: ["stream-error"],
});

export!(Engine);

/// The version of the contract, which the host reads from a section of the component.
const CONTRACT_VERSION: [u8; 5] = *b"0.4.0";

// SAFETY: a custom section has no effect on the program.
#[unsafe(link_section = "sedge:contract")]
#[used]
static CONTRACT: [u8; CONTRACT_VERSION.len()] = CONTRACT_VERSION;
