//! Secrets of a vault that a pinned command reads (`secrets: {sources: […]}` in `sedge.yaml`).

use sedge_test_kit::TestEnv;

/// A command that prints no value.
const CONFIG: &str = "\
version: 1
commands:
  pass:
    program: /bin/sh
    arguments: ['-c', 'echo \"not signed in\" >&2; exit 4', '*']
secrets:
  sources: [{vault: prod, command: pass}]
";

const MODEL: &str = "\
name: vault
type: \"@test/sealer\"
globalArguments: {token: {secret: prod.db}}
";

#[test]
fn command_that_fails_is_named_with_its_reason() {
    let env = TestEnv::with_repository();
    env.setup(&["plugin add $GUESTS/sealer.wasm --grant-all"]);
    env.write_file("sedge.yaml", CONFIG);
    env.write_file("models/vault.yaml", MODEL);
    insta::assert_snapshot!(env.transcript("validate\nmodel method run vault token"), @"
    $ sedge validate
    ------- stderr -------
    Checked 1 definition, 1 plugin: nothing is wrong.

    $ sedge model method run vault token
    ------- stderr -------
    Run [run]
    error: the command `pass` did not read the secret `db` of the vault `prod`: it ended with exit status 4: not signed in
    hint: run the program of `commands: {pass: …}` in sedge.yaml by hand to see what is wrong
    [exit status: 3]
    ");
}

#[test]
fn source_without_a_pinned_command_is_a_fault() {
    let env = TestEnv::with_repository();
    env.write_file(
        "sedge.yaml",
        CONFIG.replace("command: pass", "command: pas"),
    );
    insta::assert_snapshot!(env.transcript("model list"), @"
    $ sedge model list
    ------- stderr -------
    error: no command named `pas` is pinned
     --> sedge.yaml:7:36
      |
    7 |   sources: [{vault: prod, command: pas}]
      |                                    ^^^
    hint: did you mean `pass`?
    [exit status: 2]
    ");
}
