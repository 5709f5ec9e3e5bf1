//! `sedge secret list`

use sedge_test_kit::TestEnv;
use serde_json::json;

use crate::secret_put::put;

#[test]
fn secrets_are_listed_by_name() {
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
    NAME      STATE  VERSION  CREATED               UPDATED               LAST USED  BY CALL  PUT BY
    PASSWORD  ok     1        [time]                [time]                                    tester@[host]
    TOKEN     ok     2        [time]                [time]                                    tester@[host]

    $ sedge secret list --json
    ------- stdout -------
    {
      "data": [
        {
          "name": "PASSWORD",
          "state": "ok",
          "weakness": null,
          "reason": null,
          "version": 1,
          "createdAt": "[time]",
          "updatedAt": "[time]",
          "sealedAt": "[time]",
          "by": "tester@[host]",
          "lastUse": null
        },
        {
          "name": "TOKEN",
          "state": "ok",
          "weakness": null,
          "reason": null,
          "version": 2,
          "createdAt": "[time]",
          "updatedAt": "[time]",
          "sealedAt": "[time]",
          "by": "tester@[host]",
          "lastUse": null
        }
      ],
      "ok": true,
      "count": 2,
      "isCut": false
    }
    "#);
}

/// A secret that cannot be opened is listed, and does not hide the others.
#[test]
fn closed_or_weak_secret_is_marked() {
    let env = TestEnv::with_repository();
    put(&env, "GOOD", "canary 1");
    put(&env, "TOKEN", "canary 2");
    let weak = ["secret", "put", "WEAK", "--allow-weak"];
    let _ = env.run_with_stdin(weak, "prod").succeeded();
    env.write_file(".sedge/secrets/TOKEN.sealed", "sedge-secret 1\n{}\n");
    insta::assert_snapshot!(env.transcript("secret list"), @"
    $ sedge secret list
    ------- stdout -------
    NAME   STATE   VERSION  CREATED               UPDATED               LAST USED  BY CALL  PUT BY
    GOOD   ok      1        [time]                [time]                                    tester@[host]
    TOKEN  closed
    WEAK   weak    1        [time]                [time]                                    tester@[host]
    ------- stderr -------
    `TOKEN` cannot be opened: the secret `TOKEN` is damaged: `$ENV/repo/.sedge/secrets/TOKEN.sealed`.
    `WEAK` is weak: it is an everyday word.
    ");
    let listed = env.run_json(["secret", "list"]);
    let damaged = &listed["data"][1];
    assert_eq!(
        (&damaged["name"], &damaged["state"]),
        (&json!("TOKEN"), &json!("closed"))
    );
    assert!(
        damaged["reason"]
            .as_str()
            .expect("a text")
            .contains("is damaged"),
        "{damaged}"
    );
    assert_eq!(listed["data"][2]["weakness"], "everydayWord");
    // The other secrets can still be put and deleted, and so can this one.
    put(&env, "GOOD", "canary 3");
    env.setup(&["secret delete WEAK"]);
    env.write_file(".sedge/secrets/TOKEN.sealed", "sedge-secret 2\n");
    insta::assert_snapshot!(env.transcript("secret list\nsecret delete TOKEN"), @"
    $ sedge secret list
    ------- stdout -------
    NAME   STATE   VERSION  CREATED               UPDATED               LAST USED  BY CALL  PUT BY
    GOOD   ok      2        [time]                [time]                                    tester@[host]
    TOKEN  closed
    ------- stderr -------
    `TOKEN` cannot be opened: `$ENV/repo/.sedge/secrets/TOKEN.sealed` is of a newer version of Sedge.

    $ sedge secret delete TOKEN
    ------- stderr -------
    Deleted `TOKEN`.
    ");
}
