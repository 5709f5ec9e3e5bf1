//! `sedge plugin test`

use sedge_test_kit::TestEnv;

use crate::authors::author_env;

#[test]
fn failed_test_is_shown_and_counts() {
    let env = author_env(TestEnv::default(), "tested");
    env.setup(&["plugin new tested --lang rust"]);
    insta::assert_snapshot!(env.run(["plugin", "test", "tested", "--json", "--", "--quiet", "empty_name"]).stdout, @r#"
    {
      "ok": true,
      "data": {
        "language": "rust",
        "command": "cargo test --quiet empty_name"
      }
    }
    "#);
    let source = env.read_file("tested/src/lib.rs");
    env.write_file(
        "tested/src/lib.rs",
        source.replace("\"no-name\", \"", "\"noname\", \""),
    );
    let output = env.run(["plugin", "test", "tested", "--", "--quiet"]);
    assert!(
        output.stderr.contains("tests::empty_name_is_refused"),
        "{output}"
    );
    assert_eq!(output.stdout, "");
    let last: Vec<&str> = output.stderr.lines().rev().take(2).collect();
    insta::assert_snapshot!(last.into_iter().rev().collect::<Vec<_>>().join("\n"), @"
    error: tests of the plugin in `tested` have failed
    caused by: `cargo test --quiet` ended with exit status: 101
    ");
    assert_eq!(output.status.code(), Some(1));
}
