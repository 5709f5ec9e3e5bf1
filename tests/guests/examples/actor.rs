//! `@test/actor`: performs a list of actions on the machine, each through one function of WASI: in
//! a folder, over a connection, by a command, or by calling another actor.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use schemars::JsonSchema;
use sedge_sdk::{Context, End, Failure, FileAccess, MethodKind, Model, Permission, Value, json};
use serde::{Deserialize, Serialize};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};

/// The interval between two checks of a condition.
const CHECK_INTERVAL: Duration = Duration::from_millis(1);

/// The actions, in order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    acts: Vec<Act>,
}

/// One action. A path begins with the name of a granted folder.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Act {
    /// Append a text to a file
    Append(String, String),
    /// Create a file that does not exist
    Create(String),
    /// Write a text at the beginning of an existing file
    Write(String, String),
    /// Like `write`, through a stream
    Stream(String, String),
    /// Truncate a file by opening it
    Truncate(String),
    /// Set the size of an existing file
    Resize(String, u64),
    /// Set the times of a file by its name
    Touch(String),
    /// Set the times of an open file
    TouchOpen(String),
    MakeFolder(String),
    RemoveFolder(String),
    Remove(String),
    Rename(String, String),
    Link(String, String),
    /// Create a symbolic link with this target
    Symlink(String, String),
    Read(String),
    /// Wait until a file exists
    Await(String),
    /// Connect to an address
    Connect(String),
    /// Run a command with arguments
    Command(String, Vec<String>),
    /// Call another actor with actions
    Call(String, Vec<Act>),
    /// Call the method `observe` of another actor with actions
    Observe(String, Vec<Act>),
}

fn model() -> Model {
    let folder = |name: &str, access: FileAccess| Permission::Files {
        name: name.to_owned(),
        access,
    };
    Model::new("@test/actor", "2026.12.01.1", "Acts on the machine")
        .asks_for(folder("inbox", FileAccess::Write), "to act there")
        .asks_for(folder("outbox", FileAccess::Write), "to act there")
        .asks_for(
            Permission::Sockets {
                to: "127.46.110.9:47112".to_owned(),
            },
            "to connect",
        )
        .asks_for(
            Permission::Commands {
                name: "*".to_owned(),
            },
            "to run them",
        )
        .asks_for_models("*", "to call other actors")
        .method("run", MethodKind::Action, "Perform the actions", run)
        .method("look", MethodKind::Read, "Perform the actions", run)
        .method("observe", MethodKind::Observe, "Perform the actions", run)
}

/// Returns the result of each action.
fn run(cx: &Context, arguments: RunArguments) -> Result<Vec<Value>, Failure> {
    arguments.acts.into_iter().map(|it| act(cx, it)).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other acts are in a folder"
)]
fn act(cx: &Context, act: Act) -> Result<Value, Failure> {
    match act {
        Act::Connect(to) => drop(TcpStream::connect(to)?),
        Act::Command(name, arguments) => {
            let output = cx.command(name).arguments(arguments).run()?;
            let End::Exit(code) = output.end else {
                return Err(Failure::new("signal", "it was killed"));
            };
            let stdout = String::from_utf8_lossy(&output.stdout.bytes).into_owned();
            return Ok(json!([code, stdout]));
        }
        Act::Call(model, acts) => {
            return Ok(cx.call(&model, "run", &RunArguments { acts })?.value);
        }
        Act::Observe(model, acts) => {
            return Ok(cx.call(&model, "observe", &RunArguments { acts })?.value);
        }
        Act::Await(path) => {
            while at(&path, |folder, path| {
                folder.stat_at(PathFlags::empty(), path)
            })
            .is_err()
            {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a guest has no other way to wait"
                )]
                thread::sleep(CHECK_INTERVAL);
            }
        }
        Act::Read(path) => {
            let file = open(&path, OpenFlags::empty(), DescriptorFlags::READ)?;
            let (bytes, _) = file.read(1 << 16, 0).map_err(failed)?;
            return Ok(json!(String::from_utf8_lossy(&bytes)));
        }
        act => in_folder(act)?,
    }
    Ok(Value::Null)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other acts are not in a folder, and done by the caller"
)]
fn in_folder(act: Act) -> Result<(), Failure> {
    let (write, none) = (DescriptorFlags::WRITE, OpenFlags::empty());
    match act {
        Act::Append(path, text) => {
            let stream = open(&path, OpenFlags::CREATE, write)?.append_via_stream();
            stream
                .map_err(failed)?
                .blocking_write_and_flush(text.as_bytes())
                .map_err(broken)
        }
        Act::Create(path) => open(&path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, write).map(drop),
        Act::Write(path, text) => open(&path, none, write)?
            .write(text.as_bytes(), 0)
            .map(drop)
            .map_err(failed),
        Act::Stream(path, text) => {
            let stream = open(&path, none, write)?.write_via_stream(0);
            stream
                .map_err(failed)?
                .blocking_write_and_flush(text.as_bytes())
                .map_err(broken)
        }
        Act::Truncate(path) => open(&path, OpenFlags::TRUNCATE, write).map(drop),
        Act::Resize(path, n) => open(&path, none, write)?.set_size(n).map_err(failed),
        Act::Touch(path) => at(&path, |folder, path| {
            let (now, follow) = (NewTimestamp::Now, PathFlags::SYMLINK_FOLLOW);
            folder.set_times_at(follow, path, now, NewTimestamp::Now)
        }),
        Act::TouchOpen(path) => {
            let file = open(&path, none, write)?;
            file.set_times(NewTimestamp::Now, NewTimestamp::Now)
                .map_err(failed)
        }
        Act::MakeFolder(path) => at(&path, Descriptor::create_directory_at),
        Act::RemoveFolder(path) => at(&path, Descriptor::remove_directory_at),
        Act::Remove(path) => at(&path, Descriptor::unlink_file_at),
        Act::Rename(from, to) => both(&from, &to, |from, old, to, new| {
            from.rename_at(old, to, new)
        }),
        Act::Link(from, to) => both(&from, &to, |from, old, to, new| {
            from.link_at(PathFlags::empty(), old, to, new)
        }),
        Act::Symlink(target, path) => at(&path, |folder, path| folder.symlink_at(&target, path)),
        _ => Err(Failure::new("act", "this is not done in a folder")),
    }
}

fn open(path: &str, how: OpenFlags, what_for: DescriptorFlags) -> Result<Descriptor, Failure> {
    at(path, |folder, path| {
        folder.open_at(PathFlags::SYMLINK_FOLLOW, path, how, what_for)
    })
}

/// Calls `act` with a path of a granted folder.
fn at<T>(
    path: &str,
    act: impl FnOnce(&Descriptor, &str) -> Result<T, ErrorCode>,
) -> Result<T, Failure> {
    let (folder, path) = find(path)?;
    act(&folder, path).map_err(failed)
}

fn both(
    from: &str,
    to: &str,
    act: impl FnOnce(&Descriptor, &str, &Descriptor, &str) -> Result<(), ErrorCode>,
) -> Result<(), Failure> {
    let (from, old) = find(from)?;
    let (to, new) = find(to)?;
    act(&from, old, &to, new).map_err(failed)
}

fn find(path: &str) -> Result<(Descriptor, &str), Failure> {
    let (name, path) = path.split_once('/').unwrap_or((path, "."));
    let named = |(_, given): &(Descriptor, String)| given.trim_start_matches('/') == name;
    let found = get_directories().into_iter().find(named);
    let (folder, _) = found.ok_or_else(|| Failure::new("io", format!("no folder `{name}`")))?;
    Ok((folder, path))
}

fn failed(code: ErrorCode) -> Failure {
    Failure::new("io", code.name())
}

fn broken(error: wasip2::io::streams::StreamError) -> Failure {
    Failure::new("io", error.to_string())
}

sedge_sdk::export!(model);
