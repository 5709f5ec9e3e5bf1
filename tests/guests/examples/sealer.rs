//! `@test/sealer`: writes and reads sealed fields, and tries to leak, forge and copy them. It sends
//! and measures a secret in its global arguments.
//!
//! A password is given in parts that the guest joins, so that it is in no argument.

use std::io::Read;

use schemars::JsonSchema;
use sedge_sdk::{
    Context, Failure, MethodKind, Model, NoArguments, Permission, Request, Value, json,
};
use serde::{Deserialize, Serialize};

/// The global arguments.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    /// A secret
    #[serde(default)]
    #[schemars(extend("sensitive" = true), length(min = 5))]
    token: String,
}

#[derive(Serialize, JsonSchema)]
struct Login {
    user: String,
    #[schemars(extend("sensitive" = true))]
    password: Option<String>,
    #[schemars(extend("sensitive" = true))]
    keys: Value,
}

/// Anything, in a field that is not sensitive.
#[derive(Serialize, JsonSchema)]
struct Note {
    text: Value,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutArguments {
    name: String,
    /// The parts of the password
    #[serde(default)]
    parts: Vec<String>,
    /// The second sealed field
    #[serde(default)]
    keys: Value,
    /// A call that is made before the data is committed
    #[serde(default)]
    then: Option<Then>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Then {
    target: String,
    method: String,
    arguments: Value,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShowArguments {
    /// The model [default: this one]
    #[serde(default)]
    model: Option<String>,
    name: String,
    #[serde(default)]
    version: Option<u64>,
    /// Whether the bytes are read, and not the value
    #[serde(default)]
    bytes: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TellArguments {
    name: String,
    /// `log`, `value`, `failure`, `note`, `file`, `name` or `argument`
    by: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForgeArguments {
    name: String,
    content: Value,
    /// `login` or `note`
    spec: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SendArguments {
    url: String,
    /// The token [default: that of the global arguments]
    #[serde(default)]
    #[schemars(extend("sensitive" = true))]
    token: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CopyArguments {
    model: String,
    name: String,
    to: String,
}

fn model() -> Model {
    use MethodKind::{Action, Read};

    let reveal = Permission::Reveal {
        what: "data:*:/password".to_owned(),
    };
    let token = Permission::Reveal {
        what: "argument:/token".to_owned(),
    };
    let http = Permission::Http {
        url: "http://*:*".to_owned(),
        methods: Vec::new(),
    };
    Model::new("@test/sealer", "2026.11.30.1", "Seals and leaks")
        .global_arguments::<Globals>()
        .asks_for(token, "to measure the token")
        .asks_for(http, "to send the token")
        .asks_for_models("*", "to read the data of others")
        .asks_for(reveal, "to see the passwords of others")
        .resource::<Login>("login", "A login with sealed fields")
        .resource::<Note>("note", "Anything")
        .file("file", "text/plain", "Anything")
        .method("put", Action, "Write a login", put)
        .method("show", Read, "Read a login, and return it backwards", show)
        .method("tell", Action, "Leak an own login", tell)
        .method("take", Read, "Return the argument", take)
        .method("forge", Action, "Write content as it is given", forge)
        .method("copy", Action, "Copy the data of another model", copy)
        .method("token", Read, "Return and measure the token", token_show)
        .method("send", Action, "Send the token", send)
}

fn put(cx: &Context, arguments: PutArguments) -> Result<Value, Failure> {
    let login = Login {
        user: "ada".to_owned(),
        password: Some(arguments.parts.concat()).filter(|it| !it.is_empty()),
        keys: arguments.keys,
    };
    cx.write_named("login", &arguments.name, &login)?;
    match arguments.then {
        Some(then) => Ok(cx.call(&then.target, &then.method, &then.arguments)?.value),
        None => Ok(Value::Null),
    }
}

/// Returns the content, and its text backwards, which no redactor recognises.
fn show(cx: &Context, arguments: ShowArguments) -> Result<Value, Failure> {
    let own = cx.identity().model.clone();
    let model = arguments.model.unwrap_or(own);
    let name = &arguments.name;
    let text = if arguments.bytes {
        let Some(mut file) = cx.open_file_of(&model, name, arguments.version)? else {
            return Ok(Value::Null);
        };
        let mut text = String::new();
        let n_bytes = file.read_to_string(&mut text)?;
        assert_eq!(n_bytes as u64, file.info().size_bytes);
        text
    } else {
        let resource = match arguments.version {
            Some(version) => cx.version_of::<Value>(&model, name, version)?,
            None => cx.latest_of::<Value>(&model, name)?,
        };
        match resource {
            Some(resource) => resource.content.to_string(),
            None => return Ok(Value::Null),
        }
    };
    Ok(json!({"text": text, "backwards": text.chars().rev().collect::<String>()}))
}

/// Leaks the password of an own login.
fn tell(cx: &Context, arguments: TellArguments) -> Result<Value, Failure> {
    let login = cx.latest::<Value>(&arguments.name)?;
    let login = login.expect("it was written").content;
    let password = login["password"].as_str().unwrap_or_default();
    let text = format!("it is {password}, really");
    match arguments.by.as_str() {
        "log" => cx.info(&text),
        "value" => return Ok(json!(text)),
        "failure" => return Err(Failure::new("leaked", text)),
        "note" => {
            let text = json!(text);
            cx.write_named("note", "note", &Note { text })?;
        }
        "name" => {
            let text = Value::Null;
            cx.write_named("note", password, &Note { text })?;
        }
        "file" => {
            let mut file = cx.file("file").create_lines()?;
            file.write_line(&text)?;
            file.finish()?;
        }
        "argument" => {
            let own = cx.identity().model.clone();
            return Ok(cx.call(&own, "take", &json!({"text": text}))?.value);
        }
        other => panic!("{other}"),
    }
    Ok(Value::Null)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TakeArguments {
    text: String,
}

fn take(_: &Context, arguments: TakeArguments) -> Result<String, Failure> {
    Ok(arguments.text)
}

fn forge(cx: &Context, arguments: ForgeArguments) -> Result<(), Failure> {
    cx.write_named(&arguments.spec, &arguments.name, &arguments.content)?;
    Ok(())
}

fn copy(cx: &Context, arguments: CopyArguments) -> Result<(), Failure> {
    let found = cx.latest_of::<Value>(&arguments.model, &arguments.name)?;
    let content = found.expect("it was written").content;
    cx.write_named("login", &arguments.to, &content)?;
    Ok(())
}

/// Returns the token, its length, and what is left of it after the first byte.
fn token_show(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let token = cx.global_arguments::<Globals>()?.token;
    cx.info(format!("the token is {token}"));
    Ok(json!({"token": token, "n_bytes": token.len(), "rest": token.get(1..)}))
}

fn send(cx: &Context, arguments: SendArguments) -> Result<u16, Failure> {
    let token = match arguments.token {
        Some(token) => token,
        None => cx.global_arguments::<Globals>()?.token,
    };
    let request = Request::post(&arguments.url).header("x-token", token);
    Ok(cx.http(&request)?.status())
}

sedge_sdk::export!(model);
