//! `sedge data prune`

use std::fs;
use std::os::unix::fs::symlink;

use sedge_test_kit::TestEnv;

use crate::fixtures::with_files;

#[test]
fn data_of_a_deleted_model_is_deleted() {
    let env = with_files();
    env.setup(&[
        "model method run files record --input count=3",
        "model delete files",
    ]);
    insta::assert_snapshot!(
        env.transcript("data prune --dry-run\ndata prune --json --yes\ndata prune\ndata list"),
        @r#"
    $ sedge data prune --dry-run
    ------- stdout -------
    MODEL  NAMES  VERSIONS  SIZE
    files  1      3         21 B
    ------- stderr -------
    Would remove the data of 1 model.
    Without `--yes` this would be refused: 1 of 1 models that have data are gone.

    $ sedge data prune --json --yes
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "dryRun": false,
        "models": [
          {
            "model": "files",
            "names": 1,
            "versions": 3,
            "bytes": 21
          }
        ],
        "doubt": null
      }
    }

    $ sedge data prune
    ------- stderr -------
    Every model that has data exists.

    $ sedge data list
    ------- stderr -------
    No data yet; methods write it: `sedge model method run MODEL METHOD`.
    "#
    );
}

/// If the folder is missing only for a moment, all models look deleted.
#[test]
fn doubtful_deletion_needs_confirmation() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model create @sedge/sink third",
        "model method run sink run",
        "model method run third run",
        "model method run spawn run",
        "model delete sink",
        "model delete third",
    ]);
    insta::assert_snapshot!(env.transcript("
        data prune
        data prune --json
        data prune --model spawn
        data prune --model no-such
        data prune --model sink
    "), @r#"
    $ sedge data prune
    ------- stderr -------
    error: the data of models that may not be gone was not deleted: 2 of 3 models that have data are gone
    hint: if all of them were deleted on purpose: `sedge data prune --yes`
    hint: or if only some of them were: `sedge data prune --model sink --model third`
    [exit status: 3]

    $ sedge data prune --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "prune_doubtful",
        "class": "state",
        "message": "the data of models that may not be gone was not deleted: 2 of 3 models that have data are gone",
        "causes": [],
        "help": [
          {
            "kind": "command",
            "purpose": "if all of them were deleted on purpose",
            "useCase": "data_prune",
            "arguments": {
              "yes": true
            }
          },
          {
            "kind": "command",
            "purpose": "or if only some of them were",
            "useCase": "data_prune",
            "arguments": {
              "model": [
                "sink",
                "third"
              ]
            }
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge data prune --model spawn
    ------- stderr -------
    error: the model `spawn` is not gone: its file `models/spawn.yaml` exists
    hint: delete it first: `sedge model delete spawn`
    [exit status: 3]

    $ sedge data prune --model no-such
    ------- stderr -------
    error: no model named `no-such`
    hint: see the models: `sedge model list`
    [exit status: 3]

    $ sedge data prune --model sink
    ------- stdout -------
    MODEL  NAMES  VERSIONS  SIZE
    sink   1      2         118 B
    ------- stderr -------
    Removed the data of 1 model.
    "#);
}

#[test]
fn folder_without_definitions_needs_confirmation() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model create @sedge/sink third"]);
    env.setup(&["model method run third run", "model method run spawn run"]);
    env.remove("models/sink.yaml");
    env.remove("models/third.yaml");
    let spawn = env.read_file("models/spawn.yaml");
    env.remove("models/spawn.yaml");
    insta::assert_snapshot!(env.transcript("data prune"), @"
    $ sedge data prune
    ------- stderr -------
    error: the data of models that may not be gone was not deleted: the folder `models` contains no definition
    hint: if all of them were deleted on purpose: `sedge data prune --yes`
    hint: or if only some of them were: `sedge data prune --model sink --model spawn --model third`
    [exit status: 3]
    ");
    env.write_file("models/spawn.yaml", &spawn);
    env.remove("models");
    insta::assert_snapshot!(env.transcript("data prune\ndata gc"), @"
    $ sedge data prune
    ------- stderr -------
    error: the data of models that may not be gone was not deleted: the folder `models` is missing
    hint: if all of them were deleted on purpose: `sedge data prune --yes`
    hint: or if only some of them were: `sedge data prune --model sink --model spawn --model third`
    [exit status: 3]

    $ sedge data gc
    ------- stderr -------
    error: the folder `models` is missing, so Sedge does not know how long data is retained
    hint: restore the folder, or create an empty one if no model is left: `mkdir models`
    [exit status: 3]
    ");
}

/// The data of the model in a file that could not be read used to be deleted, unless the file was
/// named after the model.
#[test]
fn file_without_a_readable_name_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run", "model method run spawn run"]);
    env.remove("models/sink.yaml");
    env.remove("models/spawn.yaml");
    env.write_file("models/other.yaml", "name: [sink\n");
    insta::assert_snapshot!(env.transcript("data prune --yes\ndata prune --model sink\ndata prune --dry-run"), @"
    $ sedge data prune --yes
    ------- stderr -------
    error: models/other.yaml may define a model whose data would be deleted: models/other.yaml:1:7: the `[` has no `]`
    hint: correct models/other.yaml, or delete it
    hint: see what is wrong with the files: `sedge validate`
    [exit status: 3]

    $ sedge data prune --model sink
    ------- stderr -------
    error: models/other.yaml may define a model whose data would be deleted: models/other.yaml:1:7: the `[` has no `]`
    hint: correct models/other.yaml, or delete it
    hint: see what is wrong with the files: `sedge validate`
    [exit status: 3]

    $ sedge data prune --dry-run
    ------- stderr -------
    error: models/other.yaml may define a model whose data would be deleted: models/other.yaml:1:7: the `[` has no `]`
    hint: correct models/other.yaml, or delete it
    hint: see what is wrong with the files: `sedge validate`
    [exit status: 3]
    ");
    env.remove("models/other.yaml");
    symlink("gone.yaml", env.repository().join("models/other.yaml")).expect("the name is free");
    insta::assert_snapshot!(env.transcript("data prune --yes\nmodel get sink\nmodel create @sedge/sink new"), @"
    $ sedge data prune --yes
    ------- stderr -------
    error: models/other.yaml may define a model whose data would be deleted: failed to follow the link `$ENV/repo/models/other.yaml`: No such file or directory (os error 2)
    hint: correct models/other.yaml, or delete it
    hint: see what is wrong with the files: `sedge validate`
    [exit status: 3]

    $ sedge model get sink
    ------- stderr -------
    error: failed to follow the link `$ENV/repo/models/other.yaml`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]

    $ sedge model create @sedge/sink new
    ------- stderr -------
    error: failed to follow the link `$ENV/repo/models/other.yaml`
    caused by: No such file or directory (os error 2)
    hint: check the path: it does not exist
    [exit status: 3]
    ");
    env.remove("models/other.yaml");
    env.setup(&["data get sink record"]);
}

/// An unreadable folder used to count as a folder without models, and the data of all models was
/// deleted.
#[test]
fn models_folder_that_links_outside_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&["model method run sink run"]);
    let models = env.repository().join("models");
    let outside = env.repository().with_file_name("definitions");
    fs::rename(&models, &outside).expect("the test owns both");
    symlink(&outside, &models).expect("the name is free");
    insta::assert_snapshot!(env.transcript("data prune\ndata prune --yes\ndata prune --model sink\ndata gc"), @"
    $ sedge data prune
    ------- stderr -------
    error: failed to inspect `$ENV/repo/models`
    caused by: a path led outside of the filesystem
    hint: choose a path inside of the folder, and check where its links lead
    [exit status: 3]

    $ sedge data prune --yes
    ------- stderr -------
    error: failed to inspect `$ENV/repo/models`
    caused by: a path led outside of the filesystem
    hint: choose a path inside of the folder, and check where its links lead
    [exit status: 3]

    $ sedge data prune --model sink
    ------- stderr -------
    error: failed to inspect `$ENV/repo/models`
    caused by: a path led outside of the filesystem
    hint: choose a path inside of the folder, and check where its links lead
    [exit status: 3]

    $ sedge data gc
    ------- stderr -------
    error: failed to inspect `$ENV/repo/models`
    caused by: a path led outside of the filesystem
    hint: choose a path inside of the folder, and check where its links lead
    [exit status: 3]
    ");
    fs::remove_file(&models).expect("the test owns it");
    fs::rename(&outside, &models).expect("the test owns both");
    env.setup(&["data get sink record"]);
}
