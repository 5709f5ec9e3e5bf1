//! Reports: a plugin makes them from what is handed to it, and can reach nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sedge_model::call::CallError;
use sedge_model::limits::ComponentLimits;
use sedge_model::names::ReportName;
use sedge_model::report::{
    ReportScope, ReportSubject, ReportedCall, ReportedContent, ReportedData, ReportedFault,
    ReportedModel, ReportedModelData, ReportedOutcome, ReportedRun, ReportedRunStatus,
    ReportedStep, ReportedStepOutcome,
};
use sedge_model::run::{StepInstance, StepPath};
use sedge_runtime::{
    CoreDumps, Plugin, PluginError, ReportDocument, ReportError, Runtime, Workload,
};
use sedge_test_forge::PluginText;
use serde_json::{Value, json};

/// How long a plugin may take that describes itself or makes a report.
const TIME_MAX: Duration = Duration::from_secs(2);

/// An engine and a plugin.
struct Fixture {
    runtime: Runtime,
    plugin: Arc<Plugin>,
}

impl Fixture {
    async fn of(component: &[u8]) -> Self {
        let runtime = runtime();
        let added = runtime.plugin_add(component, |_| ()).await;
        let plugin = added.expect("a plugin").plugin;
        Self { runtime, plugin }
    }

    async fn witness() -> Self {
        let component = fs::read(sedge_test_artifacts::WITNESS).expect("it was built");
        Self::of(&component).await
    }

    /// Returns a plugin with the report `state`, which has this body.
    async fn forged(plugin: PluginText, body: &str) -> Self {
        Self::of(&plugin.method("run", "").report("state", body).component()).await
    }

    async fn make(
        &self,
        name: &str,
        subject: ReportSubject,
    ) -> Result<ReportDocument, ReportError> {
        let name = named(name);
        let made = self.runtime.report(&self.plugin, &name, subject, |_| ());
        made.await
    }

    async fn state(&self, data: Vec<ReportedData>) -> Result<ReportDocument, ReportError> {
        self.make("state", state(data)).await
    }

    /// Makes the report `state`, which fails because its plugin does. Returns the error.
    async fn failure(&self) -> String {
        match self.state(Vec::new()).await {
            Err(ReportError::Failed(error)) => error.to_string(),
            other => panic!("the plugin should have failed: {other:?}"),
        }
    }
}

fn runtime() -> Runtime {
    let runtime = Runtime::new(None, Workload::OneCall, CoreDumps::Off);
    runtime
        .expect("an engine")
        .with_component_limits(ComponentLimits {
            describe: TIME_MAX,
            ..ComponentLimits::default()
        })
}

fn named(name: &str) -> ReportName {
    name.parse().expect("a name")
}

fn model() -> ReportedModel {
    ReportedModel {
        name: "one".parse().expect("a name"),
        id: "5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4".to_owned(),
        type_name: "@test/witness".parse().expect("a type"),
        type_version: "2026.12.01.1".parse().expect("a version"),
        tags: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
    }
}

fn data(name: &str, content: ReportedContent) -> ReportedData {
    ReportedData {
        model: "one".parse().expect("a name"),
        name: name.parse().expect("a name"),
        version: 3,
        spec: "mark".parse().expect("a name"),
        created_at_ms: 1_000,
        tags: BTreeMap::new(),
        content,
    }
}

fn resource(name: &str, content: Value) -> ReportedData {
    data(name, ReportedContent::Resource(content))
}

/// Returns the data as the report of `witness` shows it.
fn shown(name: &str, content: &Value) -> Value {
    json!({"name": name, "version": 3, "spec": "mark", "tags": {}, "content": content})
}

fn state(data: Vec<ReportedData>) -> ReportSubject {
    ReportSubject::Model(Box::new(ReportedModelData {
        model: model(),
        global_arguments: json!({"region": "eu"}),
        data,
    }))
}

fn call(outcome: ReportedOutcome) -> ReportSubject {
    ReportSubject::Method(Box::new(ReportedCall {
        model: model(),
        method: "wait".parse().expect("a name"),
        lineage: "k3v9q2x8w1mz/1/2".parse().expect("a lineage"),
        step: Some(StepInstance::of(StepPath {
            job: "main".parse().expect("a name"),
            step: "only".parse().expect("a name"),
        })),
        arguments: json!({"then": "return"}),
        global_arguments: json!({}),
        started_at_ms: 1_000,
        ended_at_ms: 1_250,
        outcome,
        written: vec![resource("mark", json!({"text": "a"}))],
    }))
}

#[tokio::test]
async fn report_on_a_call_shows_how_it_ended() {
    let fixture = Fixture::witness().await;
    let fault = ReportedFault {
        code: "plugin/no".to_owned(),
        message: "not today".to_owned(),
        details: Some(json!([1])),
    };
    let failed = json!({"code": "plugin/no", "message": "not today", "details": [1]});
    for (outcome, expect) in [
        (ReportedOutcome::Succeeded(json!(7)), json!({"value": 7})),
        (ReportedOutcome::Failed(fault), failed),
        (ReportedOutcome::Cancelled, json!("cancelled")),
    ] {
        let made = fixture.make("calls", call(outcome)).await;
        let made = made.expect("it can be made");
        assert_eq!(made.markdown.raw(), "# wait of one\n\nIt took 250 ms.\n");
        assert_eq!(
            made.json,
            json!({
                "call": "k3v9q2x8w1mz/1/2",
                "run": "k3v9q2x8w1mz",
                "step": "main/only",
                "arguments": {"then": "return"},
                "globalArguments": {},
                "outcome": expect,
                "written": [shown("mark", &json!({"text": "a"}))],
            })
        );
    }
}

#[tokio::test]
async fn report_on_a_model_shows_its_data() {
    let fixture = Fixture::witness().await;
    let (media_type, size) = ("text/plain".to_owned(), 5);
    let made = fixture.state(vec![
        resource("a", json!({"n": 1})),
        data("b", ReportedContent::File { media_type, size }),
        data("c", ReportedContent::Omitted { size: 9 }),
    ]);
    let made = made.await.expect("it can be made");
    assert_eq!(made.markdown.raw(), "# one\n");
    assert_eq!(
        made.json,
        json!({
            "id": "5d4a6b0e-9f7c-4a37-8d0e-3b6f7c2a91d4",
            "type": "@test/witness",
            "typeVersion": "2026.12.01.1",
            "tags": {"team": "red"},
            "globalArguments": {"region": "eu"},
            "data": [
                shown("a", &json!({"n": 1})),
                shown("b", &json!(["text/plain", 5])),
                shown("c", &json!({"omitted": 9})),
            ],
        })
    );
}

#[tokio::test]
async fn report_on_a_run_shows_its_steps() {
    let fixture = Fixture::witness().await;
    let step = |step: &str, outcome: ReportedStepOutcome| ReportedStep {
        step: step.to_owned(),
        target: None,
        n_attempts: 0,
        started_at_ms: None,
        ended_at_ms: None,
        outcome,
        is_failure_allowed: false,
        written: Vec::new(),
    };
    let fault = ReportedFault {
        code: "rejected".to_owned(),
        message: "no".to_owned(),
        details: None,
    };
    let first = ReportedStep {
        target: Some((model(), "wait".parse().expect("a name"))),
        n_attempts: 2,
        started_at_ms: Some(1),
        ended_at_ms: Some(2),
        is_failure_allowed: true,
        written: vec![resource("mark", json!(1))],
        ..step("main/a", ReportedStepOutcome::Succeeded(json!("x")))
    };
    let subject = ReportSubject::Workflow(Box::new(ReportedRun {
        workflow: "w".parse().expect("a name"),
        run: "k3v9q2x8w1mz".parse().expect("an id"),
        tags: BTreeMap::from([("by".to_owned(), "ada".to_owned())]),
        inputs: json!({"n": 1}),
        started_at_ms: 0,
        ended_at_ms: 3,
        status: ReportedRunStatus::Failed,
        steps: vec![
            first,
            step("main/b", ReportedStepOutcome::Failed(fault)),
            step("main/c", ReportedStepOutcome::Cancelled),
            step("main/d", ReportedStepOutcome::Skipped("no need".to_owned())),
        ],
    }));
    let made = fixture.make("runs", subject).await.expect("it can be made");
    assert_eq!(made.markdown.raw(), "# w\n");
    let plain = |step: &str, outcome: Value| {
        json!({
            "step": step, "model": null, "method": null, "attempts": 0, "times": [null, null],
            "outcome": outcome, "failureAllowed": false, "written": [],
        })
    };
    assert_eq!(
        made.json,
        json!({
            "run": "k3v9q2x8w1mz",
            "tags": {"by": "ada"},
            "inputs": {"n": 1},
            "status": "Failed",
            "steps": [
                {
                    "step": "main/a", "model": "one", "method": "wait", "attempts": 2,
                    "times": [1, 2], "outcome": {"value": "x"}, "failureAllowed": true,
                    "written": [shown("mark", &json!(1))],
                },
                plain("main/b", json!({"code": "rejected"})),
                plain("main/c", json!("cancelled")),
                plain("main/d", json!({"skipped": "no need"})),
            ],
        })
    );
}

#[tokio::test]
async fn report_of_another_name_or_scope_is_refused() {
    let fixture = Fixture::witness().await;
    let unknown = fixture.make("nothing", state(Vec::new())).await;
    assert!(matches!(&unknown, Err(ReportError::Undeclared(name)) if *name == named("nothing")));
    match fixture.make("calls", state(Vec::new())).await {
        Err(
            error @ ReportError::Scope {
                declared, given, ..
            },
        ) => {
            assert_eq!((declared, given), (ReportScope::Method, ReportScope::Model));
            let expect = "the report `calls` is about a method, and not about a model";
            assert_eq!(error.to_string(), expect);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn plugin_can_refuse_a_report_or_fail() {
    let fixture = Fixture::witness().await;
    match fixture.state(vec![resource("refuse", json!(1))]).await {
        Err(ReportError::Refused(message)) => assert_eq!(message, "there is nothing to report"),
        other => panic!("{other:?}"),
    }
    match fixture.state(vec![resource("panic", json!(1))]).await {
        Err(ReportError::Failed(error @ CallError::Failed(_))) => {
            assert_eq!(error.code(), "panic");
        }
        other => panic!("{other:?}"),
    }
    // Each report has an instance of its own.
    fixture.state(Vec::new()).await.expect("it can be made");
}

/// What would not fit into the memory of the guest is omitted, the largest first.
#[tokio::test]
async fn contents_beyond_the_limit_are_omitted() {
    let fixture = Fixture::witness().await;
    let text = |n: usize| json!("x".repeat(n));
    let made = fixture.state(vec![
        resource("a", text(6 << 20)),
        resource("b", text(8 << 20)),
        resource("c", text(7 << 20)),
    ]);
    // The two that are left make more JSON than a report may have.
    match made.await {
        Err(ReportError::Returned(reason)) => {
            assert!(reason.starts_with("its JSON has 136"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let many = (0..20).map(|n| resource(&format!("d{n}"), text(1 << 20)));
    let made = fixture.state(many.collect()).await;
    assert!(matches!(made, Err(ReportError::Returned(_))), "{made:?}");
}

/// A report can log, and nothing else.
#[tokio::test]
async fn report_reaches_only_the_log() {
    const IMPORTS: &str = "
        (import \"sedge:model/log@0.4.0\" \"log\"
          (func $log (param i32 i32 i32 i32 i32)))
        (import \"sedge:model/context@0.4.0\" \"who\" (func $who (param i32)))
        (import \"sedge:model/context@0.4.0\" \"subscribe-cancellation\"
          (func $subscribe (result i32)))\n";
    let forged = async |body: &str| {
        let plugin = PluginText::new("@forged/reporter").imports(IMPORTS);
        Fixture::forged(plugin, body).await
    };
    let denied = "a description, an upgrade or a report may not use this import";
    for body in [
        "(call $who (global.get $scratch)) (unreachable)",
        "(drop (call $subscribe)) (unreachable)",
    ] {
        let failure = forged(body).await.failure().await;
        assert!(failure.contains(denied), "{body}: {failure}");
    }

    let mut plugin = PluginText::new("@forged/reporter").imports(IMPORTS);
    let (line, title, json) = (plugin.text("hello"), plugin.text("# x"), plugin.text("7"));
    let body = format!(
        "(call $log (i32.const 2) {line} (i32.const 0) (i32.const 0))
         (call $document {title} {json})"
    );
    let fixture = Fixture::forged(plugin, &body).await;
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let logged = Arc::clone(&lines);
    let name = named("state");
    let made = fixture
        .runtime
        .report(&fixture.plugin, &name, state(Vec::new()), move |line| {
            logged.lock().expect("no panic").push(line.message.clone())
        });
    let made = made.await.expect("it can be made");
    assert_eq!((made.markdown.raw(), made.json), ("# x", json!(7)));
    assert_eq!(*lines.lock().expect("no panic"), ["hello"]);
}

#[tokio::test]
async fn report_that_misbehaves_is_stopped() {
    let forged = async |body: &str| {
        let fixture = Fixture::forged(PluginText::new("@forged/reporter"), body).await;
        fixture.failure().await
    };
    let endless = forged("(loop $more (br $more)) (unreachable)").await;
    assert!(
        endless.contains("it was stopped after 2000 ms"),
        "{endless}"
    );
    let grows = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
                 (unreachable)";
    let grows = forged(grows).await;
    assert!(grows.contains("`memory-bytes`"), "{grows}");
    let outside =
        forged("(call $document (i32.const -8) (i32.const 8) (i32.const 8) (i32.const 8))");
    let outside = outside.await;
    assert!(outside.contains("out of bounds"), "{outside}");
    assert!(forged("(unreachable)").await.contains("unreachable"));
}

#[tokio::test]
async fn what_a_plugin_returns_is_checked() {
    let forged = async |markdown: &str, json: &str| {
        let mut plugin = PluginText::new("@forged/reporter");
        let (markdown, json) = (plugin.text(markdown), plugin.text(json));
        let body = format!("(call $document {markdown} {json})");
        let fixture = Fixture::forged(plugin, &body).await;
        match fixture.state(Vec::new()).await {
            Err(ReportError::Returned(reason)) => reason,
            other => panic!("it should be refused: {other:?}"),
        }
    };
    let reason = forged("x", "{").await;
    assert!(reason.contains("not JSON"), "{reason}");
    let reason = forged(&"x".repeat((1 << 20) + 1), "1").await;
    assert_eq!(reason, "its Markdown has 1048577 bytes, more than 1048576");
}

#[tokio::test]
async fn invalid_reports_are_refused_with_the_description() {
    let check = async |plugin: PluginText, expect: &str| {
        let component = plugin.method("run", "").component();
        let refused: PluginError = match runtime().plugin_add(&component, |_| ()).await {
            Err(error) => error,
            Ok(_) => panic!("{expect}: it was added"),
        };
        let source = std::error::Error::source(&refused).map(ToString::to_string);
        let text = format!("{refused}: {}", source.unwrap_or_default());
        assert!(text.contains(expect), "{text}");
    };
    let plugin = || PluginText::new("@forged/reporter");
    check(plugin().report("a b", ""), "`a b` is not a report name").await;
    let twice = plugin().report("state", "").report("state", "");
    check(twice, "the report `state` is described twice").await;
    let many = (0..101).fold(plugin(), |it, n| it.report(&format!("r{n}"), ""));
    check(many, "it has 101 reports, more than 100").await;
}
