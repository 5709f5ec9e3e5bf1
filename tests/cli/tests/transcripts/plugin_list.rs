//! `sedge plugin list`

use sedge_test_kit::TestEnv;

#[test]
fn plugins_are_listed() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["plugin", "list"]), @"
    ------- stdout -------
    TYPE          VERSION       CONTRACT  SHA256        COMPONENT  GRANTED
    @sedge/sink   2026.11.23.1  0.4.0     [sha256]      present    -
    @sedge/spawn  2026.11.23.1  0.4.0     [sha256]      present    1 of 1
    ");
}

#[test]
fn as_json() {
    let env = TestEnv::with_sink_and_spawn();
    insta::assert_snapshot!(env.run(["plugin", "list", "--json"]), @r#"
    ------- stdout -------
    {
      "data": [
        {
          "type": "@sedge/sink",
          "version": "2026.11.23.1",
          "sha256": "[sha256]",
          "contract": "0.4.0",
          "source": "$GUESTS/sink.wasm",
          "asked": [],
          "requested": 0,
          "granted": 0,
          "grants": {},
          "isHere": true
        },
        {
          "type": "@sedge/spawn",
          "version": "2026.11.23.1",
          "sha256": "[sha256]",
          "contract": "0.4.0",
          "source": "$GUESTS/spawn.wasm",
          "asked": [
            "models *"
          ],
          "requested": 1,
          "granted": 1,
          "grants": {
            "models": [
              "*"
            ]
          },
          "isHere": true
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": false
    }
    "#);
}

#[test]
fn empty_list_shows_a_note() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("plugin list\nplugin list --json"), @r#"
    $ sedge plugin list
    ------- stderr -------
    No plugins yet; `sedge plugin add FILE.wasm` adds one.

    $ sedge plugin list --json
    ------- stdout -------
    {
      "data": [],
      "ok": true,
      "count": 0,
      "isCut": false
    }
    "#);
}

#[test]
fn clone_has_pins_without_components() {
    let env = TestEnv::with_sink_and_spawn();
    env.remove(".sedge");
    insta::assert_snapshot!(env.run(["plugin", "list"]), @"
    ------- stdout -------
    TYPE          VERSION       CONTRACT  SHA256        COMPONENT  GRANTED
    @sedge/sink   2026.11.23.1  0.4.0     [sha256]      missing    -
    @sedge/spawn  2026.11.23.1  0.4.0     [sha256]      missing    1 of 1
    ");
}

#[test]
fn faulty_lock_file_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    let lock = env.read_file("sedge.lock");
    env.write_file("sedge.lock", lock.replacen("sha256:", "sha265:", 1));
    insta::assert_snapshot!(env.run(["plugin", "list"]), @"
    ------- stderr -------
    error: unknown key `sha265`
     --> sedge.lock:6:5
      |
    6 |     sha265: [sha256]
      |     ^^^^^^
    hint: did you mean `sha256`?
    [exit status: 2]
    ");
}
