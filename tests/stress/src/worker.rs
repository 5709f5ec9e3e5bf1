//! A process whose tasks call models in a loop until the test stops it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::books::cx_of;
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::types::CachePlaces;
use sedge_app::{
    AppError, Contention, Event, Events, ReportedEvent, Repository, RunFailed, Settings,
};
use sedge_test_kit::{Dice, compiled_code};
use serde_json::{Map, Value};

use crate::tree::Tree;
use crate::{N_MODELS, N_TASKS};

/// The variable of the environment that makes a process a worker. It has the worker's seed and its
/// repository.
const ROLE: &str = "SEDGE_STRESS_WORKER";

/// The prefix of lines that a worker reports. All other lines are from the test harness.
const MARK: &str = "answer: ";

/// One of this many runs only reads.
const READ_ONE_OF: u64 = 8;

/// The requests of a worker, and their results.
#[derive(Debug, Default, Clone)]
pub(crate) struct Requested {
    /// The runs that succeeded, with the models that each made count, one entry per count, sorted.
    pub(crate) succeeded: Vec<(String, Vec<String>)>,
    /// The runs that ended with a deadlock that could not be resolved by a rollback.
    pub(crate) deadlocks: Vec<String>,
    /// The number of calls that were rolled back.
    pub(crate) n_undone: usize,
}

/// A worker, seen from the test. Dropping it kills the process.
pub(crate) struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    requests: Option<JoinHandle<Requested>>,
    is_killed: bool,
}

impl Worker {
    pub(crate) fn start(repository: &Path, seed: u64) -> Self {
        let program = std::env::current_exe().expect("the test has a program");
        let mut child = Command::new(program)
            .args(["worker::worker", "--exact", "--nocapture"])
            .env(ROLE, format!("{seed} {}", repository.display()))
            .envs(compiled_code().variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let orders = child.stdin.take();
        let answers = child.stdout.take().expect("it is a pipe");
        Self {
            child,
            orders,
            requests: Some(std::thread::spawn(move || requests(answers))),
            is_killed: false,
        }
    }

    /// Has the worker start no new runs.
    pub(crate) fn stop(&mut self) {
        self.orders.take();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was started by us");
        self.child.wait().expect("it was started by us");
        self.is_killed = true;
    }

    pub(crate) fn is_live(&self) -> bool {
        !self.is_killed
    }

    pub(crate) fn is_running(&mut self) -> bool {
        let ended = self.child.try_wait().expect("it was started by us");
        ended.is_none()
    }

    /// Returns its requests, after it has ended.
    ///
    /// # Panics
    /// The worker failed.
    pub(crate) fn ended(mut self) -> Requested {
        let status = self.child.wait().expect("it was started by us");
        assert!(
            self.is_killed || status.success(),
            "a worker failed: {status}"
        );
        let requests = self.requests.take().expect("it is taken once");
        requests.join().expect("it only reads")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn requests(answers: impl Read) -> Requested {
    let mut requests = Requested::default();
    for line in BufReader::new(answers).lines().map_while(Result::ok) {
        let Some((_, answer)) = line.split_once(MARK) else {
            continue;
        };
        match answer.split(' ').collect::<Vec<_>>()[..] {
            // A killed worker may leave an incomplete line, without the final dot.
            ["ok", run, ref counting @ .., "."] => {
                let counting = counting.iter().map(|model| (*model).to_owned());
                requests
                    .succeeded
                    .push((run.to_owned(), counting.collect()));
            }
            ["deadlock", run, "."] => requests.deadlocks.push(run.to_owned()),
            ["undone", "."] => requests.n_undone += 1,
            _ => {}
        }
    }
    requests
}

/// The worker process.
#[test]
fn worker() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (seed, repository) = role.split_once(' ').expect("a number and a folder");
    let seed = seed.parse().expect("a number");
    let repository = PathBuf::from(repository);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let stops = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stops);
    std::thread::spawn(move || {
        // The pipe ends when the test stops this worker, or has ended itself.
        let _ = std::io::stdin().read(&mut [0]);
        stop.store(true, Ordering::Relaxed);
    });
    runtime.block_on(work(&repository, seed, &stops));
}

/// Returns the settings that the program would take from the environment.
fn settings() -> Settings {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    Settings {
        compiled_code: CachePlaces {
            code: path("SEDGE_CACHE_DIR"),
            key: path("XDG_STATE_HOME").map(|it| it.join("sedge")),
        },
        ..Settings::default()
    }
}

async fn work(repository: &Path, seed: u64, stops: &Arc<AtomicBool>) {
    let repository = Repository::open_with(repository, settings()).expect("a repository");
    let repository = Arc::new(repository);
    let mut dice = Dice::of_seed(seed);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..N_TASKS {
        let (repository, stops) = (Arc::clone(&repository), Arc::clone(stops));
        let mut dice = Dice::of_seed(dice.number());
        tasks.spawn(async move {
            while !stops.load(Ordering::Relaxed) {
                RandomRun::at_random(&mut dice).run(&repository).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no task panics");
    }
}

/// A requested run.
#[derive(Debug)]
enum RandomRun {
    /// Models call each other, and each counts.
    Count(Tree),
    /// A model is read, with a lock that other calls can share.
    Read(String),
}

impl RandomRun {
    fn at_random(dice: &mut Dice) -> Self {
        let tree = Tree::at_random(dice, N_MODELS);
        if dice.below(READ_ONE_OF) == 0 {
            Self::Read(tree.model())
        } else {
            Self::Count(tree)
        }
    }

    async fn run(&self, repository: &Arc<Repository>) {
        let (model, method, arguments) = match self {
            Self::Count(tree) => {
                let steps = ("steps".to_owned(), tree.steps());
                (tree.model(), "run", Map::from_iter([steps]))
            }
            Self::Read(model) => (model.clone(), "read", Map::new()),
        };
        let request = ModelMethodRunRequest {
            model,
            method: method.to_owned(),
            arguments,
            ..ModelMethodRunRequest::default()
        };
        match model_method_run(&cx_of(repository).with_events(Arc::new(Undone)), &request).await {
            Ok(done) => {
                let mut words = vec!["ok".to_owned(), done.run.to_string()];
                if let Self::Count(tree) = self {
                    let n_steps = Value::from(tree.n_steps());
                    assert_eq!(done.value, n_steps, "{tree:?}");
                    words.extend(tree.counting());
                }
                report(&words.join(" "));
            }
            Err(AppError::Failed(RunFailed::Call(failed)))
                if failed.contention() == Some(Contention::Deadlock) =>
            {
                report(&format!("deadlock {}", failed.run));
            }
            Err(error) => panic!("{self:?}: {}", words(&error)),
        }
    }
}

fn words(error: &AppError) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    words
}

fn report(answer: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "{MARK}{answer} .").and_then(|()| stdout.flush());
    written.expect("the test reads it");
}

/// Reports calls that are rolled back to the test.
struct Undone;

impl Events for Undone {
    fn event(&self, reported: ReportedEvent) {
        if let Event::CallRolledBack { .. } = reported.event {
            report("undone");
        }
    }
}
