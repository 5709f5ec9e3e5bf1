//! Arguments on the command line: a method receives the value that was typed, or it is refused.

use sedge_test_kit::TestEnv;
use serde_json::{Value, json};

/// Returns the note that `sink` wrote in a call with these arguments.
fn noted(env: &TestEnv, arguments: &[&str]) -> Value {
    let run = ["model", "method", "run", "sink", "run"];
    let _ = env.run([&run, arguments].concat()).succeeded();
    env.run_json(["data", "get", "sink", "record"])["data"]["content"]["note"].clone()
}

#[test]
fn text_keeps_its_quotes() {
    let env = TestEnv::with_sink_and_spawn();
    for text in [
        "\"W/quoted\"",
        "12345678901234567890123",
        "{\"a\": 1, \"a\": 2}",
        " x ",
    ] {
        let input = format!("note={text}");
        assert_eq!(noted(&env, &["--input", &input]), json!(text));
    }
}

#[test]
fn integer_may_have_a_point_or_an_exponent() {
    let env = TestEnv::with_sink_and_spawn();
    for (input, n_calls) in [("count=2.0", 2), ("count=0.1e1", 1)] {
        let ran = env.run_json(["model", "method", "run", "spawn", "run", "--input", input]);
        assert_eq!(ran["ok"], true, "{input}: {ran}");
        let shown = env.run_json(["run", "show"]);
        let calls = shown["data"]["calls"][0]["calls"]
            .as_array()
            .expect("calls");
        assert_eq!(calls.len(), n_calls, "{input}: {shown}");
    }
    let json = [
        "model",
        "method",
        "run",
        "spawn",
        "run",
        "--inputs-json",
        "{\"count\": 2.0}",
    ];
    let _ = env.run(json).succeeded();
    let run = |input| env.run(["model", "method", "run", "spawn", "run", "--input", input]);
    insta::assert_snapshot!(run("count=12345678901234567890123"), @"
    ------- stderr -------
    error: the input `count` cannot be used: `12345678901234567890123` is a whole number of more than 64 bits, which would be rounded: give it as text
    hint: give a value of the type in the schema; one after `KEY:json=` is JSON, in quotes of the shell
    [exit status: 2]
    ");
    assert_eq!(run("count=2.5").code(), Some(2));
}

#[test]
fn argument_given_twice_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    let run = ["model", "method", "run", "sink", "run"];
    insta::assert_snapshot!(env.run([&run[..], &["--input", "note=a", "--input", "note=b"]].concat()), @"
    ------- stderr -------
    error: the input `note` cannot be used: it is given twice
    hint: give each input once
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run([&run[..], &["--inputs-json", "{\"note\": \"a\", \"note\": \"b\"}"]].concat()), @"
    ------- stderr -------
    error: `--inputs-json` cannot be used: the key `note` is given twice
    hint: give one JSON object, `@FILE`, or `-` for stdin
    [exit status: 2]
    ");
    // `--input` overrides `--inputs-json`.
    let both = ["--inputs-json", "{\"note\": \"a\"}", "--input", "note=b"];
    assert_eq!(noted(&env, &both), json!("b"));
}

#[test]
fn arguments_are_read_from_files_and_stdin() {
    let env = TestEnv::with_sink_and_spawn();
    let large = "x".repeat(300_000);
    env.write_file("large.txt", &large);
    env.write_file("large.json", json!({"note": large}).to_string());
    assert_eq!(noted(&env, &["--input", "note=@large.txt"]), json!(large));
    assert_eq!(noted(&env, &["--inputs-json", "@large.json"]), json!(large));
    assert_eq!(
        noted(&env, &["--input", "note=@@large.txt"]),
        json!("@large.txt")
    );
    let stdin = [
        "model",
        "method",
        "run",
        "sink",
        "run",
        "--inputs-json",
        "-",
    ];
    let _ = env
        .run_with_stdin(stdin, "{\"note\": \"from stdin\"}")
        .succeeded();
    let stdin = [
        "model", "method", "run", "sink", "run", "--input", "note=@-",
    ];
    let ran = env.run_with_stdin(stdin, "from stdin, too").succeeded();
    assert!(ran.stdout.contains("from stdin, too"), "{ran}");
    let missing = [
        "model",
        "method",
        "run",
        "sink",
        "run",
        "--input",
        "note=@missing",
    ];
    let missing = env.run(missing);
    assert!(missing.stderr.contains("missing"), "{missing}");
    assert_eq!(missing.code(), Some(3), "{missing}");
}

/// An empty variable counts as unset; the error for an invalid value names the variable.
#[test]
fn invalid_variable_is_named() {
    let env = TestEnv::with_sink_and_spawn();
    let with = |variable: &str, command: &str| {
        let output = env
            .spawn_on_terminal(&format!("{variable} sedge {command}"))
            .wait();
        (output.stdout.replace('\r', ""), output.code())
    };
    for variable in [
        "SEDGE_REPO=",
        "SEDGE_LOCK_TIMEOUT=",
        "SEDGE_LOG=",
        "SEDGE_LINEAGE=",
    ] {
        let (shown, code) = with(variable, "data gc");
        assert_eq!(code, Some(0), "{variable}: {shown}");
    }
    for (variable, command, expect) in [
        ("SEDGE_LOCK_TIMEOUT=1m", "data gc", 2),
        ("SEDGE_LOG=a=b=c", "model list", 2),
        ("SEDGE_REPO=/nowhere", "model list", 3),
    ] {
        let (shown, code) = with(variable, command);
        let (name, _) = variable.split_once('=').expect("it has a value");
        assert!(shown.contains(name), "{variable}: {shown}");
        assert_eq!(code, Some(expect), "{variable}: {shown}");
    }
    // An option has precedence over the variable.
    let (shown, code) = with("SEDGE_LOCK_TIMEOUT=1m", "data gc --lock-timeout 1");
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn method_takes_a_file_or_the_items_of_stdin() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("arguments.yaml", "note: from YAML\n");
    assert_eq!(
        noted(&env, &["--input-file", "arguments.yaml"]),
        json!("from YAML")
    );
    assert_eq!(
        noted(&env, &["--input", "{\"note\": \"an object\"}"]),
        json!("an object")
    );
    assert_eq!(noted(&env, &["--input", "note=\\@home"]), json!("@home"));
    assert_eq!(
        noted(&env, &["--input", "note:json=\"as JSON\""]),
        json!("as JSON")
    );
    let run = ["model", "method", "run", "sink", "run", "--stdin"];
    let ran = env.run_with_stdin(run, "note: one\n---\nnote: two\n");
    insta::assert_snapshot!(ran, @r#"
    ------- stdout -------
    {
      "note": "one",
      "run": "[run 5]",
      "call": "[run 5]/1"
    }
    {
      "note": "two",
      "run": "[run 6]",
      "call": "[run 6]/1"
    }
    ------- stderr -------
    Item 1:
    Run [run 5]
    Succeeded after [took], wrote `record` version 5.
    Item 2:
    Run [run 6]
    Succeeded after [took], wrote `record` version 6.
    All 2 runs succeeded.
    "#);
    let both = [&run[..], &["--input-file", "arguments.yaml"]].concat();
    insta::assert_snapshot!(env.run_with_stdin(both, ""), @"
    ------- stderr -------
    error: the argument '--stdin' cannot be used with '--input-file <FILE>'

    Usage: sedge model method run --stdin <MODEL> <METHOD>

    For more information, try '--help'.
    [exit status: 2]
    ");
}
