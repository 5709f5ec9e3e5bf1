//! `sedge data prune`

use crate::fixtures::with_files;

#[test]
fn the_data_of_a_model_that_is_gone() {
    let env = with_files();
    env.setup(&[
        "model method run files record --input count=3",
        "model delete files",
    ]);
    insta::assert_snapshot!(
        env.transcript("data prune --dry-run\ndata prune --json\ndata prune\ndata list"),
        @r#"
    $ sedge data prune --dry-run
    ------- stdout -------
    MODEL  NAMES  VERSIONS  SIZE
    files  1      3         21 B
    ------- stderr -------
    Would remove the data of 1 model.

    $ sedge data prune --json
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
        ]
      }
    }

    $ sedge data prune
    ------- stderr -------
    Every model that has data is there.

    $ sedge data list
    ------- stderr -------
    No data yet; methods write some: `sedge model method run MODEL METHOD`.
    "#
    );
}
