//! Which component may take the place of the pinned one.

use sedge_test_artifacts::SINK;
use sedge_test_kit::TestEnv;

use crate::fixtures::refused;

/// Returns `sink` with another text of the same length in place of `from`.
fn sink_with(from: &str, to: &str) -> Vec<u8> {
    let mut component = TestEnv::component(SINK);
    let places: Vec<usize> = (0..component.len() - from.len())
        .filter(|at| component[*at..].starts_with(from.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "`{from}` is in it");
    for at in places {
        component[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    component
}

/// A version names one content. If it named two, a version would not say what a repository runs.
#[test]
fn other_content_of_the_same_version_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file(
        "sink.wasm",
        sink_with("Stores the last note", "Keeps the last notes"),
    );
    insta::assert_snapshot!(refused(&env, "plugin add sink.wasm"), @"
    ------- stderr -------
    error: `@sedge/sink` 2026.11.23.1 is pinned with other content
    caused by: the pinned digest is [sha256]
    caused by: the digest of `sink.wasm` is [sha256]
    hint: replace the pinned one, if you trust this file: `--replace`
    hint: or build the plugin with a new version
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add sink.wasm --downgrade --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_changed",
        "class": "state",
        "message": "`@sedge/sink` 2026.11.23.1 is pinned with other content",
        "causes": [
          "the pinned digest is [sha256]",
          "the digest of `sink.wasm` is [sha256]"
        ],
        "help": [
          {
            "kind": "again",
            "purpose": "replace the pinned one, if you trust this file",
            "arguments": {
              "replace": true
            }
          },
          {
            "kind": "advice",
            "text": "or build the plugin with a new version"
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    insta::assert_snapshot!(env.run(["plugin", "add", "sink.wasm", "--replace"]), @"
    ------- stderr -------
    Replaced @sedge/sink 2026.11.23.1, which had the digest [sha256], by the component with [sha256]
    hint: `sedge model create @sedge/sink NAME` creates a model of it
    ");
}

#[test]
fn older_version_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("sink.wasm", sink_with("2026.11.23.1", "2026.11.22.9"));
    insta::assert_snapshot!(refused(&env, "plugin add sink.wasm"), @"
    ------- stderr -------
    error: `sink.wasm` provides `@sedge/sink` 2026.11.22.9, which is older than the pinned 2026.11.23.1
    hint: replace the pinned version by it: `--downgrade`
    [exit status: 3]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add sink.wasm --replace"), @"
    ------- stderr -------
    error: `sink.wasm` provides `@sedge/sink` 2026.11.22.9, which is older than the pinned 2026.11.23.1
    hint: replace the pinned version by it: `--downgrade`
    [exit status: 3]
    ");
    insta::assert_snapshot!(env.run(["plugin", "add", "sink.wasm", "--downgrade"]), @"
    ------- stderr -------
    Replaced @sedge/sink 2026.11.23.1 with 2026.11.22.9
    hint: `sedge model create @sedge/sink NAME` creates a model of it
    ");
}
