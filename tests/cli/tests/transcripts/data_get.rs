//! `sedge data get`

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use sedge_test_kit::{TestEnv, wait_until};

use crate::fixtures::with_files;

#[test]
fn latest_or_chosen_version_is_printed() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.transcript("data get sink record\ndata get sink record --version 1"), @r#"
    $ sedge data get sink record
    ------- stdout -------
    {
      "note": "two",
      "run": "[run 2]",
      "call": "[run 2]/1"
    }

    $ sedge data get sink record --version 1
    ------- stdout -------
    {
      "note": "one",
      "run": "[run]",
      "call": "[run]/1"
    }
    "#);
}

#[test]
fn sealed_field_is_not_shown() {
    let env = with_files();
    env.setup(&["model method run files record --input spec=secret"]);
    insta::assert_snapshot!(env.transcript("data get files secret\ndata get files secret --select attributes.password --raw"), @r#"
    $ sedge data get files secret
    ------- stdout -------
    {
      "n": 0,
      "password": "[sealed]"
    }

    $ sedge data get files secret --select attributes.password --raw
    ------- stdout -------
    [sealed]
    "#);
    let saved = "data get files secret --output saved.json";
    env.setup(&[saved]);
    let saved = env.read_file("saved.json");
    assert!(
        saved.contains("[sealed]") && !saved.contains("xyzzy"),
        "{saved}"
    );
}

#[test]
fn as_json() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.run(["data", "get", "sink", "record", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "model": "sink",
        "name": "record",
        "version": 2,
        "latest": true,
        "kind": "resource",
        "spec": "record",
        "mediaType": "application/json",
        "size": 59,
        "digest": "[sha256]",
        "tags": {},
        "lifetime": "infinite",
        "createdAt": "[time]",
        "writtenBy": {
          "run": "[run 2]",
          "job": null,
          "step": null,
          "call": "[run 2]/1",
          "method": "run",
          "type": "@sedge/sink",
          "plugin": "[sha256]",
          "definition": "[sha256]",
          "environment": []
        },
        "content": {
          "note": "two",
          "run": "[run 2]",
          "call": "[run 2]/1"
        }
      }
    }
    "#);
}

#[test]
fn missing_data_is_refused() {
    let env = with_two_versions();
    insta::assert_snapshot!(env.transcript("
        data get sink recrod
        data get sink recrod --json
        data get sinkk record
        data get sink record --version 3
        data get sink record --version 0
        data get sink record --version one
        data get spawn calls
        data get sink ../record
    "), @r#"
    $ sedge data get sink recrod
    ------- stderr -------
    error: the model `sink` has no data named `recrod`
    hint: did you mean `record`?
    [exit status: 3]

    $ sedge data get sink recrod --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "data_missing",
        "class": "state",
        "message": "the model `sink` has no data named `recrod`",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "did you mean `record`?"
          }
        ]
      }
    }
    [exit status: 3]

    $ sedge data get sinkk record
    ------- stderr -------
    error: no model named `sinkk`
    hint: did you mean `sink`?
    [exit status: 3]

    $ sedge data get sink record --version 3
    ------- stderr -------
    error: `record` of the model `sink` has no version 3
    hint: its latest version is 2
    hint: see its versions: `sedge data versions sink record`
    [exit status: 3]

    $ sedge data get sink record --version 0
    ------- stderr -------
    error: `record` of the model `sink` has no version 0
    hint: its latest version is 2
    hint: see its versions: `sedge data versions sink record`
    [exit status: 3]

    $ sedge data get sink record --version one
    ------- stderr -------
    error: invalid value 'one' for '--version <N>': it is not a whole number from 0 to 18446744073709551615

    For more information, try '--help'.
    [exit status: 2]

    $ sedge data get spawn calls
    ------- stderr -------
    error: the model `spawn` has no data named `calls`
    hint: see the data of the model: `sedge data list spawn`
    [exit status: 3]

    $ sedge data get sink ../record
    ------- stderr -------
    error: the model `sink` has no data named `../record`
    hint: did you mean `record`?
    [exit status: 3]
    "#);
}

/// The path itself must not be replaced by a file: the reader of a pipe would wait forever, and the
/// target of a link would stay unchanged.
#[test]
fn output_is_written_to_pipes_and_through_links() {
    let env = with_two_versions();
    let at = |name: &str| env.repository().join(name);
    let get = |output: &str| env.run(["data", "get", "sink", "record", "--output", output]);
    let printed = get("-").succeeded().stdout;
    assert!(
        printed.contains("\"note\":\"two\"") || printed.contains("\"two\""),
        "{printed}"
    );
    assert!(!at("-").exists());
    env.write_file("private", "former");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(at("private"), private).expect("the test owns it");
    symlink("private", at("link")).expect("a link can be made");
    let _ = get("link").succeeded();
    assert!(at("link").is_symlink());
    assert!(env.read_file("private").contains("two"));
    let mode = fs::metadata(at("private"))
        .expect("it is there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let made = Command::new("mkfifo").arg(at("pipe")).status();
    assert!(made.expect("it can be run").success());
    let reader = {
        let pipe = at("pipe");
        std::thread::spawn(move || fs::read_to_string(pipe).expect("it can be read"))
    };
    let _ = get("pipe").succeeded();
    assert!(reader.join().expect("no panic").contains("two"));
    symlink(".sedge/store/sedge.db", at("inside")).expect("a link can be made");
    insta::assert_snapshot!(
        env.transcript("
            data get sink record --output inside
            data get sink record --output models
            data get sink record --output - --json
        "),
        @r#"
    $ sedge data get sink record --output inside
    ------- stderr -------
    error: `inside` is inside `$ENV/repo/.sedge`, where Sedge keeps its own files
    hint: name a file outside of it, if possible on another disk
    [exit status: 2]

    $ sedge data get sink record --output models
    ------- stderr -------
    error: failed to write `models`
    caused by: is a directory
    hint: check what is at the path: a file, a folder, or links that lead in a circle
    [exit status: 3]

    $ sedge data get sink record --output - --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "`--output -` and `--json` cannot both write to stdout",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "name a file, or omit `--json`"
          }
        ]
      }
    }
    [exit status: 2]
    "#
    );
}

/// The unfinished file is removed, and the former file stays.
#[test]
fn interrupted_output_leaves_no_file() {
    let env = with_files();
    env.setup(&["model method run files write --input bytes=60000000"]);
    env.write_file("out", "former");
    let temporary = || {
        let files = fs::read_dir(env.repository())
            .expect("it is there")
            .flatten();
        files
            .filter(|it| it.file_name().to_string_lossy().ends_with(".tmp"))
            .count()
    };
    let mut child = env.spawn(["data", "get", "files", "blob", "--output", "out"]);
    wait_until("it has begun, or ended", || {
        temporary() > 0 || !child.is_running()
    });
    if child.is_running() {
        child.interrupt();
    }
    let ended = child.wait();
    assert_eq!(temporary(), 0, "{ended}");
    match ended.code() {
        Some(0) => assert_ne!(env.read_file("out"), "former"),
        code => {
            assert_eq!(code, Some(130), "{ended}");
            assert_eq!(env.read_file("out"), "former");
        }
    }
}

fn with_two_versions() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run --input note=one",
        "model method run sink run --input note=two",
    ]);
    env
}
