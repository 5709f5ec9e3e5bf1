//! Components that are not plugins: each is refused with a message, and nothing is written.

use sedge_test_artifacts::{SINK, with_contract_version};
use sedge_test_kit::TestEnv;

use crate::fixtures::{refused, with_workflows};

#[test]
fn file_that_is_not_a_component_is_refused() {
    let env = with_workflows();
    env.write_file("text.wasm", "I am a text\n");
    insta::assert_snapshot!(refused(&env, "plugin add text.wasm"), @"
    ------- stderr -------
    error: `text.wasm` cannot be added as a plugin
    caused by: it is not a WebAssembly component: it does not begin as WebAssembly does
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]
    ");
    env.write_file("empty.wasm", "");
    insta::assert_snapshot!(refused(&env, "plugin add empty.wasm"), @"
    ------- stderr -------
    error: `empty.wasm` cannot be added as a plugin
    caused by: it is not a WebAssembly component: it does not begin as WebAssembly does
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]
    ");
    env.write_file("core.wasm", b"\0asm\x01\0\0\0");
    insta::assert_snapshot!(refused(&env, "plugin add core.wasm"), @"
    ------- stderr -------
    error: `core.wasm` cannot be added as a plugin
    caused by: it is a core WebAssembly module, not a component
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add core.wasm --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_refused",
        "class": "usage",
        "message": "`core.wasm` cannot be added as a plugin",
        "causes": [
          "it is a core WebAssembly module, not a component"
        ],
        "help": [
          {
            "kind": "advice",
            "text": "build it with an SDK of Sedge, for the target `wasm32-wasip2`"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    let sink = TestEnv::component(SINK);
    env.write_file("half.wasm", &sink[..sink.len() / 2]);
    insta::assert_snapshot!(refused(&env, "plugin add half.wasm"), @"
    ------- stderr -------
    error: `half.wasm` cannot be added as a plugin
    caused by: it is not a WebAssembly component: unexpected end-of-file
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]
    ");
}

#[test]
fn component_of_another_world_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(refused(&env, "plugin add $GUESTS/command.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/command.wasm` cannot be added as a plugin
    caused by: it is a component, but not a plugin of Sedge: it does not export `sedge:model/model`
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add $GUESTS/command.wasm --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_refused",
        "class": "usage",
        "message": "`$GUESTS/command.wasm` cannot be added as a plugin",
        "causes": [
          "it is a component, but not a plugin of Sedge: it does not export `sedge:model/model`"
        ],
        "help": [
          {
            "kind": "advice",
            "text": "build it with an SDK of Sedge, for the target `wasm32-wasip2`"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn component_of_a_newer_contract_is_refused() {
    let env = with_workflows();
    let sink = TestEnv::component(SINK);
    env.write_file("newer.wasm", with_contract_version(&sink, "9.9.0"));
    insta::assert_snapshot!(refused(&env, "plugin add newer.wasm"), @"
    ------- stderr -------
    error: `newer.wasm` cannot be added as a plugin
    caused by: it was built for contract 9.9.0, this program has 0.4.0
    hint: use a newer Sedge, or an older version of the plugin
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add newer.wasm --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_refused",
        "class": "usage",
        "message": "`newer.wasm` cannot be added as a plugin",
        "causes": [
          "it was built for contract 9.9.0, this program has 0.4.0"
        ],
        "help": [
          {
            "kind": "advice",
            "text": "use a newer Sedge, or an older version of the plugin"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    env.write_file("older.wasm", with_contract_version(&sink, "0.0.1"));
    insta::assert_snapshot!(refused(&env, "plugin add older.wasm"), @"
    ------- stderr -------
    error: `older.wasm` cannot be added as a plugin
    caused by: it was built for contract 0.0.1, this program has 0.4.0
    hint: build it again with the SDK that came with this program
    [exit status: 2]
    ");
    env.write_file("odd.wasm", with_contract_version(&sink, "a.b.c"));
    insta::assert_snapshot!(refused(&env, "plugin add odd.wasm"), @"
    ------- stderr -------
    error: `odd.wasm` cannot be added as a plugin
    caused by: it was built for contract `a.b.c`, which is not a version number
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]
    ");
}

#[test]
fn component_with_an_invalid_description_is_refused() {
    let env = with_workflows();
    insta::assert_snapshot!(refused(&env, "plugin add $GUESTS/misfit_name.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/misfit_name.wasm` cannot be added as a plugin
    caused by: its description is not valid
    caused by: `Not A Name` is not a type name: it is `@scope/name` in lower-case letters, digits, `.`, `-` and `_` (further `/parts` may follow)
    hint: report this to the plugin's author
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add $GUESTS/misfit_panic.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/misfit_panic.wasm` cannot be added as a plugin
    caused by: its description failed
    caused by: the plugin panicked at tests/guests/examples/misfit_panic.rs:[place]: cannot describe myself
    hint: report this to the plugin's author
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add $GUESTS/misfit_schema.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/misfit_schema.wasm` cannot be added as a plugin
    caused by: its description is not valid: the schema of method `run`: not JSON: it cannot be read from line 1, column 2 on
    hint: report this to the plugin's author
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add $GUESTS/misfit_version.wasm"), @"
    ------- stderr -------
    error: `$GUESTS/misfit_version.wasm` cannot be added as a plugin
    caused by: its description is not valid
    caused by: `1.0` is not a version: it is `YYYY.MM.DD.N`: a day, and the number of the version on that day
    hint: report this to the plugin's author
    [exit status: 2]
    ");
    insta::assert_snapshot!(refused(&env, "plugin add $GUESTS/misfit_version.wasm --json"), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "plugin_refused",
        "class": "usage",
        "message": "`$GUESTS/misfit_version.wasm` cannot be added as a plugin",
        "causes": [
          "its description is not valid",
          "`1.0` is not a version: it is `YYYY.MM.DD.N`: a day, and the number of the version on that day"
        ],
        "help": [
          {
            "kind": "advice",
            "text": "report this to the plugin's author"
          }
        ]
      }
    }
    [exit status: 2]
    "#);
}

#[test]
fn component_that_differs_from_its_pin_is_refused() {
    let mut env = with_workflows();
    let lock = env.read_file("sedge.lock");
    let digest = lock
        .split("sha256: ")
        .nth(1)
        .and_then(|rest| rest.get(..64));
    let digest = digest.expect("a digest is 64 digits long");
    env.write_file(
        &format!(".sedge/plugins/{digest}.wasm"),
        with_contract_version(&TestEnv::component(SINK), "9.9.0"),
    );
    env.variable("SEDGE_CACHE_DIR", "$ENV/empty-cache");
    insta::assert_snapshot!(refused(&env, "model method run sink run"), @"
    ------- stderr -------
    error: the plugin `@sedge/sink` cannot be used
    caused by: its digest is [sha256], not [sha256]
    hint: the file was changed after it was pinned; restore it: `sedge plugin restore`
    [exit status: 2]
    ");
}
