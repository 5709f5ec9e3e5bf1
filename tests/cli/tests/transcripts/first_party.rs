//! Plugins that come with Sedge: added by name, and only with the digests that the program was built
//! with.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use sedge_test_artifacts::{COMPILER, CSV, FILES, GITHUB_RELEASES, HTTP, SHELL, SINK, SPAWN};
use sedge_test_kit::{TestEnv, TypeScriptComponent, node_modules, sedge};

/// The list of the plugins, relative to the root of the tree.
const LIST: &str = "plugins/digests";

/// The variable that makes the test write the list instead of comparing it.
const UPDATE: &str = "SEDGE_UPDATE";

fn list_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(LIST)
}

/// The list is compiled into the program, so a component that differs from it cannot be added by its
/// name. The bytes of a component depend on the compiler: with another one than that of the list,
/// `tests/setup` builds the program with a list of its own.
#[test]
fn list_has_the_digests_of_the_build() {
    let committed = std::fs::read_to_string(list_path()).expect("the list is committed");
    let built_by = format!("# Built by {COMPILER}\n");
    if std::env::var_os(UPDATE).is_some() {
        let lines = committed.lines().filter(|line| line.starts_with('#'));
        let mut text: String = lines.take(3).map(|line| format!("{line}\n")).collect();
        text.push_str(&built_by);
        text.push_str(&built());
        std::fs::write(list_path(), text).expect("the tree can be written");
    } else if committed.contains(&built_by) {
        let listed = committed.lines().filter(|line| !line.starts_with('#'));
        let listed: String = listed.map(|line| format!("{line}\n")).collect();
        assert_eq!(
            listed,
            built(),
            "{LIST} is stale: set {UPDATE}=1, then build again"
        );
    }
}

/// Returns the lines of the list for the components of this build. The digest of a component in Python
/// differs from build to build, so the list has a word in its place.
fn built() -> String {
    github_releases_build();
    let env = TestEnv::with_repository();
    let mut lines = String::new();
    for component in [CSV, FILES, GITHUB_RELEASES, HTTP, SHELL, SINK, SPAWN] {
        let added = env.run_json(["plugin", "add", component, "--grant", "none"]);
        let plugin = &added["data"]["plugins"][0];
        let text = |key: &str| plugin[key].as_str().expect("it is a text").to_owned();
        let (name, version, sha256) = (text("name"), text("version"), text("sha256"));
        let digest = match component {
            CSV => "built-with-the-program".to_owned(),
            _ => sha256,
        };
        writeln!(lines, "{name} {version} {digest}").expect("a String can be written");
    }
    lines
}

/// Builds the component in TypeScript, if its sources have changed since it was built. The program
/// itself does that, so no build script can.
fn github_releases_build() {
    let component = TypeScriptComponent::of(Path::new(GITHUB_RELEASES));
    let Some(TypeScriptComponent::Project(kept)) = component else {
        panic!("`{GITHUB_RELEASES}` is not a plugin in TypeScript");
    };
    kept.built(|project| {
        let built = Command::new(sedge())
            .args(["plugin", "build", "--update-sdk", "--quiet"])
            .arg(&project.folder)
            .env("SEDGE_NODE_MODULES", node_modules())
            .output()
            .expect("the program can be started");
        let complaint = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{complaint}");
        let file = String::from_utf8(built.stdout).expect("a path of text");
        PathBuf::from(file.trim())
    });
}

#[test]
fn plugin_is_added_by_its_name() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        plugin add @sedge/sink
        plugin add @sedge/sink @sedge/spawn --grant-all
        plugin list
    "), @"
    $ sedge plugin add @sedge/sink
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it

    $ sedge plugin add @sedge/sink @sedge/spawn --grant-all
    ------- stderr -------
    Already added: @sedge/sink 2026.11.23.1
    Added @sedge/spawn 2026.11.23.1
    It may call and read every model: to call the model that its arguments name
    hint: `sedge model create TYPE NAME` creates a model of one of them

    $ sedge plugin list
    ------- stdout -------
    TYPE          VERSION       CONTRACT  SHA256        COMPONENT  GRANTED
    @sedge/sink   2026.11.23.1  0.4.0     [sha256]      present    -
    @sedge/spawn  2026.11.23.1  0.4.0     [sha256]      present    1 of 1
    ");
    let lock = env.read_file("sedge.lock");
    assert!(lock.contains("source: \"@sedge/sink\"\n"), "{lock}");
}

#[test]
fn unknown_name_is_refused() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        plugin add @sedge/htp
        plugin add @acme/cloud
        plugin add @acme/cloud --json
    "), @r#"
    $ sedge plugin add @sedge/htp
    ------- stderr -------
    error: `@sedge/htp` is not a plugin that comes with Sedge
    hint: did you mean `@sedge/http`?
    hint: or add its component from a file: `sedge plugin add FILE.wasm`
    [exit status: 3]

    $ sedge plugin add @acme/cloud
    ------- stderr -------
    error: `@acme/cloud` is not a plugin that comes with Sedge
    hint: the plugins that come with Sedge are `@sedge/csv`, `@sedge/files`, `@sedge/github-releases`, `@sedge/http`, `@sedge/shell`, `@sedge/sink`, `@sedge/spawn`
    hint: or add its component from a file: `sedge plugin add FILE.wasm`
    [exit status: 3]

    $ sedge plugin add @acme/cloud --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "type_missing",
        "class": "state",
        "message": "`@acme/cloud` is not a plugin that comes with Sedge",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "the plugins that come with Sedge are `@sedge/csv`, `@sedge/files`, `@sedge/github-releases`, `@sedge/http`, `@sedge/shell`, `@sedge/sink`, `@sedge/spawn`"
          },
          {
            "kind": "command",
            "purpose": "or add its component from a file",
            "useCase": "plugin_add",
            "arguments": {
              "file": null
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn other_component_of_the_name_is_refused() {
    let mut env = TestEnv::with_repository();
    env.variable("SEDGE_PLUGIN_PATH", "$ENV/repo/empty:$ENV/repo/other");
    env.write_file("other/sink.wasm", TestEnv::component(SPAWN));
    let before = env.read_file("sedge.yaml");
    insta::assert_snapshot!(env.transcript("
        plugin add @sedge/sink
        plugin add @sedge/sink --json
        plugin add @sedge/spawn --grant-all
    "), @r#"
    $ sedge plugin add @sedge/sink
    ------- stderr -------
    error: `$ENV/repo/other/sink.wasm` is not the component of `@sedge/sink` that this Sedge was built with
    caused by: its digest is [sha256], not [sha256]
    hint: install the plugins of the same version of Sedge
    hint: or, if you trust the file, add it as such: `sedge plugin add $ENV/repo/other/sink.wasm`
    [exit status: 3]

    $ sedge plugin add @sedge/sink --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "installation",
        "class": "state",
        "message": "`$ENV/repo/other/sink.wasm` is not the component of `@sedge/sink` that this Sedge was built with",
        "causes": [
          "its digest is [sha256], not [sha256]"
        ],
        "help": [
          {
            "kind": "advice",
            "text": "install the plugins of the same version of Sedge"
          },
          {
            "kind": "command",
            "purpose": "or, if you trust the file, add it as such",
            "useCase": "plugin_add",
            "arguments": {
              "file": "$ENV/repo/other/sink.wasm"
            }
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge plugin add @sedge/spawn --grant-all
    ------- stderr -------
    Added @sedge/spawn 2026.11.23.1
    It may call and read every model: to call the model that its arguments name
    hint: `sedge model create @sedge/spawn NAME` creates a model of it
    "#);
    assert_eq!(env.read_file("sedge.yaml"), before);
}

#[test]
fn missing_installation_is_reported() {
    let mut env = TestEnv::with_repository();
    env.variable("SEDGE_PLUGIN_PATH", "$ENV/repo/empty");
    insta::assert_snapshot!(env.run_alone(["plugin", "add", "@sedge/http"]), @"
    ------- stderr -------
    error: the component of `@sedge/http` is not installed
    caused by: `$ENV/repo/empty` has no file `http.wasm`
    caused by: `$ENV/lib/sedge/plugins` has no file `http.wasm`
    hint: install the folder `lib` of Sedge beside its `bin`, or name the folder of the components in the variable SEDGE_PLUGIN_PATH
    [exit status: 3]
    ");
}

/// The folder is found relative to the program, also through a link to it.
#[test]
fn installation_is_found_beside_a_linked_program() {
    let env = TestEnv::with_repository();
    let line = "ln -s \"$(command -v sedge)\" ../linked && ../linked plugin add @sedge/sink";
    insta::assert_snapshot!(env.shell(line), @"
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    hint: `sedge model create @sedge/sink NAME` creates a model of it
    ");
}

#[test]
fn several_are_added_or_none() {
    let env = TestEnv::with_repository();
    env.write_file("text.wasm", "I am a text\n");
    env.write_file("copy.wasm", TestEnv::component(SINK));
    insta::assert_snapshot!(env.transcript("
        plugin add $GUESTS/sink.wasm text.wasm
        plugin add $GUESTS/sink.wasm $GUESTS/spawn.wasm
        plugin add $GUESTS/sink.wasm copy.wasm
        plugin add $GUESTS/sink.wasm $GUESTS/spawn.wasm --grant models=sink
        plugin list
        plugin add $GUESTS/sink.wasm $GUESTS/spawn.wasm --grant-all
        plugin list
    "), @"
    $ sedge plugin add $GUESTS/sink.wasm text.wasm
    ------- stderr -------
    error: `text.wasm` cannot be added as a plugin
    caused by: it is not a WebAssembly component: it does not begin as WebAssembly does
    hint: build it with an SDK of Sedge, for the target `wasm32-wasip2`
    [exit status: 2]

    $ sedge plugin add $GUESTS/sink.wasm $GUESTS/spawn.wasm
    ------- stderr -------
    error: `@sedge/spawn` requests permissions that were not decided on
    caused by: it requests permission to call and read every model: to call the model that its arguments name
    hint: grant everything that it requests: `--grant-all`
    hint: or only a part of it: `--grant KIND=WHAT`
    hint: or nothing: `--grant none`
    [exit status: 2]

    $ sedge plugin add $GUESTS/sink.wasm copy.wasm
    ------- stderr -------
    error: `$GUESTS/sink.wasm` and `copy.wasm` both provide the type `@sedge/sink`
    hint: add only one of them
    [exit status: 2]

    $ sedge plugin add $GUESTS/sink.wasm $GUESTS/spawn.wasm --grant models=sink
    ------- stderr -------
    error: `--grant` does not say which of several plugins it is for
    hint: add the plugins one by one, or grant all of them what they request: `--grant-all`
    [exit status: 2]

    $ sedge plugin list
    ------- stderr -------
    No plugins yet; `sedge plugin add FILE.wasm` adds one.

    $ sedge plugin add $GUESTS/sink.wasm $GUESTS/spawn.wasm --grant-all
    ------- stderr -------
    Added @sedge/sink 2026.11.23.1
    Added @sedge/spawn 2026.11.23.1
    It may call and read every model: to call the model that its arguments name
    hint: `sedge model create TYPE NAME` creates a model of one of them

    $ sedge plugin list
    ------- stdout -------
    TYPE          VERSION       CONTRACT  SHA256        COMPONENT  GRANTED
    @sedge/sink   2026.11.23.1  0.4.0     [sha256]      present    -
    @sedge/spawn  2026.11.23.1  0.4.0     [sha256]      present    1 of 1
    ");
}

/// The bytes of a component do not tell where it was built.
#[test]
fn components_have_no_paths_of_the_build() {
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME"));
    let home = home.expect("a user has a home");
    for component in [FILES, HTTP, SHELL, SINK, SPAWN] {
        let found = Command::new("grep")
            .args(["-c", "-a", "-F", &home, component])
            .output();
        let found = found.expect("grep is a part of every system");
        assert_eq!(found.status.code(), Some(1), "{component} contains {home}");
    }
}
