//! What is told of a guest that traps or panics: its lines, the calls that led to it, what was
//! undone, and what it had in memory.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use sedge_api::view::model::MethodRunView;
use sedge_app::model_method_run::{Request, model_method_run};
use sedge_app::types::{CallError, Frame};
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

/// Makes a repository where `hostile` has debug info, compiled as the program does it: its lines
/// come from the child, too.
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
fn has_frame(backtrace: &[Frame], function: &str, lines: RangeInclusive<u32>) {
    let found = backtrace.iter().find(|it| it.function.ends_with(function));
    let place = found.and_then(|frame| frame.place.as_ref());
    let place = place.unwrap_or_else(|| panic!("{function}: {backtrace:#?}"));
    assert_eq!(place.file, "tests/guests/examples/hostile.rs");
    assert!(lines.contains(&place.line), "{function}: {place}");
    assert_ne!(place.column, 0, "{function}");
    // Not where this was built, and not where its compiler was.
    for frame in backtrace {
        let file = frame.place.as_ref().map_or("", |place| &place.file);
        assert!(!file.starts_with('/'), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_is_told_with_its_line() {
    let house = with_lines().await;
    // Which line of the function it is, the compiler says as it likes.
    let lines = line_of("fn trap(")..=line_of("wasm32::unreachable()");
    let (error, _) = house.failure("hostile", "trap", json!({})).await;
    has_frame(error.backtrace(), "hostile::trap", lines.clone());
    // The cache has the lines: whoever comes later has them too.
    let other = house.other_process();
    let (error, _) = house.failure_in(&other, "hostile", "trap", json!({})).await;
    has_frame(error.backtrace(), "hostile::trap", lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_told_with_its_line_and_all_that_led_there() {
    let house = with_lines().await;
    let message = json!({"message": "no way out"});
    let (error, run) = house.failure("hostile", "panic", message).await;
    let line = line_of("panic!(");
    has_frame(error.backtrace(), "hostile::panic", line..=line);
    assert_eq!(error.code(), "panic");
    assert_eq!(run.calls[0].error, Some(error), "the record says the same");
}

/// Lines that were lost or damaged are missed, and nothing else is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_lines_a_trap_is_told_by_names() {
    let house = with_lines().await;
    let cache = house.compiled_code().code.as_ref().expect("tests have one");
    let files = fs::read_dir(cache).expect("a folder");
    let paths = files.map(|file| file.expect("it can be read").path());
    let lines: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "lines"))
        .collect();
    assert_eq!(lines.len(), 1, "only one plugin has debug info");
    fs::write(&lines[0], "{\"files\":").expect("a file");
    let (error, _) = house.failure("hostile", "trap", json!({})).await;
    assert!(
        error.backtrace()[0].function.ends_with("hostile::trap"),
        "{error:?}"
    );
    assert_eq!(error.backtrace()[0].place, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_names_the_calls_that_led_to_it_and_what_was_undone() {
    let house = House::new();
    let trap = json!({"target": "hostile", "method": "trap"});
    let calls = json!({"target": "spawn", "method": "run", "arguments": trap});
    // `swallow` deals with what its callee tells, so it is no failure of the run.
    house.value("hostile", "swallow", calls).await;
    let ran = house.run("spawn", "run", trap).await;
    let (_, report, _) = report_of(ran.expect_err("a callee trapped"));
    let chains = |calls: &[sedge_app::FailedCall]| -> Vec<String> {
        calls.iter().map(|call| call.chain.join(" > ")).collect()
    };
    assert_eq!(chains(&report.origins), ["spawn.run > hostile.trap"]);
    let origin = &report.origins[0];
    assert!(
        matches!(origin.error, CallError::Trapped { .. }),
        "{origin:?}"
    );
    assert_eq!(chains(&report.undone), ["spawn.run > hostile.trap"]);
    let undone = &report.undone[0].undone;
    let names: Vec<&str> = undone.names.iter().map(|name| name.as_str()).collect();
    assert_eq!((undone.changes, names), (1, vec!["mark"]));
    // `spawn` keeps what it wrote, and says so.
    assert_eq!((report.n_origins, report.n_undone), (1, 1));
}

/// Runs a method with a core dump wanted.
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
    let request = Request {
        model: model.to_owned(),
        method: method.to_owned(),
        arguments,
        core_dump: Some(file.to_owned()),
        ..Request::default()
    };
    let events = Arc::clone(&house.seen) as Arc<dyn sedge_app::Events>;
    within(model_method_run(&repository, &request, events)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_had_in_memory_is_written_to_a_file() {
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
    // What the guest had in memory: the resource that it wrote.
    assert!(has(br#"{"method":"trap"}"#));
}

/// A panic is a trap too, and one that its caller deals with is as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_run_may_succeed_and_still_leave_a_core_dump() {
    let house = House::new();
    let file = house.path().join("core.wasm");
    let panic = json!({"target": "hostile", "method": "panic", "arguments": {"message": "no"}});
    let ran = run_dumping(&house, "hostile", panic.clone(), &file).await;
    let end = ran.expect("it deals with it").core_dump;
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
