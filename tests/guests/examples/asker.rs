//! `@test/asker`: asks for one permission of each kind, and tries to use them.

use sedge_sdk::{Context, Failure, FileAccess, MethodKind, Model, NoArguments, Permission, Value};

fn model() -> Model {
    Model::new("@test/asker", "2026.11.26.1", "Asks for one of each kind")
        .asks_for_models("sink", "to note down what it found")
        .asks_for(
            Permission::Http {
                url: "https://*.example.com".to_owned(),
                methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            },
            "to look at the service",
        )
        .asks_for(
            Permission::Sockets {
                to: "db.example.com:5432".to_owned(),
            },
            "to look into the database",
        )
        .asks_for(
            Permission::Files {
                name: "inbox".to_owned(),
                access: FileAccess::Write,
            },
            "to sort what came in",
        )
        .asks_for(
            Permission::Env {
                name: "ASKER_OLD".to_owned(),
            },
            "to know the region",
        )
        .asks_for(
            Permission::Secrets {
                name: "TOKEN".to_owned(),
                hosts: vec!["https://api.example.com".to_owned()],
                reveal: false,
            },
            "to be known to the service",
        )
        .asks_for(
            Permission::Commands {
                name: "date".to_owned(),
            },
            "to know the day",
        )
        .method(
            "call",
            MethodKind::Action,
            "Have `sink` note something",
            call,
        )
}

/// Returns what the callee returned.
fn call(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    Ok(cx.call("sink", "run", &NoArguments {})?.value)
}

sedge_sdk::export!(model);
