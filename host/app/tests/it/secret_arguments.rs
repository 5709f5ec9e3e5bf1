//! Secrets in the arguments of definitions and steps: checked by their values, handed over as
//! placeholders.

use sedge_api::view::validate::FindingSeverity;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::secret::put::secret_put;
use sedge_app::status::status;
use sedge_app::types::SecretValue;
use sedge_app::validate::validate;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_test_kit::Server;
use serde_json::json;

use crate::fixture::text::{after, gate, step};
use crate::fixture::{House, words};
use crate::sealed::files_with;
use crate::shown::log_of;

const CANARY: &str = "canary of the arguments";

/// The length of a placeholder in bytes.
const PLACEHOLDER_BYTES: usize = 45;

/// Returns a repository with a model whose token is `token`, as YAML.
fn house(token: &str, grants: &str) -> House {
    let house = House::new();
    let http = "http: [{url: 'http://*:*', addresses: [127.0.0.0/8]}]";
    let more = format!("globalArguments:\n  token: {token}\ngrants: {{{http}{grants}}}\n");
    house.model("vault", "@test/sealer", &more);
    house
}

fn put(house: &House, name: &str, value: &str) {
    let value = SecretValue::new(value.as_bytes().to_vec()).expect("a value");
    let name = name.parse().expect("a name");
    secret_put(&house.cx(), &name, &value, true).expect("it can be put");
}

async fn refused(house: &House) -> String {
    let ran = house.run("vault", "token", json!({})).await;
    words(&ran.expect_err("it is refused"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_gets_a_placeholder_that_the_host_fills() {
    for token in [
        "{secret: TOKEN}",
        "\"${{ secret('TOKEN') }}\"",
        "\"${{ vault.get('V', 'TOKEN') }}\"",
    ] {
        let server = Server::plain();
        let hosts = format!("hosts: ['{}']", server.origin());
        let grants = format!(", secrets: [{{name: TOKEN, {hosts}}}, {{name: V.TOKEN, {hosts}}}]");
        let house = house(token, &grants);
        put(&house, "TOKEN", CANARY);
        put(&house, "V.TOKEN", CANARY);
        let shown = house.value("vault", "token", json!({})).await;
        assert_eq!(shown["n_bytes"], PLACEHOLDER_BYTES, "{token}");
        let mark = shown["token"].as_str().expect("a text");
        assert!(
            mark == "[secret TOKEN]" || mark == "[secret V.TOKEN]",
            "{mark}"
        );
        let log = log_of(&house.repository, None);
        assert_eq!(log[0].message, format!("the token is {mark}"));
        house
            .value("vault", "send", json!({"url": server.url("/hello")}))
            .await;
        let request = server.requests().pop().expect("a request");
        assert!(
            request.contains(&format!("x-token: {CANARY}\r\n")),
            "{request}"
        );
        let other = Server::plain();
        let (error, _) = house
            .failure("vault", "send", json!({"url": other.url("/hello")}))
            .await;
        let expect = "of its arguments to http://127.0.0.1";
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(other.requests().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_within_a_text_is_filled_there() {
    let server = Server::plain();
    let grants = format!(
        ", secrets: [{{name: TOKEN, hosts: ['{}']}}]",
        server.origin()
    );
    let house = house("\"Bearer ${{ secret('TOKEN') }}!\"", &grants);
    put(&house, "TOKEN", CANARY);
    house
        .value("vault", "send", json!({"url": server.url("/hello")}))
        .await;
    let request = server.requests().pop().expect("a request");
    let expect = format!("x-token: Bearer {CANARY}!\r\n");
    assert!(request.contains(&expect), "{request}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_gets_the_value_if_it_may_see_the_argument() {
    let check = async |grant: &str, expect: usize| {
        let house = house("{secret: TOKEN}", grant);
        put(&house, "TOKEN", CANARY);
        let shown = house.value("vault", "token", json!({})).await;
        assert_eq!(shown["n_bytes"], expect, "{grant}");
        assert_eq!(shown["token"], "[secret TOKEN]");
    };
    check(", reveal: ['argument:/token']", CANARY.len()).await;
    check(", reveal: ['argument:/*']", CANARY.len()).await;
    check(", reveal: ['argument:/other']", PLACEHOLDER_BYTES).await;
    check("", PLACEHOLDER_BYTES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn literal_for_a_sensitive_argument_is_refused() {
    for token in ["open sesame", "\"open $${{ sesame }}\""] {
        let house = house(token, "");
        let error = refused(&house).await;
        let expect = "`token`: it is sensitive, and does not belong in this file";
        assert!(error.contains(expect), "{error}");
        let validated = validate(&house.cx()).await.expect("it can be checked");
        let message = "`token` is sensitive, and its value is written in the file";
        let mut findings = validated.findings.iter();
        assert!(findings.any(|it| it.fault.message == message), "{token}");
    }
}

/// An ordinary object, or a forged mark, is not taken for a secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_is_checked_by_its_value() {
    let house = house("{secret: TOKEN}", "");
    let error = refused(&house).await;
    assert!(error.contains("there is no secret `TOKEN`"), "{error}");
    put(&house, "TOKEN", "q7#z");
    let error = refused(&house).await;
    assert!(error.contains("shorter than 5 characters"), "{error}");
    assert!(
        !error.contains("q7#z") && error.contains("[secret TOKEN]"),
        "{error}"
    );
    put(&house, "TOKEN", CANARY);
    house.value("vault", "token", json!({})).await;
}

/// Runs a workflow that succeeds.
async fn run_workflow(house: &House, name: &str) {
    let end = house.workflow_run(name).await;
    assert!(matches!(end, Ok(WorkflowEnd::Succeeded { .. })), "{end:?}");
}

/// Returns what is wrong with a workflow whose run does not begin.
async fn workflow_refused(house: &House, name: &str) -> String {
    let error = house.workflow_run(name).await.expect_err("it is refused");
    let faults = error.diagnostics().iter();
    let texts = faults.map(|it| format!("{}: {}", it.message, it.label.as_deref().unwrap_or("")));
    texts.collect::<Vec<_>>().join("; ")
}

/// The first step is executed before the run is suspended, and the second one after it is resumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_hands_a_placeholder_on_and_records_the_name() {
    for text in ["{secret: TOKEN}", "\"${{ secret('TOKEN') }}\""] {
        let mut house = house("{secret: TOKEN}", "");
        put(&house, "TOKEN", CANARY);
        let inputs = format!("{{text: {text}}}");
        let steps = [
            step("one", "vault.take", &inputs, ""),
            gate("gate", &after(&["one"], "succeeded")),
            step("two", "vault.take", &inputs, &after(&["gate"], "succeeded")),
        ];
        house.workflow("w", &steps);
        let end = house.workflow_run("w").await;
        assert!(matches!(end, Ok(WorkflowEnd::Suspended { .. })), "{end:?}");
        house.reopen().await;
        let decision = GateRequest {
            workflow: "w".to_owned(),
            gate: "gate".to_owned(),
            run: None,
            comment: None,
            shown: None,
        };
        workflow_approve(&house.cx().with_actor(crate::fixture::ada()), &decision)
            .expect("the gate is open");
        let end = house.workflow_resume("w").await;
        assert!(matches!(end, Ok(WorkflowEnd::Succeeded { .. })), "{end:?}");
        let calls = house.newest().calls;
        assert_eq!(calls.len(), 2);
        for call in calls {
            assert_eq!(call.arguments, json!({"text": "[secret TOKEN]"}), "{text}");
            let outcome = call.outcome.expect("it succeeded").value;
            assert_eq!(outcome, "[secret TOKEN]", "{text}");
        }
        for hidden in [CANARY, "$sealed:secret", "sedge-secret-"] {
            let files = files_with(&house.path().join(".sedge/store"), hidden);
            assert_eq!(files, Vec::<String>::new(), "{hidden}");
        }
    }
}

/// An argument of a method, and an input of a definition that is handed on to an argument.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_of_a_step_is_sent_to_the_granted_host() {
    let server = Server::plain();
    let house = House::new();
    let grants = format!(
        "grants: {{http: [{{url: 'http://*:*', addresses: [127.0.0.0/8]}}], \
         secrets: [{{name: TOKEN, hosts: ['{}']}}]}}\n",
        server.origin()
    );
    house.model("plain", "@test/sealer", &grants);
    let declared = "inputs: {key: {type: string, minLength: 3, sensitive: true}}\n\
                    globalArguments: {token: \"${{ inputs.key }}\"}\n";
    house.model("declared", "@test/sealer", &format!("{declared}{grants}"));
    put(&house, "TOKEN", CANARY);
    let url = server.url("/hello");
    let check = async |call: &str, inputs: &str, expect: &str| {
        let inputs = format!("{{url: '{url}', {inputs}}}");
        house.workflow("w", &[step("s", call, &inputs, "")]);
        run_workflow(&house, "w").await;
        let request = server.requests().pop().expect("a request");
        let expect = format!("x-token: {expect}\r\n");
        assert!(request.contains(&expect), "{inputs}: {request}");
    };
    check("plain.send", "token: {secret: TOKEN}", CANARY).await;
    let bearer = format!("Bearer {CANARY}");
    let text = "token: \"Bearer ${{ secret('TOKEN') }}\"";
    check("plain.send", text, &bearer).await;
    check("declared.send", "key: {secret: TOKEN}", CANARY).await;
    check(
        "declared.send",
        "key: \"Bearer ${{ secret('TOKEN') }}\"",
        &bearer,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_with_a_wrong_secret_is_refused_before_the_run() {
    let house = house("{secret: TOKEN}", "");
    put(&house, "TOKEN", CANARY);
    let check = async |call: &str, inputs: &str, expect: &str| {
        house.workflow("w", &[step("s", call, inputs, "")]);
        let error = workflow_refused(&house, "w").await;
        assert!(error.contains(expect), "{inputs}: {error}");
    };
    // What is missing is the secret: the arguments fit the schema.
    let absent = "there is no secret `ABSENT`: ";
    check("vault.take", "{text: {secret: ABSENT}}", absent).await;
    let literal = "`token` is sensitive, and its value is written in the file";
    check("vault.send", "{url: 'http://a', token: hunter2}", literal).await;
    let name = "the name cannot contain a secret";
    check("\"${{ secret('TOKEN') }}\".take", "{text: a}", name).await;
    check("\"x${{ secret('TOKEN') }}\".take", "{text: a}", name).await;
}

/// A guest cannot name the secret of another model: what it passes to a nested call is data. It cannot
/// pass on the placeholder of a secret either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_cannot_name_a_secret_in_the_arguments_of_a_nested_call() {
    let house = house("{secret: TOKEN}", ", models: ['*']");
    house.model("other", "@test/sealer", "");
    put(&house, "TOKEN", CANARY);
    for text in [json!({"secret": "TOKEN"}), json!("${{ secret('TOKEN') }}")] {
        let content = json!({"text": text});
        let arguments = json!({"name": "note", "spec": "note", "content": &content});
        let then = json!({"target": "other", "method": "forge", "arguments": arguments});
        house
            .value("vault", "put", json!({"name": "a", "then": then}))
            .await;
        assert_eq!(house.latest("other", "note"), content);
    }
    // The placeholder of one call is of no use in another one.
    let then = "{target: other, method: take, arguments: {text: {secret: TOKEN}}}";
    let inputs = format!("{{name: a, then: {then}}}");
    house.workflow("w", &[step("s", "vault.put", &inputs, "")]);
    let error = house.workflow_run("w").await.expect_err("it is refused");
    let error = format!("{error:?}");
    assert!(error.contains("cannot pass to another one"), "{error}");
    assert!(error.contains("[secret TOKEN]"), "{error}");
    let calls = house.newest().calls;
    assert!(calls.iter().all(|it| it.model.as_str() != "other"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_secrets_are_found_by_their_names() {
    let house = house("{secret: TOKNE}", "");
    put(&house, "TOKEN", CANARY);
    let inputs = "{text: \"${{ vault.get('V', 'K') }}\"}";
    house.workflow("w", &[step("s", "vault.take", inputs, "")]);
    let found = validate(&house.cx()).await.expect("it is checked");
    let found: Vec<_> = found
        .findings
        .iter()
        .filter(|it| it.fault.message.starts_with("this machine has no secret"))
        .map(|it| {
            (
                it.severity,
                it.fault.message.as_str(),
                it.fault.hint.as_deref(),
            )
        })
        .collect();
    let expect = [
        (
            FindingSeverity::Warning,
            "this machine has no secret `TOKNE`",
            Some("did you mean `TOKEN`?"),
        ),
        (
            FindingSeverity::Note,
            "this machine has no secret `V.K`",
            None,
        ),
    ];
    assert_eq!(found, expect);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_says_that_secrets_cannot_be_opened() {
    let house = house("{secret: TOKEN}", "");
    put(&house, "TOKEN", CANARY);
    let report = status(&house.cx()).await.expect("a report");
    assert_eq!(report.secrets_closed, None);
    std::fs::remove_file(house.path().join(".sedge/secrets/key")).expect("it is there");
    let report = status(&house.cx()).await.expect("a report");
    let reason = report.secrets_closed.expect("it is reported");
    assert!(reason.contains("cannot be opened"), "{reason}");
}
