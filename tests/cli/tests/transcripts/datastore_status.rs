//! `sedge datastore status`

use crate::fixtures::with_files;

#[test]
fn size_and_running_calls_are_shown() {
    let env = with_files();
    env.setup(&[
        "model method run files record --input count=3",
        "model method run files write --input bytes=100000",
    ]);
    let status = env.run_json(["datastore", "status"]);
    let count = |key: &str| status["data"][key].as_u64().expect("a number");
    assert_eq!(
        (count("names"), count("versions"), count("runs")),
        (2, 4, 2)
    );
    assert_eq!((count("files"), count("fileBytes")), (1, 100_000));
    assert_eq!((count("runningCalls"), count("schema")), (0, 8));
    // Sizes differ between runs of this test.
    let shown = env.run(["datastore", "status"]).to_string();
    let words: Vec<&str> = shown
        .lines()
        .filter(|line| !line.starts_with("database"))
        .collect();
    insta::assert_snapshot!(words.join("\n"), @"
    ------- stdout -------
    DATASTORE
    folder             $ENV/repo/.sedge/store
    engine             SQLite 3.54.1, schema 8
    files              1 with 97.7 KiB
    data               4 versions of 2 names
    runs               2 runs with 2 calls
    running calls      none
    interrupted calls  0
    ");
}

#[test]
fn newer_datastore_is_refused() {
    let env = with_files();
    env.setup(&["model method run files record"]);
    let path = env.repository().join(".sedge/store/sedge.db");
    let mut header = std::fs::read(&path).expect("it is there");
    assert_eq!(env.run(["datastore", "compact"]).code(), Some(0));
    header = std::fs::read(&path).unwrap_or(header);
    // `user_version` is at offset 60, most significant byte first.
    header[63] = 99;
    std::fs::write(&path, header).expect("it can be written");
    insta::assert_snapshot!(env.transcript("datastore status\ndata list --json"), @r#"
    $ sedge datastore status
    ------- stderr -------
    error: the datastore has schema 99, this Sedge knows schema 8
    hint: use the version of Sedge that made it, or a newer one
    [exit status: 3]

    $ sedge data list --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "store_version",
        "class": "state",
        "message": "the datastore has schema 99, this Sedge knows schema 8",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "use the version of Sedge that made it, or a newer one"
          }
        ]
      }
    }
    [exit status: 3]
    "#);
}
