//! `sedge init`

use sedge_test_kit::TestEnv;

#[test]
fn repository_is_created_in_the_current_folder() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.run(["init"]), @"
    ------- stderr -------
    Created a repository in $ENV/repo
    hint: `sedge plugin add @sedge/sink` adds a plugin, which provides a model type
    ");
    insta::assert_snapshot!(env.read_file("sedge.yaml"), @"
    # yaml-language-server: $schema=.sedge/schemas/repository.json
    # A Sedge repository. Its models are in models/, its workflows in workflows/.
    version: 1
    ");
}

#[test]
fn repository_is_created_in_another_folder() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("init one\n--repo two init\n--repo one model list"), @"
    $ sedge init one
    ------- stderr -------
    Created a repository in $ENV/repo/one
    hint: `sedge plugin add @sedge/sink` adds a plugin, which provides a model type

    $ sedge --repo two init
    ------- stderr -------
    Created a repository in $ENV/repo/two
    hint: `sedge plugin add @sedge/sink` adds a plugin, which provides a model type

    $ sedge --repo one model list
    ------- stderr -------
    No models yet; `sedge model create TYPE NAME` creates one.
    ");
}

#[test]
fn as_json() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("init --json\ninit --json"), @r#"
    $ sedge init --json
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "path": "$ENV/repo"
      }
    }

    $ sedge init --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "repository_exists",
        "class": "state",
        "message": "`$ENV/repo` is a repository already",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "use it as it is"
          },
          {
            "kind": "command",
            "purpose": "or name another folder",
            "useCase": "init",
            "arguments": {
              "folder": null
            }
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}

#[test]
fn existing_repository_is_refused() {
    let env = TestEnv::with_repository();
    let before = env.state();
    insta::assert_snapshot!(env.run(["init"]), @"
    ------- stderr -------
    error: `$ENV/repo` is a repository already
    hint: use it as it is
    hint: or name another folder: `sedge init FOLDER`
    [exit status: 3]
    ");
    assert_eq!(env.state(), before);
}

#[test]
fn existing_file_is_refused() {
    let env = TestEnv::default();
    env.write_file("file", "");
    insta::assert_snapshot!(env.run(["init", "file"]), @"
    ------- stderr -------
    error: failed to create `file`
    caused by: File exists (os error 17)
    hint: choose another path, or remove the existing file or folder
    [exit status: 3]
    ");
}

#[test]
fn other_folder_is_not_a_repository() {
    let env = TestEnv::default();
    insta::assert_snapshot!(env.transcript("model list\nmodel list --json\n--repo nowhere model list"), @r#"
    $ sedge model list
    ------- stderr -------
    error: no repository in `$ENV/repo` or above it
    hint: create a repository here: `sedge init`
    hint: or name the folder of a repository: `--repo DIR`
    [exit status: 3]

    $ sedge model list --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "repository_missing",
        "class": "state",
        "message": "no repository in `$ENV/repo` or above it",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "create a repository here",
            "useCase": "init",
            "arguments": {}
          },
          {
            "kind": "again",
            "purpose": "or name the folder of a repository",
            "arguments": {
              "repo": null
            }
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge --repo nowhere model list
    ------- stderr -------
    error: failed to open `nowhere`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]
    "#);
}
