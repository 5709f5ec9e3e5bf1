//! `@sedge/shell`: the output for a user who runs programs.

use sedge_test_kit::TestEnv;

/// The pin of a shell that runs a script.
const PIN: &str = "commands:
  say:
    program: /bin/sh
    arguments: ['*', '*']
";

/// Returns an environment with a model `tool` of `@sedge/shell` without grants, with these pins,
/// and with a script that exits with the code of its argument.
fn with_tool(pins: &str) -> TestEnv {
    let env = TestEnv::with_repository();
    env.write_file("sedge.yaml", format!("version: 1\n{pins}"));
    env.write_file("say.sh", "echo told $1\necho why >&2\nexit $1\n");
    env.setup(&[
        "plugin add $GUESTS/shell.wasm --grant none",
        "model create @sedge/shell tool --global-argument command=say",
    ]);
    env
}

fn grant(env: &TestEnv) {
    let definition = env.read_file("models/tool.yaml");
    let grants = "grants:\n  commands:\n    - say\n";
    env.write_file("models/tool.yaml", definition + grants);
}

#[test]
fn denial_shows_the_lines_that_grant_the_request() {
    let env = with_tool(PIN);
    let run =
        "model method run tool run --inputs-json {\"arguments\":[\"$ENV/repo/say.sh\",\"0\"]}";
    insta::assert_snapshot!(env.transcript(run), @r#"
    $ sedge model method run tool run --inputs-json {"arguments":["$ENV/repo/say.sh","0"]}
    ------- stderr -------
    Run [run]
      tool.run: warn: `tool` may not run the command `say`: no grant allows it; to allow it, set this in models/tool.yaml
        grants:
          commands:
          - say
    error: `run` of `tool` failed
    caused by: `tool` may not run the command `say`: no grant allows it; to allow it, set this in models/tool.yaml (plugin/denied)
      grants:
        commands:
        - say
      details from the plugin: {"command":"say"}
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    "#);
    grant(&env);
    insta::assert_snapshot!(env.transcript(&format!("
        {run}
        data get tool result
        run logs
    ")), @r#"
    $ sedge model method run tool run --inputs-json {"arguments":["$ENV/repo/say.sh","0"]}
    ------- stdout -------
    {
      "command": "say",
      "arguments": [
        "$ENV/repo/say.sh",
        "0"
      ],
      "exitCode": 0,
      "stdout": {
        "text": "told 0\n",
        "cut": false
      },
      "stderr": {
        "text": "why\n",
        "cut": false
      }
    }
    ------- stderr -------
    Run [run 2]
      tool.run: ran the command `say`: it ended with 0
    Succeeded after [took], wrote `result` version 1.

    $ sedge data get tool result
    ------- stdout -------
    {
      "command": "say",
      "arguments": [
        "$ENV/repo/say.sh",
        "0"
      ],
      "exitCode": 0,
      "stdout": {
        "text": "told 0\n",
        "cut": false
      },
      "stderr": {
        "text": "why\n",
        "cut": false
      }
    }

    $ sedge run logs
    ------- stdout -------
    1  tool.run: ran the command `say`: it ended with 0
    "#);
}

#[test]
fn failed_command_is_recorded_and_refused_arguments_are_shown() {
    let env = with_tool(PIN);
    grant(&env);
    insta::assert_snapshot!(env.transcript(r#"
        model method run tool run --inputs-json {"arguments":["$ENV/repo/say.sh","3"]}
        data get tool result
        model method run tool run --inputs-json {"arguments":["-c","id"]}
    "#), @r#"
    $ sedge model method run tool run --inputs-json {"arguments":["$ENV/repo/say.sh","3"]}
    ------- stderr -------
    Run [run]
      tool.run: ran the command `say`: it ended with 3
    error: `run` of `tool` failed
    caused by: the program ended with 3: why (plugin/command-failed)
      details from the plugin: {"exitCode":3,"signal":null,"result":"result"}
    note: of tool.run, 1 version was kept: `result` version 1
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]

    $ sedge data get tool result
    ------- stdout -------
    {
      "command": "say",
      "arguments": [
        "$ENV/repo/say.sh",
        "3"
      ],
      "exitCode": 3,
      "stdout": {
        "text": "told 3\n",
        "cut": false
      },
      "stderr": {
        "text": "why\n",
        "cut": false
      }
    }

    $ sedge model method run tool run --inputs-json {"arguments":["-c","id"]}
    ------- stderr -------
    Run [run 2]
      tool.run: warn: the command `say` of sedge.yaml does not take these arguments: argument 1, "-c", is an option, which is not allowed there; it takes `* *`; this line in its pin would allow them, too
        arguments: [["*", "*"], ["-c", "id"]]
    error: `run` of `tool` failed
    caused by: the command `say` of sedge.yaml does not take these arguments: argument 1, "-c", is an option, which is not allowed there; it takes `* *`; this line in its pin would allow them, too (plugin/arguments-refused)
      arguments: [["*", "*"], ["-c", "id"]]
      details from the plugin: {"command":"say"}
    hint: see the calls of the run: `sedge run show [run 2]`
    hint: see what they logged: `sedge run logs [run 2]`
    [exit status: 1]
    "#);
}

#[test]
fn missing_or_invalid_pin_is_refused() {
    let env = with_tool("");
    grant(&env);
    insta::assert_snapshot!(env.transcript("model method run tool run"), @r#"
    $ sedge model method run tool run
    ------- stderr -------
    Run [run]
      tool.run: warn: `say` is not pinned; these lines in sedge.yaml would pin it
        commands:
          say: {program: /path/of/it, arguments: []}
    error: `run` of `tool` failed
    caused by: `say` is not pinned; these lines in sedge.yaml would pin it (plugin/not-pinned)
      commands:
        say: {program: /path/of/it, arguments: []}
      details from the plugin: {"command":"say"}
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    "#);
    env.write_file(
        "sedge.yaml",
        "version: 1\ncommands:\n  say:\n    program: sh\n",
    );
    insta::assert_snapshot!(env.transcript("model method run tool run"), @"
    $ sedge model method run tool run
    ------- stderr -------
    error: `sh` is not an absolute path
     --> sedge.yaml:4:14
      |
    4 |     program: sh
      |              ^^
    hint: write the path that `command -v NAME` prints, so that the same program runs for every user
    [exit status: 2]
    ");
}
