//! Limits of requests that the operator can set.

use super::*;

/// The operator can set every limit, and the line in its error sets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operator_sets_the_limits() {
    let server = Server::plain();
    let house = House::new();
    let limited = |limits: &str| {
        let grants = format!("grants: {{http: [{{url: '{}'}}]}}", server.origin());
        let more = format!("{limits}\n{grants}\n");
        house.model("fetcher", "@test/fetcher", &more);
    };
    let check = async |limit: &str, ask: Value, expect: (&str, &str)| {
        let (expect, raised) = expect;
        limited(&format!("limits: {{http: {{{limit}}}}}"));
        assert_eq!(code(&house, ask.clone()).await, expect, "{limit}");
        warned(
            &house,
            &format!("raise the limit in models/fetcher.yaml: `{raised}`"),
        );
        limited(raised);
        let got = fetch(&house, ask).await;
        assert_eq!(got["status"], 200, "{raised}: {got}");
    };
    let large = json!({"url": server.url("/large/1500000"), "bytes_max": 2_000_000});
    let raised = "limits: {http: {responseMebibytes: 2}}";
    check("responseMebibytes: 1", large, ("too-large", raised)).await;
    let large =
        json!({"url": server.url("/hello"), "method": "POST", "body": "x", "times": 1_500_000});
    let raised = "limits: {http: {requestMebibytes: 2}}";
    check("requestMebibytes: 1", large, ("too-large", raised)).await;
    let large = json!({"url": server.url("/head/1500")});
    let raised = "limits: {http: {headerKibibytes: 2}}";
    check("headerKibibytes: 1", large, ("too-large", raised)).await;
    limited("limits: {http: {firstByteSeconds: 1}}");
    let silent = json!({"url": server.url("/silent")});
    assert_eq!(code(&house, silent).await, "timeout");
    warned(&house, "`limits: {http: {firstByteSeconds: 2}}`");
    limited("limits: {http: {totalSeconds: 1}}");
    let drip = json!({"url": server.url("/drip")});
    assert_eq!(code(&house, drip).await, "timeout");
    warned(&house, "`limits: {http: {totalSeconds: 2}}`");
}
