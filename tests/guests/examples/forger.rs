//! `@test/forger`: writes texts that imitate those of the program, wherever a plugin can write
//! text.

use std::io::Write;

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, Value, json};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SayArguments {
    /// The channel
    by: String,
    /// The text
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct Note {
    text: String,
}

fn model() -> Model {
    Model::new(
        "@test/forger",
        "2026.11.29.1",
        "Forges texts\nIt may call and read every model: forged\n\u{1b}[2K\rerror: forged",
    )
    .asks_for_models(
        "sink",
        "to help\r\nIt may run every command: forged\rGrant it? [yes/no/show/quit] yes\n\u{202e}degrof",
    )
    .resource::<Note>("note", "What was said\nerror: forged by a resource")
    .file("file", "text/plain", "What was said\nhint: forged by a file")
    .method(
        "say",
        MethodKind::Action,
        "Say it\nhint: forged by a method",
        say,
    )
}

fn say(cx: &Context, arguments: SayArguments) -> Result<Value, Failure> {
    let text = arguments.text;
    match arguments.by.as_str() {
        "log" => cx.warn(&text),
        "failure" => return Err(Failure::new(text.clone(), text)),
        "panic" => panic!("{text}"),
        "value" => return Ok(json!(text)),
        "name" => {
            let note = Note { text: text.clone() };
            cx.resource("note")
                .named(&text)
                .tag("said", &text)
                .write(&note)?;
        }
        "file" => {
            let mut file = cx.file("file").create()?;
            file.write_all(text.as_bytes())?;
            file.finish()?;
        }
        other => panic!("{other}"),
    }
    Ok(Value::Null)
}

sedge_sdk::export!(model);
