//! Compilation in a child process, which has limits and inherits nothing but its pipes.

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
fn component_over_the_time_limit_is_not_added() {
    insta::assert_snapshot!(refused("compileSeconds: 0"), @"
    ------- stderr -------
    error: `$GUESTS/sink.wasm` cannot be added as a plugin
    caused by: compiling it takes more than 0 s, the limit `compileSeconds`
    hint: allow more if you trust it, in sedge.yaml: `componentLimits: {compileSeconds: 1}`
    [exit status: 2]
    ");
}

#[test]
fn component_over_the_memory_limit_is_not_added() {
    insta::assert_snapshot!(refused("compileMebibytes: 1"), @"
    ------- stderr -------
    error: `$GUESTS/sink.wasm` cannot be added as a plugin
    caused by: compiling it takes more than 1 MiB of memory, the limit `compileMebibytes`
    hint: allow more if you trust it, in sedge.yaml: `componentLimits: {compileMebibytes: 2}`
    [exit status: 2]
    ");
}

#[test]
fn help_does_not_list_it() {
    let env = TestEnv::with_repository();
    let help = env.run(["--help"]);
    assert!(!help.to_string().contains("compile-component"), "{help}");
}

/// A shell may have passed unknown descriptors to the program. The child that compiles an untrusted
/// component must not inherit them.
#[test]
fn child_inherits_only_its_pipes() {
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
    // The end of its stdin shows the child that its parent has ended.
    drop(child.stdin.take());
    let ended = child.wait().expect("it is our child");
    assert!(!ended.success(), "{ended}");
}
