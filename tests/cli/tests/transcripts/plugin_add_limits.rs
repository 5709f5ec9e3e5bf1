//! `sedge plugin add` of a component that is too large.

use sedge_test_kit::TestEnv;

#[test]
fn component_over_the_size_limit_is_refused() {
    let env = TestEnv::with_repository();
    let config = env.read_file("sedge.yaml");
    let check = |limits: &str| {
        env.write_file("sedge.yaml", format!("{config}componentLimits: {limits}\n"));
        let refused = env.run(["plugin", "add", "$GUESTS/sink.wasm"]);
        assert_eq!(refused.code(), Some(2), "{refused}");
        let mut quoted = refused.stderr.split('`');
        let yaml = quoted.find(|text| text.starts_with("componentLimits"));
        let yaml = yaml.expect("a hint shows what would allow it");
        env.write_file("sedge.yaml", format!("{config}{yaml}\n"));
        let allowed = env.run(["plugin", "add", "$GUESTS/sink.wasm"]);
        assert_eq!(allowed.code(), Some(0), "{yaml}\n{allowed}");
        refused
    };
    insta::assert_snapshot!(check("{instances: 1}"), @"
    ------- stderr -------
    error: `$GUESTS/sink.wasm` cannot be added as a plugin
    caused by: it is too large: 22 of `instances`, the limit is 1
    hint: allow more if you trust it, in sedge.yaml: `componentLimits: {instances: 22}`
    [exit status: 2]
    ");
    for limit in [
        "{mebibytes: 0}",
        "{codeMebibytes: 0}",
        "{customMebibytes: 0}",
        "{functionKibibytes: 0}",
        "{functions: 10}",
    ] {
        let refused = check(limit);
        assert!(refused.stderr.contains("it is too large"), "{refused}");
    }
}
