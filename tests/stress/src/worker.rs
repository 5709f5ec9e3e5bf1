//! A process that has many tasks call models, over and over, until it is told to stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use sedge_app::model_method_run::{Request, model_method_run};
use sedge_app::types::CachePlaces;
use sedge_app::{AppError, Event, Events, Repository, Settings};
use sedge_test_kit::{Dice, compiled_code};
use serde_json::{Map, Value};

use crate::N_TASKS;
use crate::tree::Tree;

/// The variable of the environment that makes a process a worker: its number to begin with,
/// and its repository.
const ROLE: &str = "SEDGE_STRESS_WORKER";

/// What a line begins with that a worker has to say; all else is of the test harness.
const MARK: &str = "answer: ";

/// Of so many runs, one only reads.
const READ_ONE_OF: u64 = 8;

/// What a worker asked for, and was told of.
#[derive(Debug, Default, Clone)]
pub(crate) struct Asked {
    /// The runs that succeeded, and the models that each had count, one for each time, sorted.
    pub(crate) succeeded: Vec<(String, Vec<String>)>,
    /// The runs that ended with a deadlock which could not be undone.
    pub(crate) deadlocks: Vec<String>,
    /// How often a call was undone.
    pub(crate) n_undone: usize,
}

/// A worker, as the test sees it. It is killed when this is dropped.
pub(crate) struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    asked: Option<JoinHandle<Asked>>,
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
            asked: Some(std::thread::spawn(move || asked(answers))),
            is_killed: false,
        }
    }

    /// Tells it to begin nothing new.
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

    /// Returns what it asked for, after it has ended.
    ///
    /// # Panics
    /// Something went wrong there.
    pub(crate) fn ended(mut self) -> Asked {
        let status = self.child.wait().expect("it was started by us");
        assert!(
            self.is_killed || status.success(),
            "a worker failed: {status}"
        );
        let asked = self.asked.take().expect("it is taken once");
        asked.join().expect("it only reads")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn asked(answers: impl Read) -> Asked {
    let mut asked = Asked::default();
    for line in BufReader::new(answers).lines().map_while(Result::ok) {
        let Some((_, answer)) = line.split_once(MARK) else {
            continue;
        };
        match answer.split(' ').collect::<Vec<_>>()[..] {
            // A worker that is killed may leave half a line, which ends nowhere.
            ["ok", run, ref counting @ .., "."] => {
                let counting = counting.iter().map(|model| (*model).to_owned());
                asked.succeeded.push((run.to_owned(), counting.collect()));
            }
            ["deadlock", run, "."] => asked.deadlocks.push(run.to_owned()),
            ["undone", "."] => asked.n_undone += 1,
            _ => {}
        }
    }
    asked
}

/// The other side: what a worker does.
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
    let told = Arc::clone(&stops);
    std::thread::spawn(move || {
        // The pipe ends when the test wants this to end, or has ended itself.
        let _ = std::io::stdin().read(&mut [0]);
        told.store(true, Ordering::Relaxed);
    });
    runtime.block_on(work(&repository, seed, &stops));
}

/// Returns what a process that the program itself is would have of the environment.
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
                Wish::at_random(&mut dice).run(&repository).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no task panics");
    }
}

/// A run that is asked for.
#[derive(Debug)]
enum Wish {
    /// Models call each other, and each counts.
    Count(Tree),
    /// One is read, with a lock that others may have at the same time.
    Read(String),
}

impl Wish {
    fn at_random(dice: &mut Dice) -> Self {
        let tree = Tree::at_random(dice);
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
        let request = Request {
            model,
            method: method.to_owned(),
            arguments,
            ..Request::default()
        };
        match model_method_run(repository, &request, Arc::new(Undone)).await {
            Ok(report) => {
                let mut words = vec!["ok".to_owned(), report.run.to_string()];
                if let Self::Count(tree) = self {
                    let n_steps = Value::from(tree.n_steps());
                    assert_eq!(report.outcome.value, n_steps, "{tree:?}");
                    words.extend(tree.counting());
                }
                say(&words.join(" "));
            }
            Err(AppError::CallFailed { run, source, .. }) if source.code() == "deadlock" => {
                say(&format!("deadlock {run}"));
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

fn say(answer: &str) {
    let mut stdout = std::io::stdout().lock();
    let said = writeln!(stdout, "{MARK}{answer} .").and_then(|()| stdout.flush());
    said.expect("the test listens");
}

/// Tells the test of calls that are undone.
struct Undone;

impl Events for Undone {
    fn event(&self, event: Event) {
        if let Event::CallUndone { .. } = event {
            say("undone");
        }
    }
}
