//! Tests of what a method asks for outside: nested calls, workflows, commands, secrets and HTTP.

use std::io::{Read, Write};

use serde_json::json;

use super::*;
use crate::Request;

#[test]
fn nested_calls_are_answered_by_the_test() {
    let test = TestContext::new(model);
    test.on_call("sink", "run", |arguments| Ok(json!({"echo": arguments})));
    let value = test.with(|cx| Ok(cx.call("sink", "run", &json!({"n": 1}))?.value));
    assert_eq!(value.expect("it is answered"), json!({"echo": {"n": 1}}));
    let pending = test.with(|cx| Ok(cx.start("sink", "run", &json!({"n": 2})).wait()?.value));
    assert_eq!(pending.expect("it is answered"), json!({"echo": {"n": 2}}));
    assert_eq!(test.calls()[1].arguments, json!({"n": 2}));
    let code = |target: &str, method: &str| {
        let error = test.with(|cx| Ok(cx.call(target, method, &json!({})).map(drop)?));
        let error = error.expect_err("it has no outcome");
        (error.code().to_owned(), error.to_string())
    };
    let missing = ("not-found".to_owned(), "no method named `rum`".to_owned());
    assert_eq!(code("sink", "rum"), missing);
    assert_eq!(code("stranger", "run").0, "denied");
    test.on_call("sink", "fails", |_| {
        Err(CallError::Failed(Failure::new("hot", "too hot")))
    });
    assert_eq!(
        code("sink", "fails"),
        ("hot".to_owned(), "too hot".to_owned())
    );
}

#[test]
fn secret_does_not_pass_to_a_callee() {
    let test = TestContext::new(model);
    test.secret("KEY", "s3cret")
        .on_call("sink", "run", |_| Ok(json!(null)));
    let error = test.with(|cx| {
        let key = String::from_utf8(cx.secret("KEY")?.reveal()?).expect("text");
        Ok(cx.call("sink", "run", &json!({"key": key})).map(drop)?)
    });
    assert_eq!(error.expect_err("it is refused").code(), "denied");
    assert!(test.calls().is_empty());
}

#[test]
fn workflows_are_answered_by_the_test() {
    let test = TestContext::new(model);
    let missing = test.with(|cx| Ok(cx.run_workflow("deploy", &json!({})).map(drop)?));
    assert_eq!(
        missing.expect_err("there is none").to_string(),
        "no workflow named `deploy`"
    );
    test.on_workflow("deploy", |inputs| {
        let success = crate::RunSuccess {
            run: "k3v9q2x8w1mz".to_owned(),
            outputs: Some(serde_json::Map::from_iter([(
                "main/a".to_owned(),
                inputs.clone(),
            )])),
        };
        Ok(RunOutcome::Succeeded(success))
    });
    let output = test.with(|cx| {
        let success = cx.run_workflow("deploy", &json!({"n": 1}))?.success()?;
        Ok(success.output_as::<Value>("main/a")?)
    });
    assert_eq!(output.expect("it succeeds"), Some(json!({"n": 1})));
    let run = test.with(|cx| Ok(cx.start_workflow("deploy", &json!({}))?));
    assert_eq!(run.expect("it starts"), "k3v9q2x8w1mz");
    assert_eq!(test.workflows()[1], ("deploy".to_owned(), json!({})));
}

#[test]
fn commands_are_answered_by_the_test() {
    let test = TestContext::new(model);
    let error = test.with(|cx| Ok(cx.command("date").run().map(drop)?));
    assert_eq!(error.expect_err("it has no pin").code(), "not-pinned");
    test.on_command("date", |command| {
        let printed = |text: &str| crate::Printed {
            bytes: text.as_bytes().to_vec(),
            is_cut: false,
        };
        let is_good = command.arguments == ["-u"];
        Ok(Output {
            end: crate::End::Exit(u8::from(!is_good)),
            stdout: printed("Tue"),
            stderr: printed("bad\n"),
        })
    });
    let day = test.with(|cx| {
        Ok(cx
            .command("date")
            .argument("-u")
            .run()?
            .success()?
            .stdout
            .text())
    });
    assert_eq!(day.expect("it succeeds"), "Tue");
    let error = test.with(|cx| cx.command("date").stdin("x").run()?.success().map(drop));
    assert_eq!(
        error.expect_err("it fails").to_string(),
        "a command ended with 1: bad"
    );
    assert_eq!(test.commands()[1].stdin, b"x");
    let error = test.with(|cx| Ok(cx.command("rm").run().map(drop)?));
    assert_eq!(error.expect_err("it is denied").code(), "denied");
}

#[test]
fn requests_are_answered_by_the_test_with_secrets_in_place() {
    let test = TestContext::new(model);
    test.secret("TOKEN", "t0ken")
        .on_http("POST", "https://api.example.com/zones", |request| {
            assert_eq!(request.header("Authorization"), Some("Bearer t0ken"));
            assert_eq!(request.json().expect("JSON"), json!({"key": "t0ken"}));
            HttpReply::new(201)
                .header("Location", "/zones/1")
                .json(&json!({"id": 1}))
        });
    let id = test.with(|cx| {
        let token = cx.secret("TOKEN")?;
        let request = Request::post("https://api.example.com/zones?all=1")
            .header("authorization", format!("Bearer {token}"))
            .json(&json!({"key": token.placeholder()}))?;
        let response = cx.http(&request)?;
        assert_eq!(
            (response.status(), response.header("location")),
            (201, Some("/zones/1"))
        );
        Ok(response.json::<Value>(100)?)
    });
    assert_eq!(id.expect("it is answered"), json!({"id": 1}));
    assert_eq!(
        test.requests()[0].header("user-agent"),
        Some(concat!("sedge-sdk/", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn secret_is_sent_to_its_hosts_only() {
    let test = TestContext::new(model);
    test.secret("TOKEN", "t0ken")
        .on_http("GET", "https://other.example.com/", |_| HttpReply::new(200));
    let error = test.with(|cx| {
        let basic = cx.secret("TOKEN")?.basic("ada");
        let request = Request::get("https://other.example.com/").header("authorization", basic);
        Ok(cx.http(&request).map(drop)?)
    });
    let expect = "GET https://other.example.com/ was denied";
    assert_eq!(error.expect_err(expect).to_string(), expect);
    assert_eq!(
        test.log()[0].message,
        "`kit` may not send the secret `TOKEN` to https://other.example.com: its plugin `@test/kit` does not request it"
    );
    assert!(test.requests().is_empty());
    let error = test.with(|cx| cx.secret("TOKEN")?.reveal().map(drop));
    assert_eq!(
        error.expect_err("it may not").to_string(),
        "`kit` may not see the secret `TOKEN`: its plugin `@test/kit` does not request it"
    );
    let error = test.with(|cx| cx.secret("KEY").map(drop));
    assert_eq!(
        error.expect_err("none").to_string(),
        "there is no secret `KEY`"
    );
}

#[test]
fn http_faults_are_those_of_production() {
    let test = TestContext::new(model);
    let check = |reply: HttpReply, expect: &str| {
        test.on_http("GET", "https://api.example.com/", move |_| reply.clone());
        let request = Request::get("https://api.example.com/");
        let read = test.with(|cx| {
            let mut text = String::new();
            cx.http(&request)?.read_to_string(&mut text)?;
            Ok(())
        });
        assert_eq!(read.expect_err(expect).code(), expect);
    };
    check(HttpReply::fault(HttpFault::Dns), "dns");
    check(HttpReply::fault(HttpFault::Connect), "connect");
    check(HttpReply::fault(HttpFault::Tls), "tls");
    check(HttpReply::fault(HttpFault::Timeout), "timeout");
    check(HttpReply::fault(HttpFault::TooLarge), "too-large");
    check(HttpReply::new(200).body("half").closed_early(), "closed");
    let code = |method: &str, url: &str| {
        let request = Request::new(method, url).header("x", "y");
        let error = test.with(|cx| Ok(cx.http(&request).map(drop)?));
        error.expect_err("it has no response").code().to_owned()
    };
    assert_eq!(
        code("GET", "https://api.example.com/unprepared"),
        "protocol"
    );
    assert_eq!(code("DELETE", "https://api.example.com/"), "denied");
    assert_eq!(code("GET", "https://api.example.com:8443/"), "denied");
    assert_eq!(code("GET", "ftp://api.example.com/"), "invalid-request");
    let request = Request::get("https://api.example.com/").header("host", "other");
    let error = test.with(|cx| Ok(cx.http(&request).map(drop)?));
    assert_eq!(
        error.expect_err("it is the host's").to_string(),
        "GET https://api.example.com/ cannot be sent: its header `host` is the host's to set"
    );
}

#[test]
fn started_program_reads_what_was_written_before_its_output_is_read() {
    let test = TestContext::new(model);
    test.on_command("date", |command| {
        let text = String::from_utf8_lossy(&command.stdin).to_uppercase();
        let printed = |bytes: &[u8]| crate::Printed {
            bytes: bytes.to_vec(),
            is_cut: false,
        };
        Ok(Output {
            end: crate::End::Exit(3),
            stdout: printed(text.as_bytes()),
            stderr: printed(b""),
        })
    });
    let ended = test.with(|cx| {
        let mut process = cx.command("date").start()?;
        let streams = process.stdin.take().zip(process.stdout.take());
        let (mut stdin, mut stdout) = streams.expect("they are taken once");
        stdin.write_all(b"monday")?;
        let mut text = String::new();
        stdout.read_to_string(&mut text)?;
        let late = stdin.write_all(b"tuesday").expect_err("it has ended");
        assert_eq!(late.kind(), std::io::ErrorKind::BrokenPipe);
        Ok((text, process.wait()?))
    });
    let (text, end) = ended.expect("it succeeds");
    assert_eq!((text.as_str(), end), ("MONDAY", crate::End::Exit(3)));
    assert_eq!(test.commands()[0].stdin, b"monday");
    let killed = test.with(|cx| {
        let process = cx.command("date").start()?;
        process.kill();
        Ok(process.wait()?)
    });
    assert_eq!(killed.expect("it succeeds"), crate::End::Signal(9));
    assert_eq!(test.commands().len(), 1, "a killed program has not run");
}

#[test]
fn options_of_a_command_are_recorded() {
    let test = TestContext::new(model);
    test.on_command("date", |_| {
        Err(CommandError::TimedOut {
            command: "date".to_owned(),
            after_ms: 5,
        })
    });
    let error = test.with(|cx| {
        let command = cx
            .command("date")
            .folder("below")
            .variable("TZ", "UTC")
            .stdin("x");
        Ok(command.run().map(drop)?)
    });
    assert_eq!(error.expect_err("it takes too long").code(), "timed-out");
    let command = &test.commands()[0];
    assert_eq!(command.folder.as_deref(), Some("below"));
    assert_eq!(command.variables, [("TZ".to_owned(), "UTC".to_owned())]);
    assert_eq!(command.stdin, b"x");
}

#[test]
fn waiting_advances_the_clock_to_the_first_timer() {
    let test = TestContext::new(model);
    test.on_call("sink", "run", |_| Ok(json!(1)));
    let waited = test.with(|cx| {
        let before = cx.now();
        let timers = [7, 3].map(|s| crate::timer(Duration::from_secs(s)));
        let ready = crate::poll(&[&timers[0], &timers[1]]);
        let mut call = cx.start("sink", "run", &json!({}));
        let outcome = call
            .wait_for(Duration::from_secs(60))
            .expect("it has ended")?;
        assert_eq!(outcome.value, json!(1));
        assert_eq!(call.try_wait(), Some(Err(CallError::Cancelled)));
        Ok((ready, cx.now().duration_since(before).expect("later")))
    });
    let (ready, waited) = waited.expect("it succeeds");
    assert_eq!((ready, waited), (vec![1], Duration::from_secs(3)));
}

#[test]
fn cancelled_call_sees_the_request_and_writes_nothing() {
    let test = TestContext::new(model);
    let handle = test.clone();
    let error = test.with(move |cx| {
        cx.write("record", &record("lost"))?;
        assert!(!cx.cancellation().wait_for(Duration::from_secs(1)));
        handle.cancel();
        cx.cancellation().wait();
        assert!(cx.is_cancelled());
        Ok(())
    });
    assert_eq!(error, Err(CallError::Cancelled));
    assert!(test.versions("record").is_empty());
    test.with(|_| Ok(()))
        .expect("the next call is not cancelled");
}

#[test]
fn queries_and_definitions_are_answered_by_the_test() {
    let test = TestContext::new(model);
    let predicate = "spec == \"record\"";
    let of = |model: &str| QueryResult {
        model: model.to_owned(),
        name: "record".to_owned(),
        value: json!("found"),
    };
    test.on_query(predicate, vec![of("sink"), of("stranger")]);
    test.definition(ModelDefinition {
        name: "sink".to_owned(),
        id: None,
        type_name: "@acme/sink".to_owned(),
        type_version: None,
        description: None,
        tags: std::collections::BTreeMap::new(),
        global_arguments: None,
    });
    let found = test.with(|cx| {
        Ok(cx
            .query::<String>(predicate, "content")
            .collect::<Result<Vec<_>, _>>()?)
    });
    let found = found.expect("it is prepared");
    assert_eq!((found.len(), found[0].value.as_str()), (1, "found"));
    let type_name = test.with(|cx| Ok(cx.model("sink")?.type_name));
    assert_eq!(type_name.expect("it may read it"), "@acme/sink");
    let all = test.with(|cx| Ok(cx.models().collect::<Result<Vec<_>, _>>()?.len()));
    assert_eq!(all.expect("it succeeds"), 1);
    let missing = test.with(|cx| Ok(cx.model("stranger").map(drop)?));
    assert_eq!(missing.expect_err("it may not").code(), "denied");
}
