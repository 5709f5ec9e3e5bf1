//! All processes of a command end when `sedge` ends, in whichever way it ends.

use std::path::PathBuf;

use sedge_test_kit::{Child, TestEnv, processes, wait_until};

/// Returns an environment whose model `tool` runs `tool.sh` in the repository's folder.
fn with_tool(script: &str) -> TestEnv {
    let env = TestEnv::with_repository();
    let pin = "program: /bin/sh\n    arguments: [./tool.sh]\n    cwd: .\n";
    let pins = format!("version: 1\ncommands:\n  tool:\n    {pin}    environment: [PATH]\n");
    env.write_file("sedge.yaml", pins);
    env.write_file("tool.sh", script);
    env.setup(&[
        "plugin add $GUESTS/shell.wasm --grant-all",
        "model create @sedge/shell tool --global-argument command=tool",
    ]);
    env
}

const RUN: [&str; 7] = [
    "model",
    "method",
    "run",
    "tool",
    "run",
    "--inputs-json",
    "{\"arguments\":[\"./tool.sh\"]}",
];

/// A command that runs forever, and starts three processes that run forever: one in its own
/// session, one whose parent has ended, and one with its own pipes.
const FAMILY: &str = "export PATH=/usr/bin:/bin
setsid sleep 600 &
setsid sh -c '(sleep 600) & exit' &
setsid sh -c 'exec </dev/null >/dev/null 2>&1; sleep 600 & exit' &
touch started
sleep 600
";

/// Starts `tool`, and waits until its command is running.
fn start(env: &TestEnv) -> Child<'_> {
    let running = env.spawn_with_hangup(RUN);
    let is_started = || env.repository().join("started").exists();
    wait_until("the command's start", || {
        is_started() && left(env).len() >= 5
    });
    running
}

/// Returns the programs that run in the repository's folder, except `sedge` itself.
fn left(env: &TestEnv) -> Vec<PathBuf> {
    let here = Some(env.repository());
    let here = processes().into_iter().filter(|it| it.folder == here);
    let programs = here.filter_map(|it| it.program);
    programs.filter(|it| !it.ends_with("sedge")).collect()
}

#[test]
fn killed_program_leaves_no_process_of_its_command() {
    let env = with_tool(FAMILY);
    let mut running = start(&env);
    running.kill();
    drop(running);
    wait_until("the command's end", || left(&env).is_empty());
}

#[test]
fn hangup_stops_the_program() {
    let env = with_tool(FAMILY);
    let running = start(&env);
    running.hang_up();
    insta::assert_snapshot!(running.wait(), @"
    ------- stderr -------
    Run [run]
    error: `run` of `tool` was interrupted, and its run is cancelled
    hint: start it again
    hint: see what the run has done: `sedge run show [run]`
    [exit status: 130]
    ");
    assert_eq!(left(&env), [""; 0].map(PathBuf::from));
    insta::assert_snapshot!(env.transcript("run list"), @"
    $ sedge run list
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run]  tool.run  cancelled  [time]  [took]  tester
    ");
}

#[test]
fn hangup_ignored_at_the_start_stays_ignored() {
    let env = with_tool("touch started; while [ ! -e go ]; do sleep 0.01; done; echo done\n");
    let running = env.spawn_without_hangup(RUN);
    let started = env.repository().join("started");
    wait_until("the command's start", || started.exists());
    running.hang_up();
    env.write_file("go", "");
    let output = running.wait().succeeded();
    assert!(output.to_string().contains("done"), "{output}");
}

/// Without the reaper, processes could be left behind, so a command is then refused.
#[test]
fn command_without_the_reaper_is_refused() {
    let env = with_tool("touch started\n");
    insta::assert_snapshot!(env.run_alone(RUN), @"
    ------- stderr -------
    Run [run]
    error: cannot run commands without `$ENV/alone/sedge-reaper`
    caused by: it cannot be executed
    caused by: No such file or directory (os error 2)
    hint: install Sedge again: its programs are installed together, and `$ENV/alone/sedge-reaper` has to be the one of this version
    [exit status: 3]
    ");
    assert!(!env.repository().join("started").exists());
}
