//! What a terminal shows: colours, widths, relative times and questions.

use sedge_test_kit::{CommandOutput, TestEnv, wait_until};

/// Runs a command on a terminal of this width. Escape sequences are shown as `<ESC>`.
fn on_terminal(env: &TestEnv, columns: u32, line: &str) -> String {
    let line = format!("stty cols {columns}; {line}");
    let ended = env.spawn_on_terminal(&line).wait();
    let mut shown = ended.stdout.replace('\r', "").replace('\u{1b}', "<ESC>");
    // On a slow machine, a second may have passed.
    for n in 1..10 {
        shown = shown.replace(&format!("{n} s ago"), "now    ");
    }
    shown
}

#[test]
fn status_has_colour_and_time_is_relative() {
    let env = with_runs();
    insta::assert_snapshot!(on_terminal(&env, 120, "sedge run list"), @"");
    insta::assert_snapshot!(on_terminal(&env, 120, "NO_COLOR=1 sedge run list"), @"");
    insta::assert_snapshot!(on_terminal(&env, 120, "sedge run list --color never"), @"");
    insta::assert_snapshot!(on_terminal(&env, 80, "sedge model get none"), @"");
    // Without a terminal, there is colour only on request.
    let piped = env.run(["run", "list", "--color", "always"]).stdout;
    assert!(piped.contains('\u{1b}'), "{piped}");
    assert!(!env.run(["run", "list"]).stdout.contains('\u{1b}'));
}

/// A line that is longer than the terminal would be broken anywhere.
#[test]
fn tables_are_as_wide_as_the_terminal() {
    let env = with_runs();
    env.setup(&["model create @sedge/sink a-name-that-is-much-longer-than-the-other-names"]);
    for columns in [40, 80, 120] {
        for command in [
            "run list",
            "model list",
            "plugin list",
            "data list",
            "status",
        ] {
            let shown = on_terminal(
                &env,
                columns,
                &format!("NO_COLOR=1 sedge {command} 2>/dev/null"),
            );
            let widest = shown.lines().map(|line| line.chars().count()).max();
            assert!(
                widest <= Some(columns as usize),
                "{columns} {command}:\n{shown}"
            );
        }
    }
    insta::assert_snapshot!(on_terminal(&env, 50, "NO_COLOR=1 sedge model list"), @"");
}

#[test]
fn cut_table_says_how_many_more_there_are() {
    let env = with_runs();
    insta::assert_snapshot!(env.run(["run", "list", "-n", "1"]), @"");
    insta::assert_snapshot!(env.run(["data", "versions", "sink", "record", "-n", "1"]), @"");
}

#[test]
fn deletion_is_confirmed_on_a_terminal() {
    let env = with_runs();
    let _ = env.run_with_stdin(["secret", "put", "TOKEN"], "12345678abc");
    let answered = |line: &str, answer: &str| -> CommandOutput {
        let mut child = env.spawn_on_terminal(line);
        wait_until("a question", || child.stdout_so_far().contains("[y/N]"));
        child.tell(format!("{answer}\r"));
        child.wait()
    };
    let n_versions = || {
        let listed = env.run_json(["data", "versions", "sink", "record"]);
        listed["data"].as_array().map_or(0, Vec::len)
    };
    insta::assert_snapshot!(answered("sedge data delete sink record", "n"), @"");
    assert_eq!(n_versions(), 2, "nothing was deleted");
    insta::assert_snapshot!(answered("sedge secret delete TOKEN", ""), @"");
    insta::assert_snapshot!(answered("sedge model delete spawn", "y"), @"");
    insta::assert_snapshot!(answered("sedge data delete sink record", "yes"), @"");
    // Scripts, and users who say so beforehand, are not asked.
    let _ = env.run(["model", "delete", "sink"]).succeeded();
    env.setup(&["model create @sedge/sink sink"]);
    let ended = env
        .spawn_on_terminal("sedge model delete sink --yes")
        .wait();
    assert!(!ended.stdout.contains("[y/N]"), "{ended}");
}

fn with_runs() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run",
        "model method run sink run",
        "model method run spawn run",
    ]);
    env
}
