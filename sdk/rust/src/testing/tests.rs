//! Tests of the test context: what it does with methods, data, files, the clock and permissions.

mod outside;
mod sealed;

use std::io::{BufRead, Write};

use serde_json::json;

use super::*;
use crate::MethodKind as MethodKindOf;
use crate::{DataError, Level, NoArguments, OnViolation, Retention};

#[crate::arguments]
struct Named {
    /// The name
    name: String,
    #[serde(default)]
    n: u8,
}

#[crate::resource]
#[derive(Debug, PartialEq)]
struct Record {
    text: String,
}

#[crate::arguments]
struct Globals {
    region: String,
}

fn record(text: &str) -> Record {
    let text = text.to_owned();
    Record { text }
}

fn model() -> Model {
    let http = |url: &str| Permission::Http {
        url: url.to_owned(),
        methods: vec!["GET".to_owned(), "POST".to_owned()],
    };
    let secret = |name: &str, reveal| Permission::Secrets {
        name: name.to_owned(),
        hosts: vec!["https://api.example.com".to_owned()],
        reveal,
    };
    let command = Permission::Commands {
        name: "date".to_owned(),
    };
    let env = Permission::Env {
        name: "HOME".to_owned(),
    };
    let files = Permission::Files {
        name: "in".to_owned(),
        access: crate::FileAccess::Read,
    };
    Model::new("@test/kit", "2026.12.01.2", "Is tested")
        .global_arguments::<Globals>()
        .resource_with::<Record>(
            "record",
            "The record",
            OnViolation::Refuse,
            Retention::new().tag("kind", "note"),
        )
        .resource_with::<Record>("loose", "Anything", OnViolation::Warn, Retention::new())
        .file("report", "text/plain", "The report")
        .asks_for_models("sink", "to call it")
        .asks_for_workflows("deploy", "to run it")
        .asks_for(http("https://api.example.com"), "to ask")
        .asks_for(http("https://other.example.com"), "to ask")
        .asks_for(secret("TOKEN", false), "to sign in")
        .asks_for(secret("KEY", true), "to sign")
        .asks_for(command, "to know the day")
        .asks_for(env, "to know the home")
        .asks_for(files, "to read")
        .method("write", MethodKindOf::Action, "Write it", write)
        .method("look", MethodKindOf::Read, "Look", look)
        .method("remove", MethodKindOf::Delete, "Remove it", remove)
        .check("short", "The name is short", |_, call| {
            match call.argument("name").as_str() {
                Some(name) if name.len() > 9 => Err(Failure::new("long", "9 letters at most")),
                Some(_) | None => Ok(()),
            }
        })
        .upgrade("2026.12.01.1", "`zone` is now `region`", |arguments| {
            let zone = arguments.remove("zone").unwrap_or_default();
            arguments.insert("region".to_owned(), zone);
            Ok(())
        })
}

fn write(cx: &Context, arguments: Named) -> Result<String, Failure> {
    cx.write("record", &record(&arguments.name))?;
    match arguments.n {
        0 => Ok(arguments.name),
        1 => Err(Failure::new("no", "not today")),
        _ => Err(Failure::new("partly", "as far as it went").keep_writes()),
    }
}

fn look(cx: &Context, _: NoArguments) -> Result<(), Failure> {
    Ok(cx.write("record", &record("seen"))?)
}

fn remove(cx: &Context, _: NoArguments) -> Result<(), Failure> {
    Ok(cx.delete("record")?)
}

#[test]
fn method_commits_what_it_has_written() {
    let test = TestContext::new(model);
    let outcome = test.run("write", &json!({"name": "ada"}));
    let outcome = outcome.expect("it succeeds");
    assert_eq!(outcome.value, json!("ada"));
    assert_eq!(outcome.written.len(), 1);
    assert_eq!(test.latest("record"), Some(record("ada")));
    let versions = test.versions("record");
    assert_eq!(versions[0].version, Some(1));
    assert_eq!(versions[0].tags["kind"], "note");
    assert_eq!(versions[0].model, "kit");
}

#[test]
fn failure_discards_the_writes_unless_it_keeps_them() {
    let test = TestContext::new(model);
    let error = test.run("write", &json!({"name": "ada", "n": 1}));
    let error = error.expect_err("it fails");
    assert_eq!(
        (error.code(), error.to_string()),
        ("no", "not today".to_owned())
    );
    assert_eq!(test.latest::<Record>("record"), None);
    let error = test.run("write", &json!({"name": "ada", "n": 2}));
    assert_eq!(error.expect_err("it fails").code(), "partly");
    assert_eq!(test.latest("record"), Some(record("ada")));
}

#[test]
fn arguments_are_checked_against_the_schema() {
    let check = |method: &str, arguments: Value, expect: &str| {
        let error = TestContext::new(model).run(method, &arguments);
        assert_eq!(error.expect_err(expect).to_string(), expect);
    };
    check("rum", json!({}), "no method named `rum`");
    check(
        "write",
        json!({"nam": 1}),
        "the arguments do not fit the method's schema: there is no `nam`; `name` is required, and was not given",
    );
    check(
        "write",
        json!({"name": 1}),
        "the arguments do not fit the method's schema: /name: it has to be a text; `1` was given",
    );
}

#[test]
fn failed_check_stops_the_method() {
    let test = TestContext::new(model);
    let error = test.run("write", &json!({"name": "much too long"}));
    let expect = "the check `short` failed: 9 letters at most";
    assert_eq!(error.expect_err(expect).to_string(), expect);
    assert!(test.versions("record").is_empty());
    let found = test.check("short", "write", &json!({"name": "much too long"}));
    assert_eq!(found, Err("9 letters at most".to_owned()));
}

#[test]
fn check_only_reads() {
    let guarded = || {
        model().check("pushy", "Does too much", |cx, _| {
            assert_eq!(cx.write("record", &record("no")), Err(DataError::ReadOnly));
            Ok(cx.call("sink", "run", &json!({})).map(drop)?)
        })
    };
    let error = TestContext::new(guarded).run("write", &json!({"name": "ada"}));
    let expect = "the check `pushy` failed: `kit` may not call the model `sink` in a check: a check only reads";
    assert_eq!(error.expect_err(expect).to_string(), expect);
}

#[test]
fn kind_of_a_method_decides_what_it_may_do() {
    let test = TestContext::new(model);
    let error = test.run("look", &json!({})).expect_err("it reads");
    assert_eq!(error.to_string(), "a method of kind `read` cannot write");
    test.put("record", "record", &record("old"));
    let error = test.with(|cx| Ok(cx.delete("record")?));
    let expect = "`test` may not delete data: it is of kind `action`, not `delete`";
    assert_eq!(error.expect_err(expect).to_string(), expect);
    test.run("remove", &json!({})).expect("it may delete");
    assert!(test.versions("record").is_empty());
}

#[test]
fn data_errors_are_those_of_production() {
    let test = TestContext::new(model);
    let check = |write: &dyn Fn(&Context) -> Result<(), DataError>, expect: &str| {
        let error = test.with(|cx| Ok(write(cx)?)).expect_err(expect);
        assert_eq!(error.to_string(), expect);
    };
    check(
        &|cx| cx.write("other", &1),
        "no resource or file named `other` is declared",
    );
    check(
        &|cx| cx.write("record", &json!({})),
        "the content does not fit the resource's schema: `text` is required, and was not given",
    );
    check(
        &|cx| cx.write("record", &json!({"text": {"$sealed": 1}})),
        "the content does not fit the resource's schema: /text: the key `$sealed` is reserved for values that Sedge seals",
    );
    check(
        &|cx| cx.write_named("record", "", &record("")),
        "`` is not a data name: it takes 1 to 255 bytes of text without control characters",
    );
    check(
        &|cx| cx.latest_of::<Record>("stranger", "record").map(drop),
        "`kit` may not read the model `stranger`: its plugin `@test/kit` does not request it",
    );
    check(
        &|cx| cx.latest_of::<Record>("sink", "record").map(drop),
        "no model named `sink`",
    );
    test.put_of("sink", "record", &record("of sink"));
    let read = test.with(|cx| Ok(cx.latest_of::<Record>("sink", "record")?));
    let read = read.expect("it may").expect("it is there");
    assert_eq!(read.content, record("of sink"));
}

#[test]
fn loose_resource_is_staged_with_a_warning() {
    let test = TestContext::new(model);
    test.with(|cx| Ok(cx.write("loose", &json!({}))?))
        .expect("it is staged");
    assert_eq!(test.file("loose").as_deref(), Some(&b"{}"[..]));
    let line = &test.log()[0];
    assert_eq!(line.level, Level::Warn);
    assert_eq!(
        line.message,
        "`loose` does not fit the schema of `loose`: `text` is required, and was not given"
    );
}

#[test]
fn staged_data_is_visible_to_the_method_alone() {
    let test = TestContext::new(model);
    let handle = test.clone();
    let seen = test.with(move |cx| {
        cx.write("record", &record("new"))?;
        let own = cx.latest::<Record>("record")?.expect("it is staged");
        assert_eq!(own.info.version, None);
        let listed: Vec<_> = cx.list("").collect::<Result<_, _>>()?;
        assert_eq!((listed.len(), listed[0].version), (1, None));
        assert_eq!(handle.latest::<Record>("record"), None);
        let published = cx.publish()?;
        assert_eq!(handle.latest("record"), Some(record("new")));
        Ok(published)
    });
    assert_eq!(seen.expect("it succeeds")[0].version, 1);
}

#[test]
fn data_that_changed_meanwhile_is_not_overwritten() {
    let test = TestContext::new(model);
    test.put("record", "record", &record("one"));
    let callee = test.clone();
    test.on_call("sink", "run", move |_| {
        callee.put("record", "record", &record("two"));
        Ok(json!(null))
    });
    let error = test.with(|cx| {
        cx.latest::<Record>("record")?;
        cx.call("sink", "run", &json!({}))?;
        Ok(cx.write("record", &record("three"))?)
    });
    let expect = "the test wrote version 2 of `record` after this call had read it, so none of this call's changes were written";
    let error = error.expect_err(expect);
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("changed-meanwhile", expect)
    );
    assert_eq!(test.latest("record"), Some(record("two")));
}

#[test]
fn files_are_written_and_read_in_pieces() {
    let test = TestContext::new(model);
    test.with(|cx| {
        let mut report = cx.file("report").media_type("text/csv").create()?;
        writeln!(report, "one,two")?;
        report.finish()?;
        let mut lines = cx.file("report").named("log").create_lines()?;
        lines.write_line("first")?;
        lines.write_line("second")?;
        lines.finish()?;
        drop(cx.file("report").named("dropped").create()?);
        let bad = cx.file("report").media_type("text").create();
        assert_eq!(bad.expect_err("no type").code(), "invalid-name");
        Ok(())
    })
    .expect("it succeeds");
    assert_eq!(test.file("report").as_deref(), Some(&b"one,two\n"[..]));
    assert_eq!(test.versions("report")[0].media_type, "text/csv");
    assert_eq!(test.file("dropped"), None);
    let lines = test.with(|cx| {
        let log = cx.open_file("log")?.expect("it was written");
        assert_eq!(log.info().kind, crate::DataKind::File);
        assert_eq!(cx.latest::<Record>("log")?, None, "a file is no resource");
        Ok(log.lines().map_while(Result::ok).collect::<Vec<String>>())
    });
    assert_eq!(lines.expect("it succeeds"), ["first", "second"]);
}

#[test]
fn more_files_than_the_limit_are_refused() {
    let test = TestContext::new(model);
    test.put_file("report", "report", "text");
    let error = test.with(|cx| {
        let mut open = Vec::new();
        for _ in 0..65 {
            open.push(cx.open_file("report")?);
        }
        Ok(())
    });
    let expect = "the limit `open-files` of 64 was reached";
    assert_eq!(error.expect_err(expect).to_string(), expect);
    test.with(|cx| Ok(cx.open_file("report").map(drop)?))
        .expect("the files were closed");
}

#[test]
fn clock_is_that_of_the_test() {
    let test = TestContext::new(model);
    test.set_now(UNIX_EPOCH + Duration::from_secs(100))
        .time_limit(Duration::from_secs(10));
    let left = test.with(|cx| {
        cx.sleep(Duration::from_secs(4));
        assert_eq!(cx.now(), UNIX_EPOCH + Duration::from_secs(104));
        cx.write("record", &record("late"))?;
        Ok(cx.deadline_left())
    });
    assert_eq!(left.expect("in time"), Duration::from_secs(6));
    assert_eq!(test.versions("record")[0].created_at_ms, Some(104_000));
    let handle = test.clone();
    let error = test.with(move |cx| {
        handle.advance(Duration::from_secs(11));
        Ok(cx.write("record", &record("too late"))?)
    });
    assert_eq!(error, Err(CallError::TimedOut { after_ms: 10_000 }));
    assert_eq!(test.latest("record"), Some(record("late")));
}

#[test]
fn variables_and_folders_are_those_of_the_test() {
    let test = TestContext::new(model);
    test.variable("HOME", "the home of ada");
    let home = test.with(|cx| cx.variable("HOME"));
    assert_eq!(home.expect("it may"), Some("the home of ada".to_owned()));
    let error = test.with(|cx| cx.variable("PATH")).expect_err("it may not");
    assert_eq!(
        error.to_string(),
        "`kit` may not see the environment variable `PATH`: its plugin `@test/kit` does not request it"
    );
    let error = test.with(|cx| cx.folder("in")).expect_err("it has no path");
    assert_eq!(
        error.to_string(),
        "`kit` may not use the folder `in`: no grant allows it; the test sets no path for it"
    );
    test.folder("in", "/");
    let error = test.with(|cx| cx.folder("in")?.open("no such file"));
    let error = error.expect_err("there is none").to_string();
    assert!(
        error.starts_with("cannot open `no such file` in the folder `in`: "),
        "{error}"
    );
}

#[test]
fn denied_permission_is_refused_although_it_is_requested() {
    let test = TestContext::new(model);
    let model = "sink".to_owned();
    test.put_of("sink", "record", &record("of sink"));
    test.deny(Permission::Models { model });
    let error = test.with(|cx| Ok(cx.latest_of::<Record>("sink", "record")?));
    assert_eq!(
        error.expect_err("it is denied").to_string(),
        "`kit` may not read the model `sink`: no grant allows it; the test denies it"
    );
}

#[test]
#[should_panic(expected = "the type does not request Env")]
fn denying_what_is_not_requested_is_a_fault_of_the_test() {
    let name = "PATH".to_owned();
    TestContext::new(model).deny(Permission::Env { name });
}

#[test]
fn global_arguments_are_typed_and_checked() {
    let test = TestContext::new(model);
    test.global_arguments(&json!({"region": "eu"}));
    let region = test.with(|cx| Ok(cx.global_arguments::<Globals>()?.region));
    assert_eq!(region.expect("they fit"), "eu");
}

#[test]
#[should_panic(expected = "the global arguments do not fit the type: there is no `zone`")]
fn global_arguments_that_do_not_fit_are_a_fault_of_the_test() {
    TestContext::new(model).global_arguments(&json!({"zone": "eu"}));
}

#[test]
fn upgrades_after_the_version_are_applied() {
    let test = TestContext::new(model);
    let old = json!({"zone": "eu"});
    let new = test.upgrade("2026.11.30.1", &old).expect("it is upgraded");
    assert_eq!(new, json!({"region": "eu"}));
    assert_eq!(test.upgrade("2026.12.01.1", &old), Ok(old));
}

#[test]
fn log_has_levels_and_fields() {
    let test = TestContext::new(model);
    test.with(|cx| {
        cx.log(Level::Debug, "looked", &[("n", json!(3))]);
        Ok(())
    })
    .expect("it succeeds");
    assert_eq!(
        test.log(),
        [LogEntry {
            level: Level::Debug,
            message: "looked".to_owned(),
            fields: vec![("n".to_owned(), json!(3))],
        }]
    );
}

#[test]
fn identity_names_the_model_of_the_test() {
    let test = TestContext::new(model);
    test.named("mine");
    let identity = test
        .with(|cx| Ok(cx.identity().clone()))
        .expect("it succeeds");
    assert_eq!(identity.model, "mine");
    assert_eq!(identity.type_name, "@test/kit");
    assert_eq!(identity.call, "000000000000/1");
    let second = test.with(|cx| Ok(cx.identity().call.clone()));
    assert_eq!(second.expect("it succeeds"), "000000000000/2");
}

#[test]
#[should_panic(expected = "run a method by `TestContext::run`")]
fn host_outside_of_a_test_context_is_explained() {
    let _ = Context::new("{}".to_owned()).identity();
}

#[test]
fn list_has_the_latest_versions_that_meet_the_filter() {
    let test = TestContext::new(model);
    test.put("record", "a/1", &record("one"));
    test.put("record", "a/2", &record("two"));
    test.put("record", "b", &record("three"));
    let names = test.with(|cx| {
        cx.resource("record")
            .named("a/3")
            .tag("stage", "prod")
            .write(&record("four"))?;
        let names = |prefix: &str| -> Result<Vec<String>, DataError> {
            cx.list(prefix).map(|info| Ok(info?.name)).collect()
        };
        Ok((names("a/")?, names("c")?))
    });
    let (found, missing) = names.expect("it succeeds");
    assert_eq!(found, ["a/1", "a/2", "a/3"]);
    assert!(missing.is_empty());
}

#[test]
fn observation_writes_and_is_not_checked() {
    let observing = || {
        model().method(
            "observe",
            MethodKindOf::Observe,
            "Look and write",
            |cx: &Context, arguments: Named| Ok(cx.write("record", &record(&arguments.name))?),
        )
    };
    let test = TestContext::new(observing);
    test.run("observe", &json!({"name": "longer than the check allows"}))
        .expect("no check runs");
    assert_eq!(test.versions("record").len(), 1);
}
