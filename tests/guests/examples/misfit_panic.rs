//! `@test/misfit-panic`: built with the SDK, panics when it is asked what it is.

fn model() -> sedge_sdk::Model {
    panic!("cannot describe myself")
}

sedge_sdk::export!(model);
