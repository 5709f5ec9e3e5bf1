//! `sedge plugin import-swamp`

use sedge_test_kit::{CommandOutput, TestEnv};

use crate::authors::typescript_env;

/// A model as it is written for swamp.
pub(crate) const SHOP: &str = r#"import { z } from "npm:zod@4";

const Goods = z.object({ name: z.string(), price: z.number().min(0) });

export const model = {
  type: "@acme/shop",
  version: "2026.01.01.1",
  globalArguments: z.object({ currency: z.string().default("EUR") }),
  resources: {
    goods: { description: "What is sold", schema: Goods, lifetime: "infinite", garbageCollection: 5 },
  },
  methods: {
    sell: {
      description: "Sell something",
      arguments: Goods,
      execute: async (args, context) => {
        context.logger.info("sold {name}", { name: args.name });
        const handle = await context.writeResource("goods", args.name, args);
        return { dataHandles: [handle] };
      },
    },
  },
};
"#;

const MANIFEST: &str = r#"manifestVersion: 1
name: "@acme/shop"
version: "2026.01.01.1"
description: |
  Sells things.

  At length.
labels: [shop]
models:
  - shop.ts
  - broken.ts
  - ../outside.ts
vaults:
  - safe.ts
"#;

/// Checks that an output has lines with these texts, in this order or another.
pub(crate) fn has_lines(output: &CommandOutput, expect: &[&str]) {
    let all = output.to_string();
    for text in expect {
        assert!(all.contains(text), "{text}: {output}");
    }
}

fn extension(env: &TestEnv) {
    env.write_file("shop/manifest.yaml", MANIFEST);
    env.write_file("shop/extensions/models/shop.ts", SHOP);
    env.write_file(
        "shop/extensions/models/broken.ts",
        "export const model = {\n  type: ;\n};\n",
    );
    env.write_file("outside.ts", SHOP);
}

#[test]
fn models_are_built_and_what_cannot_be_is_explained() {
    let env = typescript_env(TestEnv::with_repository());
    extension(&env);
    let output = env.run(["plugin", "import-swamp", "shop"]);
    assert_eq!(output.code(), Some(2), "{output}");
    assert_eq!(output.stdout, "shop/sedge/shop.wasm\n");
    has_lines(
        &output,
        &[
            "Built @acme/shop 2026.01.01.1 of extensions/models/shop.ts in ",
            "its permissions are to review in shop/sedge/shop.permissions.json",
            "extensions/models/broken.ts cannot be built: extensions/models/broken.ts:2:9: ",
            "../outside.ts cannot be built: there is no such file in the extension",
            "Not taken: vault `safe.ts`: Sedge keeps secrets itself: `sedge secret put`",
            "hint: `sedge plugin add shop/sedge/shop.wasm` adds it to a repository",
        ],
    );
    let permissions = env.read_file("shop/sedge/shop.permissions.json");
    assert!(
        permissions.contains("\"description\": \"Sells things.\""),
        "{permissions}"
    );
    let first = env.read_bytes("shop/sedge/shop.wasm");

    // The file of permissions is the user's from now on.
    let asks = permissions.replace(
        "\"permissions\": []",
        "\"permissions\": [{\"http\": \"https://shop.example\", \"reason\": \"to sell\"}]",
    );
    env.write_file("shop/sedge/shop.permissions.json", &asks);
    let document = env.run_json(["plugin", "import-swamp", "shop"]);
    let models = document["data"]["models"].as_array().expect("a list");
    let model = models.iter().find(|it| !it["built"].is_null());
    let model = model.expect("one was built");
    assert_eq!(model["permissionsFile"]["isKept"], true, "{model}");
    let requested = &model["built"]["permissions"][0];
    assert_eq!(requested["reason"], "to sell", "{model}");
    assert_eq!(env.read_file("shop/sedge/shop.permissions.json"), asks);
    env.write_file("shop/sedge/shop.permissions.json", &permissions);
    let _ = env.run(["plugin", "import-swamp", "shop"]);
    assert!(
        first == env.read_bytes("shop/sedge/shop.wasm"),
        "two builds differ"
    );

    env.setup(&[
        "plugin add shop/sedge/shop.wasm",
        "model create @acme/shop front",
        "model method run front sell -i name=chair -i price=20",
    ]);
    let sold = env.run(["data", "get", "front", "chair"]).succeeded();
    assert!(sold.stdout.contains("\"price\": 20"), "{sold}");
    let output = env.run([
        "model",
        "method",
        "run",
        "front",
        "sell",
        "-i",
        "name=chair",
        "-i",
        "price=-1",
    ]);
    assert_eq!(output.code(), Some(2), "{output}");
}

#[test]
fn folder_without_a_manifest_is_not_an_extension() {
    let env = typescript_env(TestEnv::default());
    env.write_file("shop/shop.ts", SHOP);
    insta::assert_snapshot!(env.run(["plugin", "import-swamp", "shop"]), @"
    ------- stderr -------
    error: `shop` is not an extension of swamp
    caused by: it has no file `manifest.yaml`
    hint: `sedge plugin import-swamp` builds an extension, and `sedge import swamp` takes over a repository
    [exit status: 3]
    ");
    env.write_file("shop/manifest.yaml", "name: [");
    let output = env.run(["plugin", "import-swamp", "shop"]);
    assert_eq!(output.code(), Some(2), "{output}");
    assert!(output.stderr.contains("manifest.yaml:1:"), "{output}");
}
