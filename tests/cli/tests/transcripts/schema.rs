//! `sedge schema`

use sedge_test_kit::TestEnv;

#[test]
fn schema_is_printed_as_data_and_in_a_document() {
    let env = TestEnv::default();
    for kind in ["definition", "workflow", "repository"] {
        let text = env.run(["schema", kind]).to_string();
        assert!(
            text.contains("https://json-schema.org/draft/2020-12/schema"),
            "{text}"
        );
        let document = env.run(["schema", kind, "--json"]).to_string();
        assert!(
            document.contains(&format!("\"of\": \"{kind}\"")),
            "{document}"
        );
    }
}

#[test]
fn kind_that_does_not_exist_is_refused() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.run(["schema", "model"]), @"
    ------- stderr -------
    error: invalid value 'model' for '<KIND>'
      [possible values: definition, workflow, repository]

    For more information, try '--help'.
    [exit status: 2]
    ");
}
