//! Texts of a plugin that imitate the output of the program.
//!
//! Newlines in descriptions and reasons used to forge lines of the program, even the answer that
//! grants a permission. Now no text of a plugin begins a line, and no control character of a plugin
//! reaches the terminal.

use sedge_test_kit::TestEnv;

/// The lines that `forger` tries to forge.
const FORGED: [&str; 7] = [
    "It may call and read every model: forged",
    "It may run every command: forged",
    "Grant it? [yes/no/show/quit] yes",
    "error: forged",
    "hint: forged",
    "granted: forged",
    "Step main/go: forged",
];

/// The text that it passes through every channel.
const TEXT: &str = "first\nerror: forged\r\nhint: forged\rgranted: forged\n\u{1b}[2K\u{1b}[1GStep main/go: forged\n\u{1b}]8;;https://evil.test\u{7}here\u{1b}]8;;\u{7} gran\u{200b}ted \u{202e}degrof";

/// Checks that an output has no forged line and no control character.
#[track_caller]
fn check(shown: &str) {
    for line in shown.split(['\n', '\r']) {
        let forged = FORGED.iter().find(|forged| line.starts_with(**forged));
        assert_eq!(forged, None, "{shown}");
    }
    let is_control =
        |c: char| c.is_control() && !"\n\r\t".contains(c) || "\u{200b}\u{202e}\u{feff}".contains(c);
    assert_eq!(shown.find(is_control), None, "{shown:?}");
}

fn with_forger() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/forger.wasm --grant none",
        "model create @test/forger f",
    ]);
    env
}

/// Returns the arguments of a call that passes the text through one channel.
fn arguments(by: &str) -> String {
    serde_json::json!({"by": by, "text": TEXT}).to_string()
}

#[test]
fn description_forges_no_line() {
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
        undecided.contains("caused by: it requests permission to call and read the model `sink`"),
        "{undecided}"
    );
    check(&undecided);
}

#[test]
fn log_and_error_of_a_call_forge_no_line() {
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

/// Data is printed verbatim, except to a terminal.
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
        "it is printed verbatim: {value}"
    );
    let _ = say("file");
    assert_eq!(env.run(["data", "get", "f", "file"]).stdout, TEXT);
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
