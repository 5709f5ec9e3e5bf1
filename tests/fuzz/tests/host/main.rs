//! Runs random guest programs, which call any functions of the host with any arguments.
//!
//! The guest is an interpreter (`interpreter.rs`) that imports everything that a plugin may
//! import. Its arguments are a program: a list of calls (`program.rs`). It has a folder to write
//! to and models to call, so that calls can succeed. Whatever a program does, the host must not
//! fail, the call must end, and a call of a healthy model must succeed afterwards.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads files and clocks directly"
)]
#![expect(
    clippy::print_stdout,
    reason = "the program that broke the host is printed"
)]

mod interpreter;
mod program;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_app::actor::actor;
use sedge_app::data::versions::data_versions;
use sedge_app::init::init;
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::plugin::add::plugin_add;
use sedge_app::types::{CachePlaces, Choice, Scan};
use sedge_app::{AppError, Cx, Repository, RunFailed, Settings};
use sedge_test_kit::{Dice, number_from_env, seed};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::program::Program;

/// How long programs are tried by default, in seconds.
const SECONDS: u64 = 5;

/// The number of programs after which the repository is replaced by a new one.
const PROGRAMS_OF_REPOSITORY: u64 = 5000;

/// The maximum time for one program. Its limit is one second, but the machine may be busy.
const PROGRAM_TAKES_MAX: Duration = Duration::from_secs(60);

/// How many more files may be open than after the first program. The datastore opens readers on
/// demand.
const OPEN_FILES_MORE_MAX: usize = 32;

/// A repository with the interpreter and a healthy model.
struct Fixture {
    repository: Arc<Repository>,
    runtime: Runtime,
    keep: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let keep = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
        init(keep.path()).expect("an empty folder");
        let runtime = Runtime::new().expect("a machine with threads");
        let component = keep.path().join("interpreter.wasm");
        fs::write(&component, interpreter::component()).expect("the folder can be written");
        fs::create_dir(keep.path().join("in")).expect("a folder can be made");
        let open = || {
            let folder = |name| Some(keep.path().join(name));
            let settings = Settings {
                compiled_code: CachePlaces {
                    code: folder("compiled"),
                    key: folder("key"),
                },
                ..Settings::default()
            };
            Repository::open_with(keep.path(), settings).expect("a repository")
        };
        let repository = open();
        for plugin in [component.as_path(), Path::new(sedge_test_artifacts::SINK)] {
            let cx = cx_of(&repository);
            let added = plugin_add(&cx, plugin);
            let added = runtime.block_on(added).expect("a valid plugin");
            added.pin(&[Choice::All]).expect("it can be pinned");
        }
        let model = |name: &str, text: &str| {
            let file = keep.path().join(format!("models/{name}.yaml"));
            fs::write(file, format!("name: {name}\n{text}")).expect("the folder can be written");
        };
        model("sink", "type: '@sedge/sink'\n");
        model(
            "fuzz",
            "type: '@test/interpreter'\n\
             limits: {wallTimeSeconds: 1, memoryMebibytes: 32, callDepth: 8, callsPerRun: 100}\n\
             grants:\n  models: ['*']\n  files: [{name: inbox, path: in, access: write}]\n",
        );
        Self {
            repository: open(),
            runtime,
            keep,
        }
    }

    fn call(&self, model: &str, arguments: Value) -> Result<Value, AppError> {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object")
        };
        let request = ModelMethodRunRequest {
            model: model.to_owned(),
            method: "run".to_owned(),
            arguments,
            ..ModelMethodRunRequest::default()
        };
        let cx = cx_of(&self.repository);
        let called = model_method_run(&cx, &request);
        self.runtime.block_on(called).map(|report| report.value)
    }

    /// Runs a program and checks the invariants. Returns how the program ended.
    fn run_and_check(&self, program: &Program) -> String {
        let begun = Instant::now();
        let ended = self.call("fuzz", json!({"p": program.encoded()}));
        assert!(begun.elapsed() < PROGRAM_TAKES_MAX, "it took too long");
        let ended = match ended {
            Ok(value) => format!("returned {value}"),
            Err(AppError::Failed(RunFailed::Call(failed))) => failed.source.to_string(),
            Err(other) => panic!("the host failed: {other:?}"),
        };
        let healthy = self.call("sink", json!({}));
        healthy.expect("a healthy call works");
        let beside = self.keep.path().join("models");
        let n_models = fs::read_dir(beside).expect("it is there").count();
        assert_eq!(n_models, 2, "something was written beside the folder");
        ended
    }
}

#[test]
fn fuzzed_guest_program_does_not_break_the_host() {
    let seed = seed("SEDGE_FUZZ_SEED");
    println!("SEDGE_FUZZ_SEED={seed}");
    let corpus = corpus();
    let mut fixture = Fixture::new();
    for (name, program) in &corpus {
        println!("{name}: {}", fixture.run_and_check(program));
    }
    // The run would prove nothing if the corpus had no effect.
    assert!(
        fixture.keep.path().join("in/folder").exists(),
        "no file was written"
    );
    let n_written = data_versions(&cx_of(&fixture.repository), "fuzz", "name", |_| {
        Ok::<_, AppError>(Scan::More)
    });
    n_written.expect("data was written");
    let n_open = n_open_files();
    let mut dice = Dice::of_seed(seed);
    let allowed = Duration::from_secs(number_from_env("SEDGE_FUZZ_SECONDS", SECONDS));
    let begun = Instant::now();
    let (mut n_programs, mut n_returned) = (0_u64, 0_u64);
    while begun.elapsed() < allowed {
        if n_programs % PROGRAMS_OF_REPOSITORY == PROGRAMS_OF_REPOSITORY - 1 {
            fixture = Fixture::new();
        }
        let program = Program::drawn(&corpus, &mut dice);
        let on_panic = PrintOnPanic(&program);
        n_returned += u64::from(fixture.run_and_check(&program).starts_with("returned"));
        let n_more = n_open_files().saturating_sub(n_open);
        assert!(
            n_more <= OPEN_FILES_MORE_MAX,
            "{n_more} files more are open"
        );
        std::mem::forget(on_panic);
        n_programs += 1;
    }
    println!("{n_programs} programs, {n_returned} of them to their end");
}

/// Prints the program on which a check failed.
struct PrintOnPanic<'p>(&'p Program);

impl Drop for PrintOnPanic<'_> {
    fn drop(&mut self) {
        println!("broken by\n{}", self.0);
    }
}

fn corpus() -> Vec<(String, Program)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/host");
    let entries = fs::read_dir(folder).expect("the corpus is beside the sources");
    let mut programs: Vec<(String, Program)> = entries
        .map(|entry| {
            let path = entry.expect("a folder can be read").path();
            let text = fs::read_to_string(&path).expect("a corpus has texts only");
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let program = text.parse();
            let program = program.unwrap_or_else(|error| panic!("{name}: {error}"));
            (name.into_owned(), program)
        })
        .collect();
    programs.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(!programs.is_empty(), "the corpus is empty");
    programs
}

/// Returns the number of files that the process has open, or 0 without `/proc`.
fn n_open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Returns the context of a use case that the user of this process requests.
fn cx_of(repository: &Arc<Repository>) -> Cx {
    Cx::new(Arc::clone(repository), actor())
}
