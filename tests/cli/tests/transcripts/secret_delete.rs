//! `sedge secret delete`

use sedge_test_kit::TestEnv;

use crate::secret_put::put;

#[test]
fn secret_is_deleted() {
    let env = TestEnv::with_repository();
    put(&env, "TOKEN", "canary 1");
    put(&env, "OTHER", "canary 2");
    insta::assert_snapshot!(env.transcript("
        secret delete TOKEN
        secret delete OTHER --json
        secret list
    "), @r#"
    $ sedge secret delete TOKEN
    ------- stderr -------
    Deleted `TOKEN`.

    $ sedge secret delete OTHER --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "OTHER"
      }
    }

    $ sedge secret list
    ------- stderr -------
    No secrets yet; `sedge secret put NAME` asks for one.
    "#);
}

#[test]
fn missing_secret_is_refused() {
    let env = TestEnv::with_repository();
    put(&env, "TOKEN", "canary 1");
    insta::assert_snapshot!(env.transcript("
        secret delete TOKN
        secret delete a/b
        secret delete TOKN --json
    "), @r#"
    $ sedge secret delete TOKN
    ------- stderr -------
    error: no secret named `TOKN`
    hint: did you mean `TOKEN`?
    [exit status: 3]

    $ sedge secret delete a/b
    ------- stderr -------
    error: no secret named `a/b`
    hint: see the secrets: `sedge secret list`
    [exit status: 3]

    $ sedge secret delete TOKN --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "secret_missing",
        "class": "state",
        "message": "no secret named `TOKN`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `TOKEN`?"
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}
