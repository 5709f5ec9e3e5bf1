//! The report of a guest that traps or panics: its source lines, the chain of calls, the changes
//! that were rolled back, and its memory.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sedge_api::view::model::MethodRunView;
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::secret::put::secret_put;
use sedge_app::types::{CallError, SecretValue, StackFrame};
use sedge_app::{AppError, CoreDumpEnd, FailureReport, PathError, RunFailed, Settings};
use sedge_test_artifacts::HOSTILE_LINES;
use serde_json::{Value, json};

use crate::fixture::{House, within};

pub(crate) use sedge_test_artifacts::HOSTILE_LINES as hostile_lines;

/// Returns the line of the first `what` in the source of `hostile`.
fn line_of(what: &str) -> u32 {
    let source = include_str!("../../../../tests/guests/examples/hostile.rs");
    let at = source.lines().position(|line| line.contains(what));
    u32::try_from(at.expect("it is there") + 1).expect("a short file")
}

/// Makes a repository in which `hostile` has debug information. As in the program, a child process
/// compiles it and also extracts the lines.
async fn with_lines() -> House {
    let mut house = House::with_own_cache();
    house.compile_by(sedge_test_kit::sedge());
    house.reopen().await;
    house.plugin_add(HOSTILE_LINES).await;
    house
}

fn report_of(error: AppError) -> (CallError, Box<FailureReport>, CoreDumpEnd) {
    let AppError::Failed(RunFailed::Call(failed)) = error else {
        panic!("{error:?}")
    };
    (failed.source, failed.report, failed.core_dump)
}

#[track_caller]
fn has_frame(backtrace: &[StackFrame], function: &str, lines: RangeInclusive<u32>) {
    let found = backtrace.iter().find(|it| it.function.ends_with(function));
    let place = found.and_then(|frame| frame.place.as_ref());
    let place = place.unwrap_or_else(|| panic!("{function}: {backtrace:#?}"));
    assert_eq!(place.file, "tests/guests/examples/hostile.rs");
    assert!(lines.contains(&place.line), "{function}: {place}");
    assert_ne!(place.column, 0, "{function}");
    // The paths of the machines that built the guest and its compiler are removed.
    for frame in backtrace {
        let file = frame.place.as_ref().map_or("", |place| &place.file);
        assert!(!file.starts_with('/'), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trap_is_reported_with_its_line() {
    let house = with_lines().await;
    // The compiler decides which line of the function it is.
    let lines = line_of("fn trap(")..=line_of("wasm32::unreachable()");
    let (error, _) = house.failure("hostile", "trap", json!({})).await;
    has_frame(error.backtrace(), "hostile::trap", lines.clone());
    // The cache contains the lines, so a later process has them too.
    let other = house.other_process();
    let (error, _) = house.failure_in(&other, "hostile", "trap", json!({})).await;
    has_frame(error.backtrace(), "hostile::trap", lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panic_is_reported_with_its_line_and_its_callers() {
    let house = with_lines().await;
    let message = json!({"message": "no way out"});
    let (error, run) = house.failure("hostile", "panic", message).await;
    let line = line_of("panic!(");
    has_frame(error.backtrace(), "hostile::panic", line..=line);
    assert_eq!(error.code(), "panic");
    assert_eq!(run.calls[0].error, Some(error), "the record says the same");
}

fn with_witness(more: &str) -> House {
    let house = House::new();
    house.model("witness", "@test/witness", more);
    house
}

/// Runs `fail` of `witness`. Returns the frames that its record has, as text.
async fn frames_of_failure(house: &House, stack: &[String]) -> Vec<String> {
    let stack = json!({"stack": stack});
    let (error, run) = house.failure("witness", "fail", stack).await;
    let frames = error.backtrace().iter().map(ToString::to_string).collect();
    assert_eq!(error.code(), "script-error");
    assert_eq!(run.calls[0].error, Some(error), "the record says the same");
    frames
}

/// The guest of a script language knows where it failed, and the host cannot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_of_a_script_has_the_frames_that_the_guest_knows() {
    let house = with_witness("");
    let stack = ["parse at app.py:7", "run at app.py:12:5", "<module>"].map(str::to_owned);
    assert_eq!(frames_of_failure(&house, &stack).await, stack);
    assert_eq!(frames_of_failure(&house, &[]).await, [""; 0]);
    let (error, _) = house
        .failure("witness", "fail", json!({"stack": stack}))
        .await;
    let place = error.backtrace()[1].place.as_ref().expect("it has one");
    assert_eq!(
        (place.file.as_str(), place.line, place.column),
        ("app.py", 12, 5)
    );
    // Its caller receives them.
    let answer = house
        .answer_of("witness", "fail", json!({"stack": stack}))
        .await;
    assert_eq!(answer["stack"], json!(stack), "{answer}");
}

/// The guest chooses the frames, so their number and their size are limited.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_a_guest_are_limited() {
    let house = with_witness("");
    let many: Vec<String> = (0..10_000).map(|n| format!("f{n} at app.py:{n}")).collect();
    assert_eq!(frames_of_failure(&house, &many).await, many[..32]);
    let [long] = &frames_of_failure(&house, &["é".repeat(1 << 20)]).await[..] else {
        panic!("there is one frame")
    };
    assert_eq!(*long, format!("{} [cut]", "é".repeat(256)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_in_the_frames_of_a_guest_is_redacted() {
    const SECRET: &str = "c4n4ry-of-the-mine";
    let house = with_witness("grants: {secrets: [{name: TOKEN, reveal: true}]}\n");
    let name = "TOKEN".parse().expect("a name");
    let value = SecretValue::new(SECRET.as_bytes().to_vec()).expect("a value");
    secret_put(&house.cx(), &name, &value, false).expect("it can be put");
    let stack = ["login(TOKEN) at app.py:7", "run at TOKEN:3"].map(str::to_owned);
    let frames = frames_of_failure(&house, &stack).await;
    assert_eq!(frames.len(), 2);
    assert!(
        frames[0].starts_with("login(") && frames[0].ends_with(" at app.py:7"),
        "{frames:?}"
    );
    assert!(frames[1].ends_with(":3"), "{frames:?}");
    assert!(!frames.concat().contains(SECRET), "{frames:?}");
}

/// If the lines are missing or damaged, the report has everything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trap_without_lines_is_reported_with_function_names() {
    let house = with_lines().await;
    let cache = house.compiled_code().code.as_ref().expect("tests have one");
    let files = fs::read_dir(cache).expect("a folder");
    let paths = files.map(|file| file.expect("it can be read").path());
    let lines: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "lines"))
        .collect();
    assert!(!lines.is_empty(), "the plugin has debug info");
    for file in lines {
        fs::write(file, "{\"files\":").expect("a file");
    }
    let (error, _) = house.failure("hostile", "trap", json!({})).await;
    assert!(
        error.backtrace()[0].function.ends_with("hostile::trap"),
        "{error:?}"
    );
    assert_eq!(error.backtrace()[0].place, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_names_its_chain_of_calls_and_the_rolled_back_changes() {
    let house = House::new();
    let trap = json!({"target": "hostile", "method": "trap"});
    let calls = json!({"target": "spawn", "method": "run", "arguments": trap});
    // `swallow` handles the error of its callee, so the error does not count as a failure of the
    // run.
    house.value("hostile", "swallow", calls).await;
    let ran = house.run("spawn", "run", trap).await;
    let (_, report, _) = report_of(ran.expect_err("a callee trapped"));
    let chains = |calls: &[sedge_app::CallFailure]| -> Vec<String> {
        calls.iter().map(|call| call.chain.join(" > ")).collect()
    };
    assert_eq!(chains(&report.origins), ["spawn.run > hostile.trap"]);
    let origin = &report.origins[0];
    assert!(
        matches!(origin.error, CallError::Trapped { .. }),
        "{origin:?}"
    );
    assert_eq!(chains(&report.rolled_back), ["spawn.run > hostile.trap"]);
    let discarded = &report.rolled_back[0].discarded;
    let names: Vec<&str> = discarded.names.iter().map(|name| name.as_str()).collect();
    assert_eq!((discarded.changes, names), (1, vec!["mark"]));
    // `spawn` reports that it keeps its writes.
    assert_eq!((report.n_origins, report.n_rolled_back), (1, 1));
}

/// Runs a method with a core dump requested.
async fn run_dumping(
    house: &House,
    model: &str,
    arguments: Value,
    file: &Path,
) -> Result<MethodRunView, AppError> {
    let repository = house.other_process_with(Settings {
        core_dumps: true,
        ..Settings::default()
    });
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    let method = if model == "hostile" { "swallow" } else { "run" };
    let request = ModelMethodRunRequest {
        model: model.to_owned(),
        method: method.to_owned(),
        arguments,
        core_dump: Some(file.to_owned()),
        ..ModelMethodRunRequest::default()
    };
    within(model_method_run(&house.cx_in(&repository), &request)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_a_guest_is_written_to_a_core_dump() {
    let house = House::new();
    let file = house.path().join("core.wasm");
    let trap = json!({"target": "hostile", "method": "trap"});
    let ran = run_dumping(&house, "spawn", trap, &file).await;
    let (_, _, end) = report_of(ran.expect_err("a callee trapped"));
    let dump = fs::read(&file).expect("it was written");
    let CoreDumpEnd::Written { call, path, size } = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        (call.path(), path, size),
        ("1/1".to_owned(), file.clone(), dump.len() as u64)
    );
    let mode = fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(dump.starts_with(b"\0asm\x01\0\0\0"));
    let has = |what: &[u8]| dump.windows(what.len()).any(|it| it == what);
    for what in [
        "\x04core",
        "\x0bcoremodules",
        "\x0dcoreinstances",
        "\x09corestack",
    ] {
        assert!(has(what.as_bytes()), "{what}");
    }
    // The guest's memory contains the resource that it wrote.
    assert!(has(br#"{"method":"trap"}"#));
}

/// A panic is a trap too, even if the caller handles it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn successful_run_may_leave_a_core_dump() {
    let house = House::new();
    house.model("other", "@test/hostile", "");
    let file = house.path().join("core.wasm");
    let panic = json!({"target": "other", "method": "panic", "arguments": {"message": "no"}});
    let ran = run_dumping(&house, "hostile", panic.clone(), &file).await;
    let end = ran.expect("it handles the error").core_dump;
    assert!(
        end.as_ref().is_some_and(|end| end.path.is_some()),
        "{end:?}"
    );
    let before = fs::read(&file).expect("it was written");

    let ran = run_dumping(&house, "hostile", panic, &file).await;
    assert!(
        matches!(ran, Err(AppError::Path(PathError::CoreDumpExists(_)))),
        "{ran:?}"
    );
    assert_eq!(fs::read(&file).expect("it is there"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_trap_there_is_no_core_dump() {
    let house = House::new();
    let file = house.path().join("core.wasm");
    let fine = json!({"target": "sink", "method": "run"});
    let ran = run_dumping(&house, "spawn", fine, &file).await;
    let end = ran
        .expect("all is well")
        .core_dump
        .expect("it was requested");
    assert_eq!((end.call, end.path, end.reason), (None, None, None));
    let slow = json!({"target": "nobody", "method": "run"});
    let ran = run_dumping(&house, "spawn", slow, &file).await;
    let (_, _, end) = report_of(ran.expect_err("there is no such model"));
    assert_eq!(end, CoreDumpEnd::NothingTrapped);
    assert!(!file.exists());
}
