//! `sedge secret rotate`

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use sedge_test_kit::TestEnv;

use crate::secret_put::put;

const KEY: &str = ".sedge/secrets/key";

#[test]
fn all_secrets_are_sealed_with_a_new_key() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.run(["secret", "rotate"]), @"
    ------- stderr -------
    There are no secrets.
    ");
    put(&env, "TOKEN", "canary 1");
    put(&env, "OTHER", "canary 2");
    let before = env.read_file(KEY);
    insta::assert_snapshot!(env.transcript("secret rotate\nsecret rotate --json"), @r#"
    $ sedge secret rotate
    ------- stderr -------
    Sealed 2 secrets with a new key.

    $ sedge secret rotate --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "secrets": 2,
        "fields": false
      }
    }
    "#);
    assert_ne!(env.read_file(KEY), before);
    insta::assert_snapshot!(env.run(["audit", "list", "--what", "secrets-rotated"]), @"
    ------- stdout -------
    WHEN  BY  WHAT  ON  DETAIL
    [time]  tester  secrets-rotated  secrets  2 secrets
    [time]  tester  secrets-rotated  secrets  2 secrets
    ");
}

#[test]
fn unusable_key_is_refused() {
    let env = TestEnv::with_repository();
    put(&env, "TOKEN", "canary 1");
    let path = env.repository().join(KEY);
    let open = |mode| {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("the test owns it")
    };
    open(0o644);
    insta::assert_snapshot!(env.transcript("secret rotate\nsecret rotate --json"), @r#"
    $ sedge secret rotate
    ------- stderr -------
    error: the key `$ENV/repo/.sedge/secrets/key` of the secrets is open to other users
    hint: remove that permission: `chmod 600 $ENV/repo/.sedge/secrets/key`
    hint: if another user may have read the key, replace the secrets, and seal them with a new key: `sedge secret rotate`
    [exit status: 3]

    $ sedge secret rotate --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "secrets_key",
        "class": "state",
        "message": "the key `$ENV/repo/.sedge/secrets/key` of the secrets is open to other users",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "remove that permission: `chmod 600 $ENV/repo/.sedge/secrets/key`"
          },
          {
            "kind": "command",
            "purpose": "if another user may have read the key, replace the secrets, and seal them with a new key",
            "useCase": "secret_rotate",
            "arguments": {}
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    open(0o600);
    let key = env.read_file(KEY);
    env.write_file(KEY, "");
    insta::assert_snapshot!(env.run(["secret", "rotate"]), @"
    ------- stderr -------
    error: the key `$ENV/repo/.sedge/secrets/key` of the secrets is damaged
    hint: restore the key file from a copy
    [exit status: 3]
    ");
    env.write_file(KEY, key.replace('1', "2"));
    insta::assert_snapshot!(env.run(["secret", "rotate"]), @"
    ------- stderr -------
    error: `$ENV/repo/.sedge/secrets/key` is of a newer version of Sedge
    hint: use the version of Sedge that made it, or a newer one
    [exit status: 3]
    ");
    let other = format!(
        "{}\n{}\n",
        key.lines().next().unwrap_or_default(),
        "1".repeat(64)
    );
    env.write_file(KEY, other);
    insta::assert_snapshot!(env.run(["secret", "rotate"]), @"
    ------- stderr -------
    error: the secret `TOKEN` is sealed with a key that is not in `$ENV/repo/.sedge/secrets/key`
    hint: restore the key with which the secret was sealed
    hint: or delete the secret: `sedge secret delete TOKEN`
    [exit status: 3]
    ");
    env.remove(KEY);
    insta::assert_snapshot!(env.transcript("secret rotate\nsecret rotate --json"), @r#"
    $ sedge secret rotate
    ------- stderr -------
    error: the key `$ENV/repo/.sedge/secrets/key` of the secrets is missing
    hint: restore the key file from a copy
    hint: if the key is lost, the secrets cannot be opened: delete each of them, and put it again: `sedge secret delete NAME`
    [exit status: 3]

    $ sedge secret rotate --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "secrets_key",
        "class": "state",
        "message": "the key `$ENV/repo/.sedge/secrets/key` of the secrets is missing",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "restore the key file from a copy"
          },
          {
            "kind": "command",
            "purpose": "if the key is lost, the secrets cannot be opened: delete each of them, and put it again",
            "useCase": "secret_delete",
            "arguments": {
              "name": null
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
    insta::assert_snapshot!(env.run_with_stdin(["secret", "put", "OTHER"], "canary 2"), @"
    ------- stderr -------
    error: the key `$ENV/repo/.sedge/secrets/key` of the secrets is missing
    hint: restore the key file from a copy
    hint: if the key is lost, the secrets cannot be opened: delete each of them, and put it again: `sedge secret delete NAME`
    [exit status: 3]
    ");
    env.write_file(KEY, key);
    open(0o600);
    insta::assert_snapshot!(env.run(["secret", "rotate"]), @"
    ------- stderr -------
    Sealed 1 secret with a new key.
    ");
}
