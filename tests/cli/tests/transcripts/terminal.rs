//! What a terminal shows: colours, widths, relative times and questions.

use sedge_test_kit::{CommandOutput, TestEnv, wait_until};

/// Runs a command on a terminal of this width. Escape sequences are shown as `<ESC>`.
fn on_terminal(env: &TestEnv, columns: u32, line: &str) -> String {
    let line = format!("export TERM=xterm; stty cols {columns}; {line}");
    let ended = env.spawn_on_terminal(&line).wait();
    let mut shown = ended
        .to_string()
        .replace('\r', "")
        .replace('\u{1b}', "<ESC>");
    // On a slow machine, a second may have passed.
    for n in 1..10 {
        shown = shown.replace(&format!("{n} s ago"), "now    ");
    }
    shown
}

#[test]
fn status_has_colour_and_time_is_relative() {
    let env = with_runs();
    insta::assert_snapshot!(on_terminal(&env, 120, "sedge run list"), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  <ESC>[32msucceeded<ESC>[0m  now  [took]  tester
    [run 2]  sink.run  <ESC>[32msucceeded<ESC>[0m  now  [took]  tester
    [run]  sink.run  <ESC>[32msucceeded<ESC>[0m  now  [took]  tester
    ");
    insta::assert_snapshot!(on_terminal(&env, 120, "NO_COLOR=1 sedge run list"), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  succeeded  now  [took]  tester
    [run 2]  sink.run  succeeded  now  [took]  tester
    [run]  sink.run  succeeded  now  [took]  tester
    ");
    insta::assert_snapshot!(on_terminal(&env, 120, "sedge run list --color never"), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  succeeded  now  [took]  tester
    [run 2]  sink.run  succeeded  now  [took]  tester
    [run]  sink.run  succeeded  now  [took]  tester
    ");
    insta::assert_snapshot!(on_terminal(&env, 80, "sedge model get none"), @"
    ------- stdout -------
    <ESC>[1m<ESC>[31merror:<ESC>[0m no model named `none`
    <ESC>[1m<ESC>[36mhint:<ESC>[0m see the models: `sedge model list`
    [exit status: 3]
    ");
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
    // `status` shows only what needs attention: a failed run, and a model without its grants.
    let failed = env.run([
        "model",
        "method",
        "run",
        "spawn",
        "run",
        "-i",
        "target=none",
    ]);
    assert_eq!(failed.code(), Some(1), "{failed}");
    env.setup(&["plugin add $GUESTS/spawn.wasm --grant none"]);
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
            // The first line says that this was on stdout.
            let widths = shown.lines().skip(1).map(|line| line.chars().count());
            let widest = widths.max().expect("the command shows something");
            assert!(
                0 < widest && widest <= columns as usize,
                "{columns} {command}:\n{shown}"
            );
        }
    }
    insta::assert_snapshot!(on_terminal(&env, 50, "NO_COLOR=1 sedge model list"), @"
    ------- stdout -------
    NAME                    TYPE          DESCRIPTION
    a-name-that-is-much-l…  @sedge/sink
    sink                    @sedge/sink
    spawn                   @sedge/spawn
    ");
}

#[test]
fn cut_table_says_how_many_more_there_are() {
    let env = with_runs();
    insta::assert_snapshot!(env.run(["run", "list", "-n", "1"]), @"
    ------- stdout -------
    RUN  OF  STATUS  STARTED  TOOK  BY
    [run 3]  spawn.run  succeeded  [time]  [took]  tester
    ------- stderr -------
    … (2 more): `--limit N` shows N of them, `--json-lines` shows all.
    ");
    insta::assert_snapshot!(env.run(["data", "versions", "sink", "record", "-n", "1"]), @"
    ------- stdout -------
    VERSION  KIND      SIZE  WRITTEN               BY CALL
    3        resource  60 B  [time]                [run 3]/1/1
    ------- stderr -------
    … (2 more): `--limit N` shows N of them, `--json-lines` shows all.
    ");
}

#[test]
fn deletion_is_confirmed_on_a_terminal() {
    let env = with_runs();
    let _ = env.run_with_stdin(["secret", "put", "TOKEN"], "12345678abc");
    let answered = |line: &str, answer: &str| -> CommandOutput {
        let mut child = env.spawn_on_terminal(line);
        wait_until("a question", || child.stdout_so_far().contains("[y/N]"));
        child.send(format!("{answer}\r"));
        child.wait()
    };
    let n_versions = || {
        let listed = env.run_json(["data", "versions", "sink", "record"]);
        listed["data"].as_array().map_or(0, Vec::len)
    };
    insta::assert_snapshot!(answered("sedge data delete sink record", "n"), @"
    ------- stdout -------
    MODEL  NAME    VERSIONS  SIZE
    sink   record  3         176 B
    Delete 3 versions (176 B) of sink permanently? [y/N] n
    error: 3 versions (176 B) of sink were not deleted: you declined, and nothing
        was changed
    [exit status: 3]
    ");
    assert_eq!(n_versions(), 3, "nothing was deleted");
    insta::assert_snapshot!(answered("sedge secret delete TOKEN", ""), @"
    ------- stdout -------
    Delete the secret `TOKEN` permanently? [y/N] 
    error: the secret `TOKEN` was not deleted: you declined, and nothing was
        changed
    [exit status: 3]
    ");
    insta::assert_snapshot!(answered("sedge model delete spawn", "y"), @"
    ------- stdout -------
    Delete the model spawn and its file models/spawn.yaml? [y/N] y
    Deleted the model spawn and its file models/spawn.yaml
    hint: its data is kept; `sedge data delete spawn --all` deletes 1 name
    ");
    insta::assert_snapshot!(answered("sedge data delete sink record", "yes"), @"
    ------- stdout -------
    MODEL  NAME    VERSIONS  SIZE
    sink   record  3         176 B
    Delete 3 versions (176 B) of sink permanently? [y/N] yes
    MODEL  NAME    VERSIONS  SIZE
    sink   record  3         176 B
    Removed 3 versions (176 B) of sink.
    ");
    insta::assert_snapshot!(answered("sedge plugin remove @sedge/spawn", "n"), @"
    ------- stdout -------
    Remove the plugin @sedge/spawn 2026.11.23.1, and what was granted to it? [y/N] n
    error: the plugin @sedge/spawn 2026.11.23.1 was not removed: you declined,
        and nothing was changed
    [exit status: 3]
    ");
    insta::assert_snapshot!(answered("sedge plugin remove @sedge/spawn", "y"), @"
    ------- stdout -------
    Remove the plugin @sedge/spawn 2026.11.23.1, and what was granted to it? [y/N] y
    Removed @sedge/spawn 2026.11.23.1
    ");
    // Scripts, and users who say so beforehand, are not asked.
    let _ = env.run(["model", "delete", "sink"]).succeeded();
    env.setup(&["model create @sedge/sink sink"]);
    let ended = env
        .spawn_on_terminal("sedge model delete sink --yes")
        .wait();
    assert!(!ended.stdout.contains("[y/N]"), "{ended}");
}

/// The terminal itself would break them anywhere, also in a word.
#[test]
fn hints_are_folded_and_their_commands_are_not_broken() {
    let env = with_runs();
    let shown = on_terminal(&env, 40, "NO_COLOR=1 sedge workflow approve gone gate");
    for line in shown.lines().skip(1) {
        assert!(line.len() <= 40 || line.contains('`'), "{shown}");
        assert_eq!(line.matches('`').count() % 2, 0, "{shown}");
    }
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
