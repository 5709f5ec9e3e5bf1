//! `sedge workflow evaluate`

use crate::fixtures::with_files;

/// A workflow with expressions that have values before a run, and others.
const RELEASE: &str = "name: release
inputs:
  region: {type: string, enum: [eu, us]}
  count: {type: integer, default: 2}
jobs:
  - name: main
    steps:
      - name: write
        task:
          type: model_method
          modelIdOrName: files
          methodName: record
          inputs: {name: \"${{ inputs.region }}\", count: \"${{ inputs.count * 2 }}\"}
      - name: go
        dependsOn: [{step: write}]
        task: {type: manual_approval, prompt: \"Release to ${{ inputs.region }}?\"}
      - name: after
        dependsOn: [{step: go}]
        task:
          type: model_method
          modelIdOrName: files
          methodName: record
          inputs: {count: \"${{ steps.write.outputs.n }}\"}
";

#[test]
fn workflow_is_shown_with_its_values() {
    let env = with_files();
    env.write_file("workflows/release.yaml", RELEASE);
    insta::assert_snapshot!(
        env.transcript(
            "workflow evaluate release --input region=eu\n\
             --json workflow evaluate release --input region=eu\n\
             workflow evaluate release\n\
             workflow evaluate release --input region=asia\n\
             workflow evaluate nothing",
        ),
        @r#"
        $ sedge workflow evaluate release --input region=eu
        ------- stdout -------
        name: release
        inputs:
          region:
            type: string
            enum:
            - eu
            - us
          count:
            type: integer
            default: 2
        jobs:
        - name: main
          steps:
          - name: write
            task:
              type: model_method
              modelIdOrName: files
              methodName: record
              inputs:
                name: eu
                count: 4
          - name: go
            dependsOn:
            - step: write
            task:
              type: manual_approval
              prompt: Release to eu?
          - name: after
            dependsOn:
            - step: go
            task:
              type: model_method
              modelIdOrName: files
              methodName: record
              inputs:
                count: ${{ steps.write.outputs.n }}
        ------- stderr -------
        workflows/release.yaml:23: /jobs/0/steps/2/task/inputs/count is not evaluated: the steps have results when they have ended.

        $ sedge --json workflow evaluate release --input region=eu
        ------- stdout -------
        {
          "ok": true,
          "data": {
            "name": "release",
            "file": "workflows/release.yaml",
            "content": {
              "name": "release",
              "inputs": {
                "region": {
                  "type": "string",
                  "enum": [
                    "eu",
                    "us"
                  ]
                },
                "count": {
                  "type": "integer",
                  "default": 2
                }
              },
              "jobs": [
                {
                  "name": "main",
                  "steps": [
                    {
                      "name": "write",
                      "task": {
                        "type": "model_method",
                        "modelIdOrName": "files",
                        "methodName": "record",
                        "inputs": {
                          "name": "eu",
                          "count": 4
                        }
                      }
                    },
                    {
                      "name": "go",
                      "dependsOn": [
                        {
                          "step": "write"
                        }
                      ],
                      "task": {
                        "type": "manual_approval",
                        "prompt": "Release to eu?"
                      }
                    },
                    {
                      "name": "after",
                      "dependsOn": [
                        {
                          "step": "go"
                        }
                      ],
                      "task": {
                        "type": "model_method",
                        "modelIdOrName": "files",
                        "methodName": "record",
                        "inputs": {
                          "count": "${{ steps.write.outputs.n }}"
                        }
                      }
                    }
                  ]
                }
              ]
            },
            "unevaluated": [
              {
                "path": "/jobs/0/steps/2/task/inputs/count",
                "line": 23,
                "text": "${{ steps.write.outputs.n }}",
                "reason": "the steps have results when they have ended"
              }
            ]
          }
        }

        $ sedge workflow evaluate release
        ------- stdout -------
        name: release
        inputs:
          region:
            type: string
            enum:
            - eu
            - us
          count:
            type: integer
            default: 2
        jobs:
        - name: main
          steps:
          - name: write
            task:
              type: model_method
              modelIdOrName: files
              methodName: record
              inputs:
                name: ${{ inputs.region }}
                count: 4
          - name: go
            dependsOn:
            - step: write
            task:
              type: manual_approval
              prompt: Release to ${{ inputs.region }}?
          - name: after
            dependsOn:
            - step: go
            task:
              type: model_method
              modelIdOrName: files
              methodName: record
              inputs:
                count: ${{ steps.write.outputs.n }}
        ------- stderr -------
        workflows/release.yaml:13: /jobs/0/steps/0/task/inputs/name is not evaluated: the input `region` is not given; set it with `--input`.
        workflows/release.yaml:16: /jobs/0/steps/1/task/prompt is not evaluated: the input `region` is not given; set it with `--input`.
        workflows/release.yaml:23: /jobs/0/steps/2/task/inputs/count is not evaluated: the steps have results when they have ended.

        $ sedge workflow evaluate release --input region=asia
        ------- stderr -------
        error: the inputs of the workflow `release` do not fit its schema
        caused by: /region: it is not one of "eu" or "us"; `"asia"` was given
        hint: see its inputs: `sedge workflow get release`
        [exit status: 2]

        $ sedge workflow evaluate nothing
        ------- stderr -------
        error: no workflow named `nothing`
        hint: see the workflows: `sedge workflow list`
        [exit status: 3]
        "#
    );
}
