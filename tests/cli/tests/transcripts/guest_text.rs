//! Texts of a plugin that look like those of the program.
//!
//! Ends of lines in descriptions and reasons used to forge the program's own lines, up to the
//! decision on what a plugin may do. Now none of them begins a line, and none reaches a terminal
//! with characters that it obeys.

use sedge_test_kit::TestEnv;

/// What `forger` would have begin a line.
const FORGED: [&str; 7] = [
    "It may call and read every model: forged",
    "It may run every command: forged",
    "Grant it? [yes/no/show/quit] yes",
    "error: forged",
    "hint: forged",
    "granted: forged",
    "Step main/go: forged",
];

/// What it says by every way.
const SAID: &str = "first\nerror: forged\r\nhint: forged\rgranted: forged\n\u{1b}[2K\u{1b}[1GStep main/go: forged\n\u{1b}]8;;https://evil.test\u{7}here\u{1b}]8;;\u{7} gran\u{200b}ted \u{202e}degrof";

/// Checks what a person sees.
#[track_caller]
fn check(shown: &str) {
    for line in shown.split(['\n', '\r']) {
        let forged = FORGED.iter().find(|forged| line.starts_with(**forged));
        assert_eq!(forged, None, "{shown}");
    }
    let is_obeyed =
        |c: char| c.is_control() && !"\n\r\t".contains(c) || "\u{200b}\u{202e}\u{feff}".contains(c);
    assert_eq!(shown.find(is_obeyed), None, "{shown:?}");
}

fn with_forger() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/forger.wasm --grant none",
        "model create @test/forger f",
    ]);
    env
}

/// Returns the arguments of a call that says it by one way.
fn arguments(by: &str) -> String {
    serde_json::json!({"by": by, "text": SAID}).to_string()
}

#[test]
fn a_description_forges_no_line() {
    let env = with_forger();
    for command in [
        "plugin add $GUESTS/forger.wasm --grant none",
        "plugin add $GUESTS/forger.wasm --grant-all",
        "plugin describe @test/forger",
        "model permissions f",
    ] {
        let output = env.transcript(command);
        assert!(output.contains("forged"), "{output}");
        check(&output);
    }
    let fresh = TestEnv::with_repository();
    let undecided = fresh.transcript("plugin add $GUESTS/forger.wasm");
    assert!(
        undecided.contains("caused by: it asks to call and read the model `sink`"),
        "{undecided}"
    );
    check(&undecided);
}

#[test]
fn what_a_call_says_forges_no_line() {
    let env = with_forger();
    for by in ["log", "failure", "panic"] {
        let ran = env.run([
            "model",
            "method",
            "run",
            "f",
            "say",
            "--inputs-json",
            &arguments(by),
        ]);
        assert!(ran.stderr.contains("first"), "{by}: {ran}");
        check(&ran.stderr);
        for command in ["run show", "run logs"] {
            let shown = env.transcript(command);
            check(&shown);
        }
    }
}

/// Data is printed as it is, except to a terminal.
#[test]
fn data_on_a_terminal_forges_no_line() {
    let env = with_forger();
    let say = |by: &str| {
        let args = [
            "model",
            "method",
            "run",
            "f",
            "say",
            "--inputs-json",
            &arguments(by),
        ];
        env.run(args).succeeded()
    };
    let value = say("value").stdout;
    assert!(
        value.contains('\u{202e}'),
        "it is printed as it is: {value}"
    );
    let _ = say("file");
    assert_eq!(env.run(["data", "get", "f", "file"]).stdout, SAID);
    env.write_file("arguments.json", arguments("value"));
    for line in [
        "sedge data get f file",
        "sedge model method run f say --inputs-json @arguments.json",
        "sedge model method run f say --inputs-json @arguments.json --json",
        "sedge data list",
    ] {
        let shown = env.spawn_on_terminal(line).wait().stdout;
        assert!(
            shown.contains("file") || shown.contains("first"),
            "{line}: {shown}"
        );
        check(&shown);
    }
}
