//! `sedge plugin dev`

use std::time::Instant;

use sedge_test_kit::{Child, TestEnv, wait_until};

use crate::authors::{author_env, typescript_env, without_build};

#[test]
fn one_round_builds_adds_and_repeats_the_last_call() {
    let env = author_env(TestEnv::with_repository(), "walker");
    env.setup(&["plugin new walker --lang rust"]);
    let round = |arguments: &str| {
        let command = format!("plugin dev walker --once {arguments}");
        without_build(&env.run(command.split_whitespace()).to_string())
    };
    insta::assert_snapshot!(round(""), @"
    ------- stderr -------
    Added @local/walker [version]
    No model of @local/walker was run yet.
    hint: `sedge plugin dev --run MODEL METHOD` runs one in each round
    [took]: build [took], add [took]
    ");
    env.setup(&["model create @local/walker w"]);
    insta::assert_snapshot!(round("--run w greet --input name=Ada"), @r#"
    ------- stdout -------
    {
      "text": "Hello, Ada!",
      "count": 1
    }
    ------- stderr -------
    Added @local/walker [version]
    Running greet of w.
    Run [run]
      w.greet: greeted Ada
    [took]: build [took], add [took], call [took]
    "#);
    insta::assert_snapshot!(round(""), @r#"
    ------- stdout -------
    {
      "text": "Hello, Ada!",
      "count": 2
    }
    ------- stderr -------
    Added @local/walker [version]
    Running greet of w.
    Run [run 2]
      w.greet: greeted Ada
    [took]: build [took], add [took], call [took]
    "#);
    let refused = env.run(["plugin", "dev", "walker", "--json"]);
    let message = "`--json` prints one document, and the loop has no end";
    assert!(refused.stdout.contains(message), "{refused}");
    assert_eq!(refused.code(), Some(2));
    let document = env.run_json(["plugin", "dev", "walker", "--once"]);
    assert_eq!(document["data"]["call"]["value"]["count"], 3);
    assert_eq!(document["data"]["change"], "unchanged");
    assert_eq!(
        document["data"]["notGranted"].as_array().map(Vec::len),
        Some(0)
    );
}

/// An edited plugin in TypeScript has its result within two seconds. A busy machine makes that longer.
#[test]
fn edited_file_in_typescript_is_built_and_run() {
    let env = typescript_env(TestEnv::with_repository());
    env.setup(&[
        "plugin new swift --lang ts",
        "plugin dev swift --once",
        "model create @local/swift w",
    ]);
    let source = env.read_file("swift/plugin.ts");
    let looping = env.spawn([
        "plugin", "dev", "swift", "--run", "w", "greet", "-i", "name=Ada",
    ]);
    let is_waiting = |n_rounds: usize| {
        let stderr = looping.stderr_so_far();
        stderr.matches("Waiting for a change").count() == n_rounds
    };
    wait_until("the first round", || is_waiting(1));
    let since = Instant::now();
    env.write_file("swift/plugin.ts", source.replace("Hello", "Hallo"));
    wait_until("the new result", || {
        looping.stdout_so_far().contains("Hallo, Ada!")
    });
    let took = since.elapsed();
    wait_until("the end of the round", || is_waiting(2));
    let stderr = looping.stderr_so_far();
    let timing = stderr.lines().rev().nth(1).unwrap_or_default();
    println!("edit to result in {} ms: {timing}", took.as_millis());
    looping.interrupt();
    let ended = looping.wait();
    assert_eq!(ended.code(), Some(130), "{ended}");
}

#[test]
fn edited_file_is_built_and_run_until_the_user_ends_the_loop() {
    let env = author_env(TestEnv::with_repository(), "looper");
    env.setup(&[
        "plugin new looper --lang rust",
        "plugin dev looper --once",
        "model create @local/looper w",
    ]);
    let source = env.read_file("looper/src/lib.rs");
    let looping = env.spawn([
        "plugin", "dev", "looper", "--run", "w", "greet", "-i", "name=Ada",
    ]);
    let is_waiting = |looping: &Child<'_>, n_rounds: usize| {
        let stderr = looping.stderr_so_far();
        stderr.matches("Waiting for a change").count() == n_rounds
    };
    wait_until("the first round", || is_waiting(&looping, 1));

    let since = Instant::now();
    env.write_file("looper/src/lib.rs", source.replace("Hello", "Hallo"));
    wait_until("the new result", || {
        looping.stdout_so_far().contains("Hallo, Ada!")
    });
    let took = since.elapsed();
    wait_until("the end of the round", || is_waiting(&looping, 2));
    let stderr = looping.stderr_so_far();
    let timing = stderr.lines().rev().nth(1).unwrap_or_default();
    println!("edit to result in {} ms: {timing}", took.as_millis());

    env.write_file("looper/src/lib.rs", source.replace("cx.write", "cx.wrote"));
    wait_until("the fault", || is_waiting(&looping, 3));
    let stderr = looping.stderr_so_far();
    assert!(stderr.contains("no method named `wrote`"), "{stderr}");
    assert!(
        stderr.contains("error: the plugin in `looper` cannot be built"),
        "{stderr}"
    );

    let asks = ".asks_for_models(\"sink\", \"to count\")\n        .resource::<Greeting>";
    env.write_file(
        "looper/src/lib.rs",
        source.replace(".resource::<Greeting>", asks),
    );
    wait_until("the new request", || is_waiting(&looping, 4));
    let stderr = looping.stderr_so_far();
    let is_shown = |line: &str| line.starts_with("Not granted: ") && line.ends_with(": to count");
    assert!(stderr.lines().any(is_shown), "{stderr}");

    looping.interrupt();
    let ended = looping.wait();
    assert_eq!(ended.code(), Some(130), "{ended}");
    assert!(
        !env.read_file("sedge.lock").contains("models:"),
        "nothing was granted"
    );
}
