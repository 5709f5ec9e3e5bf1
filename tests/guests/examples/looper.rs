//! `@test/looper`: has an event loop, which waits for nested calls, programs and the clock at once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use schemars::JsonSchema;
use sedge_sdk::{
    CallError, CommandError, Context, End, Failure, MethodKind, Model, Outcome, Pending,
    Permission, Pollable, Process, ProcessOutput, Value, json, poll, timer,
};
use serde::Deserialize;

/// The name under which [`Step::Poll`] returns the clock.
const CLOCK: &str = "clock";

/// The steps, in order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    steps: Vec<Step>,
}

/// Most steps name a call or a program, under which later steps find it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Step {
    /// Start a call: its name, the model, the method and the arguments
    Call(String, String, String, Value),
    /// Start a program: its name, and how it is started
    Command(String, StartArguments),
    /// Run a program to its end
    Run(StartArguments),
    /// Wait until any call or program has ended, at most so many milliseconds. Return the names of
    /// those that have ended
    Poll(u64),
    /// Return the outcome if there is one
    Get(String),
    /// Wait for the outcome
    Wait(String),
    /// Wait for the outcome, at most so many milliseconds
    WaitFor(String, u64),
    /// Cancel a call, or kill a program
    Cancel(String),
    /// Drop it
    Drop(String),
    /// Drop it, and return whether a pollable that was made before becomes ready
    DropSubscribed(String),
    /// Write a line to the stdin of a program
    Say(String, String),
    /// Return the next line of its stdout
    Hear(String),
    /// Close its stdin
    CloseStdin(String),
    /// Read its stdout to the end. Return the number of bytes, and the error
    Drain(String),
    /// Read its stdout and stderr to the end, and wait for its end
    Output(String),
    /// Start a call many times, and return how many were refused: the number, the model, the method
    Calls(u32, String, String),
    /// Start a program many times, and return how many were refused
    Commands(u32, StartArguments),
    /// Poll what is always ready, without end
    Spin,
    Trap,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StartArguments {
    command: String,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    folder: Option<String>,
    #[serde(default)]
    variables: Vec<(String, String)>,
    #[serde(default)]
    stdin: Option<String>,
}

/// What was started and not dropped.
#[derive(Default)]
struct Started {
    calls: BTreeMap<String, Pending>,
    programs: BTreeMap<String, Process>,
    /// The outputs that are read line by line.
    outputs: BTreeMap<String, BufReader<ProcessOutput>>,
}

fn model() -> Model {
    let command = |name: &str| Permission::Commands {
        name: name.to_owned(),
    };
    Model::new(
        "@test/looper",
        "2026.12.01.1",
        "Waits for many things at once",
    )
    .asks_for(command("*"), "to run the commands in its arguments")
    .asks_for_models("*", "to call the models in its arguments")
    .method("run", MethodKind::Action, "Perform the steps", run)
    .method("look", MethodKind::Read, "Perform the steps, to read", run)
}

/// Returns the result of each step.
fn run(cx: &Context, arguments: RunArguments) -> Result<Vec<Value>, Failure> {
    let mut started = Started::default();
    let steps = arguments.steps.into_iter();
    steps.map(|step| started.perform(cx, step)).collect()
}

impl Started {
    fn perform(&mut self, cx: &Context, step: Step) -> Result<Value, Failure> {
        match step {
            Step::Call(name, model, method, arguments) => {
                let call = cx.start(&model, &method, &arguments);
                self.calls.insert(name, call);
            }
            Step::Command(name, how) => match start(cx, how) {
                Ok(program) => drop(self.programs.insert(name, program)),
                Err(error) => return Ok(refused(&error)),
            },
            Step::Run(how) => return Ok(ran(cx, how)),
            Step::Poll(ms) => return Ok(self.poll(ms)),
            Step::Get(name) => return Ok(self.get(&name)),
            Step::Wait(name) => return Ok(self.wait(&name)),
            Step::WaitFor(name, ms) => {
                let call = self.call(&name);
                return Ok(outcome(call.wait_for(Duration::from_millis(ms))));
            }
            Step::Cancel(name) => match self.programs.get(&name) {
                Some(program) => program.kill(),
                None => self.call(&name).cancel(),
            },
            Step::Drop(name) => self.forget(&name),
            Step::DropSubscribed(name) => {
                let ended = self.subscribe(&name);
                self.forget(&name);
                ended.block();
            }
            Step::Say(name, line) => {
                let stdin = self.program(&name).stdin.as_mut();
                writeln!(stdin.expect("it is open"), "{line}")?;
            }
            Step::Hear(name) => return self.hear(&name),
            Step::CloseStdin(name) => self.program(&name).stdin = None,
            Step::Drain(name) => return Ok(self.drain(&name)),
            Step::Output(name) => {
                let program = self.programs.remove(&name).expect("it was started");
                return Ok(output(program.wait_with_output()));
            }
            Step::Calls(n, model, method) => return Ok(self.calls(cx, n, &model, &method)),
            Step::Commands(n, how) => return Ok(self.commands(cx, n, &how)),
            Step::Spin => loop {
                poll(&[&timer(Duration::ZERO)]);
            },
            Step::Trap => panic!("it was asked to trap"),
        }
        Ok(Value::Null)
    }

    fn call(&mut self, name: &str) -> &mut Pending {
        self.calls.get_mut(name).expect("it was started")
    }

    fn program(&mut self, name: &str) -> &mut Process {
        self.programs.get_mut(name).expect("it was started")
    }

    fn subscribe(&self, name: &str) -> Pollable {
        match (self.programs.get(name), self.calls.get(name)) {
            (Some(program), _) => program.subscribe(),
            (None, call) => call.expect("it was started").subscribe(),
        }
    }

    fn forget(&mut self, name: &str) {
        self.calls.remove(name);
        self.programs.remove(name);
        self.outputs.remove(name);
    }

    fn poll(&self, ms: u64) -> Value {
        let names: Vec<&String> = self.calls.keys().chain(self.programs.keys()).collect();
        let mut waits: Vec<Pollable> = names.iter().map(|name| self.subscribe(name)).collect();
        waits.push(timer(Duration::from_millis(ms)));
        let waits: Vec<&Pollable> = waits.iter().collect();
        let ready = poll(&waits).into_iter();
        let name = |at: u32| names.get(at as usize).map_or(CLOCK, |name| name.as_str());
        json!(ready.map(name).collect::<Vec<&str>>())
    }

    fn get(&mut self, name: &str) -> Value {
        match self.programs.get(name) {
            Some(program) => ended(program.try_wait()),
            None => outcome(self.call(name).try_wait()),
        }
    }

    fn wait(&mut self, name: &str) -> Value {
        match self.programs.get(name) {
            Some(program) => ended(program.wait().map(Some)),
            None => {
                let call = self.calls.remove(name).expect("it was started");
                outcome(Some(call.wait()))
            }
        }
    }

    fn hear(&mut self, name: &str) -> Result<Value, Failure> {
        if let Some(stdout) = self.program(name).stdout.take() {
            self.outputs.insert(name.to_owned(), BufReader::new(stdout));
        }
        let mut line = String::new();
        self.outputs
            .get_mut(name)
            .expect("it was taken")
            .read_line(&mut line)?;
        Ok(json!(line))
    }

    fn drain(&mut self, name: &str) -> Value {
        let mut stdout = self.program(name).stdout.take().expect("it was not taken");
        let (mut piece, mut n_bytes) = (vec![0; 1 << 16], 0);
        loop {
            match stdout.read(&mut piece) {
                Ok(0) => return json!({"bytes": n_bytes, "error": null}),
                Ok(n_read) => n_bytes += n_read,
                Err(error) => return json!({"bytes": n_bytes, "error": error.to_string()}),
            }
        }
    }

    fn calls(&mut self, cx: &Context, n: u32, model: &str, method: &str) -> Value {
        let mut n_refused = 0;
        for i in 0..n {
            let mut call = cx.start(model, method, &json!({}));
            n_refused += u32::from(matches!(call.try_wait(), Some(Err(_))));
            self.calls.insert(i.to_string(), call);
        }
        json!(n_refused)
    }

    fn commands(&mut self, cx: &Context, n: u32, how: &StartArguments) -> Value {
        let mut n_refused = 0;
        for i in 0..n {
            match start(cx, how.clone()) {
                Ok(program) => drop(self.programs.insert(i.to_string(), program)),
                Err(_) => n_refused += 1,
            }
        }
        json!(n_refused)
    }
}

fn start(cx: &Context, how: StartArguments) -> Result<Process, CommandError> {
    command(cx, how).start()
}

fn ran(cx: &Context, how: StartArguments) -> Value {
    output(command(cx, how).run())
}

fn command(cx: &Context, how: StartArguments) -> sedge_sdk::Command {
    let mut command = cx.command(how.command).arguments(how.arguments);
    if let Some(folder) = how.folder {
        command = command.folder(folder);
    }
    if let Some(stdin) = how.stdin {
        command = command.stdin(stdin);
    }
    let variables = how.variables.into_iter();
    variables.fold(command, |it, (name, value)| it.variable(name, value))
}

fn output(output: Result<sedge_sdk::Output, CommandError>) -> Value {
    match output {
        Ok(output) => json!({
            "end": shown(output.end),
            "stdout": output.stdout.text(),
            "stderr": output.stderr.text(),
            "cut": [output.stdout.is_cut, output.stderr.is_cut],
        }),
        Err(error) => refused(&error),
    }
}

fn ended(ended: Result<Option<End>, CommandError>) -> Value {
    match ended {
        Ok(end) => json!(end.map(shown)),
        Err(error) => refused(&error),
    }
}

fn shown(end: End) -> String {
    match end {
        End::Exit(code) => format!("exit {code}"),
        End::Signal(number) => format!("signal {number}"),
    }
}

fn refused(error: &CommandError) -> Value {
    json!({"error": error.code(), "message": error.to_string()})
}

fn outcome(outcome: Option<Result<Outcome, CallError>>) -> Value {
    match outcome {
        None => Value::Null,
        Some(Ok(outcome)) => json!({"ok": outcome.value}),
        Some(Err(error)) => json!({"error": error.code(), "message": error.to_string()}),
    }
}

sedge_sdk::export!(model);
