//! Checks that run before methods, and the options that skip them.

use sedge_test_kit::TestEnv;

fn with_guarded() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/guarded.wasm --grant none",
        "model create @test/guarded guarded --global-argument limit=2",
    ]);
    env
}

#[test]
fn failed_checks_are_listed_and_can_be_skipped() {
    let env = with_guarded();
    insta::assert_snapshot!(
        env.transcript(
            "model method run guarded set --input value=3\n\
             model method run guarded set --input value=3 --skip-check small\n\
             model method run guarded set --input value=3\n\
             model method run guarded set --input value=3 --skip-check-label policy --skip-check changed\n\
             model method run guarded set --input value=3 --skip-checks\n\
             model method run guarded set --input value=3 --skip-check smal\n\
             model method run guarded set --input value=3 --skip-check-label network",
        ),
        @"
        $ sedge model method run guarded set --input value=3
        ------- stderr -------
        Run [run]
          guarded.set: looking for 3
        error: `set` of `guarded` failed
        caused by: a check failed, so the method did not run
          `small`: 3 is more than 2
        hint: see the calls of the run: `sedge run show [run]`
        hint: see what they logged: `sedge run logs [run]`
        [exit status: 1]

        $ sedge model method run guarded set --input value=3 --skip-check small
        ------- stdout -------
        3
        ------- stderr -------
        Run [run 2]
          guarded.set: looking for 3
        Succeeded after [took], wrote `value` version 1.

        $ sedge model method run guarded set --input value=3
        ------- stderr -------
        Run [run 3]
          guarded.set: looking for 3
        error: `set` of `guarded` failed
        caused by: 2 checks failed, so the method did not run
          `small`: 3 is more than 2
          `changed`: it is 3 already
        hint: see the calls of the run: `sedge run show [run 3]`
        hint: see what they logged: `sedge run logs [run 3]`
        [exit status: 1]

        $ sedge model method run guarded set --input value=3 --skip-check-label policy --skip-check changed
        ------- stdout -------
        3
        ------- stderr -------
        Run [run 4]
        Succeeded after [took], wrote `value` version 2.

        $ sedge model method run guarded set --input value=3 --skip-checks
        ------- stdout -------
        3
        ------- stderr -------
        Run [run 5]
        Succeeded after [took], wrote `value` version 3.

        $ sedge model method run guarded set --input value=3 --skip-check smal
        ------- stderr -------
        error: there is no check named `smal`
        hint: did you mean `small`?
        [exit status: 3]

        $ sedge model method run guarded set --input value=3 --skip-check-label network
        ------- stderr -------
        error: there is no label of checks named `network`
        hint: there are `data`, `policy`
        [exit status: 3]
        "
    );
}

#[test]
fn failed_checks_as_json() {
    let env = with_guarded();
    let run = [
        "model", "method", "run", "guarded", "set", "--input", "value=3", "--json",
    ];
    insta::assert_snapshot!(env.run(run), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "call_failed",
        "class": "failed",
        "message": "`set` of `guarded` failed",
        "causes": [
          "a check failed, so the method did not run\n`small`: 3 is more than 2"
        ],
        "help": [
          {
            "kind": "command",
            "purpose": "see the calls of the run",
            "useCase": "run_show",
            "arguments": {
              "run": "[run]"
            }
          },
          {
            "kind": "command",
            "purpose": "see what they logged",
            "useCase": "run_logs",
            "arguments": {
              "run": "[run]"
            }
          }
        ],
        "details": {
          "run": "[run]",
          "model": "guarded",
          "method": "set",
          "call": {
            "code": "checks-failed",
            "message": "a check failed, so the method did not run",
            "checks": [
              {
                "check": "small",
                "message": "3 is more than 2"
              }
            ]
          },
          "failed": [
            {
              "call": "[run]/1",
              "step": null,
              "chain": [
                "guarded.set"
              ],
              "model": "guarded",
              "method": "set",
              "error": {
                "code": "checks-failed",
                "message": "a check failed, so the method did not run",
                "checks": [
                  {
                    "check": "small",
                    "message": "3 is more than 2"
                  }
                ]
              }
            }
          ],
          "failedCount": 1,
          "kept": [],
          "keptCount": 0,
          "rolledBack": [],
          "rolledBackCount": 0
        }
      }
    }
    [exit status: 1]
    "#);
}

#[test]
fn definition_requires_and_skips_checks() {
    let env = with_guarded();
    let definition = "name: guarded\ntype: \"@test/guarded\"\nglobalArguments: {limit: 2}\n";
    let checks = "checks:\n  require: [small]\n";
    env.write_file("models/guarded.yaml", format!("{definition}{checks}"));
    let run = [
        "model",
        "method",
        "run",
        "guarded",
        "set",
        "--input",
        "value=3",
        "--skip-checks",
    ];
    insta::assert_snapshot!(env.run(run), @"
    ------- stderr -------
    Run [run]
    error: `set` of `guarded` failed
    caused by: a check failed, so the method did not run
      `small`: 3 is more than 2
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    let checks = "checks:\n  skip: [smal]\n";
    env.write_file("models/guarded.yaml", format!("{definition}{checks}"));
    insta::assert_snapshot!(env.run(run), @"
    ------- stderr -------
    error: the type `@test/guarded` has no check named `smal`
     --> models/guarded.yaml:5:10
      |
    5 |   skip: [smal]
      |          ^^^^
    hint: did you mean `small`?
    [exit status: 2]
    ");
}
