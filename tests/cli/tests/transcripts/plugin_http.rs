//! `@sedge/http`: the output for a user who sends requests.

use sedge_test_kit::{Authority, Server, TestEnv};

use crate::secret_put::put;

/// Returns an environment with a model `api` of `@sedge/http` without grants, and a TLS server
/// whose certificate authority is trusted.
fn with_server() -> (TestEnv, Server) {
    let mut env = TestEnv::with_repository();
    let authority = Authority::default();
    let server = Server::tls(&authority, &["localhost"]);
    env.trust(&authority);
    env.server(&server.origin_by("localhost"));
    env.setup(&[
        "plugin add $GUESTS/http.wasm --grant none",
        "model create @sedge/http api",
    ]);
    (env, server)
}

fn grant(env: &TestEnv, server: &Server) {
    let definition = env.read_file("models/api.yaml");
    let origin = server.origin_by("localhost");
    let grants = format!("grants:\n  http:\n    - url: {origin}\n");
    env.write_file("models/api.yaml", definition + &grants);
}

/// A denial shows the lines that grant the request, in the log and in the error.
#[test]
fn denial_shows_the_lines_that_grant_the_request() {
    let (env, server) = with_server();
    insta::assert_snapshot!(env.transcript("
        model method run api fetch --input url=$SERVER/json
        run logs
    "), @r#"
    $ sedge model method run api fetch --input url=$SERVER/json
    ------- stderr -------
    Run [run]
      api.fetch: warn: `api` may not send GET to $SERVER: no grant allows it; to allow it, set this in models/api.yaml
        grants:
          http:
          - url: $SERVER
            methods:
            - GET
    error: `fetch` of `api` failed
    caused by: GET $SERVER/json was denied (plugin/denied)
      `api` may not send GET to $SERVER: no grant allows it; to allow it, set this in models/api.yaml
      grants:
        http:
        - url: $SERVER
          methods:
          - GET
      details from the plugin: {"request":"GET $SERVER/json"}
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]

    $ sedge run logs
    ------- stdout -------
    1  api.fetch: warn: `api` may not send GET to $SERVER: no grant allows it; to allow it, set this in models/api.yaml
        grants:
          http:
          - url: $SERVER
            methods:
            - GET
    "#);
    assert_eq!(server.n_connections(), 0);
    grant(&env, &server);
    insta::assert_snapshot!(env.transcript("
        model method run api fetch --input url=$SERVER/json
        data get api response
    "), @r#"
    $ sedge model method run api fetch --input url=$SERVER/json
    ------- stdout -------
    {
      "url": "$SERVER/json",
      "status": 200,
      "headers": {
        "content-length": "34",
        "content-type": "application/json"
      },
      "json": {
        "name": "sedge",
        "parts": [
          1,
          2
        ]
      }
    }
    ------- stderr -------
    Run [run 2]
    Succeeded after [took], wrote `response` version 1.

    $ sedge data get api response
    ------- stdout -------
    {
      "url": "$SERVER/json",
      "status": 200,
      "headers": {
        "content-length": "34",
        "content-type": "application/json"
      },
      "json": {
        "name": "sedge",
        "parts": [
          1,
          2
        ]
      }
    }
    "#);
}

/// The server returns the request in its response, and the secret is still not shown anywhere.
#[test]
fn secret_is_sent_to_the_granted_host_and_never_shown() {
    const CANARY: &str = "canary-4711/of the mine";
    let (env, server) = with_server();
    put(&env, "HTTP_TOKEN", CANARY);
    grant(&env, &server);
    let fetch = "model method run api fetch --input url=$SERVER/echo --input token=bearer";
    insta::assert_snapshot!(env.transcript(fetch), @r#"
    $ sedge model method run api fetch --input url=$SERVER/echo --input token=bearer
    ------- stderr -------
    Run [run]
      api.fetch: warn: `api` may not send the secret `HTTP_TOKEN` to $SERVER: no grant allows it; to allow it, set this in models/api.yaml
        grants:
          http:
          - url: $SERVER
          secrets:
          - name: HTTP_TOKEN
            hosts:
            - $SERVER
    error: `fetch` of `api` failed
    caused by: GET $SERVER/echo was denied (plugin/denied)
      `api` may not send the secret `HTTP_TOKEN` to $SERVER: no grant allows it; to allow it, set this in models/api.yaml
      grants:
        http:
        - url: $SERVER
        secrets:
        - name: HTTP_TOKEN
          hosts:
          - $SERVER
      details from the plugin: {"request":"GET $SERVER/echo"}
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    "#);
    let origin = server.origin_by("localhost");
    let definition = env.read_file("models/api.yaml");
    let secrets = format!("  secrets:\n    - {{name: HTTP_TOKEN, hosts: ['{origin}']}}\n");
    env.write_file("models/api.yaml", definition + &secrets);
    insta::assert_snapshot!(env.transcript("
        model method run api fetch --input url=$SERVER/echo --input token=bearer
        secret list
    "), @r#"
    $ sedge model method run api fetch --input url=$SERVER/echo --input token=bearer
    ------- stdout -------
    {
      "url": "$SERVER/echo",
      "status": 200,
      "headers": {
        "content-length": "121"
      },
      "body": {
        "name": "body",
        "size": 121
      }
    }
    ------- stderr -------
    Run [run 2]
    Succeeded after [took], wrote `body` version 1, `response` version 1.

    $ sedge secret list
    ------- stdout -------
    NAME        STATE  VERSION  CREATED               UPDATED               LAST USED             BY CALL                         PUT BY
    HTTP_TOKEN  ok     1        [time]                [time]                [time]                api.fetch, call [run 2]/1  tester@[host]
    "#);
    let body = env.run(["data", "get", "api", "body"]).to_string();
    assert!(
        body.contains("authorization: Bearer [secret HTTP_TOKEN]"),
        "{body}"
    );
    let request = server.requests().pop().expect("a request");
    let header = format!("authorization: Bearer {CANARY}\r\n");
    assert!(request.contains(&header), "{request}");
    for command in [
        "model method run api fetch --input url=$SERVER/echo --input token=bearer --json",
        "run show --json",
        "run show --backtrace",
        "run logs --json",
        "data get api body --json",
        "data search --content canary --json",
        "data list --json",
        "secret list --json",
    ] {
        let output = env.run(command.split(' ')).to_string();
        assert!(!output.contains("canary-4711"), "{command}\n{output}");
    }
}

#[test]
fn response_that_is_not_json_becomes_a_file() {
    let (env, server) = with_server();
    grant(&env, &server);
    insta::assert_snapshot!(env.transcript("
        model method run api fetch --input url=$SERVER/hello
        data get api body
        model method run api fetch --input url=$SERVER/echo --input method=POST --input body=hi --input name=echo
        data list
    "), @r#"
    $ sedge model method run api fetch --input url=$SERVER/hello
    ------- stdout -------
    {
      "url": "$SERVER/hello",
      "status": 200,
      "headers": {
        "content-length": "6",
        "content-type": "text/plain"
      },
      "body": {
        "name": "body",
        "size": 6
      }
    }
    ------- stderr -------
    Run [run]
    Succeeded after [took], wrote `body` version 1, `response` version 1.

    $ sedge data get api body
    ------- stdout -------
    hello

    $ sedge model method run api fetch --input url=$SERVER/echo --input method=POST --input body=hi --input name=echo
    ------- stdout -------
    {
      "url": "$SERVER/echo",
      "status": 200,
      "headers": {
        "content-length": "96"
      },
      "body": {
        "name": "echo/body",
        "size": 96
      }
    }
    ------- stderr -------
    Run [run 2]
    Succeeded after [took], wrote `echo/body` version 1, `echo` version 1.

    $ sedge data list
    ------- stdout -------
    MODEL  NAME       KIND      LATEST  SIZE   WRITTEN
    api    body       file      1       6 B    [time]
    api    echo       resource  1       123 B  [time]
    api    echo/body  file      1       96 B   [time]
    api    response   resource  1       145 B  [time]
    "#);
}

#[test]
fn unexpected_response_fails() {
    let (env, server) = with_server();
    grant(&env, &server);
    insta::assert_snapshot!(env.transcript("
        model method run api fetch --input url=$SERVER/status/503
        model method run api fetch --input url=$SERVER/early
        model method run api check --input url=$SERVER/status/503
        model method run api check --input url=$SERVER/status/503 --input require=true
        model method run api check --input url=$SERVER/hang-up
    "), @r#"
    $ sedge model method run api fetch --input url=$SERVER/status/503
    ------- stderr -------
    Run [run]
    error: `fetch` of `api` failed
    caused by: GET $SERVER/status/503 was answered with status 503 (plugin/unexpected-status)
      details from the plugin: {"status":503,"url":"$SERVER/status/503","body":""}
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]

    $ sedge model method run api fetch --input url=$SERVER/early
    ------- stderr -------
    Run [run 2]
      api.fetch: warn: GET $SERVER: the connection was closed in the middle
    error: `fetch` of `api` failed
    caused by: GET $SERVER/early failed: the connection was closed in the middle (plugin/closed)
      details from the plugin: {"request":"GET $SERVER/early"}
    hint: see the calls of the run: `sedge run show [run 2]`
    hint: see what they logged: `sedge run logs [run 2]`
    [exit status: 1]

    $ sedge model method run api check --input url=$SERVER/status/503
    ------- stdout -------
    {
      "url": "$SERVER/status/503",
      "good": false,
      "latencyMs": "[ms]",
      "status": 503
    }
    ------- stderr -------
    Run [run 3]
    Succeeded after [took], wrote `check` version 1.

    $ sedge model method run api check --input url=$SERVER/status/503 --input require=true
    ------- stderr -------
    Run [run 4]
    error: `check` of `api` failed
    caused by: the answer is not as expected: status 503 (plugin/not-good)
    note: of api.check, 1 version was kept: `check` version 2
    hint: see the calls of the run: `sedge run show [run 4]`
    hint: see what they logged: `sedge run logs [run 4]`
    [exit status: 1]

    $ sedge model method run api check --input url=$SERVER/hang-up
    ------- stdout -------
    {
      "url": "$SERVER/hang-up",
      "good": false,
      "latencyMs": "[ms]",
      "error": "closed"
    }
    ------- stderr -------
    Run [run 5]
      api.check: warn: GET $SERVER: the connection was closed in the middle
    Succeeded after [took], wrote `check` version 3.
    "#);
}

#[test]
fn bad_status_is_shown_with_the_body() {
    let (env, server) = with_server();
    grant(&env, &server);
    let ran = env.run([
        "model",
        "method",
        "run",
        "api",
        "fetch",
        "--input",
        "url=$SERVER/frozen",
    ]);
    let body = "was answered with status 422: {\"error\": \"the zone is frozen until monday\"}";
    assert!(ran.stderr.contains(body), "{ran}");
    assert_eq!(ran.code(), Some(1));
}

#[test]
fn compressed_body_is_decoded_or_named_as_such() {
    let (env, server) = with_server();
    grant(&env, &server);
    let fetched = |coding: &str| {
        let url = format!("url=$SERVER/coded/{coding}");
        env.run([
            "model", "method", "run", "api", "fetch", "--input", &url, "--json",
        ])
    };
    let document = |coding: &str| -> serde_json::Value {
        let ran = fetched(coding);
        let document: Result<serde_json::Value, _> = serde_json::from_str(&ran.stdout);
        document.unwrap_or_else(|error| panic!("{error}: {ran}"))["data"]["value"].clone()
    };
    for coding in ["gzip", "deflate", "raw", "br"] {
        let value = document(coding);
        assert_eq!(
            value["json"],
            serde_json::json!({"zone": "a"}),
            "{coding}: {value}"
        );
        assert!(
            value["headers"].get("content-length").is_none(),
            "{coding}: {value}"
        );
    }
    let value = document("zstd");
    assert_eq!(value["body"]["contentEncoding"], "zstd", "{value}");
    let broken = fetched("broken");
    assert_eq!(broken.code(), Some(1), "{broken}");
}

#[test]
fn invalid_request_is_refused_with_the_reason() {
    let (env, server) = with_server();
    grant(&env, &server);
    let fetch = |input: &str, url: &str| {
        let url = format!("url={url}");
        let args = [
            "model", "method", "run", "api", "fetch", "--input", &url, "--input", input,
        ];
        let ran = env.run(args);
        format!("{}{}", ran.stdout, ran.stderr)
    };
    let echoed = fetch("method=post", "$SERVER/json");
    assert!(echoed.contains("\"status\": 200"), "{echoed}");
    let name = fetch("method=GET", "http://user:pw@127.0.0.1:9/");
    assert!(name.contains("its URL has a user name in it"), "{name}");
    let method = fetch("method=ge:t", "$SERVER/json");
    assert!(
        method.contains("method") && !method.contains("its URL or its length"),
        "{method}"
    );
}

/// A certificate of an unknown authority is refused, and so is a certificate for another name.
#[test]
fn server_without_a_valid_certificate_is_refused() {
    let (env, server) = with_server();
    grant(&env, &server);
    env.trust(&Authority::default());
    insta::assert_snapshot!(env.transcript("
        model method run api fetch --input url=$SERVER/json
    "), @r#"
    $ sedge model method run api fetch --input url=$SERVER/json
    ------- stderr -------
    Run [run]
      api.fetch: warn: GET $SERVER: no connection over TLS: invalid peer certificate: UnknownIssuer
    error: `fetch` of `api` failed
    caused by: GET $SERVER/json failed: no trusted connection (plugin/tls)
      details from the plugin: {"request":"GET $SERVER/json"}
    hint: see the calls of the run: `sedge run show [run]`
    hint: see what they logged: `sedge run logs [run]`
    [exit status: 1]
    "#);
    let authority = Authority::default();
    let mut env = env;
    let other = Server::tls(&authority, &["example.com"]);
    env.trust(&authority);
    env.server(&other.origin_by("localhost"));
    let definition = env.read_file("models/api.yaml");
    let definition = definition.replace(
        &server.origin_by("localhost"),
        &other.origin_by("localhost"),
    );
    env.write_file("models/api.yaml", definition);
    insta::assert_snapshot!(env.transcript("
        model method run api fetch --input url=$SERVER/json
    "), @r#"
    $ sedge model method run api fetch --input url=$SERVER/json
    ------- stderr -------
    Run [run 2]
      api.fetch: warn: GET $SERVER: no connection over TLS: invalid peer certificate: certificate not valid for name "localhost"; certificate is only valid for DnsName("example.com")
    error: `fetch` of `api` failed
    caused by: GET $SERVER/json failed: no trusted connection (plugin/tls)
      details from the plugin: {"request":"GET $SERVER/json"}
    hint: see the calls of the run: `sedge run show [run 2]`
    hint: see what they logged: `sedge run logs [run 2]`
    [exit status: 1]
    "#);
    assert!(other.requests().is_empty(), "it received no request");
}

#[test]
fn requests_of_the_plugin_are_shown() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        plugin add $GUESTS/http.wasm
        plugin add $GUESTS/http.wasm --grant http=https://api.example.com
        model create @sedge/http api
        model permissions api
    "), @r#"
    $ sedge plugin add $GUESTS/http.wasm
    ------- stderr -------
    error: `@sedge/http` requests permissions that were not decided on
    caused by: it requests permission to send any requests to https://*:*: to send the requests that its arguments describe
    caused by: it requests permission to send any requests to http://*:*: to send the requests that its arguments describe
    caused by: it requests permission to send the secret `HTTP_TOKEN` to https://*:*, http://*:*: to authenticate the requests that set `token`
    hint: grant everything that it requests: `--grant-all`
    hint: or only a part of it: `--grant KIND=WHAT`
    hint: or nothing: `--grant none`
    [exit status: 2]

    $ sedge plugin add $GUESTS/http.wasm --grant http=https://api.example.com
    ------- stderr -------
    Added @sedge/http 2026.12.01.1
    Granted in part: send any requests to https://*:*: to send the requests that its arguments describe
    Not granted: send any requests to http://*:*: to send the requests that its arguments describe
    Not granted: send the secret `HTTP_TOKEN` to https://*:*, http://*:*: to authenticate the requests that set `token`
    hint: `sedge model create @sedge/http NAME` creates a model of it

    $ sedge model create @sedge/http api
    ------- stderr -------
    Created the model api in models/api.yaml
    api may send requests: any https://api.example.com (as may every @sedge/http)
    hint: `sedge plugin describe @sedge/http` shows its methods

    $ sedge model permissions api
    ------- stdout -------
    KIND     ASKS FOR                           MAY                          LAST USED  WHY
    http     https://*:*                        any https://api.example.com  -          to send the requests that its arguments describe
    http     http://*:*                         -                            -          to send the requests that its arguments describe
    secrets  HTTP_TOKEN https://*:* http://*:*  -                            -          to authenticate the requests that set `token`
    ------- stderr -------
    hint: grant what is missing under `grants:` in models/api.yaml, or under `plugins: {"@sedge/http": {grants: ...}}` in sedge.yaml for all models of the type
    "#);
}
