//! `sedge model evaluate`

use crate::fixtures::with_files;

/// A definition with expressions of each kind.
const SITE: &str = "# The site.
name: site
type: \"@test/filer\"
tags: {team: core}
inputs:
  region: {type: string, default: eu}
methods:
  record:
    arguments:
      name: \"${{ self.tags.team }}-${{ inputs.region }}\"
      count: \"${{ data.latest('files', 'record').attributes.n + 1 }}\"
";

#[test]
fn definition_is_shown_with_its_values() {
    let env = with_files();
    env.setup(&["model method run files record --input count=3"]);
    env.write_file("models/site.yaml", SITE);
    insta::assert_snapshot!(
        env.transcript("model evaluate site\n--json model evaluate site\nmodel evaluate files"),
        @r#"
        $ sedge model evaluate site
        ------- stdout -------
        name: site
        type: "@test/filer"
        tags:
          team: core
        inputs:
          region:
            type: string
            default: eu
        methods:
          record:
            arguments:
              name: core-eu
              count: 3

        $ sedge --json model evaluate site
        ------- stdout -------
        {
          "ok": true,
          "data": {
            "name": "site",
            "file": "models/site.yaml",
            "content": {
              "name": "site",
              "type": "@test/filer",
              "tags": {
                "team": "core"
              },
              "inputs": {
                "region": {
                  "type": "string",
                  "default": "eu"
                }
              },
              "methods": {
                "record": {
                  "arguments": {
                    "name": "core-eu",
                    "count": 3
                  }
                }
              }
            },
            "unevaluated": []
          }
        }

        $ sedge model evaluate files
        ------- stdout -------
        name: files
        type: "@test/filer"
        typeVersion: "2026.11.23.1"
        globalArguments: {}
        "#
    );
}

#[test]
fn what_has_no_value_is_left_or_refused() {
    let env = with_files();
    let without_default = SITE.replace("{type: string, default: eu}", "{type: string}");
    env.write_file("models/site.yaml", &without_default);
    let wrong = SITE.replace("self.tags.team", "self.tags.taem");
    let wrong = wrong.replace("name: site", "name: wrong");
    env.write_file("models/wrong.yaml", &wrong);
    insta::assert_snapshot!(
        env.transcript(
            "model evaluate site\n\
             model evaluate site --input region=eu --input regoin=eu\n\
             model evaluate wrong --input region=eu\n\
             model evaluate nothing",
        ),
        @r#"
        $ sedge model evaluate site
        ------- stdout -------
        name: site
        type: "@test/filer"
        tags:
          team: core
        inputs:
          region:
            type: string
        methods:
          record:
            arguments:
              name: ${{ self.tags.team }}-${{ inputs.region }}
              count: ${{ data.latest('files', 'record').attributes.n + 1 }}
        ------- stderr -------
        models/site.yaml:10: /methods/record/arguments/name is not evaluated: the input `region` is not given; set it with `--input`.
        models/site.yaml:11: /methods/record/arguments/count is not evaluated: the model `files` has no data yet.

        $ sedge model evaluate site --input region=eu --input regoin=eu
        ------- stderr -------
        error: the inputs of `site` do not fit the schema
        caused by: /regoin: there is no such input; did you mean `region`?
        hint: see the inputs that it declares: `sedge model get site`
        [exit status: 2]

        $ sedge model evaluate wrong --input region=eu
        ------- stderr -------
        error: there is no member `taem`
          --> models/wrong.yaml:10:28
           |
        10 |       name: "${{ self.tags.taem }}-${{ inputs.region }}"
           |                            ^^^^
        hint: did you mean `team`?
        [exit status: 2]

        $ sedge model evaluate nothing
        ------- stderr -------
        error: no model named `nothing`
        hint: see the models: `sedge model list`
        [exit status: 3]
        "#
    );
}
