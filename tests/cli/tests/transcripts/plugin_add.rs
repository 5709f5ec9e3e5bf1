//! `sedge plugin add`

use sedge_test_kit::TestEnv;

#[test]
fn a_plugin_is_added_and_pinned() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["plugin", "add", "$GUESTS/sink.wasm"]), @"
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` makes a model of it
    ");
    let lock = env.read_file("sedge.lock");
    assert!(lock.contains("\"@sedge/sink\":"), "{lock}");
}

#[test]
fn what_a_plugin_asks_for_is_shown() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["plugin", "add", "$GUESTS/spawn.wasm"]), @"
    ------- stderr -------
    Added @sedge/spawn 2026.11.23.1
    It asks to call and read every model: to call the model that it is told to call
    hint: `sedge model create @sedge/spawn NAME` makes a model of it
    ");
}

#[test]
fn as_json() {
    let env = TestEnv::with_repository();
    let added = env.run_json(["plugin", "add", "$GUESTS/sink.wasm"]);
    let described = env.run_json(["plugin", "describe", "@sedge/sink"]);
    let mut expect = described["data"].clone();
    expect["before"] = serde_json::Value::Null;
    assert_eq!(added["data"], expect);
}

#[test]
fn the_same_again_changes_nothing() {
    let env = TestEnv::with_sink_and_spawn();
    let before = env.state();
    insta::assert_snapshot!(env.run(["plugin", "add", "$GUESTS/sink.wasm"]), @"
    ------- stderr -------
    Already there: @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` makes a model of it
    ");
    assert_eq!(env.state(), before);
    assert_eq!(
        env.run_json(["plugin", "add", "$GUESTS/sink.wasm"])["data"]["before"],
        "2026.11.23.1"
    );
}

#[test]
fn another_version_takes_the_place_of_the_first() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("sink.wasm", newer_sink());
    insta::assert_snapshot!(env.transcript("plugin add sink.wasm\nplugin list"), @"
    $ sedge plugin add sink.wasm
    ------- stderr -------
    Replaced @sedge/sink 2026.11.23.1 by 2026.11.24.1
    hint: `sedge model create @sedge/sink NAME` makes a model of it

    $ sedge plugin list
    ------- stdout -------
    TYPE          VERSION       CONTRACT  SHA256        HERE
    @sedge/sink   2026.11.24.1  0.1.0     [sha256]      yes
    @sedge/spawn  2026.11.23.1  0.1.0     [sha256]      yes
    ");
}

#[test]
fn no_such_file() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("plugin add snik.wasm\nplugin add snik.wasm --json\nplugin add models\nplugin add"), @r#"
    $ sedge plugin add snik.wasm
    ------- stderr -------
    error: failed to read `snik.wasm`
    caused by: No such file or directory (os error 2)
    [exit status: 3]

    $ sedge plugin add snik.wasm --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "file",
        "message": "failed to read `snik.wasm`",
        "causes": [
          "No such file or directory (os error 2)"
        ],
        "hint": null
      }
    }
    [exit status: 3]

    $ sedge plugin add models
    ------- stderr -------
    error: failed to read `models`
    caused by: is a directory
    [exit status: 3]

    $ sedge plugin add
    ------- stderr -------
    error: the following required arguments were not provided:
      <FILE.wasm>

    Usage: sedge plugin add <FILE.wasm>

    For more information, try '--help'.
    [exit status: 2]
    "#);
}

/// Returns `sink` as of a day later.
fn newer_sink() -> Vec<u8> {
    let (old, new) = (b"2026.11.23.1", b"2026.11.24.1");
    let mut component = TestEnv::component(sedge_test_artifacts::SINK);
    let place = component.windows(old.len()).position(|it| it == old);
    let place = place.expect("its version is in its data");
    component[place..place + old.len()].copy_from_slice(new);
    component
}
