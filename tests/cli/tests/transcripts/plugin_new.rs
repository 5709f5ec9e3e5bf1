//! `sedge plugin new`

use sedge_test_kit::TestEnv;

use crate::authors::without_build;

#[test]
fn project_is_written_with_a_copy_of_the_sdk() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("
        plugin new greeter --lang rust
        plugin new @acme/my-tool tools/mine --lang rust --quiet
    "), @"
    $ sedge plugin new greeter --lang rust
    ------- stderr -------
    Wrote @local/greeter, a plugin in Rust, to greeter: .gitignore, Cargo.toml, README.md, src/lib.rs
    hint: `sedge plugin test greeter` runs its test
    hint: `sedge plugin build greeter` builds it

    $ sedge plugin new @acme/my-tool tools/mine --lang rust --quiet
    ");
    let manifest = env.read_file("tools/mine/Cargo.toml");
    assert!(manifest.contains("name = \"my-tool\""), "{manifest}");
    let source = env.read_file("tools/mine/src/lib.rs");
    assert!(
        source.contains("Model::new(\"@acme/my-tool\", \"2"),
        "{source}"
    );
    assert!(!source.contains("sample"), "{source}");
    let version = env.read_file("greeter/sedge-sdk/VERSION");
    assert!(version.contains("\ncontract 0."), "{version}");
    // The copy is complete without the workspace of Sedge.
    let sdk = env.read_file("greeter/sedge-sdk/rust/Cargo.toml");
    assert!(!sdk.contains("workspace"), "{sdk}");
    assert!(
        sdk.contains("sedge-sdk-macros = { path = \"macros\", version = "),
        "{sdk}"
    );
    let world = env.read_file("greeter/sedge-sdk/rust/wit/world.wit");
    assert!(world.contains("world plugin"), "{world}");
}

#[test]
fn project_as_json() {
    let env = TestEnv::default();
    let output = env.run(["plugin", "new", "greeter", "--lang", "rust", "--json"]);
    insta::assert_snapshot!(without_build(&output.to_string()), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "@local/greeter",
        "language": "rust",
        "path": "greeter",
        "files": [
          ".gitignore",
          "Cargo.toml",
          "README.md",
          "src/lib.rs"
        ],
        "sdk": {
          "version": "0.1.0",
          "contract": "0.4.0",
          "state": "current"
        }
      }
    }
    "#);
}

#[test]
fn name_and_folder_are_checked() {
    let env = TestEnv::default();
    env.write_file("full/notes.txt", "mine\n");
    insta::assert_snapshot!(env.transcript("
        plugin new Greeter --lang rust
        plugin new 9lives --lang rust
    "), @"
    $ sedge plugin new Greeter --lang rust
    ------- stderr -------
    error: `Greeter` cannot be the name of a plugin
    caused by: it is `@scope/name` in lower-case letters, digits, `.`, `-` and `_` (further `/parts` may follow)
    hint: write `NAME`, or `@SCOPE/NAME` with the name of your organisation
    [exit status: 2]

    $ sedge plugin new 9lives --lang rust
    ------- stderr -------
    error: `9lives` cannot be the name of a plugin
    caused by: it begins with a letter
    hint: write `NAME`, or `@SCOPE/NAME` with the name of your organisation
    [exit status: 2]
    ");
    let check = |command: &str, code: i32, text: &str| {
        let output = env.run(command.split_whitespace());
        assert_eq!(output.code(), Some(code), "{output}");
        assert!(output.stderr.contains(text), "{output}");
    };
    check(
        "plugin new full --lang rust",
        3,
        "error: `full` has files already",
    );
    check("plugin new greeter", 2, "--lang");
    check("plugin new greeter --lang cobol", 2, "cobol");
    assert_eq!(env.read_file("full/notes.txt"), "mine\n");
}
