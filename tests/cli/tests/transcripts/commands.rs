//! Command lines that run no command: requests for the help or the version, and commands that do not
//! exist.

use sedge_test_kit::TestEnv;

#[test]
fn unknown_command_lists_those_that_exist() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        foo
        data lst
        model rum
        datastore lock
    "), @"");
    insta::assert_snapshot!(env.run(["data", "lst", "--json"]), @"");
}

/// Users of swamp know its commands.
#[test]
fn command_of_swamp_is_answered_with_ours() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        vault put TOKEN
        extension pull @acme/http
        model type search
        datastore setup
        repo init
        model output
        workflow history
    "), @"");
}

#[test]
fn alias_runs_the_command() {
    let env = TestEnv::with_sink_and_spawn();
    for (alias, command) in [
        ("model ls", "model list"),
        ("plugin ls", "plugin list"),
        ("model show sink", "model get sink"),
        ("model describe sink", "model get sink"),
        ("plugin show @sedge/sink", "plugin describe @sedge/sink"),
    ] {
        let [alias, command] = [alias, command].map(|it| env.run(it.split(' ')).succeeded());
        assert_eq!(alias.stdout, command.stdout);
    }
}

#[test]
fn help_is_a_command_too() {
    let env = TestEnv::with_repository();
    let [one, other] = ["help data list", "data list --help"].map(|it| env.run(it.split(' ')));
    assert_eq!(one.succeeded().stdout, other.succeeded().stdout);
    let nested = env.run(["help", "model", "method", "run"]).succeeded();
    assert!(
        nested.stdout.contains("Usage: sedge model method run"),
        "{nested}"
    );
}

#[test]
fn help_and_version_as_json() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["--version", "--json"]), @"");
    insta::assert_snapshot!(env.run(["secret", "list", "--help", "--json"]), @"");
    insta::assert_snapshot!(env.run(["secret", "--help", "--json"]), @"");
    let [one, other] = ["help secret list --json", "secret list --help --json"]
        .map(|it| env.run(it.split(' ')).succeeded().stdout);
    assert_eq!(one, other);
}
