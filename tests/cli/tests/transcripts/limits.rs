//! Limits: the error names the limit that was reached, and how to raise it.

use sedge_test_kit::TestEnv;

use crate::fixtures::with_hostile;

#[test]
fn method_over_its_time_limit_is_stopped() {
    let env = with_hostile();
    let definition = env.read_file("models/hostile.yaml");
    env.write_file(
        "models/hostile.yaml",
        definition + "limits: {wallTimeSeconds: 1, memoryMebibytes: 32}\n",
    );
    insta::assert_snapshot!(env.transcript("
        model method run hostile spin
        model method run hostile memory
        model method run hostile memory --json
        data list
    "), @r#"
    $ sedge model method run hostile spin
    ------- stderr -------
    Run [run]
    error: `spin` of `hostile` failed
    caused by: it was stopped after [took], at its deadline
    note: of hostile.spin, 1 change was rolled back: `mark`
    hint: raise the limit if it needs more, in models/hostile.yaml: `limits: {wallTimeSeconds: 2}`
    hint: or raise it for all models, in sedge.yaml: `limits: {wallTimeSeconds: 2}`
    [exit status: 1]

    $ sedge model method run hostile memory
    ------- stderr -------
    Run [run 2]
      hostile.memory: warn: memory allocation of 1048576 bytes failed
      hostile.memory: warn: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
    error: `memory` of `hostile` failed
    caused by: the limit `memory-bytes` of 32 MiB was reached
    note: of hostile.memory, 1 change was rolled back: `mark`
    hint: raise the limit if it needs more, in models/hostile.yaml: `limits: {memoryMebibytes: 64}`
    hint: or raise it for all models, in sedge.yaml: `limits: {memoryMebibytes: 64}`
    [exit status: 1]

    $ sedge model method run hostile memory --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "class": "failed",
        "message": "`memory` of `hostile` failed",
        "causes": [
          "the limit `memory-bytes` of 32 MiB was reached"
        ],
        "notes": [
          "of hostile.memory, 1 change was rolled back: `mark`"
        ],
        "help": [
          {
            "kind": "edit",
            "purpose": "raise the limit if it needs more",
            "file": "models/hostile.yaml",
            "yaml": "limits: {memoryMebibytes: 64}"
          },
          {
            "kind": "edit",
            "purpose": "or raise it for all models",
            "file": "sedge.yaml",
            "yaml": "limits: {memoryMebibytes: 64}"
          }
        ],
        "details": {
          "run": "[run 3]",
          "model": "hostile",
          "method": "memory",
          "call": {
            "code": "limit",
            "message": "the limit `memory-bytes` of 32 MiB was reached",
            "limit": {
              "name": "memory-bytes",
              "value": 33554432
            }
          },
          "failed": [
            {
              "call": "[run 3]/1",
              "step": null,
              "chain": [
                "hostile.memory"
              ],
              "model": "hostile",
              "method": "memory",
              "error": {
                "code": "limit",
                "message": "the limit `memory-bytes` of 32 MiB was reached",
                "limit": {
                  "name": "memory-bytes",
                  "value": 33554432
                }
              },
              "rolledBack": {
                "changes": 1,
                "names": [
                  "mark"
                ]
              }
            }
          ],
          "failedCount": 1,
          "kept": [],
          "keptCount": 0,
          "rolledBack": [
            {
              "call": "[run 3]/1",
              "step": null,
              "chain": [
                "hostile.memory"
              ],
              "model": "hostile",
              "method": "memory",
              "error": {
                "code": "limit",
                "message": "the limit `memory-bytes` of 32 MiB was reached",
                "limit": {
                  "name": "memory-bytes",
                  "value": 33554432
                }
              },
              "rolledBack": {
                "changes": 1,
                "names": [
                  "mark"
                ]
              }
            }
          ],
          "rolledBackCount": 1
        }
      }
    }
    [exit status: 1]

    $ sedge data list
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.
    "#);
}

/// Returns the line of YAML that a hint shows.
#[track_caller]
fn yaml_of_hint(stderr: &str, key: &str) -> String {
    let found = stderr.split('`').find(|text| text.starts_with(key));
    let yaml = found.unwrap_or_else(|| panic!("no hint shows `{key}`:\n{stderr}"));
    format!("{yaml}\n")
}

/// The line of the hint, pasted into the file, allows the request.
#[test]
fn hint_raises_the_limit() {
    let env = with_hostile();
    let check = |model: &str, limits: &str, command: &str| {
        let file = format!("models/{model}.yaml");
        let definition = env.read_file(&file);
        env.write_file(&file, format!("{definition}limits: {limits}\n"));
        let command = format!("model method run {command}");
        let refused = env.run(command.split(' '));
        assert_eq!(refused.code(), Some(1), "{refused}");
        let yaml = yaml_of_hint(&refused.stderr, "limits: ");
        env.write_file(&file, format!("{definition}{yaml}"));
        let allowed = env.run(command.split(' '));
        assert_eq!(allowed.code(), Some(0), "{yaml}{allowed}");
        env.write_file(&file, definition);
        refused
    };
    insta::assert_snapshot!(check("spawn", "{callsPerCall: 2}", "spawn run -i count=3"), @"
    ------- stderr -------
    Run [run]
      spawn.run: warn: a call was refused: the limit `calls-per-call` of 2 was reached; if it needs more, raise the limit in models/spawn.yaml: `limits: {callsPerCall: 4}`
    error: `run` of `spawn` failed
    caused by: 1 of 3 calls failed, the first with limit: the limit `calls-per-call` of 2 was reached (plugin/calls-failed)
    note: spawn.run called sink.run, which could not begin: the limit `calls-per-call` of 2 was reached
    note: of spawn.run, 1 version was kept: `calls` version 1
    hint: raise the limit if it needs more, in models/spawn.yaml: `limits: {callsPerCall: 4}`
    hint: or raise it for all models, in sedge.yaml: `limits: {callsPerCall: 4}`
    [exit status: 1]
    ");
    for (limits, command) in [
        ("{hostCalls: 15}", "hostile log -i lines=20"),
        ("{wallTimeSeconds: 3}", "hostile sleep -i ms=3050"),
    ] {
        let refused = check("hostile", limits, command);
        assert!(
            refused
                .stderr
                .contains("hint: raise the limit if it needs more"),
            "{refused}"
        );
    }
}

/// A limit of a run is that of the model whose call is refused. It is raised for all models, or for
/// that one.
#[test]
fn limit_of_a_run_is_raised_for_all_models_or_for_the_callee() {
    let env = TestEnv::with_sink_and_spawn();
    let config = env.read_file("sedge.yaml");
    env.write_file(
        "sedge.yaml",
        format!("{config}limits: {{callsPerRun: 2}}\n"),
    );
    let command = ["model", "method", "run", "spawn", "run", "-i", "count=3"];
    let refused = env.run(command);
    insta::assert_snapshot!(refused, @"
    ------- stderr -------
    Run [run]
      spawn.run: warn: a call was refused: the limit `calls-per-run` of 2 was reached; if it needs more, raise the limit in sedge.yaml: `limits: {callsPerRun: 4}`
    error: `run` of `spawn` failed
    caused by: 2 of 3 calls failed, the first with limit: the limit `calls-per-run` of 2 was reached (plugin/calls-failed)
    note: spawn.run called sink.run, which could not begin: the limit `calls-per-run` of 2 was reached
    note: of spawn.run, 1 version was kept: `calls` version 1
    hint: raise the limit if it needs more, in sedge.yaml: `limits: {callsPerRun: 4}`
    hint: or raise it for the calls of `sink`, in models/sink.yaml: `limits: {callsPerRun: 4}`
    [exit status: 1]
    ");
    let yaml = yaml_of_hint(&refused.stderr, "limits: ");
    env.write_file("sedge.yaml", format!("{config}{yaml}"));
    assert_eq!(env.run(command).code(), Some(0));
    env.write_file(
        "sedge.yaml",
        format!("{config}limits: {{callsPerRun: 2}}\n"),
    );
    let definition = env.read_file("models/sink.yaml");
    env.write_file("models/sink.yaml", format!("{definition}{yaml}"));
    assert_eq!(env.run(command).code(), Some(0));
}
