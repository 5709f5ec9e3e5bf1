//! Completion of command lines: what the program answers to a shell, and what bash makes of it.

use sedge_test_kit::TestEnv;

use crate::fixtures::b;

/// Returns what the program answers for the words of a line, the last of which is completed.
#[track_caller]
fn answer(env: &TestEnv, shell: &str, words: &str) -> Vec<String> {
    let output = env.shell(&format!("COMPLETE={shell} sedge -- sedge {words}"));
    assert_eq!(output.stderr, "", "{words}: {output}");
    assert_eq!(output.code(), Some(0), "{words}: {output}");
    output.stdout.lines().map(str::to_owned).collect()
}

fn with_a_suspended_run() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("workflows/B.yaml", b(2));
    env.setup(&["secret list", "model method run sink run", "workflow run B"]);
    let put = env.run_with_stdin(["secret", "put", "API_TOKEN"], "correct horse battery");
    let _ = put.succeeded();
    env
}

#[test]
fn names_of_the_repository_are_completed() {
    let env = with_a_suspended_run();
    let check = |words: &str, expect: &[&str]| {
        assert_eq!(answer(&env, "bash", words), expect, "{words}");
    };
    check("model get s", &["sink", "spawn"]);
    check("model get si", &["sink"]);
    check("model method run sp", &["spawn"]);
    check("model method run sink r", &["run"]);
    check("data get sink re", &["record"]);
    check("data get sink --version 1 re", &["record"]);
    check("data search --model=si", &["--model=sink"]);
    check("workflow run B", &["B"]);
    check("workflow approve B ga", &["gate"]);
    check("secret delete A", &["API_TOKEN"]);
    check("plugin describe @sedge/si", &["@sedge/sink"]);
    check("run list --of s", &["sink", "spawn"]);
    check("data re", &["rename", "restore"]);
    check("model create @sedge/sink s", &[]);
    assert_eq!(answer(&env, "bash", "run show ''").len(), 2 + options(&env));
}

/// Returns the number of options that follow the ids of runs.
fn options(env: &TestEnv) -> usize {
    let all = answer(env, "bash", "run show ''");
    all.iter().filter(|word| word.starts_with('-')).count()
}

#[test]
fn other_shells_get_descriptions() {
    let env = with_a_suspended_run();
    let runs = answer(&env, "fish", "run show ''");
    let about: Vec<&str> = runs
        .iter()
        .filter_map(|it| it.split_once('\t'))
        .map(|it| it.1)
        .collect();
    assert!(
        about.starts_with(&["workflow B, suspended", "sink.run, succeeded"]),
        "{about:?}"
    );
    let methods = answer(&env, "fish", "model method run sink r");
    assert!(methods[0].starts_with("run\t"), "{methods:?}");
    let zsh = env.shell("_CLAP_COMPLETE_INDEX=3 COMPLETE=zsh sedge -- sedge model get si");
    assert!(zsh.stdout.starts_with("sink"), "{zsh}");
}

#[test]
fn nothing_is_written_where_there_are_no_names() {
    let env = TestEnv::default();
    let check = |words: &str| assert_eq!(answer(&env, "bash", words), [""; 0], "{words}");
    // There is no repository.
    check("model get s");
    let _ = env.run(["init"]).succeeded();
    // The datastore is empty.
    check("run show k");
    check("data get sink r");
    check("secret delete A");
    insta::assert_snapshot!(env.shell("ls -A .sedge 2>/dev/null | grep -v gitignore"), @"
    ------- stdout -------
    schemas
    store
    ");
    env.write_file("sedge.yaml", "not: [valid\n");
    check("model get s");
    env.write_file("sedge.yaml", "");
    env.write_file("models/broken.yaml", "name: [\n");
    check("model method run broken r");
}

#[test]
fn plugin_that_was_not_compiled_has_no_methods_and_is_not_compiled() {
    let mut env = TestEnv::with_sink_and_spawn();
    env.variable("SEDGE_CACHE_DIR", "$ENV/empty");
    assert_eq!(answer(&env, "bash", "model method run sink r"), [""; 0]);
    insta::assert_snapshot!(env.shell("ls -A ../empty"), @"");
}

#[test]
fn bash_completes_scoped_names_and_quotes() {
    let env = TestEnv::with_sink_and_spawn();
    let complete = |line: &str, pieces: &str, last: &str| {
        let script = format!(
            "source <(COMPLETE=bash sedge); COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; \
             COMP_WORDS=({pieces}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _sedge_complete sedge '{last}' x; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        env.write_file("script", script);
        let output = env.shell("bash script");
        assert_eq!(output.stderr, "", "{output}");
        output.stdout
    };
    // Bash takes `@` for a word of its own.
    let replies = complete(
        "sedge plugin describe @sedge/si",
        "sedge plugin describe @ sedge/si",
        "@sedge/si",
    );
    assert_eq!(replies, "@sedge/sink\n");
    let replies = complete(
        "sedge data search --model=si",
        "sedge data search --model = si",
        "si",
    );
    assert_eq!(replies, "sink\n");
    let replies = complete("sedge model get s", "sedge model get s", "s");
    assert_eq!(replies, "sink\nspawn\n");
}

#[test]
fn unknown_shell_is_refused() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.shell("COMPLETE=tcsh sedge"), @"
    ------- stderr -------
    error: the environment variable COMPLETE is `tcsh`, and there are completions for `bash`, `fish` and `zsh`
    hint: set it to one of them, or unset it: `unset COMPLETE`
    [exit status: 2]
    ");
    // A variable of another program does not get in the way.
    insta::assert_snapshot!(env.shell("COMPLETE=1 sedge init"), @"
    ------- stderr -------
    Created a repository in $ENV/repo
    hint: `sedge plugin add @sedge/sink` adds a plugin, which provides a model type
    ");
}
