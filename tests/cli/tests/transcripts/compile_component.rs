//! Compiling, which a child process does: within limits, and with nothing but its pipes.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use sedge_test_kit::{TestEnv, sedge, wait_until};

fn refused(limits: &str) -> String {
    let env = TestEnv::with_repository();
    env.write_file(
        "sedge.yaml",
        format!("version: 1\ncomponentLimits: {{{limits}}}\n"),
    );
    let output = env.run(["plugin", "add", "$GUESTS/sink.wasm"]);
    assert_eq!(
        env.run_json(["plugin", "list"])["data"],
        serde_json::json!([])
    );
    output.to_string()
}

#[test]
fn what_takes_too_long_to_compile_is_not_added() {
    insta::assert_snapshot!(refused("compileSeconds: 0"), @"
    ------- stderr -------
    error: `$GUESTS/sink.wasm` cannot be added as a plugin
    caused by: compiling it takes more than 0 s, the limit `compileSeconds`
    hint: allow more if you trust it, in sedge.yaml: `componentLimits: {compileSeconds: 1}`
    [exit status: 2]
    ");
}

#[test]
fn what_takes_too_much_memory_to_compile_is_not_added() {
    insta::assert_snapshot!(refused("compileMebibytes: 1"), @"
    ------- stderr -------
    error: `$GUESTS/sink.wasm` cannot be added as a plugin
    caused by: compiling it takes more than 1 MiB of memory, the limit `compileMebibytes`
    hint: allow more if you trust it, in sedge.yaml: `componentLimits: {compileMebibytes: 2}`
    [exit status: 2]
    ");
}

#[test]
fn it_is_not_a_command_for_people() {
    let env = TestEnv::with_repository();
    let help = env.run(["--help"]);
    assert!(!help.to_string().contains("compile-component"), "{help}");
}

/// A shell may have given the program descriptors that it does not know of. What compiles a
/// stranger's component gets none of them.
#[test]
fn it_inherits_nothing_but_its_pipes() {
    let script = "exec \"$0\" compile-component 1000000000 7<\"$0\" 8<\"$0\"";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(sedge())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    let folder = format!("/proc/{}/fd", child.id());
    let open = || -> BTreeSet<String> {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(name).collect()
    };
    let pipes: BTreeSet<String> = ["0", "1", "2"].map(str::to_owned).into();
    wait_until("it has closed all but its pipes", || open() == pipes);
    // The end of its stdin is the end of its parent.
    drop(child.stdin.take());
    let ended = child.wait().expect("it is our child");
    assert!(!ended.success(), "{ended}");
}
