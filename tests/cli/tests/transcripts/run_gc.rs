//! `sedge run gc`

use crate::fixtures::with_files;

#[test]
fn runs_are_deleted_and_their_data_stays() {
    let env = with_files();
    env.setup(&["model method run files record", "model method run sink run"]);
    insta::assert_snapshot!(env.transcript("run gc --older-than 1h\nrun gc --older-than 7 days"), @"
    $ sedge run gc --older-than 1h
    ------- stderr -------
    No run ended or was interrupted more than 1h ago.

    $ sedge run gc --older-than 7 days
    ------- stderr -------
    error: unexpected argument 'days' found

    Usage: sedge run gc [OPTIONS] --older-than <AGE>

    For more information, try '--help'.
    [exit status: 2]
    ");
    sedge_test_kit::wait_until("they are older than a second", || {
        let would = env.run_json(["run", "gc", "--older-than", "1s", "--dry-run"]);
        would["data"]["runs"]
            .as_array()
            .is_some_and(|runs| runs.len() == 2)
    });
    insta::assert_snapshot!(
        env.transcript("run gc --older-than 1s\nrun list\ndata list\ndatastore check"),
        @"
    $ sedge run gc --older-than 1s
    ------- stdout -------
    RUN           OF            STATUS     ENDED
    [run]         files.record  succeeded  [time]
    [run 2]       sink.run      succeeded  [time]
    ------- stderr -------
    Removed 2 runs.

    $ sedge run list
    ------- stderr -------
    No runs yet; `sedge model method run` and `sedge workflow run` start them.

    $ sedge data list
    ------- stdout -------
    MODEL  NAME    KIND      LATEST  SIZE  WRITTEN
    files  record  resource  1       7 B   [time]
    sink   record  resource  1       58 B  [time]

    $ sedge datastore check
    ------- stderr -------
    The datastore is intact: 2 versions, 0 files.
    "
    );
}
