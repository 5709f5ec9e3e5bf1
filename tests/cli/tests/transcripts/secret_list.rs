//! `sedge secret list`

use sedge_test_kit::TestEnv;

use crate::secret_put::put;

#[test]
fn by_name() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["secret", "list"]), @"
    ------- stderr -------
    No secrets yet; `sedge secret put NAME` asks for one.
    ");
    put(&env, "TOKEN", "canary 1");
    put(&env, "PASSWORD", "canary 2");
    put(&env, "TOKEN", "canary 3");
    insta::assert_snapshot!(env.transcript("secret list\nsecret list --json"), @r#"
    $ sedge secret list
    ------- stdout -------
    NAME      VERSION  CREATED               UPDATED               LAST USED  BY CALL  PUT BY
    PASSWORD  1        [time]                [time]                                    tester@[host]
    TOKEN     2        [time]                [time]                                    tester@[host]

    $ sedge secret list --json
    ------- stdout -------
    {
      "ok": true,
      "data": [
        {
          "name": "PASSWORD",
          "version": 1,
          "createdAt": "[time]",
          "updatedAt": "[time]",
          "sealedAt": "[time]",
          "by": "tester@[host]",
          "lastUse": null
        },
        {
          "name": "TOKEN",
          "version": 2,
          "createdAt": "[time]",
          "updatedAt": "[time]",
          "sealedAt": "[time]",
          "by": "tester@[host]",
          "lastUse": null
        }
      ]
    }
    "#);
}

#[test]
fn what_is_damaged_is_named() {
    let env = TestEnv::with_repository();
    put(&env, "TOKEN", "canary 1");
    env.write_file(".sedge/secrets/TOKEN.sealed", "sedge-secret 1\n{}\n");
    insta::assert_snapshot!(env.transcript("secret list\nsecret list --json"), @r#"
    $ sedge secret list
    ------- stderr -------
    error: the secret `TOKEN` is damaged: `$ENV/repo/.sedge/secrets/TOKEN.sealed`
    hint: put the file back as it was, or delete the secret: `sedge secret delete TOKEN`
    [exit status: 3]

    $ sedge secret list --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "secrets_damaged",
        "message": "the secret `TOKEN` is damaged: `$ENV/repo/.sedge/secrets/TOKEN.sealed`",
        "causes": [],
        "hint": "put the file back as it was, or delete the secret: `sedge secret delete TOKEN`"
      }
    }
    [exit status: 3]
    "#);
    env.write_file(".sedge/secrets/TOKEN.sealed", "sedge-secret 2\n");
    insta::assert_snapshot!(env.transcript("secret list"), @"
    $ sedge secret list
    ------- stderr -------
    error: `$ENV/repo/.sedge/secrets/TOKEN.sealed` is of a newer version of Sedge
    hint: use the version of Sedge that made it, or a newer one
    [exit status: 3]
    ");
}
