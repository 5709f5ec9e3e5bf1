//! Programs of the machine: requested by other names, with other arguments, and left running.

use std::path::Path;

use serde_json::{Value, json};

use crate::fixture::until;
use crate::harness::{Attack, Scene, call};

const TYPE: &str = "@test/runner";

/// The type that starts programs and serves them.
const SERVING_TYPE: &str = "@test/looper";

/// The pins in `sedge.yaml`: a shell that runs any script, and a program that prints its arguments.
pub(crate) const PINS: &str = "commands:
  sh: {program: /bin/sh, arguments: ['-c', '*'], environment: [PATH], outputKibibytes: 64}
  printf: {program: /usr/bin/printf, arguments: ['<%s>', '*']}
";

const GRANTS: &str = "grants: {commands: [sh, printf]}";

/// The number of processes in a process bomb. The test looks for all of them and kills them.
const N_BOMB: u32 = 300;

fn script(text: &str) -> Value {
    json!({"command": "sh", "arguments": ["-c", text]})
}

fn printf(arguments: &[&str]) -> Value {
    json!({"command": "printf", "arguments": arguments})
}

pub(crate) fn attacks() -> Vec<Attack> {
    let of = |name: &str, arguments: Value, ends: &str| {
        Attack::call(name, (TYPE, "run"), arguments, ends).with(GRANTS)
    };
    vec![
        of(
            "a command that it did not ask for",
            json!({"command": "unasked"}),
            "does not request it",
        ),
        of(
            "a command that was not granted",
            script("exit 0"),
            "may not run the command `sh`",
        )
        .with("grants: {commands: [printf]}"),
        of(
            "a command by its path",
            json!({"command": "/bin/sh", "arguments": ["-c", "exit 0"]}),
            "there can be none",
        ),
        of(
            "an option where a name is expected",
            printf(&["<%s>", "--version"]),
            "is an option",
        ),
        of(
            "one argument more than the pin takes",
            printf(&["<%s>", "a", "b"]),
            "it takes",
        ),
        of(
            "an argument with a NUL",
            printf(&["<%s>", "a\0b"]),
            "contains a NUL character",
        ),
        of(
            "a shell in an argument",
            printf(&["<%s>", "$(id); `id` | id > out && id\nid"]),
            "<$(id); `id` | id > out && id\\nid>",
        ),
        of(
            "a command that looks at the environment",
            script(
                "env | cut -d= -f1 | grep -vE '^(PATH|PWD|OLDPWD|SHLVL|_|SEDGE_LINEAGE)$'; echo none",
            ),
            "\"stdout\":\"none\\n\"",
        ),
        of(
            "a command that never ends",
            script("while :; do :; done"),
            "it was stopped after 1000 ms",
        ),
        of(
            "a command that floods its outputs",
            script("head -c 50000000 /dev/zero & head -c 50000000 /dev/zero >&2; wait"),
            "\"cut\":[true,true]",
        ),
        of(
            "a command that does not read its stdin",
            json!({"command": "sh", "arguments": ["-c", "exit 4"], "stdin": "s".repeat(1 << 20)}),
            "\"exit\":4",
        ),
        serving(
            "a hundred thousand programs",
            json!([{"commands": [100_000, script("sleep 36999")]}]),
            "returned [99984]",
        )
        .or("the limit `host-calls`")
        .or("it was stopped after 1000 ms"),
        serving(
            "a program whose flood is not read",
            json!([{"command": ["p", script("exec cat /dev/zero")]}, {"poll": 3_600_000}]),
            "it was stopped after 1000 ms",
        ),
        serving(
            "floods that are read and dropped",
            json!([{"command": ["p", script("exec cat /dev/zero")]}, {"drain": "p"}]),
            "longer than 65536 bytes, its limit",
        ),
        serving(
            "a line for a program that does not read",
            json!([
                {"command": ["p", script("exec sleep 36998")]},
                {"say": ["p", "s".repeat(1 << 20)]},
            ]),
            "it was stopped after 1000 ms",
        ),
        serving(
            "a poll of what is always ready",
            json!(["spin"]),
            "it was stopped after 1000 ms",
        ),
        serving(
            "a folder that leads out of that of the pin",
            json!([{"run": {"command": "printf", "arguments": ["<%s>", "a"], "folder": "../.."}}]),
            "options-refused",
        ),
        serving(
            "a variable that loads code",
            json!([{"run": {
                "command": "printf", "arguments": ["<%s>", "a"],
                "variables": [["LD_PRELOAD", "/tmp/a.so"]],
            }}]),
            "options-refused",
        ),
        left(
            "a command that leaves a process behind",
            "setsid sleep 3600 &",
            1,
        ),
        left(
            "a command that leaves a process of a session of its own behind",
            "setsid sh -c 'setsid sleep 3600 & exit' &",
            1,
        ),
        left(
            "a bomb of processes",
            &format!("i=0; while [ $i -lt {N_BOMB} ]; do sleep 3600 & i=$((i+1)); done"),
            N_BOMB as usize,
        ),
    ]
}

/// Steps of the guest that starts programs.
fn serving(name: &str, steps: Value, ends: &str) -> Attack {
    Attack::call(name, (SERVING_TYPE, "run"), json!({"steps": steps}), ends).with(GRANTS)
}

/// A script that leaves sleeping processes behind. They must be dead after its call has ended.
fn left(name: &str, leave: &str, n_left: usize) -> Attack {
    // The duration identifies these processes, because no other test uses it.
    let leave = leave.replace("3600", &format!("{}", 36_000 + n_left));
    let needle = format!("sleep\0{}\0", 36_000 + n_left);
    let wait = format!(
        "while [ $(grep -lsaz '^{}$' /proc/[0-9]*/cmdline | wc -l) -lt {n_left} ]; do :; done",
        36_000 + n_left
    );
    let text = script(&format!("{leave}\n{wait}"));
    Attack::other(
        name,
        async move |scene: Scene| {
            let ended = call(&scene.repository, &scene.model, "run", text).await;
            until("they are dead", || n_that_run(&needle) == 0).await;
            ended
        },
        "\"exit\":0",
    )
    .or("it was stopped after 1000 ms")
    .of(TYPE)
    .with(GRANTS)
}

/// Returns how many processes of the machine run a command line.
fn n_that_run(command_line: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("it is there").flatten();
    let runs = |folder: &Path| {
        std::fs::read(folder.join("cmdline")).is_ok_and(|it| it == command_line.as_bytes())
    };
    processes.filter(|entry| runs(&entry.path())).count()
}
