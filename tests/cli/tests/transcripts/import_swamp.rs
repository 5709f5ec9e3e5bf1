//! `sedge import swamp`

use sedge_test_kit::TestEnv;

use crate::authors::typescript_env;
use crate::plugin_import_swamp::{SHOP, has_lines};

const ID: &str = "0b9c0c4e-52cc-4d35-9d3b-5a1d6a0c3a11";

/// A repository of swamp with a model of its own, data, a vault, and files that have faults.
fn swamp(env: &TestEnv) {
    env.write_file("old/.swamp.yaml", "swampVersion: 1\n");
    env.write_file("old/extensions/models/shop.ts", SHOP);
    env.write_file(
        "old/models/@acme/shop/front.yaml",
        format!(
            "type: '@acme/shop'\ntypeVersion: 2026.01.01.1\nid: {ID}\nname: front\nversion: 1\ntags: {{}}\n\
             globalArguments:\n  currency: ${{{{ vault.get('main', 'CURRENCY') }}}}\nmethods: {{}}\n"
        ),
    );
    env.write_file(
        "old/models/command/shell/old.yaml",
        "type: '@swamp/shell'\nname: old\n",
    );
    env.write_file(
        "old/models/bad.yaml",
        "type: '@acme/shop'\nname: bad\nglobalArgs: {}\n",
    );
    env.write_file(
        "old/workflows/workflow-sell.yaml",
        "name: sell\njobs:\n- name: all\n  steps:\n  - name: one\n    task:\n      type: model_method\n      \
         modelIdOrName: front\n      methodName: sell\n      inputs: {name: chair, price: 20}\n",
    );
    env.write_file(
        "old/workflows/workflow-bad.yaml",
        "name: bad\njobs:\n- name: all\n  needs: [x]\n  steps: []\n",
    );
    let data = format!("old/.swamp/data/@acme/shop/{ID}");
    let metadata = |name: &str, more: &str| {
        format!(
            "name: {name}\nid: {ID}\nversion: 2\ncontentType: application/json\nlifetime: 30d\n\
             garbageCollection: 5\ntags: {{type: resource, specName: goods, modelName: front, room: hall}}\n{more}"
        )
    };
    for version in [1, 2] {
        env.write_file(
            &format!("{data}/table/{version}/raw"),
            format!("{{\"name\": \"table\", \"price\": {version}}}"),
        );
        env.write_file(
            &format!("{data}/table/{version}/metadata.yaml"),
            metadata("table", ""),
        );
    }
    env.write_file(&format!("{data}/gone/1/raw"), "{}");
    env.write_file(
        &format!("{data}/gone/1/metadata.yaml"),
        metadata("gone", "lifecycle: deleted\n"),
    );
    env.write_file(&format!("{data}/odd/1/raw"), "{");
    env.write_file(&format!("{data}/odd/1/metadata.yaml"), metadata("odd", ""));
    env.write_file(
        "old/.swamp/secrets/local_encryption/main/API_TOKEN.enc",
        "x",
    );
    env.write_file("old/vaults/local_encryption/1.yaml", "name: main\n");
    env.write_file("old/.swamp/auto-definitions/acme/shop/x.yaml", "name: x\n");
}

#[test]
fn repository_is_taken_over_once() {
    let env = typescript_env(TestEnv::with_repository());
    swamp(&env);
    let output = env.run(["import", "swamp", "old"]);
    assert_eq!(output.code(), Some(0), "{output}");
    has_lines(
        &output,
        &[
            "Built @acme/shop 2026.01.01.1 of extensions/models/shop.ts in ",
            "model front: models/@acme/shop/front.yaml\n",
            "workflow sell: workflows/workflow-sell.yaml\n",
            "data of front: table\n",
            "Not taken: definition `models/bad.yaml`: ",
            "Not taken: type `@swamp/shell`: no file of the repository provides it",
            "Not taken: workflow `workflows/workflow-bad.yaml`: ",
            "Not taken: data `odd` of the model `front`: it is not JSON: ",
            "Not taken: vault `vaults/local_encryption/1.yaml`: ",
            "Not taken: definition `.swamp/auto-definitions/acme/shop/x.yaml`: ",
            "The value of the secret main.API_TOKEN was not taken: `sedge secret put main.API_TOKEN`",
            "The value of the secret main.CURRENCY was not taken",
        ],
    );
    let data = env.run_json(["data", "get", "front", "table"]);
    assert_eq!(data["data"]["version"], 1, "{data}");
    let listed = env.run(["data", "list", "front", "--json"]).succeeded();
    assert!(listed.stdout.contains("\"room\": \"hall\""), "{listed}");

    // The second import changes nothing, and says so.
    let before = env.read_file("sedge.lock");
    let output = env.run(["import", "swamp", "old"]);
    has_lines(
        &output,
        &[
            "model front: models/@acme/shop/front.yaml, there already\n",
            "workflow sell: workflows/workflow-sell.yaml, there already\n",
            "data of front: 1 there already\n",
        ],
    );
    assert_eq!(env.read_file("sedge.lock"), before);

    // What was changed here is not replaced.
    let definition = env.read_file("models/@acme/shop/front.yaml");
    env.write_file(
        "models/@acme/shop/front.yaml",
        definition.replace("version: 1", "version: 2"),
    );
    let document = env.run_json(["import", "swamp", "old"]);
    let not_taken = document["data"]["notTaken"].as_array().expect("a list");
    let why = "the repository has a model `front` with another definition";
    let is_named = |it: &serde_json::Value| it["why"].as_str().is_some_and(|it| it.contains(why));
    assert!(not_taken.iter().any(is_named), "{document}");
}

#[test]
fn folder_that_is_not_of_swamp_is_refused() {
    let env = TestEnv::with_repository();
    env.write_file("other/notes.txt", "");
    insta::assert_snapshot!(env.run(["import", "swamp", "other"]), @"
    ------- stderr -------
    error: `other` is not a repository of swamp
    caused by: it has no file `.swamp.yaml`
    hint: `sedge plugin import-swamp` builds an extension, and `sedge import swamp` takes over a repository
    [exit status: 3]
    ");
}
