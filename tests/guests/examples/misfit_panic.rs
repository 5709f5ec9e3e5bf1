//! `@test/misfit-panic`: built with the SDK, panics when it describes itself.

fn model() -> sedge_sdk::Model {
    panic!("cannot describe myself")
}

sedge_sdk::export!(model);
