//! `sedge data gc`

use crate::fixtures::with_files;

#[test]
fn old_versions_are_removed_and_the_latest_stays() {
    let env = with_files();
    env.setup(&[
        "model method run files record --input spec=short --input count=5",
        "model method run files record --input count=2",
    ]);
    insta::assert_snapshot!(
        env.transcript("data gc --dry-run\ndata gc\ndata gc\ndata versions files short"),
        @"
    $ sedge data gc --dry-run
    ------- stdout -------
    MODEL  NAME   VERSIONS  SIZE
    files  short  2         14 B
    ------- stderr -------
    Would remove 2 versions (14 B).

    $ sedge data gc
    ------- stdout -------
    MODEL  NAME   VERSIONS  SIZE
    files  short  2         14 B
    ------- stderr -------
    Removed 2 versions (14 B).

    $ sedge data gc
    ------- stderr -------
    There is nothing to remove.

    $ sedge data versions files short
    ------- stdout -------
    VERSION  KIND      SIZE  WRITTEN               BY CALL
    5        resource  7 B   [time]                [run]/1
    4        resource  7 B   [time]                [run]/1
    3        resource  7 B   [time]                [run]/1
    "
    );
}

#[test]
fn definition_overrides_the_plugin() {
    let env = with_files();
    env.setup(&["model method run files record --input count=4"]);
    let definition = env.read_file("models/files.yaml");
    let overrides = "dataOutputOverrides:\n  - {specName: record, garbageCollection: 1}\n";
    env.write_file("models/files.yaml", format!("{definition}{overrides}"));
    insta::assert_snapshot!(env.run(["data", "gc", "--json"]), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "dryRun": false,
        "deleted": [
          {
            "model": "files",
            "name": "record",
            "versions": 3,
            "bytes": 21
          }
        ],
        "files": {
          "count": 0,
          "bytes": 0
        },
        "unfinishedFiles": {
          "count": 0,
          "bytes": 0
        },
        "latestKept": 0
      }
    }
    "#);
}

#[test]
fn invalid_override_is_refused() {
    let env = with_files();
    let definition = env.read_file("models/files.yaml");
    let overrides = "dataOutputOverrides:\n  - {specName: record, lifetime: 3 days}\n";
    env.write_file("models/files.yaml", format!("{definition}{overrides}"));
    insta::assert_snapshot!(env.run(["data", "gc"]), @"
    ------- stderr -------
    error: `3 days` is not a lifetime: it is `ephemeral`, `job`, `workflow`, `infinite`, or a duration: `30s`, `5m`, `1h`, `7d`, `2w`, `1mo` (30 days) or `1y` (365 days), up to `1000y`
     --> models/files.yaml:7:34
      |
    7 |   - {specName: record, lifetime: 3 days}
      |                                  ^^^^^^
    [exit status: 2]
    ");
}
