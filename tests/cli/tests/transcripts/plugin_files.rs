//! `@sedge/files`: the output for a user who takes the inventory of a folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use sedge_test_kit::TestEnv;

#[test]
fn inventory_has_every_file_and_marks_links() {
    let env = TestEnv::with_repository();
    env.setup(&[
        "plugin add $GUESTS/files.wasm --grant none",
        "model create @sedge/files inbox",
    ]);
    env.write_file("inbox/b/two.txt", "two\n");
    env.write_file("inbox/a.txt", "one\n");
    let inbox = env.repository().join("inbox");
    symlink("a.txt", inbox.join("link")).expect("a link");
    insta::assert_snapshot!(env.transcript("model method run inbox inventory"), @"
    $ sedge model method run inbox inventory
    ------- stderr -------
    Run [run]
      inbox.inventory: warn: `inbox` may not use the folder `folder`: no grant allows it; to allow it, set this in models/inbox.yaml
        grants:
          files:
          - name: folder
            path: PATH
            access: read
    error: `inventory` of `inbox` failed
    caused by: `inbox` may not use the folder `folder`: no grant allows it; to allow it, set this in models/inbox.yaml (plugin/denied)
      grants:
        files:
        - name: folder
          path: PATH
          access: read
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    ");
    let definition = env.read_file("models/inbox.yaml");
    let grants = "grants:\n  files:\n    - {name: folder, path: inbox}\n";
    env.write_file("models/inbox.yaml", definition + grants);
    insta::assert_snapshot!(env.transcript("
        model method run inbox inventory
        data get inbox inventory
        model method run inbox inventory --input below=b --input name=b
        data get inbox b
        model method run inbox inventory --input entriesMax=1
    "), @r#"
    $ sedge model method run inbox inventory
    ------- stdout -------
    {
      "entries": 3,
      "files": 2,
      "bytes": 8
    }
    ------- stderr -------
    Run [run 2]
    Succeeded after [took], wrote `inventory` version 1.

    $ sedge data get inbox inventory
    ------- stdout -------
    {
      "files": 2,
      "bytes": 8,
      "entries": [
        {
          "path": "a.txt",
          "kind": "file",
          "size": 4,
          "sha256": "[sha256]"
        },
        {
          "path": "b/two.txt",
          "kind": "file",
          "size": 4,
          "sha256": "[sha256]"
        },
        {
          "path": "link",
          "kind": "link",
          "to": "a.txt"
        }
      ]
    }

    $ sedge model method run inbox inventory --input below=b --input name=b
    ------- stdout -------
    {
      "entries": 1,
      "files": 1,
      "bytes": 4
    }
    ------- stderr -------
    Run [run 3]
    Succeeded after [took], wrote `b` version 1.

    $ sedge data get inbox b
    ------- stdout -------
    {
      "files": 1,
      "bytes": 4,
      "entries": [
        {
          "path": "two.txt",
          "kind": "file",
          "size": 4,
          "sha256": "[sha256]"
        }
      ]
    }

    $ sedge model method run inbox inventory --input entriesMax=1
    ------- stderr -------
    Run [run 4]
    error: `inventory` of `inbox` failed
    caused by: there are more than 1 entries; `below` takes a part of the folder (plugin/too-many)
    hint: see the calls of the run: `sedge run show [run 4]`
    hint: see what they logged: `sedge run logs [run 4]`
    [exit status: 1]
    "#);
}

/// In WASI, file names are text. A folder listing used to end at the first name that is not UTF-8.
#[test]
fn name_that_is_not_utf8_is_listed_and_marked() {
    let env = TestEnv::with_repository();
    env.write_file("inbox/a.txt", "one\n");
    let inbox = env.repository().join("inbox");
    for name in [&b"caf\xe9"[..], b"caf\xe8"] {
        fs::write(inbox.join(OsStr::from_bytes(name)), "x").expect("it can be written");
    }
    env.write_file("inbox/plain\\x41", "not escaped");
    env.setup(&[
        "plugin add $GUESTS/files.wasm --grant files=folder:inbox",
        "model create @sedge/files inbox",
        "model method run inbox inventory",
    ]);
    let inventory = env.run_json(["data", "get", "inbox", "inventory"]);
    let entries = inventory["data"]["content"]["entries"]
        .as_array()
        .expect("a list");
    let listed: Vec<String> = entries
        .iter()
        .map(|it| format!("{} {} {}", it["path"], it["kind"], it["escaped"]))
        .collect();
    assert_eq!(
        listed,
        [
            r#""a.txt" "file" null"#,
            r#""caf\\xE8" "unreadable" true"#,
            r#""caf\\xE9" "unreadable" true"#,
            r#""plain\\x41" "file" null"#,
        ]
    );
}
