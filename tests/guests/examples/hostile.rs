//! `@test/hostile`: does what a host must survive, and returns how the host responded.
//!
//! Each method first writes `mark`, so that a test can see whether that write was discarded.

#![expect(
    clippy::disallowed_methods,
    reason = "tests check that a guest cannot reach outside"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::TcpStream;
use std::time::Duration;
use std::{env, fs, process, thread};

use schemars::JsonSchema;
use sedge_sdk::{
    CallError, Context, DataError, Failure, MethodKind, Model, NoArguments, Outcome, Value, json,
};
use serde::{Deserialize, Serialize};

/// A mark that a method has begun.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Mark {
    method: String,
}

/// A large resource.
#[derive(Serialize, JsonSchema)]
struct Blob {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TrapArguments {
    /// What to print to stderr before the trap
    #[serde(default)]
    words: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PanicArguments {
    /// The message of the panic
    message: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FailArguments {
    code: String,
    message: String,
    /// Whether to keep the writes
    #[serde(default)]
    keep: bool,
    /// What else a program may want to know
    #[serde(default)]
    details: Option<Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LinesArguments {
    /// How many lines
    lines: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SleepArguments {
    /// How long, in milliseconds
    ms: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallArguments {
    /// The model to call
    target: String,
    /// Its method
    method: String,
    /// The method's arguments
    #[serde(default)]
    arguments: BTreeMap<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BigArguments {
    /// How many bytes of text
    bytes: usize,
}

fn model() -> Model {
    use MethodKind::Action;

    Model::new(
        "@test/hostile",
        "2026.11.23.1",
        "Does what a host must survive",
    )
    .asks_for_models("*", "to call the model in its arguments")
    .resource::<Mark>("mark", "A mark that a method has begun")
    .resource::<Blob>("blob", "Something large")
    .method("trap", Action, "Execute `unreachable`", marked(trap))
    .method("panic", Action, "Panic", marked(panic))
    .method("spin", Action, "Loop without end", marked(spin))
    .method("memory", Action, "Take memory without end", marked(memory))
    .method("stack", Action, "Recurse without end", marked(stack))
    .method("fail", Action, "Return a failure", marked(fail))
    .method(
        "print",
        Action,
        "Print lines to stdout and stderr",
        marked(print),
    )
    .method("exit", Action, "Exit with status 3", marked(exit))
    .method("sleep", Action, "Sleep", marked(sleep))
    .method("log", Action, "Log lines", marked(log))
    .method("environment", Action, "Look around", marked(environment))
    .method(
        "swallow",
        Action,
        "Call, and return the error",
        marked(swallow),
    )
    .method(
        "abandon",
        Action,
        "Start a call, and do not wait",
        marked(abandon),
    )
    .method("big", Action, "Write something large", marked(big))
    .method(
        "undeclared",
        Action,
        "Write an undeclared resource",
        marked(undeclared),
    )
    .method(
        "badcontent",
        Action,
        "Write what violates its schema",
        marked(badcontent),
    )
    .method(
        "reread",
        Action,
        "Read what it has just written",
        marked(reread),
    )
}

/// Returns the method with a write of `mark` before it.
fn marked<A, R>(
    method: fn(&Context, A) -> Result<R, Failure>,
) -> impl Fn(&Context, A) -> Result<R, Failure> {
    move |cx, arguments| {
        let name = cx.identity().method.clone();
        cx.write("mark", &Mark { method: name })?;
        method(cx, arguments)
    }
}

#[expect(
    clippy::print_stderr,
    reason = "tests check what becomes of the output"
)]
fn trap(_: &Context, arguments: TrapArguments) -> Result<(), Failure> {
    if let Some(words) = arguments.words {
        eprintln!("{words}");
    }
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    process::abort();
}

fn panic(_: &Context, arguments: PanicArguments) -> Result<(), Failure> {
    panic!("{}", arguments.message)
}

fn spin(_: &Context, _: NoArguments) -> Result<(), Failure> {
    let mut turns = 0_u64;
    while black_box(true) {
        turns = black_box(turns.wrapping_add(1));
    }
    Ok(())
}

fn memory(_: &Context, _: NoArguments) -> Result<(), Failure> {
    const BLOCK_BYTES: usize = 1 << 20;
    let mut blocks = Vec::new();
    while black_box(true) {
        blocks.push(black_box(vec![1_u8; BLOCK_BYTES]));
    }
    Ok(())
}

fn stack(_: &Context, _: NoArguments) -> Result<u64, Failure> {
    Ok(descend(0))
}

fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    if black_box(true) {
        descend(depth + 1).wrapping_add(frame[7])
    } else {
        depth
    }
}

fn fail(_: &Context, arguments: FailArguments) -> Result<(), Failure> {
    let mut failure = Failure::new(arguments.code, arguments.message);
    failure.details = arguments.details;
    Err(if arguments.keep {
        failure.keep_writes()
    } else {
        failure
    })
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests check what becomes of the output"
)]
fn print(_: &Context, arguments: LinesArguments) -> Result<(), Failure> {
    for line in 1..=arguments.lines {
        println!("stdout line {line}");
        eprintln!("stderr line {line}");
    }
    Ok(())
}

fn exit(_: &Context, _: NoArguments) -> Result<(), Failure> {
    process::exit(3)
}

/// Returns how long it slept, in milliseconds.
fn sleep(_: &Context, arguments: SleepArguments) -> Result<u64, Failure> {
    thread::sleep(Duration::from_millis(arguments.ms));
    Ok(arguments.ms)
}

fn log(cx: &Context, arguments: LinesArguments) -> Result<(), Failure> {
    for line in 1..=arguments.lines {
        cx.info(format_args!("line {line}"));
    }
    Ok(())
}

/// Returns `{variables, arguments, root, tcp}`. The last two are `ok` or the error's message.
fn environment(_: &Context, _: NoArguments) -> Result<Value, Failure> {
    fn answer<T>(result: std::io::Result<T>) -> String {
        result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
    }
    Ok(json!({
        "variables": env::vars().collect::<BTreeMap<String, String>>(),
        "arguments": env::args().collect::<Vec<String>>(),
        "root": answer(fs::read_dir("/")),
        "tcp": answer(TcpStream::connect("127.0.0.1:80")),
    }))
}

/// Returns `{code, message, details}` of the error. The code is `ok` if there was none.
fn swallow(cx: &Context, arguments: CallArguments) -> Result<Value, Failure> {
    let CallArguments {
        target,
        method,
        arguments,
    } = arguments;
    Ok(match cx.call(&target, &method, &arguments) {
        Ok(Outcome { value, .. }) => json!({"code": "ok", "value": value}),
        Err(error) => {
            let mut stack = Vec::new();
            if let CallError::Failed(failure) = &error {
                stack.clone_from(&failure.stack);
            }
            let failure = Failure::from(error);
            let mut answer = json!({
                "code": failure.code,
                "message": failure.message,
                "details": failure.details,
            });
            if !stack.is_empty() {
                answer["stack"] = json!(stack);
            }
            answer
        }
    })
}

fn abandon(cx: &Context, arguments: CallArguments) -> Result<(), Failure> {
    drop(cx.start(&arguments.target, &arguments.method, &arguments.arguments));
    Ok(())
}

/// Returns the error's code, or `written`.
fn big(cx: &Context, arguments: BigArguments) -> Result<&'static str, Failure> {
    let text = "x".repeat(arguments.bytes);
    Ok(code(&cx.write("blob", &Blob { text })))
}

/// Returns the error's code, or `written`.
fn undeclared(cx: &Context, _: NoArguments) -> Result<&'static str, Failure> {
    Ok(code(&cx.write("nowhere", &json!({}))))
}

/// Returns `{code, violations}`, each violation with its `path` and `message`.
fn badcontent(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let written = cx.write("mark", &json!({"method": 7}));
    let violations = match &written {
        Err(DataError::InvalidContent { violations }) => json!(violations),
        Ok(()) | Err(_) => json!([]),
    };
    Ok(json!({"code": code(&written), "violations": violations}))
}

/// Returns the version and the content of the latest `mark`. A staged one has no version.
fn reread(cx: &Context, _: NoArguments) -> Result<Value, Failure> {
    let mark = cx.latest::<Mark>("mark")?;
    Ok(json!(mark.map(
        |mark| json!({"version": mark.info.version, "content": mark.content})
    )))
}

fn code(written: &Result<(), DataError>) -> &'static str {
    match written {
        Ok(()) => "written",
        Err(error) => error.code(),
    }
}

sedge_sdk::export!(model);
