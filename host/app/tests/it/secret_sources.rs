//! Secrets of a vault that a pinned command reads: once for each run that needs them, and never
//! stored.

use std::fs;

use sedge_api::view::validate::FindingSeverity;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::validate::validate;
use serde_json::json;

use crate::fixture::text::{after, step};
use crate::fixture::{House, words};
use crate::sealed::files_with;

/// What the command prints for the key `db`. No file of the repository has it.
const VALUE: &str = "the value of db";

/// Returns a repository whose model `vault` has the secret `prod.db` as its token. The command runs a
/// script that has the key as `$0`, and counts how often it runs.
async fn house(script: &str, more: &str) -> House {
    let mut house = House::new();
    let reveal = "grants: {reveal: ['argument:/token']}\n";
    let token = format!("globalArguments: {{token: {{secret: prod.db}}}}\n{reveal}{more}");
    house.model("vault", "@test/sealer", &token);
    let config = format!(
        "version: 1\ncommands:\n  pass:\n    program: /bin/sh\n    cwd: .\n    timeoutSeconds: 5\n    \
         arguments: ['-c', 'echo x >> reads; {script}', '*']\n\
         secrets: {{sources: [{{vault: prod, command: pass}}]}}\n"
    );
    house.write("sedge.yaml", &config);
    house.reopen().await;
    house
}

/// Returns how often the command has run.
fn n_reads(house: &House) -> usize {
    let reads = fs::read_to_string(house.path().join("reads"));
    reads.map_or(0, |it| it.lines().count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_is_run_once_for_a_run_and_the_value_is_not_stored() {
    let house = house("printf \"the %s of %s\" value \"$0\"", "").await;
    let validated = validate(&house.cx()).await.expect("it can be checked");
    let findings = validated.findings.iter();
    let faults = findings.filter(|it| it.severity != FindingSeverity::Note);
    assert_eq!(faults.count(), 0);
    assert_eq!(n_reads(&house), 0, "a check runs no command");
    let shown = house.value("vault", "token", json!({})).await;
    assert_eq!(shown["n_bytes"], VALUE.len());
    assert_eq!(shown["token"], "[secret prod.db]");
    assert_eq!(n_reads(&house), 1);
    let again = step("two", "vault.token", "{}", &after(&["one"], "succeeded"));
    house.workflow("w", &[step("one", "vault.token", "{}", ""), again]);
    let end = house.workflow_run("w").await.expect("it succeeds");
    assert!(matches!(end, WorkflowEnd::Succeeded { .. }));
    assert_eq!(n_reads(&house), 2, "one more run");
    assert_eq!(files_with(house.path(), VALUE), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_of_the_command_names_the_secret_and_the_reason() {
    let refused = async |script: &str| {
        let house = house(script, "").await;
        let ran = house.run("vault", "token", json!({})).await;
        words(&ran.expect_err("there is no value"))
    };
    let who = "the command `pass` did not read the secret `db` of the vault `prod`: ";
    for (script, reason) in [
        (
            "echo first >&2; echo \"no key $0\" >&2; exit 3",
            "it ended with exit status 3: no key db",
        ),
        (
            "echo",
            "what it printed cannot be a secret: the value has fewer than 4 bytes",
        ),
        ("printf \"%070000d\" 1", "it printed more than 65536 bytes"),
    ] {
        let error = refused(script).await;
        assert!(error.contains(&format!("{who}{reason}")), "{error}");
    }
}

/// The schema of the token wants at least five characters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_is_checked_by_the_schema_of_its_argument() {
    let house = house("echo abcd", "").await;
    let (error, _) = house.failure("vault", "token", json!({})).await;
    let expect = "/token: the secret `prod.db` does not fit the schema of this argument";
    assert!(error.to_string().contains(expect), "{error}");
}
