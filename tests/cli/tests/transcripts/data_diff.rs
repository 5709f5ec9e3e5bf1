//! `sedge data diff`

use sedge_test_kit::TestEnv;

#[test]
fn versions_are_compared_line_by_line() {
    let env = with_versions();
    insta::assert_snapshot!(env.transcript("
        data diff sink record
        data diff sink record --from 1
        data diff sink record --from 2 --to 2
    "), @"");
}

#[test]
fn as_json() {
    let env = with_versions();
    insta::assert_snapshot!(env.run(["data", "diff", "sink", "record", "--json"]), @"");
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let env = with_versions();
    insta::assert_snapshot!(env.transcript("
        data diff sink record --to 1
        data diff sink record --from 7
        data diff sink nothing
        data diff none record
    "), @"");
}

fn with_versions() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "model method run sink run --input note=one",
        "model method run sink run --input note=two",
        "model method run sink run --input note=three",
    ]);
    env
}
